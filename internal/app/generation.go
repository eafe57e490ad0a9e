package app

import (
	"context"
	"errors"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/storage"
)

var errStoreOlder = errors.New("the blob store is an older copy than the index: put the newer store back, or run halong reindex")

// openFitting opens the index file, and makes a new one in its place when it cannot be used: when it
// is a copy older than what was removed from the store since, or was left half made.
func (d *Data) openFitting(ctx context.Context, c *config.Config, path string) error {
	if err := d.openFile(ctx, c, path); err != nil {
		return err
	}
	why, keep, err := d.unfit(ctx)
	if err != nil || why == "" {
		return err
	}
	d.log.Warn("index: made again from the store", "reason", why)
	err = d.Index.Close()
	d.Index = nil
	if err == nil && keep {
		err = moveIndex(path, path+".old")
	} else if err == nil {
		err = removeIndex(path)
	}
	if err != nil {
		return err
	}
	return d.openFile(ctx, c, path)
}

// unfit tells why the index cannot be used, empty if it can, and whether to keep it.
func (d *Data) unfit(ctx context.Context) (why string, keep bool, err error) {
	states, err := d.Index.Segments(ctx)
	if err != nil {
		return "", false, err
	}
	if len(states) == 0 { // it has never been in step with the store
		events, err := d.Index.EventsSince(ctx, 0, 1)
		if err == nil && len(events) > 0 {
			why = "it was left half made"
		}
		return why, false, err
	}
	g, err := d.Index.StoreGeneration(ctx)
	if err != nil {
		return "", false, err
	}
	s := d.Store.Generation()
	switch {
	case g < s:
		return "it is a copy from before blobs were removed or moved", true, nil
	case g > s+1:
		return "", false, halong.E("app.Open", halong.Conflict, "", errStoreOlder)
	}
	return "", false, nil
}

// newest says that a new index is in step with a store that holds no records.
func (d *Data) newest(ctx context.Context, states []storage.SegmentState) error {
	if len(states) > 0 || d.Store.Generation() == 0 {
		return nil
	}
	return d.Index.Update(ctx, d.setGeneration)
}

// setGeneration says in the transaction that the index is in step with the store.
func (d *Data) setGeneration(tx halong.Tx) error {
	return d.Index.SetStoreGeneration(tx, d.Store.Generation())
}
