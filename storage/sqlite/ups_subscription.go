package sqlite

import (
	"context"
	"database/sql"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/worklist/ups"
)

// Subscriptions implements ups.SubscriptionStore.
func (db *DB) Subscriptions(t halong.Tx, f halong.Facility, uid dicom.UID) ([]ups.Subscription, error) {
	const op = "sqlite.Subscriptions"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return nil, err
	}
	all, err := each(tx, func(rows *sql.Rows) (s ups.Subscription, err error) { return s, rows.Scan(&s.AE, &s.Lock, &s.By) },
		`SELECT ae, lock, origin FROM workitem_subscription WHERE uid = ? AND facility = ? ORDER BY ae`, string(uid), facility)
	return all, fail(op, string(uid), err)
}

// each reads all rows of a statement in a transaction.
func each[T any](tx *Tx, scan func(*sql.Rows) (T, error), query string, args ...any) (list []T, err error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// Subscribe implements ups.SubscriptionStore.
func (db *DB) Subscribe(t halong.Tx, f halong.Facility, uid dicom.UID, s ups.Subscription) error {
	const op = "sqlite.Subscribe"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO workitem_subscription (facility, uid, ae, lock, origin) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (uid, facility, ae) DO UPDATE SET lock = excluded.lock, origin = excluded.origin`, facility, string(uid), string(s.AE), s.Lock, int64(s.By))
	return fail(op, string(uid), err)
}

// Unsubscribe implements ups.SubscriptionStore.
func (db *DB) Unsubscribe(t halong.Tx, f halong.Facility, uid dicom.UID, ae dicom.AETitle) (bool, error) {
	const op = "sqlite.Unsubscribe"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return false, err
	}
	if ae == "" {
		return removed(op, tx, `DELETE FROM workitem_subscription WHERE uid = ? AND facility = ?`, string(uid), facility)
	}
	return removed(op, tx, `DELETE FROM workitem_subscription WHERE uid = ? AND facility = ? AND ae = ?`, string(uid), facility, string(ae))
}

// UnsubscribeAll implements ups.SubscriptionStore.
func (db *DB) UnsubscribeAll(t halong.Tx, f halong.Facility, ae dicom.AETitle, filtered bool, limit int) (int, error) {
	const op = "sqlite.UnsubscribeAll"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return 0, err
	}
	only := ``
	if filtered {
		only = ` AND origin = 2`
	}
	r, err := tx.Exec(`DELETE FROM workitem_subscription WHERE facility = ?1 AND ae = ?2 AND uid IN
		(SELECT uid FROM workitem_subscription INDEXED BY workitem_subscription_ae WHERE facility = ?1 AND ae = ?2`+only+` LIMIT ?3+0)`, facility, string(ae), limit)
	if err != nil {
		return 0, fail(op, string(ae), err)
	}
	n, err := r.RowsAffected()
	return int(n), fail(op, string(ae), err)
}

// HasSubscriptions implements ups.SubscriptionStore.
func (db *DB) HasSubscriptions(t halong.Tx, f halong.Facility, ae dicom.AETitle, by ups.By) (found bool, err error) {
	const op = "sqlite.HasSubscriptions"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return false, err
	}
	err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM workitem_subscription INDEXED BY workitem_subscription_ae WHERE facility = ? AND ae = ? AND origin = ?)`,
		facility, string(ae), int64(by)).Scan(&found)
	return found, fail(op, string(ae), err)
}

// removed runs a statement and tells whether it removed anything.
func removed(op string, tx *Tx, query string, args ...any) (bool, error) {
	r, err := tx.Exec(query, args...)
	if err != nil {
		return false, fail(op, "", err)
	}
	n, err := r.RowsAffected()
	return n > 0, fail(op, "", err)
}

// Globals implements ups.SubscriptionStore.
func (db *DB) Globals(t halong.Tx, f halong.Facility) ([]ups.Global, error) {
	const op = "sqlite.Globals"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return nil, err
	}
	all, err := each(tx, func(rows *sql.Rows) (g ups.Global, err error) {
		var keys []byte
		if err = rows.Scan(&g.AE, &g.By, &g.Lock, &g.Suspended, &keys); err == nil {
			g.Keys, err = ups.ParseKeys(keys)
		}
		return g, err
	}, `SELECT ae, origin, lock, suspended, keys FROM workitem_global WHERE facility = ? ORDER BY ae, origin`, facility)
	return all, fail(op, string(f), err)
}

// SaveGlobal implements ups.SubscriptionStore.
func (db *DB) SaveGlobal(t halong.Tx, f halong.Facility, g ups.Global) error {
	const op = "sqlite.SaveGlobal"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return err
	}
	keys, err := ups.AppendKeys(g.Keys)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO workitem_global (facility, ae, origin, lock, suspended, keys) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (facility, ae, origin) DO UPDATE SET lock = excluded.lock, suspended = excluded.suspended, keys = excluded.keys`,
		facility, string(g.AE), int64(g.By), g.Lock, g.Suspended, string(keys))
	return fail(op, string(g.AE), err)
}

// RemoveGlobal implements ups.SubscriptionStore.
func (db *DB) RemoveGlobal(t halong.Tx, f halong.Facility, ae dicom.AETitle, by ups.By) (bool, error) {
	const op = "sqlite.RemoveGlobal"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return false, err
	}
	return removed(op, tx, `DELETE FROM workitem_global WHERE facility = ? AND ae = ? AND origin = ?`, facility, string(ae), int64(by))
}

// Subscribers implements ups.SubscriptionStore. The AEs are found one after the other, so that not every subscription is read.
func (db *DB) Subscribers(t halong.Tx, f halong.Facility, waiting bool) ([]dicom.AETitle, error) {
	const op = "sqlite.Subscribers"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return nil, err
	}
	all, err := each(tx, func(rows *sql.Rows) (ae dicom.AETitle, err error) { return ae, rows.Scan(&ae) },
		`WITH RECURSIVE one(ae) AS (
			SELECT min(ae) FROM workitem_subscription WHERE facility = ?1
			UNION ALL SELECT (SELECT min(s.ae) FROM workitem_subscription s WHERE s.facility = ?1 AND s.ae > one.ae) FROM one WHERE one.ae IS NOT NULL)
		SELECT ae FROM one WHERE ae IS NOT NULL UNION SELECT ae FROM workitem_global WHERE facility = ?1
		UNION SELECT ae FROM workitem_waiting WHERE facility = ?1 AND reports > 0 AND ?2`, facility, waiting)
	return all, fail(op, string(f), err)
}

// Subscribed implements ups.SubscriptionStore.
func (db *DB) Subscribed(ctx context.Context, f halong.Facility, ae dicom.AETitle) (ok bool, err error) {
	facility, known := db.facilities.get(f)
	if !known {
		return false, nil
	}
	err = db.reader.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM workitem_subscription WHERE facility = ?1 AND ae = ?2)
		OR EXISTS (SELECT 1 FROM workitem_global WHERE facility = ?1 AND ae = ?2)`, facility, string(ae)).Scan(&ok)
	return ok, fail("sqlite.Subscribed", string(ae), err)
}
