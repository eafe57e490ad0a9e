package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/forward"
)

const entryColumns = `d.id, t.name, f.name, d.event, d.kind, d.study, d.series, d.item, d.class, d.digest, d.state, d.attempts,
	d.entered, d.queued, d.due, d.changed, d.sent_as, d.reason`

const entryFrom = ` FROM delivery d CROSS JOIN destination t ON t.id = d.destination CROSS JOIN facility f ON f.id = d.facility `

func scanEntry(rows *sql.Rows) (e forward.Entry, err error) {
	var digest []byte
	var event, entered, queued, due, changed int64
	var item, class string
	err = rows.Scan(&e.ID, &e.Destination, &e.Facility, &event, &e.Kind, &e.Study, &e.Series, &item, &class, &digest, &e.State, &e.Attempts,
		&entered, &queued, &due, &changed, &e.SentAs, &e.Reason)
	if e.Kind == forward.Message {
		e.Ref, e.Type = item, class
	} else {
		e.SOP, e.Class = dicom.UID(item), dicom.UID(class)
	}
	e.Event = uint64(event)
	copy(e.Digest[:], digest)
	e.Entered, e.Queued, e.Due, e.Changed = moment(entered), moment(queued), moment(due), moment(changed)
	return e, err
}

func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// destinationID gives the key of a destination; of kind NotExist if there is none.
func (db *DB) destinationID(ctx context.Context, op, name string) (id int64, err error) {
	err = db.reader.QueryRow(ctx, `SELECT id FROM destination WHERE name = ?`, name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, halong.E(op, halong.NotExist, name, nil)
	}
	return id, fail(op, name, err)
}

// LeaseDeliveries implements forward.Ledger. Nothing is written when nothing is due.
func (db *DB) LeaseDeliveries(ctx context.Context, name string, now, until time.Time, limit int) ([]forward.Entry, error) {
	const op = "sqlite.LeaseDeliveries"
	id, err := db.destinationID(ctx, op, name)
	if err != nil {
		return nil, err
	}
	var any bool
	err = db.reader.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_due WHERE destination = ? AND due <= ? AND state < 3)`,
		id, now.UnixMicro()).Scan(&any)
	if err != nil || !any {
		return nil, fail(op, name, err)
	}
	var entries []forward.Entry
	err = db.within(ctx, op, func(tx *Tx) (err error) {
		entries, err = tx.lease(id, now, until, limit)
		return err
	})
	return entries, err
}

func (tx *Tx) lease(destination int64, now, until time.Time, limit int) ([]forward.Entry, error) {
	var paused bool
	err := tx.QueryRow(`SELECT paused <> '' OR active = 0 FROM destination WHERE id = ?`, destination).Scan(&paused)
	if err != nil || paused {
		return nil, err
	}
	entries, err := tx.entries(`SELECT `+entryColumns+` FROM delivery d INDEXED BY delivery_due CROSS JOIN destination t ON t.id = d.destination
		CROSS JOIN facility f ON f.id = d.facility WHERE d.destination = ? AND d.due <= ? AND d.state < 3 ORDER BY d.due, d.id LIMIT ?+0`,
		destination, now.UnixMicro(), limit)
	if err != nil {
		return nil, err
	}
	return entries, tx.leased(entries, now, until)
}

// leased marks entries as Sending.
func (tx *Tx) leased(entries []forward.Entry, now, until time.Time) error {
	ids := make([]int64, len(entries))
	for i := range entries {
		e := &entries[i]
		e.State, e.Due, e.Changed = forward.Sending, until, now
		e.Attempts++
		ids[i] = e.ID
	}
	_, err := tx.Exec(`UPDATE delivery SET state = 2, attempts = attempts + 1, due = ?, changed = ? WHERE id IN (SELECT value FROM json_each(?))`,
		until.UnixMicro(), now.UnixMicro(), list(ids))
	return err
}

// entries reads entries in a transaction.
func (tx *Tx) entries(query string, args ...any) (all []forward.Entry, err error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, rows.Err()
}

// NextDelivery implements forward.Ledger.
func (db *DB) NextDelivery(ctx context.Context, name string) (time.Time, error) {
	var due int64
	err := db.reader.QueryRow(ctx, `SELECT coalesce((SELECT due FROM delivery INDEXED BY delivery_due
		WHERE destination = (SELECT id FROM destination WHERE name = ?) AND state < 3 ORDER BY due LIMIT 1), 0)`, name).Scan(&due)
	return momentOrNone(due), fail("sqlite.NextDelivery", name, err)
}

// EndDeliveries implements forward.Ledger.
func (db *DB) EndDeliveries(ctx context.Context, now time.Time, results []forward.Result) error {
	if len(results) == 0 {
		return nil
	}
	return db.within(ctx, "sqlite.EndDeliveries", func(tx *Tx) error { return tx.endDeliveries(forward.Sending, now, results) })
}

// endDeliveries moves entries on that are still in the state from, and those that were sent though they were given up meanwhile.
func (tx *Tx) endDeliveries(from forward.State, now time.Time, results []forward.Result) error {
	for i := range results {
		r := &results[i]
		untried := 0
		if r.Untried {
			untried = 1
		}
		due := r.Due
		if due.IsZero() {
			due = now
		}
		_, err := tx.Exec(`UPDATE delivery SET state = ?1, attempts = attempts - ?2, due = ?3, changed = ?4, commitment = 0,
			sent_as = CASE WHEN ?5 <> '' THEN ?5 ELSE sent_as END, reason = CASE WHEN ?2 THEN reason ELSE ?6 END
			WHERE id = ?7 AND (state = ?8 OR state = 5 AND ?1 IN (3, 4))`,
			int(r.State), untried, due.UnixMicro(), now.UnixMicro(), string(r.SentAs), r.Reason, r.ID, int(from))
		if err != nil {
			return err
		}
	}
	return nil
}

// ExpireDeliveries implements forward.Ledger.
func (db *DB) ExpireDeliveries(ctx context.Context, name string, before, now time.Time, reason string) (int, error) {
	const op = "sqlite.ExpireDeliveries"
	id, err := db.destinationID(ctx, op, name)
	if err != nil {
		return 0, err
	}
	const where = ` FROM delivery INDEXED BY delivery_open WHERE destination = ? AND state = 1 AND state < 4 AND queued < ?`
	var any bool
	err = db.reader.QueryRow(ctx, `SELECT EXISTS (SELECT 1`+where+`)`, id, before.UnixMicro()).Scan(&any)
	if err != nil || !any {
		return 0, fail(op, name, err)
	}
	n := 0
	err = db.within(ctx, op, func(tx *Tx) error {
		n, err = tx.affected(`UPDATE delivery SET state = 5, changed = ?, reason = ? || CASE WHEN reason = '' THEN '' ELSE ': ' || reason END
			WHERE id IN (SELECT id`+where+`)`, now.UnixMicro(), reason, id, before.UnixMicro())
		return err
	})
	return n, err
}

// affected runs a statement and tells how many rows it changed.
func (tx *Tx) affected(query string, args ...any) (int, error) {
	r, err := tx.Exec(query, args...)
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return int(n), err
}
