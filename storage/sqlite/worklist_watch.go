package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/worklist"
)

var _ worklist.Watch = (*DB)(nil)

// WatchStudies notes studies that received objects, and how far the events were read.
func (db *DB) WatchStudies(t halong.Tx, studies []worklist.Watched, cursor uint64) error {
	const op = "sqlite.WatchStudies"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	for i := range studies {
		w := &studies[i]
		facility, err := tx.Facility(w.Facility)
		if err == nil {
			_, err = tx.Exec(`INSERT INTO worklist_watch (facility, study, last, since) VALUES (?1, ?2, ?3, ?3)`+watchedAgain, facility, string(w.Study), w.Last.UnixMicro())
		}
		if err != nil {
			return fail(op, string(w.Study), err)
		}
	}
	_, err = tx.Exec(`INSERT OR REPLACE INTO worklist_cursor (id, seq) VALUES (1, ?)`, int64(cursor))
	return fail(op, "", err)
}

// watchedAgain lets a study be compared once it is quiet again, also one that failed before.
const watchedAgain = ` ON CONFLICT (facility, study) DO UPDATE SET last = excluded.last, since = excluded.since WHERE excluded.last > last`

// WatchCursor tells how far the events were read; 0 for not at all.
func (db *DB) WatchCursor(ctx context.Context) (seq uint64, err error) {
	err = db.reader.QueryRow(ctx, `SELECT seq FROM worklist_cursor WHERE id = 1`).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return seq, fail("sqlite.WatchCursor", "", err)
}

// DueStudies gives studies that nothing was received of since before, and those that were postponed until then.
func (db *DB) DueStudies(ctx context.Context, before time.Time, limit int) ([]worklist.Watched, error) {
	all, err := collect(ctx, db.reader, scanWatched, `SELECT f.name, w.study, w.last, w.since, w.tries, w.reason
		FROM worklist_watch w INDEXED BY worklist_watch_since JOIN facility f ON f.id = w.facility
		WHERE w.since <= ? ORDER BY w.since LIMIT ?+0`, before.UnixMicro(), limit)
	return all, fail("sqlite.DueStudies", "", err)
}

func scanWatched(rows *sql.Rows) (w worklist.Watched, err error) {
	var last, since int64
	err = rows.Scan(&w.Facility, &w.Study, &last, &since, &w.Tries, &w.Reason)
	w.Last, w.Since = fromMicro(last), fromMicro(since)
	return w, err
}

// FailedStudies gives studies whose last comparison failed and that the scope sees.
func (db *DB) FailedStudies(ctx context.Context, scope halong.Scope, limit int) (all []worklist.Watched, err error) {
	for _, f := range db.facilities.visible(scope) {
		some, err := collect(ctx, db.reader, scanWatched, `SELECT f.name, w.study, w.last, w.since, w.tries, w.reason
			FROM worklist_watch w INDEXED BY worklist_watch_failed JOIN facility f ON f.id = w.facility
			WHERE w.tries > 0 AND w.facility = ? ORDER BY w.study LIMIT ?+0`, f.id, limit-len(all))
		if err != nil {
			return nil, fail("sqlite.FailedStudies", "", err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// PostponeStudy notes that the comparison of a study failed, unless it received something after its Last.
func (db *DB) PostponeStudy(t halong.Tx, w worklist.Watched) error {
	const op = "sqlite.PostponeStudy"
	tx, facility, err := db.txOf(op, t, w.Facility)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE worklist_watch SET since = ?, tries = ?, reason = ? WHERE facility = ? AND study = ? AND last <= ?`,
		w.Since.UnixMicro(), w.Tries, w.Reason, facility, string(w.Study), w.Last.UnixMicro())
	return fail(op, w.Study.Loggable(), err)
}

// Unwatch forgets a study, unless it received something after its Last.
func (db *DB) Unwatch(t halong.Tx, w worklist.Watched) error {
	const op = "sqlite.Unwatch"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	facility, err := tx.Facility(w.Facility)
	if err == nil {
		_, err = tx.Exec(`DELETE FROM worklist_watch WHERE facility = ? AND study = ? AND last <= ?`, facility, string(w.Study), w.Last.UnixMicro())
	}
	return fail(op, string(w.Study), err)
}

// WatchUnmatched notes the facility's studies that are unmatched with an accession number.
func (db *DB) WatchUnmatched(t halong.Tx, f halong.Facility, accession string, at time.Time) error {
	const op = "sqlite.WatchUnmatched"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	facility, err := tx.Facility(f)
	if err == nil {
		_, err = tx.Exec(`INSERT INTO worklist_watch (facility, study, last, since)
			SELECT facility, study, ?3, ?3 FROM worklist_mismatch INDEXED BY worklist_unmatched WHERE facility = ?1 AND accession = ?2 AND ord = 0 AND resolved = 0`+watchedAgain,
			facility, accession, at.UnixMicro())
	}
	return fail(op, "", err)
}

// HasSteps tells whether any order of the facility has steps.
func (db *DB) HasSteps(t halong.Tx, f halong.Facility) (has bool, err error) {
	const op = "sqlite.HasSteps"
	tx, err := db.tx(op, t)
	if err != nil {
		return false, err
	}
	facility, err := tx.Facility(f)
	if err == nil {
		err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM worklist_step INDEXED BY worklist_step_open WHERE facility = ?)`, facility).Scan(&has)
	}
	return has, fail(op, "", err)
}

// PutMismatch adds a mismatch, or replaces the one with its ID.
func (db *DB) PutMismatch(t halong.Tx, m *worklist.Mismatch) error {
	const op = "sqlite.PutMismatch"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	content, err := json.Marshal(m)
	if err != nil {
		return halong.E(op, halong.Internal, "", err)
	}
	facility, err := tx.Facility(m.Facility)
	if err == nil {
		_, err = tx.Exec(`INSERT OR REPLACE INTO worklist_mismatch (id, facility, study, ord, accession, resolved, content) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			m.ID, facility, string(m.Study), m.Order, m.Accession, !m.Resolved.IsZero(), content)
	}
	return fail(op, "", err)
}

func scanMismatch(row scanner) (*worklist.Mismatch, error) {
	var content []byte
	if err := row.Scan(&content); err != nil {
		return nil, err
	}
	m := &worklist.Mismatch{}
	return m, json.Unmarshal(content, m)
}

// Mismatch gives a mismatch.
func (db *DB) Mismatch(t halong.Tx, id int64) (*worklist.Mismatch, error) {
	const op = "sqlite.Mismatch"
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, err
	}
	m, err := scanMismatch(tx.QueryRow(`SELECT content FROM worklist_mismatch WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, halong.E(op, halong.NotExist, "", nil)
	}
	return m, fail(op, "", err)
}

// MismatchOf gives the last mismatch of a study with an order.
func (db *DB) MismatchOf(t halong.Tx, f halong.Facility, study dicom.UID, order int64) (*worklist.Mismatch, error) {
	const op = "sqlite.MismatchOf"
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, err
	}
	facility, err := tx.Facility(f)
	if err != nil {
		return nil, fail(op, "", err)
	}
	m, err := scanMismatch(tx.QueryRow(`SELECT content FROM worklist_mismatch INDEXED BY worklist_mismatch_study WHERE facility = ? AND study = ? AND ord = ? ORDER BY id DESC LIMIT 1`,
		facility, string(study), order))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, halong.E(op, halong.NotExist, "", nil)
	}
	return m, fail(op, "", err)
}

// Mismatches gives mismatches that the scope sees, the newest first.
func (db *DB) Mismatches(ctx context.Context, scope halong.Scope, l worklist.MismatchListing) (all []*worklist.Mismatch, err error) {
	for _, f := range db.facilities.visible(scope) {
		some, err := collect(ctx, db.reader, func(rows *sql.Rows) (*worklist.Mismatch, error) { return scanMismatch(rows) },
			`SELECT content FROM worklist_mismatch INDEXED BY worklist_mismatch_open WHERE facility = ? AND resolved = ? AND (ord = 0) = ? ORDER BY id DESC LIMIT ?+0`,
			f.id, l.Resolved, l.Unmatched, l.Limit)
		if err != nil {
			return nil, fail("sqlite.Mismatches", "", err)
		}
		all = append(all, some...)
	}
	return all[:min(len(all), l.Limit)], nil
}
