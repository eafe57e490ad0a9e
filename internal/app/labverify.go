package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// verifyDocuments hashes the bytes of every document of laboratory reports, each content once. One that is damaged can be made again:
// its message has it.
func (d *Data) verifyDocuments(ctx context.Context, r *Report) error {
	seen := map[halong.Digest]error{}
	for doc, err := range d.Index.AllDocuments(ctx) {
		if err != nil {
			return err
		}
		r.Documents++
		bad, known := seen[doc.Digest]
		if !known {
			var n int64
			n, bad = d.verifyDocument(ctx, doc.Digest)
			r.Bytes += n
			seen[doc.Digest] = bad
		}
		if bad != nil {
			r.Damage = append(r.Damage, fmt.Sprintf("document %d of report %s: %v; its message has it", doc.Number, doc.Report, bad))
		}
	}
	return ctx.Err()
}

func (d *Data) verifyDocument(ctx context.Context, digest halong.Digest) (int64, error) {
	const op = "app.Verify"
	b, ok, err := d.Archive.OpenBlob(ctx, digest)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, halong.E(op, halong.Corrupt, digest.String(), errors.New("the blob is missing"))
	}
	return storage.Check(b, digest)
}
