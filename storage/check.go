package storage

import (
	"crypto/sha256"
	"errors"
	"io"

	"github.com/halong-gateway/halong"
)

// Check reads all of a blob, closes it, and tells how many bytes it had. The error is of kind Corrupt if they cannot be read, or are not
// those of the digest: a disk that decays may turn one value into another.
func Check(r BlobReader, d halong.Digest) (int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(r, 0, r.Size()))
	return n, checked(d, halong.Digest(h.Sum(nil)), errors.Join(err, r.Close()))
}

// OpenWhole opens a blob for somebody who is given its bytes, once all of them are checked: where only the last one is wrong, none is given.
func OpenWhole(open func(halong.Digest, Place) (BlobReader, error), d halong.Digest, p Place) (BlobReader, error) {
	r, err := open(d, p)
	if err != nil {
		return nil, err
	}
	if _, err := Check(r, d); err != nil {
		return nil, err
	}
	return open(d, p)
}

// ReadWhole is Check for a blob that is wanted in memory, and gives its bytes.
func ReadWhole(r BlobReader, d halong.Digest) ([]byte, error) {
	b := make([]byte, r.Size())
	_, err := io.ReadFull(io.NewSectionReader(r, 0, r.Size()), b)
	if err := checked(d, sha256.Sum256(b), errors.Join(err, r.Close())); err != nil {
		return nil, err
	}
	return b, nil
}

// checked gives the error of a blob that was read.
func checked(want, got halong.Digest, err error) error {
	if err == nil && got != want {
		err = errDecayed
	}
	if err != nil {
		return halong.E("storage.Check", halong.Corrupt, want.String(), err)
	}
	return nil
}

var errDecayed = errors.New("the bytes are not those of the digest")
