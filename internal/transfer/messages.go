package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// MessageSource is what export needs to give refused HL7v2 messages back.
type MessageSource interface {
	Refused(ctx context.Context, scope halong.Scope) iter.Seq2[*storage.Message, error]
}

// BlobSource opens what a message's place names.
type BlobSource interface {
	Open(d halong.Digest, p storage.Place) (storage.BlobReader, error)
}

// Messages writes every refused message exactly as it was received, to
// OUT/facility/quarantine/NUMBER-DIGEST.hl7.
func (x *Export) Messages(ctx context.Context, messages MessageSource, blobs BlobSource) (int, error) {
	n, failures := 0, 0
	for m, err := range messages.Refused(ctx, x.Scope) {
		if err != nil {
			return n, err
		}
		digest := m.Digest.String()[len("sha256:"):]
		name := filepath.Join(folder(m.Facility), "quarantine", fmt.Sprintf("%08d-%s.hl7", m.Seq, digest[:16]))
		size, err := x.message(m, blobs, filepath.Join(x.Out, name))
		if x.told(name, size, err) {
			n++
		} else {
			failures++
		}
	}
	return n, failed(failures)
}

func (x *Export) message(m *storage.Message, blobs BlobSource, name string) (int64, error) {
	r, err := storage.OpenWhole(blobs.Open, m.Digest, m.Place)
	if err != nil {
		return 0, err
	}
	n, err := write(name, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(r, 0, r.Size()))
		return err
	})
	return n, errors.Join(err, r.Close())
}
