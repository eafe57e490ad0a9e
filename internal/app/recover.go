package app

import (
	"context"
	"fmt"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/intake"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
)

// A transaction of a replay takes so many records, or so many bytes.
const (
	replayRecords = 500
	replayBytes   = 16 << 20
)

// replay applies journal records to the index in groups.
type replay struct {
	data    *Data
	gone    *storage.Lost // set when the index is new: objects whose bytes were collected, or are to be restored
	tail    *disk.Tail
	batch   []storage.Record
	bytes   int
	applied int
	lost    []error // records that could not be applied: bytes they need are gone
}

// recover applies what the journal has beyond the index: the answers of the last
// moments before a crash, or, with a new index, everything.
func (d *Data) recover(ctx context.Context) error {
	states, err := d.Index.Segments(ctx)
	if err != nil {
		return err
	}
	tail, err := d.Store.Recover(ctx, states)
	if err != nil {
		return err
	}
	if tail.Empty() {
		return d.newest(ctx, states)
	}
	r := replay{data: d, tail: tail}
	if len(states) == 0 {
		r.gone = &storage.Lost{}
	}
	for rec, err := range tail.Records(ctx) {
		if err != nil {
			return err
		}
		if err := r.add(ctx, rec); err != nil {
			return err
		}
	}
	if err := r.standIn(ctx); err != nil {
		return err
	}
	if err := r.end(ctx); err != nil {
		return err
	}
	for _, x := range tail.Damage() { // a group or blob that was being written when the process ended, as a rule
		d.log.Warn("store: bytes without a valid record", "segment", x.Segment, "offset", x.Offset, "length", x.Length, "reason", x.Reason)
	}
	d.log.Info("index: brought up to date with the journal", "records", r.applied, "damaged", len(r.lost))
	for _, err := range r.lost {
		d.log.Error("index: a journal record could not be applied", "error", err)
	}
	d.applied, d.lost, d.damaged = r.applied, r.lost, len(tail.Damage())
	return nil
}

// add keeps a copy of a record until the group is full.
func (r *replay) add(ctx context.Context, rec storage.Record) error {
	rec.Payload = append([]byte(nil), rec.Payload...)
	r.batch = append(r.batch, rec)
	r.bytes += len(rec.Payload)
	if len(r.batch) < replayRecords && r.bytes < replayBytes {
		return nil
	}
	return r.flush(ctx)
}

// flush applies the group in one transaction. Records whose bytes are gone are
// left out; the store is told once the others are safe.
func (r *replay) flush(ctx context.Context) error {
	var bad map[uint64]error
	err := r.data.Index.Update(ctx, func(tx halong.Tx) error {
		bad = map[uint64]error{}
		for _, rec := range r.batch {
			err := r.data.apply(tx, rec, func(d halong.Digest) (storage.Place, bool) { return r.locate(ctx, d) }, r.gone)
			if halong.KindOf(err) == halong.Corrupt {
				bad[rec.Seq] = err
				continue
			}
			if err == nil {
				err = r.data.people.FinishIn(tx)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.applied += len(r.batch) - len(bad)
	for seq, err := range bad {
		if r.gone == nil {
			r.tail.Void(seq) // it was never acknowledged
		}
		r.lost = append(r.lost, err)
	}
	r.batch, r.bytes = r.batch[:0], 0
	return nil
}

// end applies the last group and makes the index one that is in step with the store: up to here it would
// be made again after a crash.
func (r *replay) end(ctx context.Context) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	if r.gone != nil {
		lost, err := r.data.Archive.Bury(ctx, r.gone)
		if err != nil {
			return err
		}
		r.applied -= len(lost)
		r.lost = append(r.lost, lost...)
	}
	return r.data.Index.Update(ctx, func(tx halong.Tx) error {
		r.tail.Done()
		if r.gone == nil {
			return nil
		}
		return r.data.setGeneration(tx)
	})
}

// locate finds a blob: the index knows those that older objects share, and
// looking for them in the store would mean reading all of it.
func (r *replay) locate(ctx context.Context, d halong.Digest) (storage.Place, bool) {
	if row, ok, err := r.data.Index.Blob(ctx, d); err == nil && ok {
		return row.Place, true
	}
	_, p, ok, err := r.tail.Blob(ctx, d)
	if err != nil {
		r.data.log.Error("index: looking for a blob", "digest", d, "error", err)
	}
	return p, ok && err == nil
}

// apply gives a record to the service it belongs to.
func (d *Data) apply(tx halong.Tx, rec storage.Record, locate storage.Locator, gone *storage.Lost) error {
	f, forwards := forwardingOf(rec)
	switch {
	case forwards:
		return d.replayForwarding(tx, f)
	case storage.Handles(rec.Kind):
		return d.Archive.Replay(tx, rec, locate, gone)
	case rec.Kind == storage.RecordWorkitem:
		return d.ups.Replay(tx, rec.Payload)
	case rec.Kind == storage.RecordProcedure:
		return d.worklist.Replay(tx, rec.Seq, rec.Payload)
	case rec.Kind == storage.RecordLabMap:
		return d.replayMap(tx, rec)
	case rec.Kind == storage.RecordIdentity:
		return d.replayIdentity(tx, rec)
	case intake.Handles(rec.Kind):
		d.locate = locate
		defer func() { d.locate = nil }()
		return d.intake.Replay(tx, rec)
	}
	return halong.E("app.recover", halong.Unsupported, "", fmt.Errorf("a record of kind %d, which this version does not know", rec.Kind))
}
