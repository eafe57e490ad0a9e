package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// standIn lists messages in quarantine whose records are damaged, when the index is new: with where their bytes lie, which are not given
// out any more, and why.
func (r *replay) standIn(ctx context.Context) error {
	if r.gone == nil {
		return nil
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	for _, x := range r.tail.Damage() {
		if x.Record.Kind != storage.RecordMessage || r.tail.IsVoid(x.Record.Seq) {
			continue
		}
		if _, err := r.data.Index.Message(ctx, halong.Everything(), x.Record.Seq); halong.KindOf(err) != halong.NotExist {
			if err != nil {
				return err
			}
			continue // a later record has the same number: it was given again by an earlier version of the program
		}
		m := r.data.remains(x.Record)
		m.Reason = fmt.Sprintf("damaged: %s (segment %d, offset %d)", x.Reason, x.Segment, x.Offset)
		if err := r.data.Index.Update(ctx, func(tx halong.Tx) error { return r.data.intake.StandIn(tx, m) }); err != nil {
			return err
		}
	}
	return nil
}

// mostOrigin is how much of a damaged record is read for where it came from, in bytes.
const mostOrigin = 64 << 10

// remains is what may be shown of the message of a damaged record: when and where it came from, as far as that can be read and may be true. It has no digest,
// and so its bytes are never those that came.
func (d *Data) remains(rec storage.Record) *storage.Message {
	m := &storage.Message{Facility: halong.DefaultFacility, Received: time.Unix(0, 0).UTC(), Seq: rec.Seq, Place: rec.Place}
	b := make([]byte, min(rec.Place.Length, mostOrigin))
	blob, err := d.Store.Open(halong.Digest{}, rec.Place)
	if err != nil {
		return m
	}
	_, err = io.ReadFull(io.NewSectionReader(blob, 0, int64(len(b))), b)
	if err = errors.Join(err, blob.Close()); err != nil {
		return m
	}
	was, err := storage.ParseMessageRecord(b)
	if err != nil {
		return m
	}
	m.Source = was.Source
	if slices.Contains(d.Index.Facilities(halong.Everything()), was.Facility) {
		m.Facility = was.Facility
	}
	if y := was.Received.Year(); y >= 1970 && y <= 9999 {
		m.Received = was.Received
	}
	return m
}
