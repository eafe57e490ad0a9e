package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/worklist"
)

var _ worklist.Procedures = (*DB)(nil)

// PutPerformed adds a Performed Procedure Step with its links, or replaces the one of its facility with its SOP Instance UID.
func (db *DB) PutPerformed(t halong.Tx, p *worklist.Performed) error {
	const op = "sqlite.PutPerformed"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	return fail(op, string(p.SOP), tx.putPerformed(p))
}

func (tx *Tx) putPerformed(p *worklist.Performed) error {
	facility, err := tx.Facility(p.Facility)
	if err != nil {
		return err
	}
	content, err := json.Marshal(p)
	if err != nil {
		return err
	}
	var id int64
	err = tx.QueryRow(`INSERT INTO performed (facility, sop, study, updated, content, item) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (facility, sop) DO UPDATE SET study = excluded.study, updated = excluded.updated, content = excluded.content, item = excluded.item
		RETURNING id`, facility, string(p.SOP), string(p.Study), p.Updated.UnixMicro(), content, packItem(p.Attributes)).Scan(&id)
	if err != nil {
		return err
	}
	for _, l := range p.Links {
		if _, err := tx.Exec(`INSERT INTO performed_step (ord, idx, performed) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, l.Order, l.Index, id); err != nil {
			return err
		}
	}
	return nil
}

const selectPerformed = `SELECT p.content, p.item FROM performed p`

func scanPerformed(row scanner) (*worklist.Performed, error) {
	var content, packed []byte
	if err := row.Scan(&content, &packed); err != nil {
		return nil, err
	}
	p := &worklist.Performed{}
	if err := json.Unmarshal(content, p); err != nil {
		return nil, err
	}
	var err error
	p.Attributes, err = unpackItem(packed)
	return p, err
}

// Performed gives a Performed Procedure Step.
func (db *DB) Performed(t halong.Tx, f halong.Facility, sop dicom.UID) (*worklist.Performed, error) {
	const op = "sqlite.Performed"
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, err
	}
	facility, err := tx.Facility(f)
	if err != nil {
		return nil, fail(op, string(sop), err)
	}
	p, err := scanPerformed(tx.QueryRow(selectPerformed+` WHERE p.facility = ? AND p.sop = ?`, facility, string(sop)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, halong.E(op, halong.NotExist, string(sop), nil)
	}
	return p, fail(op, string(sop), err)
}

// PerformedFor gives those that were scheduled as a step.
func (db *DB) PerformedFor(t halong.Tx, l worklist.Link) (all []*worklist.Performed, err error) {
	const op = "sqlite.PerformedFor"
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(selectPerformed+` JOIN performed_step s ON s.performed = p.id WHERE s.ord = ? AND s.idx = ? ORDER BY p.id`, l.Order, l.Index)
	if err != nil {
		return nil, fail(op, "", err)
	}
	defer rows.Close()
	for rows.Next() {
		p, err := scanPerformed(rows)
		if err != nil {
			return nil, fail(op, "", err)
		}
		all = append(all, p)
	}
	return all, fail(op, "", rows.Err())
}

// FindPerformed gives a Performed Procedure Step that the scope sees, outside of transactions; the error is of kind NotExist if there is none.
func (db *DB) FindPerformed(ctx context.Context, scope halong.Scope, sop dicom.UID) (*worklist.Performed, error) {
	const op = "sqlite.FindPerformed"
	for _, f := range db.facilities.visible(scope) {
		p, err := scanPerformed(db.reader.QueryRow(ctx, selectPerformed+` WHERE p.facility = ? AND p.sop = ?`, f.id, string(sop)))
		if !errors.Is(err, sql.ErrNoRows) {
			return p, fail(op, string(sop), err)
		}
	}
	return nil, halong.E(op, halong.NotExist, string(sop), nil)
}

// PerformedOf gives the Performed Procedure Steps of a study that the scope sees, in the order in which they began.
func (db *DB) PerformedOf(ctx context.Context, scope halong.Scope, study dicom.UID) ([]*worklist.Performed, error) {
	all, err := collect(ctx, db.reader, func(rows *sql.Rows) (*worklist.Performed, error) { return scanPerformed(rows) },
		selectPerformed+` WHERE p.study = ? ORDER BY p.id`, string(study))
	if err != nil {
		return nil, fail("sqlite.PerformedOf", string(study), err)
	}
	seen := all[:0]
	for _, p := range all {
		if scope.Sees(p.Facility) {
			seen = append(seen, p)
		}
	}
	return seen, nil
}
