package storage

import (
	"context"

	"github.com/halong-gateway/halong"
)

// Remover is a blob store that can remove.
type Remover interface {
	// RemoveBlob removes a blob's bytes: a file at once, a segment's at its next
	// compaction. still is asked, while nothing can place the same digest, whether the blob is still out of use.
	RemoveBlob(d halong.Digest, p Place, still func() (bool, error)) error
}

// Collected tells what Collect removed.
type Collected struct {
	Blobs int64
	Bytes int64
}

// collectBatch is how many blobs are removed while nothing can be placed.
const collectBatch = 64

// Collect removes blobs that no instance and no quarantine entry has referenced
// for the grace time. Index and blob store must be of one generation: with an
// index restored from an older copy, blobs that are newer have no row and are not touched.
func (a *Archive) Collect(ctx context.Context, blobs Remover) (Collected, error) {
	var total Collected
	for {
		rows, err := a.index.Unreferenced(ctx, a.now().Add(-a.grace), collectBatch)
		if err != nil || len(rows) == 0 {
			return total, err
		}
		for i := range rows {
			if err := ctx.Err(); err != nil {
				return total, err
			}
			removed, err := a.collectOne(ctx, blobs, &rows[i])
			if err != nil {
				return total, err
			}
			if removed {
				total.Blobs++
				total.Bytes += rows[i].Size
			}
		}
	}
}

// collectOne takes one blob out of use, removes its bytes and then its row. A
// crash in between leaves a row marked deleting, which Unreferenced gives again.
func (a *Archive) collectOne(ctx context.Context, blobs Remover, row *BlobRow) (bool, error) {
	a.collecting.Lock()
	defer a.collecting.Unlock()
	marked := false
	err := a.index.Update(ctx, func(tx halong.Tx) (err error) {
		marked, err = a.index.MarkDeleting(tx, row.Digest)
		return err
	})
	if err != nil || !marked {
		return false, err
	}
	if err := blobs.RemoveBlob(row.Digest, row.Place, func() (bool, error) { return true, nil }); err != nil {
		return false, err
	}
	return true, a.index.Update(ctx, func(tx halong.Tx) error { return a.index.ForgetBlob(tx, row.Digest) })
}
