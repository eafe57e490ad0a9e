package intake

import (
	"context"
	"strconv"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/storage"
)

// Blobs opens stored bytes; storage.Blobs is one.
type Blobs interface {
	Open(d halong.Digest, p storage.Place) (storage.BlobReader, error)
}

// Originals reads messages again that were kept.
type Originals struct {
	Messages interface {
		Message(ctx context.Context, scope halong.Scope, seq uint64) (*storage.Message, error)
	}
	Blobs Blobs
}

var _ lab.Messages = Originals{}

// Read gives a message with its bytes, and what they say. The error is of kind NotExist if there is none that the scope sees, Corrupt
// if it cannot be read.
func (o Originals) Read(ctx context.Context, scope halong.Scope, seq uint64) (*storage.Message, *hl7v2.Message, error) {
	m, err := o.Messages.Message(ctx, scope, seq)
	if err != nil {
		return nil, nil, err
	}
	h, err := parsed(o.Blobs, m)
	return m, h, err
}

// Reports gives the reports of a message in the order in which they were filed. A defect in reading them is one of this message.
func (o Originals) Reports(ctx context.Context, seq uint64) (all []*lab.Report, err error) {
	_, h, err := o.Read(ctx, halong.Everything(), seq)
	if err != nil {
		return nil, err
	}
	defer func() {
		if recover() != nil {
			all, err = nil, halong.E("intake.Reports", halong.Corrupt, strconv.FormatUint(seq, 10), errDefect)
		}
	}()
	for _, g := range lab.Read(h) {
		all = append(all, g.Reports...)
	}
	return all, nil
}

// parsed reads the bytes of a message from the store, if they are what came, with the character set that they came in.
func parsed(blobs Blobs, m *storage.Message) (*hl7v2.Message, error) {
	r, err := blobs.Open(m.Digest, m.Place)
	if err != nil {
		return nil, err
	}
	if m.Raw, err = storage.ReadWhole(r, m.Digest); err != nil {
		return nil, err
	}
	h, err := hl7v2.Parse(m.Raw, hl7v2.ReadAs(m.Charset)...)
	if err != nil {
		return nil, halong.E("intake.parsed", halong.Corrupt, strconv.FormatUint(m.Seq, 10), err)
	}
	return h, nil
}
