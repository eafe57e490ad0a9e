package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/halong-gateway/halong/internal/forward"
)

// firstOpen gives the first message of a destination that has not ended.
const firstOpen = ` FROM delivery INDEXED BY delivery_in_order WHERE destination = ? AND state < 4 AND kind = 2 ORDER BY id LIMIT 1`

// LeaseInOrder implements forward.Ledger. Nothing is written when nothing is due.
func (db *DB) LeaseInOrder(ctx context.Context, name string, now, until time.Time, limit int) ([]forward.Entry, error) {
	const op = "sqlite.LeaseInOrder"
	id, err := db.destinationID(ctx, op, name)
	if err != nil {
		return nil, err
	}
	var due int64
	err = db.reader.QueryRow(ctx, `SELECT due`+firstOpen, id).Scan(&due)
	if errors.Is(err, sql.ErrNoRows) || err == nil && due > now.UnixMicro() {
		return nil, nil
	}
	if err != nil {
		return nil, fail(op, name, err)
	}
	var entries []forward.Entry
	err = db.within(ctx, op, func(tx *Tx) (err error) {
		entries, err = tx.leaseInOrder(id, now, until, limit)
		return err
	})
	return entries, err
}

func (tx *Tx) leaseInOrder(destination int64, now, until time.Time, limit int) ([]forward.Entry, error) {
	var paused bool
	err := tx.QueryRow(`SELECT paused <> '' OR active = 0 FROM destination WHERE id = ?`, destination).Scan(&paused)
	if err != nil || paused {
		return nil, err
	}
	entries, err := tx.entries(`SELECT `+entryColumns+` FROM delivery d INDEXED BY delivery_in_order CROSS JOIN destination t ON t.id = d.destination
		CROSS JOIN facility f ON f.id = d.facility WHERE d.destination = ? AND d.state < 4 AND d.kind = 2 ORDER BY d.id LIMIT ?+0`, destination, limit)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		if entries[i].Due.After(now) { // not due yet, or leased
			entries = entries[:i]
			break
		}
	}
	if len(entries) == 0 {
		return nil, nil
	}
	return entries, tx.leased(entries, now, until)
}

// NextInOrder implements forward.Ledger.
func (db *DB) NextInOrder(ctx context.Context, name string) (time.Time, error) {
	var due int64
	err := db.reader.QueryRow(ctx, `SELECT coalesce((SELECT due FROM delivery INDEXED BY delivery_in_order
		WHERE destination = (SELECT id FROM destination WHERE name = ?) AND state < 4 AND kind = 2 ORDER BY id LIMIT 1), 0)`, name).Scan(&due)
	return momentOrNone(due), fail("sqlite.NextInOrder", name, err)
}
