package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/forward"
)

// DeliveryAccounts implements forward.Ledger. It is one statement, so that the sums are those of one moment.
func (db *DB) DeliveryAccounts(ctx context.Context) ([]forward.Account, error) {
	var accounts []forward.Account
	_, err := collect(ctx, db.reader, func(rows *sql.Rows) (none struct{}, err error) {
		var a forward.Account
		var resumed, oldest, due, n int64
		var state forward.State
		if err := rows.Scan(&a.Destination, &a.Active, &a.Paused, &resumed, &a.Entered, &oldest, &due, &state, &n); err != nil {
			return none, err
		}
		if k := len(accounts); k == 0 || accounts[k-1].Destination != a.Destination {
			a.Resumed, a.Oldest, a.Due = momentOrNone(resumed), momentOrNone(oldest), momentOrNone(due)
			a.Count = make(map[forward.State]int64)
			accounts = append(accounts, a)
		}
		if state != 0 {
			accounts[len(accounts)-1].Count[state] = n
		}
		return none, nil
	}, `SELECT t.name, t.active, t.paused, t.resumed, t.entered,
			coalesce((SELECT queued FROM delivery d INDEXED BY delivery_open WHERE d.destination = t.id AND d.state < 4 ORDER BY d.queued LIMIT 1), 0),
			coalesce((SELECT due FROM delivery d INDEXED BY delivery_due WHERE d.destination = t.id AND d.state < 3 ORDER BY d.due LIMIT 1), 0),
			coalesce(n.state, 0), coalesce(n.n, 0)
		FROM destination t LEFT JOIN delivery_count n ON n.destination = t.id WHERE t.active = 1 OR t.entered > 0 ORDER BY t.name`)
	return accounts, fail("sqlite.DeliveryAccounts", "", err)
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
	if len(s.Entries) > 0 {
		w.and("d.id IN (SELECT value FROM json_each(?))", list(s.Entries))
	}
	if s.Destination != "" {
		w.and("d.destination = (SELECT id FROM destination WHERE name = ?)", s.Destination)
	}
	if len(s.States) > 0 {
		w.and("d.state IN (SELECT value FROM json_each(?))", list(stateNumbers(s.States)))
	}
	if s.Study != "" {
		w.and("d.study = ?", string(s.Study))
	}
	if s.Ref != "" {
		w.and("d.item = ? AND d.kind = 2", s.Ref)
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
	all, err := collect(ctx, db.reader, scanEntry, `SELECT `+entryColumns+entryFrom+`WHERE `+w.text.String()+` ORDER BY d.id LIMIT ?+0`, append(w.args, limit)...)
	return all, fail("sqlite.Deliveries", "", err)
}

// RetryDeliveries implements forward.Ledger. Entries that are being sent are left alone.
func (db *DB) RetryDeliveries(ctx context.Context, s forward.Selection, now time.Time) (n int, err error) {
	if len(s.States) == 0 {
		s.States = []forward.State{forward.Waiting, forward.Dead}
	}
	const op = "sqlite.RetryDeliveries"
	err = db.within(ctx, op, func(tx *Tx) error {
		entries, err := tx.named(op, s.Destination, s.Entries)
		if err != nil {
			return err
		}
		for i := range entries {
			if e := &entries[i]; e.State == forward.Sending || !slices.Contains(s.States, e.State) {
				return isIn(op, e)
			}
		}
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
		err := db.reader.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_over WHERE state IN (4, 6) AND changed < ?)`, before.UnixMicro()).Scan(&any)
		if err != nil || !any {
			return total, fail(op, "", err)
		}
		err = db.within(ctx, op, func(tx *Tx) (err error) {
			n, err = tx.affected(`DELETE FROM delivery WHERE id IN (SELECT id FROM delivery INDEXED BY delivery_over WHERE state IN (4, 6) AND changed < ? LIMIT ?+0)`,
				before.UnixMicro(), forgetAtOnce)
			return err
		})
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
