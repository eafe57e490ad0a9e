package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
)

// orderBy finds the newest order of a facility with a number, with ofOnes one of some patients.
var orderBy = map[string]string{
	"placer":    `SELECT id, status, patient FROM worklist_order INDEXED BY worklist_order_placer WHERE facility = ?1 AND placer = ?2 AND placer <> ''`,
	"filler":    `SELECT id, status, patient FROM worklist_order INDEXED BY worklist_order_filler WHERE facility = ?1 AND filler = ?2 AND filler <> ''`,
	"accession": `SELECT id, status, patient FROM worklist_order INDEXED BY worklist_order_accession WHERE facility = ?1 AND accession = ?2 AND accession <> ''`,
}

const (
	ofOnes = ` AND patient IN (SELECT value FROM json_each(?3))`
	newest = ` ORDER BY id DESC LIMIT 1`
)

// OrderOf finds the order of a report: by placer and filler order number, accession, then the specimens that orders name, and then the
// orders whose numbers are those of its specimens: laboratories print barcodes of the accession number or the filler's; at last in the
// same way by what the laboratory calls them beside that. It is one of the same patient, where both are known: numbers and barcodes are
// used again, some the next day.
func (db *DB) OrderOf(ctx context.Context, f halong.Facility, n lab.Numbers) (ref lab.OrderRef, ok bool, err error) {
	const op = "sqlite.OrderOf"
	facility, known := db.facilities.get(f)
	if !known {
		return ref, false, nil
	}
	l := orderLook{ctx: ctx, db: db, facility: facility, numbers: &n}
	numbered := func(by, column, number string) {
		if !ok && err == nil && number != "" {
			ok, err = found(l.numbered(column, number, &ref))
			ref.By = by
		}
	}
	if n.Placer != nil {
		numbered("placer", "placer", n.Placer.ID)
	}
	if n.Filler != nil {
		numbered("filler", "filler", n.Filler.ID)
	}
	numbered("accession", "accession", n.Accession)
	for _, names := range [][]string{n.Specimens, n.Fillers} {
		if !ok && err == nil && len(names) > 0 {
			ok, err = found(l.naming(names, &ref))
			ref.By = "specimen"
		}
		for _, s := range names {
			for _, column := range []string{"accession", "filler", "placer"} {
				numbered("specimen", column, s)
			}
		}
	}
	if !ok {
		return lab.OrderRef{}, false, fail(op, "", err)
	}
	return ref, true, nil
}

// orderLook looks for the order of a report.
type orderLook struct {
	ctx      context.Context
	db       *DB
	facility int64
	numbers  *lab.Numbers
	keys     []int64 // see ones
}

// ones gives the keys of the report's patient and of those merged with it, and 0: of orders without a patient.
func (l *orderLook) ones() (_ []int64, err error) {
	if l.keys == nil {
		if l.keys, err = persons(l.db.readQuery(l.ctx), l.numbers.Patient); err == nil {
			l.keys = append(l.keys, 0)
		}
	}
	return l.keys, err
}

// numbered finds the newest order with a number. The error is sql.ErrNoRows if there is none.
func (l *orderLook) numbered(column, number string, ref *lab.OrderRef) error {
	var patient int64
	err := l.db.reader.QueryRow(l.ctx, orderBy[column]+newest, l.facility, number).Scan(&ref.ID, &ref.Status, &patient)
	if err != nil || l.numbers.Patient == 0 || patient == l.numbers.Patient || patient == 0 {
		return err
	}
	keys, err := l.ones()
	if err != nil || slices.Contains(keys, patient) {
		return err
	}
	return l.db.reader.QueryRow(l.ctx, orderBy[column]+ofOnes+newest, l.facility, number, list(keys)).Scan(&ref.ID, &ref.Status, &patient)
}

// found tells whether a row was read.
func found(err error) (bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
