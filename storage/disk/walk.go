package disk

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"path/filepath"

	"github.com/cespare/xxhash/v2"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// WalkBlobs gives every stored blob by reading headers (of large blobs the
// first 64 KiB); payloads are not checked. The same digest may come several times: a later copy, or one
// that was never finished; Rehash tells which are whole. Damage does not stop it; it is told at the
// end, as a DamageError of kind Corrupt.
func (s *Store) WalkBlobs(ctx context.Context, fn func(storage.BlobInfo, storage.Place) error) error {
	var damage []Damage
	for _, g := range s.segments(true) {
		d, err := s.walkSegment(ctx, g, fn)
		if err != nil {
			return err
		}
		damage = append(damage, d...)
	}
	if err := s.walkFiles(ctx, fn); err != nil {
		return err
	}
	return damageError("disk.WalkBlobs", damage)
}

func (s *Store) walkSegment(ctx context.Context, g *segment, fn func(storage.BlobInfo, storage.Place) error) (damage []Damage, err error) {
	n, err := g.length()
	if err != nil {
		return nil, openError(halong.Digest{}, err)
	}
	sc := &scanner{damage: func(d Damage) { damage = append(damage, d) }}
	sc.ahead = bulkAlign // headers only
	sc.visit = func(h *header) error {
		if h.kind != storage.RecordBlob {
			return nil
		}
		return fn(h.info(), h.place())
	}
	_, err = s.scan(ctx, g, 0, n, sc)
	return damage, err
}

// walkFiles gives the blobs in files of their own.
func (s *Store) walkFiles(ctx context.Context, fn func(storage.BlobInfo, storage.Place) error) error {
	folders, err := s.fs.ReadDir(s.path("blobs"))
	for _, f := range folders {
		if err != nil {
			break
		}
		err = s.walkFolder(ctx, s.path("blobs", f), fn)
	}
	return err
}

func (s *Store) walkFolder(ctx context.Context, folder string, fn func(storage.BlobInfo, storage.Place) error) error {
	names, err := s.fs.ReadDir(folder)
	if err != nil {
		return fail("disk.WalkBlobs", "", err)
	}
	for _, n := range names {
		d, err := halong.ParseDigest(digestPrefix + filepath.Base(n))
		if err != nil {
			continue // not ours; left alone
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		info, p, err := s.statFile(d)
		if err != nil {
			return err
		}
		if err := fn(info, p); err != nil {
			return err
		}
	}
	return nil
}

// statFile describes a blob in a file of its own; kind Corrupt when there is none.
func (s *Store) statFile(d halong.Digest) (info storage.BlobInfo, p storage.Place, err error) {
	_, name := s.blobName(d)
	f, err := s.fs.Open(name, false)
	if err != nil {
		return info, p, openError(d, err)
	}
	info = storage.BlobInfo{Digest: d}
	info.Size, err = f.Size()
	if err == nil && info.Size > prefixSize {
		b := make([]byte, prefixSize)
		_, err = f.ReadAt(b, 0)
		info.Prefix = xxhash.Sum64(b)
	}
	err = errors.Join(err, f.Close())
	return info, storage.Place{Length: info.Size}, fail("disk.WalkBlobs", d.String(), err)
}

// Rehash reads a blob whole and compares its SHA-256 with its address. The
// error is of kind Corrupt when it is not there or not the same.
func (s *Store) Rehash(ctx context.Context, d halong.Digest, p storage.Place) error {
	r, err := s.Open(d, p)
	if err != nil {
		return err
	}
	h := sha256.New()
	b := make([]byte, windowSize)
	for off := int64(0); off < r.Size() && err == nil; {
		var n int
		n, err = r.ReadAt(b, off)
		h.Write(b[:n])
		off += int64(n)
		if err == io.EOF {
			err = nil
		}
		if err == nil {
			err = ctx.Err()
		}
	}
	if err = errors.Join(err, r.Close()); err != nil {
		return fail("disk.Rehash", d.String(), err)
	}
	if halong.Digest(h.Sum(nil)) != d {
		return corrupt("disk.Rehash", d.String(), errors.New("the bytes have another SHA-256"))
	}
	return nil
}
