package app

import (
	"context"
	"errors"
	"time"
)

// housekeepingPause is how long background work rests.
const housekeepingPause = 10 * time.Minute

// housekeep gives space back, now and then.
func (a *App) housekeep(ctx context.Context) {
	tick := time.NewTicker(housekeepingPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := a.data.PurgeDue(ctx, a.config.PurgeAfter); err != nil && ctx.Err() == nil {
			a.log.Error("purging failed", "error", err)
		}
		if _, err := a.data.Reclaim(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("housekeeping failed", "error", err)
		}
		if err := a.data.IndexLab(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("indexing of results failed", "error", err)
		}
		if err := a.data.people.Finish(ctx, a.data.Index); err != nil && ctx.Err() == nil { // of somebody who could not wait for it
			a.log.Error("identities of studies are not brought in step", "error", err)
		}
		a.purgeWorkitems(ctx)
	}
}

// Reclaimed tells what Reclaim gave back.
type Reclaimed struct {
	Blobs, BlobBytes int64 // removed: nothing referenced them any more
	Segments         int   // dropped, after what was live in them was copied
	SegmentBytes     int64
}

// Reclaim removes blobs that nothing references any more and compacts segments that are mostly
// garbage. The gateway may be at work meanwhile.
func (d *Data) Reclaim(ctx context.Context) (Reclaimed, error) {
	blobs, err := d.Archive.Collect(ctx, d.Store)
	if ctx.Err() != nil {
		return Reclaimed{Blobs: blobs.Blobs, BlobBytes: blobs.Bytes}, err
	}
	segments, cerr := d.Archive.Compact(ctx, d.Store)
	r := Reclaimed{blobs.Blobs, blobs.Bytes, segments.Segments, segments.Bytes}
	if r != (Reclaimed{}) {
		d.log.Info("space given back", "blobs", r.Blobs, "bytes", r.BlobBytes, "segments", r.Segments, "segment bytes", r.SegmentBytes)
	}
	return r, errors.Join(err, cerr)
}
