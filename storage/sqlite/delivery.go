package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/forward"
)

var _ forward.Ledger = (*DB)(nil)

// forwardingConsumer names the reader of events that makes deliveries.
const forwardingConsumer = "forward"

// LastEvent implements forward.Ledger.
func (db *DB) LastEvent(ctx context.Context) (seq uint64, err error) {
	err = db.reader.QueryRow(ctx, `SELECT coalesce(max(seq), 0) FROM event`).Scan(&seq)
	return seq, fail("sqlite.LastEvent", "", err)
}

// within runs a function in a transaction of this adapter.
func (db *DB) within(ctx context.Context, op string, fn func(*Tx) error) error {
	return fail(op, "", db.Update(ctx, func(t halong.Tx) error {
		tx, err := db.tx(op, t)
		if err != nil {
			return err
		}
		return fn(tx)
	}))
}

// consumer is a row of that table.
type consumer struct {
	seq  uint64
	open bool
	held string
}

const selectConsumer = `SELECT seq, open, held FROM consumer WHERE name = ?`

func (c *consumer) scan(row *sql.Row) error {
	err := row.Scan(&c.seq, &c.open, &c.held)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

func (tx *Tx) saveConsumer(name string, c consumer) error {
	_, err := tx.Exec(`INSERT INTO consumer (name, seq, open, held) VALUES (?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, open = excluded.open, held = excluded.held`, name, int64(c.seq), c.open, c.held)
	return err
}

// OpenForwarding implements forward.Ledger.
func (db *DB) OpenForwarding(ctx context.Context, names []string, now time.Time, began func(halong.Tx) error) (forward.Standing, error) {
	var c consumer
	err := db.within(ctx, "sqlite.OpenForwarding", func(tx *Tx) error {
		c = consumer{}
		if err := c.scan(tx.QueryRow(selectConsumer, forwardingConsumer)); err != nil {
			return err
		}
		var last uint64
		if err := tx.QueryRow(`SELECT coalesce(max(seq), 0) FROM event`).Scan(&last); err != nil {
			return err
		}
		if !c.open && c.held == "" {
			c = consumer{seq: last, open: true}
			if err := tx.saveConsumer(forwardingConsumer, c); err != nil {
				return err
			}
			if err := began(tx); err != nil {
				return err
			}
		}
		if err := tx.openDestinations(names, last); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE delivery INDEXED BY delivery_due SET state = ?, due = ?, changed = ? WHERE state < 3 AND state = ?`,
			int(forward.Waiting), now.UnixMicro(), now.UnixMicro(), int(forward.Sending))
		return err
	})
	return forward.Standing{Cursor: c.seq, Held: c.held}, err
}

// openDestinations makes those named, and no others, active. One that was not is new: events before do not concern it.
func (tx *Tx) openDestinations(names []string, last uint64) error {
	rows, err := tx.Query(`SELECT name FROM destination WHERE active = 1`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var known []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		known = append(known, name)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, name := range known {
		if !slices.Contains(names, name) {
			if _, err := tx.Exec(`UPDATE destination SET active = 0 WHERE name = ?`, name); err != nil {
				return err
			}
		}
	}
	for _, name := range names {
		if slices.Contains(known, name) {
			continue
		}
		_, err := tx.Exec(`INSERT INTO destination (name, active, since) VALUES (?, 1, ?)
			ON CONFLICT (name) DO UPDATE SET active = 1, since = excluded.since`, name, int64(last))
		if err != nil {
			return err
		}
	}
	return nil
}

// ForwardingStanding implements forward.Ledger.
func (db *DB) ForwardingStanding(ctx context.Context) (forward.Standing, error) {
	var c consumer
	err := c.scan(db.reader.QueryRow(ctx, selectConsumer, forwardingConsumer))
	return forward.Standing{Cursor: c.seq, Held: c.held}, fail("sqlite.ForwardingStanding", "", err)
}

// CloseForwarding implements forward.Ledger. Nothing is written if there is nothing to forget.
func (db *DB) CloseForwarding(ctx context.Context) error {
	const op = "sqlite.CloseForwarding"
	var c consumer
	if err := c.scan(db.reader.QueryRow(ctx, selectConsumer, forwardingConsumer)); err != nil || !c.open {
		return fail(op, "", err)
	}
	return db.within(ctx, op, func(tx *Tx) error {
		if _, err := tx.Exec(`UPDATE consumer SET open = 0 WHERE name = ?`, forwardingConsumer); err != nil {
			return err
		}
		return tx.openDestinations(nil, 0)
	})
}

// HoldForwarding implements forward.Ledger.
func (db *DB) HoldForwarding(t halong.Tx, reason string) error {
	const op = "sqlite.HoldForwarding"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	return fail(op, "", tx.saveConsumer(forwardingConsumer, consumer{held: reason}))
}

// ReleaseForwarding implements forward.Ledger.
func (db *DB) ReleaseForwarding(ctx context.Context, cursor uint64, now time.Time, began func(halong.Tx) error) error {
	return db.within(ctx, "sqlite.ReleaseForwarding", func(tx *Tx) error {
		if err := tx.saveConsumer(forwardingConsumer, consumer{seq: cursor, open: true}); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE destination SET since = min(since, ?), resumed = ?`, int64(cursor), now.UnixMicro())
		if err != nil {
			return err
		}
		return began(tx)
	})
}

var errCursor = errors.New("the cursor is elsewhere")

// AdvanceForwarding implements forward.Ledger.
func (db *DB) AdvanceForwarding(t halong.Tx, from, to uint64) error {
	const op = "sqlite.AdvanceForwarding"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	r, err := tx.Exec(`UPDATE consumer SET seq = ? WHERE name = ? AND seq = ? AND open = 1 AND held = ''`, int64(to), forwardingConsumer, int64(from))
	if err != nil {
		return fail(op, "", err)
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return halong.E(op, halong.Conflict, "", errors.Join(errCursor, err))
	}
	return nil
}

// EnterDelivery implements forward.Ledger.
func (db *DB) EnterDelivery(t halong.Tx, name string, event uint64, it *forward.Item, now time.Time, again []forward.State) (bool, error) {
	const op = "sqlite.EnterDelivery"
	tx, err := db.tx(op, t)
	if err != nil {
		return false, err
	}
	entered, err := tx.enter(name, event, it, now, again)
	return entered, fail(op, string(it.SOP), err)
}

func (tx *Tx) enter(name string, event uint64, it *forward.Item, now time.Time, again []forward.State) (bool, error) {
	var destination, since int64
	err := tx.QueryRow(`SELECT id, since FROM destination WHERE name = ?`, name).Scan(&destination, &since)
	if errors.Is(err, sql.ErrNoRows) {
		return false, halong.E("sqlite.EnterDelivery", halong.NotExist, name, nil)
	}
	if err != nil || again == nil && int64(event) <= since {
		return false, err
	}
	facility, err := tx.Facility(it.Facility)
	if err != nil {
		return false, err
	}
	at := now.UnixMicro()
	kind, item, class := forward.Instance, string(it.SOP), string(it.Class)
	if it.Kind == forward.Message {
		kind, item, class = it.Kind, it.Ref, it.Type
	}
	r, err := tx.Exec(`INSERT INTO delivery (destination, event, kind, facility, study, series, item, class, digest, state, attempts, entered, queued, due, changed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?) ON CONFLICT (destination, event) DO NOTHING`,
		destination, int64(event), int(kind), facility, string(it.Study), string(it.Series), item, class, it.Digest[:],
		int(forward.Waiting), at, at, at, at)
	if err != nil {
		return false, err
	}
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		if err == nil {
			_, err = tx.Exec(`UPDATE destination SET entered = entered + 1 WHERE id = ?`, destination)
		}
		return true, err
	}
	if len(again) == 0 {
		return false, nil
	}
	r, err = tx.Exec(requeue+`WHERE destination = ? AND event = ? AND state IN (SELECT value FROM json_each(?))`,
		at, at, at, destination, int64(event), list(stateNumbers(again)))
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// requeue makes entries wait as if they had just come.
const requeue = `UPDATE delivery SET state = 1, attempts = 0, queued = ?, due = ?, changed = ?, commitment = 0, reason = '' `

func stateNumbers(states []forward.State) []int {
	out := make([]int, len(states))
	for i, s := range states {
		out[i] = int(s)
	}
	return out
}
