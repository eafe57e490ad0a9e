package storage

import (
	"context"
	"errors"

	"github.com/halong-gateway/halong"
)

// Reclaimer is a blob store that gives space back.
//
// Its generation is a number that is raised before stored bytes vanish or places change. The
// index keeps the number too, written with what makes the bytes superfluous: an index whose number is
// smaller is an older copy, which may name places that are gone. It must be made again from the
// store before anything is reclaimed.
type Reclaimer interface {
	// Generation gives the number.
	Generation() uint64
	// RaiseGeneration makes a greater number durable.
	RaiseGeneration(g uint64) error
	// RemoveBlob removes a blob's bytes: a file at once, a segment's at its next
	// compaction. still is asked, while nothing can place the same digest, whether the blob is still out
	// of use. The error is of kind Conflict while the blob is being read or was just placed again.
	RemoveBlob(d halong.Digest, p Place, still func() (bool, error)) error
}

// Collected tells what Collect removed.
type Collected struct {
	Blobs int64
	Bytes int64
}

const (
	collectBatch    = 64   // blobs removed at once, while nothing is committed
	collectSkips    = 1000 // blobs passed over until Collect leaves the rest for the next time
	collectFailures = 8    // failed removals after which it gives up
)

var errGeneration = errors.New("the index is not of the blob store's generation; reindex")

// step gives the generation that comes next. The error is of kind Conflict when index and store
// are not in step. An index one ahead is: the store could not be raised the last time, which is done
// now, since no number may stand for two states of the index.
func (a *Archive) step(ctx context.Context, blobs Reclaimer) (uint64, error) {
	g, err := a.index.StoreGeneration(ctx)
	if err != nil {
		return 0, err
	}
	switch s := blobs.Generation(); g {
	case s:
	case s + 1:
		err = blobs.RaiseGeneration(g)
	default:
		err = halong.E("storage.step", halong.Conflict, "", errGeneration)
	}
	return g + 1, err
}

// Collect removes blobs that no instance and no quarantine entry has referenced
// for the grace time. What is in use at the moment is left for the next time. The error is of kind
// Conflict when index and blob store are of different generations; nothing is removed then.
func (a *Archive) Collect(ctx context.Context, blobs Reclaimer) (Collected, error) {
	c := collection{archive: a, blobs: blobs, skipped: map[blobKey]struct{}{}}
	for len(c.skipped) < collectSkips && len(c.failures) < collectFailures {
		rows, err := c.next(ctx)
		if err == nil && len(rows) > 0 {
			err = c.batch(ctx, rows)
		}
		if err != nil || len(rows) == 0 {
			return c.total, errors.Join(append(c.failures, err)...)
		}
	}
	return c.total, errors.Join(c.failures...)
}

// collection is one run of Collect.
type collection struct {
	archive  *Archive
	blobs    Reclaimer
	skipped  map[blobKey]struct{} // not to be tried again in this run
	failures []error
	total    Collected
}

type blobKey struct {
	digest halong.Digest
	place  Place
}

func (c *collection) skip(r *BlobRow) { c.skipped[blobKey{r.Digest, r.Place}] = struct{}{} }

// next gives unreferenced blobs that were not skipped.
func (c *collection) next(ctx context.Context) ([]BlobRow, error) {
	a := c.archive
	all, err := a.index.Unreferenced(ctx, a.now().Add(-a.grace), collectBatch+len(c.skipped))
	if err != nil {
		return nil, err
	}
	rows := all[:0]
	for _, r := range all {
		if _, skipped := c.skipped[blobKey{r.Digest, r.Place}]; !skipped && len(rows) < collectBatch {
			rows = append(rows, r)
		}
	}
	return rows, ctx.Err()
}

// batch takes blobs out of use, removes their bytes and then their rows. A
// crash in between leaves rows marked deleting, which Unreferenced gives again.
func (c *collection) batch(ctx context.Context, rows []BlobRow) error {
	a := c.archive
	a.collecting.Lock()
	defer a.collecting.Unlock()
	marked, err := c.mark(ctx, rows)
	if err != nil || len(marked) == 0 {
		return err
	}
	var gone []*BlobRow
	for _, r := range marked {
		if c.remove(ctx, r) {
			gone = append(gone, r)
		}
	}
	err = a.index.Update(ctx, func(tx halong.Tx) error {
		for _, r := range gone {
			if err := a.index.ForgetBlob(tx, r.Digest, r.Place); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range gone {
		c.total.Blobs++
		c.total.Bytes += r.Size
	}
	return nil
}

// mark marks blobs as deleting and raises the generation.
func (c *collection) mark(ctx context.Context, rows []BlobRow) (marked []*BlobRow, err error) {
	a := c.archive
	g, err := a.step(ctx, c.blobs)
	if err != nil {
		return nil, err
	}
	err = a.index.Update(ctx, func(tx halong.Tx) error {
		marked = marked[:0]
		for i := range rows {
			ok, err := a.index.MarkDeleting(tx, rows[i].Digest, rows[i].Place)
			if err != nil {
				return err
			}
			if ok {
				marked = append(marked, &rows[i])
			} else {
				c.skip(&rows[i]) // in use again, or moved
			}
		}
		return a.index.SetStoreGeneration(tx, g)
	})
	if err != nil {
		return nil, err
	}
	return marked, c.blobs.RaiseGeneration(g)
}

// remove removes the bytes of one blob; false if that has to wait.
func (c *collection) remove(ctx context.Context, r *BlobRow) bool {
	err := c.blobs.RemoveBlob(r.Digest, r.Place, func() (bool, error) {
		state, err := c.archive.index.BlobAt(ctx, r.Digest, r.Place)
		return state == BlobDeleting, err
	})
	if err == nil {
		return true
	}
	c.skip(r)
	if halong.KindOf(err) != halong.Conflict && len(c.failures) < collectFailures {
		c.failures = append(c.failures, err)
	}
	return false
}
