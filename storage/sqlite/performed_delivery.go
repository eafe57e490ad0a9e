package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/worklist"
)

var _ worklist.Queue = (*DB)(nil)

// AddDelivery adds an entry to the queue of forwarded MPPS requests.
func (db *DB) AddDelivery(t halong.Tx, d *worklist.Delivery) error {
	const op = "sqlite.AddDelivery"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	facility, err := tx.Facility(d.Facility)
	if err == nil {
		_, err = tx.Exec(`INSERT INTO performed_delivery (id, destination, facility, sop, is_set, syntax, data, attempts, due, failure, dead)
			VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, '', 0)`,
			d.ID, d.Destination, facility, string(d.SOP), d.Set, string(d.Syntax), d.Data, d.Due.UnixMicro())
	}
	return fail(op, string(d.SOP), err)
}

// EndDelivery removes one that was delivered.
func (db *DB) EndDelivery(t halong.Tx, id int64) error {
	const op = "sqlite.EndDelivery"
	tx, err := db.tx(op, t)
	if err == nil {
		_, err = tx.Exec(`DELETE FROM performed_delivery WHERE id = ?`, id)
	}
	return fail(op, "", err)
}

// DelayDelivery notes a failed attempt.
func (db *DB) DelayDelivery(t halong.Tx, d *worklist.Delivery) error {
	const op = "sqlite.DelayDelivery"
	tx, err := db.tx(op, t)
	if err == nil {
		_, err = tx.Exec(`UPDATE performed_delivery SET attempts = ?, due = ?, failure = ?, dead = ? WHERE id = ?`, d.Attempts, d.Due.UnixMicro(), d.Failure, d.Dead, d.ID)
	}
	return fail(op, "", err)
}

func scanMPPS(rows *sql.Rows) (*worklist.Delivery, error) {
	d := &worklist.Delivery{}
	var due int64
	err := rows.Scan(&d.ID, &d.Destination, &d.Facility, &d.SOP, &d.Set, &d.Syntax, &d.Data, &d.Attempts, &due, &d.Failure, &d.Dead)
	d.Due = time.UnixMicro(due).UTC()
	return d, err
}

// DueDeliveries gives what is to be sent by now and has nothing before it for the same SOP Instance and destination.
func (db *DB) DueDeliveries(ctx context.Context, now time.Time, limit int) ([]*worklist.Delivery, error) {
	all, err := collect(ctx, db.reader, scanMPPS, `SELECT d.id, d.destination, f.name, d.sop, d.is_set, d.syntax, d.data, d.attempts, d.due, d.failure, d.dead
		FROM performed_delivery d INDEXED BY performed_delivery_due JOIN facility f ON f.id = d.facility WHERE d.dead = 0 AND d.due <= ? AND NOT EXISTS (
			SELECT 1 FROM performed_delivery e INDEXED BY performed_delivery_sop
			WHERE e.destination = d.destination AND e.facility = d.facility AND e.sop = d.sop AND e.id < d.id)
		ORDER BY d.due LIMIT ?+0`, now.UnixMicro(), limit)
	return all, fail("sqlite.DueDeliveries", "", err)
}

// ListDeliveries gives all that waits or was given up, in the order of requests; without their Data Sets.
func (db *DB) ListDeliveries(ctx context.Context, scope halong.Scope, limit int) ([]*worklist.Delivery, error) {
	all, err := collect(ctx, db.reader, scanMPPS, `SELECT d.id, d.destination, f.name, d.sop, d.is_set, d.syntax, x'', d.attempts, d.due, d.failure, d.dead
		FROM performed_delivery d JOIN facility f ON f.id = d.facility ORDER BY d.id LIMIT ?+0`, limit)
	if err != nil {
		return nil, fail("sqlite.ListDeliveries", "", err)
	}
	seen := all[:0]
	for _, d := range all {
		if scope.Sees(d.Facility) {
			seen = append(seen, d)
		}
	}
	return seen, nil
}

// ReviveDeliveries lets everything that was given up, or waits, be tried again now.
func (db *DB) ReviveDeliveries(ctx context.Context, now time.Time) (n int, err error) {
	const op = "sqlite.ReviveDeliveries"
	err = db.within(ctx, op, func(tx *Tx) (err error) {
		n, err = tx.affected(`UPDATE performed_delivery SET dead = 0, due = ?, attempts = 0 WHERE dead IN (0, 1)`, now.UnixMicro())
		return err
	})
	return n, err
}
