package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/patient"
)

// Patient gives the patient with a key.
func (db *DB) Patient(t halong.Tx, key int64) (*patient.Patient, error) {
	const op = "sqlite.Patient"
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, err
	}
	return onePatient(op, tx.QueryRow(selectPatients+` WHERE p.id = ?`, key))
}

// CurrentPatient gives the surviving identity of a patient, outside of a transaction: itself unless it was merged.
func (db *DB) CurrentPatient(ctx context.Context, key int64) (*patient.Patient, error) {
	const op = "sqlite.CurrentPatient"
	p, err := db.PatientWithKey(ctx, key)
	if err != nil {
		return nil, err
	}
	one, err := survivors(readerAsker{ctx, db.reader}, []*patient.Patient{p})
	if err != nil {
		return nil, fail(op, "", err)
	}
	return one[0], nil
}

// PatientWithKey gives the patient with a key, outside of a transaction.
func (db *DB) PatientWithKey(ctx context.Context, key int64) (*patient.Patient, error) {
	return onePatient("sqlite.Patient", db.reader.QueryRow(ctx, selectPatients+` WHERE p.id = ?`, key))
}

func onePatient(op string, row *sql.Row) (*patient.Patient, error) {
	p := &patient.Patient{}
	err := scanPatient(row, p, &p.Facility)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, halong.E(op, halong.NotExist, "", nil)
	}
	if err != nil {
		return nil, fail(op, "", err)
	}
	return p, nil
}

// MergedInto gives the patients that were merged into one, over others too.
func (db *DB) MergedInto(t halong.Tx, key int64, limit int) ([]patient.Retired, error) {
	const op = "sqlite.MergedInto"
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, err
	}
	all, err := mergedInto(tx, key, limit)
	return all, fail(op, "", err)
}

func scanPatients(rows *sql.Rows) (all []*patient.Patient, err error) {
	for rows.Next() {
		p := &patient.Patient{}
		if err := scanPatient(rows, p, &p.Facility); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// LinkPatients adds a link, in both directions.
func (db *DB) LinkPatients(t halong.Tx, a, b int64) (bool, error) {
	const op = "sqlite.LinkPatients"
	tx, err := db.tx(op, t)
	if err != nil {
		return false, err
	}
	r, err := tx.Exec(`INSERT INTO patient_link (patient, other) VALUES (?1, ?2), (?2, ?1) ON CONFLICT DO NOTHING`, a, b)
	if err != nil {
		return false, fail(op, "", err)
	}
	n, err := r.RowsAffected()
	return n > 0, fail(op, "", err)
}

// UnlinkPatients removes links, in both directions.
func (db *DB) UnlinkPatients(t halong.Tx, some, others []int64) (bool, error) {
	const op = "sqlite.UnlinkPatients"
	tx, err := db.tx(op, t)
	if err != nil {
		return false, err
	}
	var changed int64
	for _, pair := range [][2][]int64{{some, others}, {others, some}} {
		r, err := tx.Exec(unlinkPatients, list(pair[0]), list(pair[1]))
		if err != nil {
			return false, fail(op, "", err)
		}
		n, err := r.RowsAffected()
		if err != nil {
			return false, fail(op, "", err)
		}
		changed += n
	}
	return changed > 0, nil
}

// unlinkPatients looks at the links of each patient of the first list: there are few.
const unlinkPatients = `DELETE FROM patient_link WHERE patient IN (SELECT value FROM json_each(?)) AND +other IN (SELECT value FROM json_each(?))`

// AddChange adds to the history of identities.
func (db *DB) AddChange(t halong.Tx, c *patient.Change) error {
	const op = "sqlite.AddChange"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	source, err := tx.Source(c.By)
	if err != nil {
		return fail(op, "", err)
	}
	r, err := tx.Exec(`INSERT INTO patient_change (action, patient, other, at, record, source, reason, before) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		string(c.Action), c.Patient, c.Other, c.At.UnixMicro(), int64(c.Record), source, c.Reason, c.Before)
	if err == nil {
		c.ID, err = r.LastInsertId()
	}
	return fail(op, "", err)
}

// micro gives a time in microseconds since 1970; 0 for none.
func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicro(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
