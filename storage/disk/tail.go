package disk

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// Tail is what the store holds and the index does not know: see Recover.
type Tail struct {
	s      *Store
	spans  []span
	voids  []seqRange
	blobs  map[halong.Digest]blobAt
	damage []Damage
	lost   bool // there is no index: any blob may be asked for, and torn ones lie among them

	walked   map[halong.Digest][]blobAt // from headers, newest first
	unwalked []*segment                 // in order; walked from the end
}

// span is a part of a journal segment.
type span struct {
	seg      *segment
	from, to int64
}

type blobAt struct {
	info  storage.BlobInfo
	place storage.Place
}

// Empty tells that there are no records to be applied.
func (t *Tail) Empty() bool { return len(t.spans) == 0 }

// IsVoid tells that a record was never applied: see Void.
func (t *Tail) IsVoid(seq uint64) bool { return isVoid(t.voids, seq) }

// Damage tells which bytes could not be read. Bytes after the last valid record of a segment
// are among it although they are mostly no damage but a group or blob that was being written.
func (t *Tail) Damage() []Damage { return t.damage }

// Records gives the records the index does not have, in the order of their
// numbers, without those that are void. Some may have been applied before: a transaction may
// have committed without its segment's state. An error ends it.
func (t *Tail) Records(ctx context.Context) iter.Seq2[storage.Record, error] {
	return func(yield func(storage.Record, error) bool) {
		_, err := t.s.records(ctx, t.spans, t.voids, func(r storage.Record) error {
			if !yield(r, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(storage.Record{}, fail("disk.Records", "", err))
		}
	}
}

var errStop = errors.New("stopped")

// Blob finds a stored blob, whether or not the index knows it: in the tail, in a
// file of its own, then in the bulk segments, newest first.
func (t *Tail) Blob(ctx context.Context, d halong.Digest) (storage.BlobInfo, storage.Place, bool, error) {
	if b, ok := t.blobs[d]; ok {
		return b.info, b.place, true, nil
	}
	info, p, err := t.s.statFile(d)
	if err == nil {
		return info, p, true, nil
	}
	if halong.KindOf(err) != halong.Corrupt {
		return info, p, false, err
	}
	if t.walked == nil {
		t.walked, t.unwalked = map[halong.Digest][]blobAt{}, t.s.segments(true)
	}
	for len(t.unwalked) > 0 && (t.lost || len(t.walked[d]) == 0) {
		if err := t.walk(ctx); err != nil {
			return info, p, false, err
		}
	}
	b, ok := t.best(ctx, t.walked[d])
	return b.info, b.place, ok, ctx.Err()
}

// walk reads the headers of the newest segment that was not read yet.
func (t *Tail) walk(ctx context.Context) error {
	last := len(t.unwalked) - 1
	var found []blobAt
	_, err := t.s.walkSegment(ctx, t.unwalked[last], func(b storage.BlobInfo, p storage.Place) error {
		found = append(found, blobAt{b, p})
		return nil
	})
	if err != nil {
		return err
	}
	t.unwalked = t.unwalked[:last]
	for _, b := range slices.Backward(found) {
		t.walked[b.info.Digest] = append(t.walked[b.info.Digest], b)
	}
	return nil
}

// best gives the newest copy, but of several one that is whole.
func (t *Tail) best(ctx context.Context, copies []blobAt) (blobAt, bool) {
	if len(copies) == 0 {
		return blobAt{}, false
	}
	if len(copies) > 1 {
		for _, b := range copies {
			if t.s.Rehash(ctx, b.info.Digest, b.place) == nil {
				return b, true
			}
		}
	}
	return copies[0], true
}

// Void says that a record was not applied, because a blob of it never became
// durable: it is never replayed.
func (t *Tail) Void(seq uint64) {
	t.s.committing.Lock()
	defer t.s.committing.Unlock()
	t.s.void(seqRange{seq, seq})
}

// Done says that every record is applied, or about to be in the transaction
// whose function calls this: from the next Log.Sync on the states of the segments are told.
func (t *Tail) Done() {
	t.s.committing.Lock()
	defer t.s.committing.Unlock()
	t.s.withheld = false
	t.walked, t.unwalked = nil, nil
}
