package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/forward"
)

var errNoEntry = errors.New("the destination has no such entry")

// DropDeliveries implements forward.Ledger.
func (db *DB) DropDeliveries(ctx context.Context, name string, ids []int64, reason string, now time.Time) (n int, sending []int64, err error) {
	const op = "sqlite.DropDeliveries"
	err = db.within(ctx, op, func(tx *Tx) error {
		sending = nil
		entries, err := tx.named(op, name, ids)
		if err != nil {
			return err
		}
		for i := range entries {
			switch e := &entries[i]; e.State {
			case forward.Done, forward.Dead, forward.Gone:
				return isIn(op, e)
			case forward.Sending:
				sending = append(sending, e.ID)
			}
		}
		n, err = tx.affected(`UPDATE delivery SET state = 5, changed = ?, commitment = 0, reason = ? || CASE WHEN reason = '' THEN '' ELSE '; before that: ' || reason END
			WHERE id IN (SELECT value FROM json_each(?))`, now.UnixMicro(), reason, list(ids))
		return err
	})
	return n, sending, err
}

// named gives the entries of a destination that an operator names, each once. The error is of kind NotExist if one of them is not there.
func (tx *Tx) named(op, destination string, ids []int64) ([]forward.Entry, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	entries, err := tx.entries(`SELECT `+entryColumns+entryFrom+`WHERE d.id IN (SELECT value FROM json_each(?))
		AND d.destination = (SELECT id FROM destination WHERE name = ?) ORDER BY d.id`, list(ids), destination)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if i >= len(entries) || entries[i].ID != id {
			return nil, halong.E(op, halong.NotExist, strconv.FormatInt(id, 10), errNoEntry)
		}
	}
	return entries, nil
}

// isIn is the error for an entry whose state does not allow what is asked.
func isIn(op string, e *forward.Entry) error {
	return halong.E(op, halong.Conflict, strconv.FormatInt(e.ID, 10), fmt.Errorf("the entry is %v", e.State))
}

// FirstDelivery implements forward.Ledger.
func (db *DB) FirstDelivery(ctx context.Context, name string) (*forward.Entry, error) {
	const op = "sqlite.FirstDelivery"
	id, err := db.destinationID(ctx, op, name)
	if err != nil {
		return nil, err
	}
	all, err := collect(ctx, db.reader, scanEntry, `SELECT `+entryColumns+entryFrom+`WHERE d.id = coalesce(
		(SELECT id FROM delivery INDEXED BY delivery_in_order WHERE destination = ?1 AND state < 4 AND kind = 2 ORDER BY id LIMIT 1),
		(SELECT id FROM delivery INDEXED BY delivery_open WHERE destination = ?1 AND state < 4 ORDER BY queued, id LIMIT 1))`, id)
	if err != nil || len(all) == 0 {
		return nil, fail(op, name, err)
	}
	return &all[0], nil
}
