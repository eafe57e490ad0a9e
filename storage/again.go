package storage

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/halong-gateway/halong"
)

// inQuarantine tells whether the very same bytes are in quarantine already:
// the digest speaks of the Data Set alone, but there everything that came counts.
func (a *Archive) inQuarantine(ctx context.Context, arr *arrival, digest halong.Digest) (bool, error) {
	f := arr.rec.Facility
	found, err := a.index.HasQuarantine(ctx, f, digest)
	if err != nil || !found {
		return false, err
	}
	for e, err := range a.index.Quarantine(ctx, halong.Scope{Own: f}) {
		if err != nil {
			return false, err
		}
		if e.EnvelopeTail != arr.rec.Tail || e.Envelope.Length != int64(len(arr.rec.Envelope)) || e.Manifest.Digest() != digest {
			continue
		}
		if same, err := a.sameEnvelope(e, arr.rec.Envelope); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

// sameEnvelope compares stored bytes from around a Data Set with others of the same length.
func (a *Archive) sameEnvelope(e *QuarantineEntry, envelope []byte) (bool, error) {
	if len(envelope) == 0 {
		return true, nil
	}
	r, err := a.blobs.Open(halong.Digest{}, e.Envelope)
	if err != nil {
		return false, err
	}
	b := make([]byte, len(envelope))
	_, err = io.ReadFull(io.NewSectionReader(r, 0, r.Size()), b)
	return bytes.Equal(b, envelope), errors.Join(err, r.Close())
}
