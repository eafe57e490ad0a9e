package sqlite

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/worklist"
)

var _ worklist.Orders = (*DB)(nil)

// orderContent is an order as its row has it: what its JSON for others leaves out too.
type orderContent struct {
	worklist.Order
	PatientKey int64  `json:"patientKey"`
	ControlID  string `json:"control"`
	Version    string `json:"version"`
}

// stepContent is the same of a step.
type stepContent struct {
	worklist.Step
	Accession  string `json:"accession"`
	PatientKey int64  `json:"patientKey"`
}

// itemSyntax is how Data Sets of the worklist are encoded in rows.
func itemSyntax() *dicom.TransferSyntax {
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian) // the standard's
	return ts
}

// packItem encodes a Data Set whose text is UTF-8.
func packItem(s *dataset.Set) []byte {
	if s == nil || len(s.Elements) == 0 {
		return []byte{}
	}
	out := &dataset.Set{}
	out.PutString(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
	for _, e := range s.Elements {
		if e.Tag != tag.SpecificCharacterSet {
			out.Put(e)
		}
	}
	return out.Append(nil, itemSyntax())
}

// unpackItem undoes packItem.
func unpackItem(b []byte) (*dataset.Set, error) {
	s, err := dataset.Parse(b, itemSyntax(), dataset.Limits{})
	if err != nil {
		return nil, err
	}
	s.DecodeUTF8()
	return s, nil
}

// PutOrder adds an order with its steps, or replaces the one with its ID.
func (db *DB) PutOrder(t halong.Tx, o *worklist.Order) error {
	const op = "sqlite.PutOrder"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	return fail(op, "", tx.putOrder(o))
}

func (tx *Tx) putOrder(o *worklist.Order) error {
	facility, err := tx.Facility(o.Facility)
	if err != nil {
		return err
	}
	content, err := json.Marshal(orderContent{*o, o.Patient, o.Control, o.Version})
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT OR REPLACE INTO worklist_order
		(id, facility, placer, filler, accession, grp, patient, patient_id, status, final, updated, content, item)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		o.ID, facility, o.Placer.ID, o.Filler.ID, o.Accession, o.Group, o.Patient, o.Item().String(tag.PatientID), string(o.Status),
		o.Status.Final(), o.Updated.UnixMicro(), content, packItem(o.Attributes))
	if err != nil {
		return err
	}
	if err := tx.putSpecimens(o, facility); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM worklist_step WHERE ord = ?`, o.ID); err != nil {
		return err
	}
	for i := range o.Steps {
		if err := tx.putStep(o, i, facility); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) putStep(o *worklist.Order, i int, facility int64) error {
	s := &o.Steps[i]
	content, err := json.Marshal(stepContent{*s, o.Accession, o.Patient})
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO worklist_step (ord, idx, facility, final, sort, sps, procedure, study, accession, patient_id, step, item)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		o.ID, i, facility, s.Status.Final(), stepSort(s.Start, o.ID, i), s.ID, s.Procedure, string(s.Study),
		s.Attributes.String(tag.AccessionNumber), s.Attributes.String(tag.PatientID), content, packItem(s.Attributes))
	return err
}

// stepSort orders steps by their start, those of one moment by their orders.
func stepSort(start string, order int64, i int) string {
	return fmt.Sprintf("%-14.14s %020d %03d", start, order, i)
}

// Order gives an order with its steps.
func (db *DB) Order(t halong.Tx, id int64) (*worklist.Order, error) {
	const op = "sqlite.Order"
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, err
	}
	o, err := scanOrder(tx.QueryRow(selectOrder+` WHERE o.id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, halong.E(op, halong.NotExist, "", nil)
	}
	if err != nil {
		return nil, fail(op, "", err)
	}
	rows, err := tx.Query(selectItems, id)
	if err != nil {
		return nil, fail(op, "", err)
	}
	return o, fail(op, "", addItems(o, rows))
}

const (
	selectOrder = `SELECT o.content, o.item FROM worklist_order o`
	selectItems = `SELECT idx, item FROM worklist_step WHERE ord = ? ORDER BY idx`
)

func scanOrder(row scanner) (*worklist.Order, error) {
	var content, packed []byte
	if err := row.Scan(&content, &packed); err != nil {
		return nil, err
	}
	var c orderContent
	if err := json.Unmarshal(content, &c); err != nil {
		return nil, err
	}
	o := &c.Order
	o.Patient, o.Control, o.Version = c.PatientKey, c.ControlID, c.Version
	for i := range o.Steps {
		s := &o.Steps[i]
		s.Order, s.Index, s.Facility, s.Accession, s.Patient = o.ID, i, o.Facility, o.Accession, o.Patient
		s.Attributes = &dataset.Set{}
	}
	if len(packed) == 0 {
		return o, nil
	}
	var err error
	o.Attributes, err = unpackItem(packed)
	return o, err
}

// addItems gives the steps of an order their items.
func addItems(o *worklist.Order, rows *sql.Rows) error {
	defer rows.Close()
	for rows.Next() {
		var i int
		var packed []byte
		if err := rows.Scan(&i, &packed); err != nil {
			return err
		}
		s, err := unpackItem(packed)
		if err != nil {
			return err
		}
		if i < len(o.Steps) {
			o.Steps[i].Attributes = s
		}
	}
	return rows.Err()
}

// ordersBy are the queries for numbers.
var ordersBy = [...]string{
	worklist.ByPlacer:    `SELECT id FROM worklist_order INDEXED BY worklist_order_placer WHERE facility = ? AND placer = ? AND placer <> '' ORDER BY id DESC LIMIT ?+0`,
	worklist.ByFiller:    `SELECT id FROM worklist_order INDEXED BY worklist_order_filler WHERE facility = ? AND filler = ? AND filler <> '' ORDER BY id DESC LIMIT ?+0`,
	worklist.ByAccession: `SELECT id FROM worklist_order INDEXED BY worklist_order_accession WHERE facility = ? AND accession = ? AND accession <> '' ORDER BY id DESC LIMIT ?+0`,
	worklist.ByGroup:     `SELECT id FROM worklist_order INDEXED BY worklist_order_group WHERE facility = ? AND grp = ? AND grp <> '' ORDER BY id DESC LIMIT ?+0`,
	worklist.ByStudy:     `SELECT DISTINCT ord FROM worklist_step INDEXED BY worklist_step_study WHERE facility = ? AND study = ? ORDER BY ord DESC LIMIT ?+0`,
	worklist.ByStep:      `SELECT DISTINCT ord FROM worklist_step INDEXED BY worklist_step_sps WHERE facility = ? AND sps = ? ORDER BY ord DESC LIMIT ?+0`,
	worklist.ByProcedure: `SELECT DISTINCT ord FROM worklist_step INDEXED BY worklist_step_procedure WHERE facility = ? AND procedure = ? ORDER BY ord DESC LIMIT ?+0`,
}

// OrdersBy gives the IDs of the facility's orders with a number, the newest first.
func (db *DB) OrdersBy(t halong.Tx, f halong.Facility, by worklist.NumberKind, number string) ([]int64, error) {
	const op = "sqlite.OrdersBy"
	tx, err := db.tx(op, t)
	if err != nil || number == "" {
		return nil, err
	}
	facility, err := tx.Facility(f)
	if err != nil {
		return nil, fail(op, "", err)
	}
	ids, err := tx.ids(ordersBy[by], facility, number, worklist.MaxFound)
	return ids, fail(op, "", err)
}

// OrdersOf gives the IDs of the orders of a patient that are not final, oldest first.
func (db *DB) OrdersOf(t halong.Tx, f halong.Facility, patient int64) ([]int64, error) {
	const op = "sqlite.OrdersOf"
	tx, err := db.tx(op, t)
	if err != nil || patient == 0 {
		return nil, err
	}
	facility, err := tx.Facility(f)
	if err != nil {
		return nil, fail(op, "", err)
	}
	ids, err := tx.ids(`SELECT id FROM worklist_order INDEXED BY worklist_order_patient WHERE patient = ? AND final = 0 AND facility = ? ORDER BY id`, patient, facility)
	return ids, fail(op, "", err)
}

// AllowOrders tells how many of n orders the transaction may change, of at most so many in all, and counts them.
func (db *DB) AllowOrders(t halong.Tx, n, most int) (int, error) {
	tx, err := db.tx("sqlite.AllowOrders", t)
	if err != nil {
		return 0, err
	}
	n = max(0, min(n, most-tx.identities.orders))
	tx.identities.orders += n
	return n, nil
}

// DeferOrders notes orders whose patient changed.
func (db *DB) DeferOrders(t halong.Tx, ids []int64, at time.Time) error {
	const op = "sqlite.DeferOrders"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	tx.identities.left = true
	db.waits()
	_, err = tx.Exec(`INSERT OR REPLACE INTO worklist_pending (ord, at) SELECT value, ? FROM json_each(?)`, micro(at), list(ids))
	return fail(op, "", err)
}

// TakeDeferred takes some of them.
func (db *DB) TakeDeferred(t halong.Tx, limit int) ([]worklist.Deferred, error) {
	const op = "sqlite.TakeDeferred"
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(`SELECT ord, at FROM worklist_pending ORDER BY ord DESC LIMIT ?+0`, limit)
	if err != nil {
		return nil, fail(op, "", err)
	}
	defer rows.Close()
	var all []worklist.Deferred
	for rows.Next() {
		var d worklist.Deferred
		var at int64
		if err := rows.Scan(&d.ID, &at); err != nil {
			return nil, fail(op, "", err)
		}
		d.At = fromMicro(at)
		all = append(all, d)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(all) == 0 {
		return nil, fail(op, "", err)
	}
	_, err = tx.Exec(`DELETE FROM worklist_pending WHERE ord >= ?`, all[len(all)-1].ID)
	return all, fail(op, "", err)
}

// ids reads a column of integers.
func (tx *Tx) ids(query string, args ...any) (ids []int64, err error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
