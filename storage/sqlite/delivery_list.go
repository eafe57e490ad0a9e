package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/forward"
)

// DeliveryAccounts implements forward.Ledger.
func (db *DB) DeliveryAccounts(ctx context.Context) ([]forward.Account, error) {
	const op = "sqlite.DeliveryAccounts"
	type row struct {
		forward.Account
		id int64
	}
	all, err := collect(ctx, db.reader, func(rows *sql.Rows) (r row, err error) {
		var resumed, oldest, due int64
		err = rows.Scan(&r.id, &r.Destination, &r.Active, &r.Paused, &resumed, &r.Entered, &oldest, &due)
		r.Resumed, r.Oldest, r.Due = momentOrNone(resumed), momentOrNone(oldest), momentOrNone(due)
		r.Count = make(map[forward.State]int64)
		return r, err
	}, `SELECT id, name, active, paused, resumed, entered,
			coalesce((SELECT entered FROM delivery d INDEXED BY delivery_open WHERE d.destination = t.id AND d.state < 4 ORDER BY d.id LIMIT 1), 0),
			coalesce((SELECT due FROM delivery d INDEXED BY delivery_due WHERE d.destination = t.id AND d.state < 3 ORDER BY d.due LIMIT 1), 0)
		FROM destination t WHERE active = 1 OR entered > 0 ORDER BY name`)
	if err != nil {
		return nil, fail(op, "", err)
	}
	accounts := make([]forward.Account, len(all))
	byID := make(map[int64]*forward.Account, len(all))
	for i := range all {
		accounts[i] = all[i].Account
		byID[all[i].id] = &accounts[i]
	}
	_, err = collect(ctx, db.reader, func(rows *sql.Rows) (none struct{}, err error) {
		var id, n int64
		var state forward.State
		if err = rows.Scan(&id, &state, &n); err == nil && byID[id] != nil {
			byID[id].Count[state] = n
		}
		return none, err
	}, `SELECT destination, state, n FROM delivery_count`)
	return accounts, fail(op, "", err)
}

// momentOrNone gives the zero time for 0.
func momentOrNone(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return moment(micros)
}

// selected adds a selection's conditions.
func selected(s *forward.Selection) *where {
	w := &where{}
	if s.Destination != "" {
		w.and("d.destination = (SELECT id FROM destination WHERE name = ?)", s.Destination)
	}
	if len(s.States) > 0 {
		w.and("d.state IN (SELECT value FROM json_each(?))", list(stateNumbers(s.States)))
	}
	if s.Study != "" {
		w.and("d.study = ?", string(s.Study))
	}
	if !s.From.IsZero() {
		w.and("d.entered >= ?", s.From.UnixMicro())
	}
	if !s.Until.IsZero() {
		w.and("d.entered < ?", s.Until.UnixMicro())
	}
	return w
}

// Deliveries implements forward.Ledger.
func (db *DB) Deliveries(ctx context.Context, s forward.Selection, after int64, limit int) ([]forward.Entry, error) {
	w := selected(&s)
	w.and("d.id > ?", after)
	all, err := collect(ctx, db.reader, scanEntry, `SELECT `+entryColumns+entryFrom+`WHERE `+w.text.String()+` ORDER BY d.id LIMIT ?`, append(w.args, limit)...)
	return all, fail("sqlite.Deliveries", "", err)
}

// RetryDeliveries implements forward.Ledger. Entries that are being sent are left alone.
func (db *DB) RetryDeliveries(ctx context.Context, s forward.Selection, now time.Time) (n int, err error) {
	if len(s.States) == 0 {
		s.States = []forward.State{forward.Waiting, forward.Dead}
	}
	err = db.within(ctx, "sqlite.RetryDeliveries", func(tx *Tx) error {
		w := selected(&s)
		w.and("d.state <> ?", int(forward.Sending))
		at := now.UnixMicro()
		n, err = tx.affected(requeue+`WHERE id IN (SELECT d.id FROM delivery d WHERE `+w.text.String()+`)`, append([]any{at, at, at}, w.args...)...)
		return err
	})
	return n, err
}

// PauseDestination implements forward.Ledger.
func (db *DB) PauseDestination(ctx context.Context, name, reason string, now time.Time) error {
	const op = "sqlite.PauseDestination"
	return db.within(ctx, op, func(tx *Tx) error {
		n, err := tx.affected(`UPDATE destination SET paused = ?1, resumed = CASE WHEN ?1 = '' THEN ?2 ELSE resumed END WHERE name = ?3`, reason, now.UnixMicro(), name)
		if err == nil && n == 0 {
			err = halong.E(op, halong.NotExist, name, nil)
		}
		return err
	})
}

// forgetAtOnce bounds the rows that one transaction removes.
const forgetAtOnce = 5000

// ForgetDeliveries implements forward.Ledger.
func (db *DB) ForgetDeliveries(ctx context.Context, before time.Time) (total int, err error) {
	const op = "sqlite.ForgetDeliveries"
	for n := forgetAtOnce; n == forgetAtOnce; total += n {
		var any bool
		err := db.reader.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_done WHERE state = 4 AND changed < ?)`, before.UnixMicro()).Scan(&any)
		if err != nil || !any {
			return total, fail(op, "", err)
		}
		err = db.within(ctx, op, func(tx *Tx) (err error) {
			n, err = tx.affected(`DELETE FROM delivery WHERE id IN (SELECT id FROM delivery INDEXED BY delivery_done WHERE state = 4 AND changed < ? LIMIT ?)`,
				before.UnixMicro(), forgetAtOnce)
			return err
		})
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
