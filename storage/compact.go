package storage

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/halong-gateway/halong"
)

// Compactor is a blob store that keeps blobs in segments and can copy what is
// live out of a segment that holds mostly garbage.
type Compactor interface {
	Reclaimer
	// Segments lists all segments.
	Segments() ([]SegmentInfo, error)
	// CompactSegment copies the live blobs of a sealed bulk segment elsewhere and drops the segment. Old
	// places can be read until then, and for a while after. The error is of kind Conflict when the
	// segment is still in use, Corrupt when it is damaged: it is kept as it is then.
	CompactSegment(ctx context.Context, id uint32, k Keeper) error
}

// SegmentInfo describes a segment.
type SegmentInfo struct {
	SegmentState
	Size    int64 // bytes of the file in use
	Garbage int64 // of those, bytes counted by RemoveBlob since the store was opened
}

// Keeper is the index's part in a compaction.
type Keeper interface {
	// Keep tells whether the blob is live (not marked deleting) and its row has this place.
	Keep(ctx context.Context, d halong.Digest, at Place) (bool, error)
	// Moved changes the places of copied blobs in their rows, where they still are From, in a committed transaction.
	Moved(ctx context.Context, moves []Move) error
	// Drop calls drop, which removes the segment, unless a live blob is (still, or again) in it. Nothing
	// can come between. The error is of kind Conflict when drop was not called.
	Drop(ctx context.Context, segment uint32, drop func() error) error
}

// Move tells that a blob was copied.
type Move struct {
	Digest   halong.Digest
	From, To Place
}

// Compacted tells what Compact did.
type Compacted struct {
	Segments int   // dropped
	Bytes    int64 // of their files, less what of them was copied
}

// A segment is compacted when less than this part of it is in use.
const (
	compactShare = 2 // half

	// blobOverhead is about what a blob needs in a segment beside its bytes: a header, and on average
	// half a page of padding.
	blobOverhead = 96 + 2048
)

// Compact drops segments of which more than half is garbage, those with the
// most garbage first. What is garbage is told by the index, so it is known after a restart
// too. Errors of kind Conflict are as for Collect; a damaged segment is kept and reported, and the others are gone on with.
func (a *Archive) Compact(ctx context.Context, blobs Compactor) (done Compacted, err error) {
	if _, err := a.step(ctx, blobs); err != nil {
		return done, err
	}
	todo, err := a.wasteful(ctx, blobs)
	if err != nil {
		return done, err
	}
	var damaged []error
	for _, s := range todo {
		err := blobs.CompactSegment(ctx, s.ID, keeper{a, blobs})
		switch halong.KindOf(err) {
		case halong.Conflict: // in use: the next time
			continue
		case halong.Corrupt:
			damaged = append(damaged, err)
			continue
		}
		if err != nil {
			return done, errors.Join(append(damaged, err)...)
		}
		done.Segments++
		done.Bytes += s.waste()
	}
	return done, errors.Join(damaged...)
}

// usage is a segment with what of it is in use.
type usage struct {
	SegmentInfo
	live int64
}

func (u *usage) waste() int64 { return max(0, u.Size-u.live) }

// wasteful lists the segments that are worth a compaction.
func (a *Archive) wasteful(ctx context.Context, blobs Compactor) (todo []usage, err error) {
	segments, err := blobs.Segments() // before the sums: what comes meanwhile counts as live
	if err != nil {
		return nil, err
	}
	live, err := a.index.LiveBlobs(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range segments {
		l := live[s.ID]
		u := usage{s, l.Bytes + l.Blobs*blobOverhead}
		if s.Bulk && s.Sealed && u.live < s.Size/compactShare {
			todo = append(todo, u)
		}
	}
	slices.SortFunc(todo, func(x, y usage) int { return cmp.Or(-cmp.Compare(x.waste(), y.waste()), cmp.Compare(x.ID, y.ID)) })
	return todo, nil
}

// keeper implements Keeper over the index.
type keeper struct {
	archive *Archive
	blobs   Reclaimer
}

// Keep implements Keeper.
func (k keeper) Keep(ctx context.Context, d halong.Digest, at Place) (bool, error) {
	state, err := k.archive.index.BlobAt(ctx, d, at)
	return state == BlobLive, err
}

// Moved implements Keeper.
func (k keeper) Moved(ctx context.Context, moves []Move) error {
	return k.archive.index.Update(ctx, func(tx halong.Tx) error {
		for _, m := range moves {
			if err := k.archive.index.MoveBlob(tx, m.Digest, m.From, m.To); err != nil {
				return err
			}
		}
		return nil
	})
}

// Drop implements Keeper. It waits until no object is between the placing of
// its blobs and its commit, and raises the generation before the bytes go.
func (k keeper) Drop(ctx context.Context, segment uint32, drop func() error) error {
	a := k.archive
	a.collecting.Lock()
	defer a.collecting.Unlock()
	used, err := a.index.HasLiveBlobs(ctx, segment)
	if err != nil {
		return err
	}
	if used {
		return halong.E("storage.Compact", halong.Conflict, "", errors.New("blobs of the segment came into use meanwhile"))
	}
	g, err := a.step(ctx, k.blobs)
	if err != nil {
		return err
	}
	err = a.index.Update(ctx, func(tx halong.Tx) error { return a.index.SetStoreGeneration(tx, g) })
	if err != nil {
		return err
	}
	if err := k.blobs.RaiseGeneration(g); err != nil {
		return err
	}
	return drop()
}
