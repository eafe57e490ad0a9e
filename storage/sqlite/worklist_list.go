package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/worklist"
)

// List gives orders, the last changed first.
func (db *DB) List(ctx context.Context, scope halong.Scope, l worklist.Listing) ([]*worklist.Order, error) {
	const op = "sqlite.List"
	var all []*worklist.Order
	for _, f := range db.facilities.visible(scope) {
		some, err := db.listOf(ctx, f, &l)
		if err != nil {
			return nil, fail(op, "", err)
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b *worklist.Order) int {
		return cmp.Or(b.Updated.Compare(a.Updated), cmp.Compare(b.ID, a.ID))
	})
	all = all[:min(len(all), l.Limit)]
	for _, o := range all {
		if err := db.items(ctx, o); err != nil {
			return nil, fail(op, "", err)
		}
	}
	return all, nil
}

// items reads the items of an order's steps.
func (db *DB) items(ctx context.Context, o *worklist.Order) error {
	rows, err := db.reader.Query(ctx, selectItems, o.ID)
	if err != nil {
		return err
	}
	return addItems(o, rows)
}

// listOf gives those of one facility, without the items of their steps. A number is looked for as placer, filler and Accession Number.
func (db *DB) listOf(ctx context.Context, f facility, l *worklist.Listing) ([]*worklist.Order, error) {
	if l.Number == "" {
		if l.PatientID != "" {
			return db.listBy(ctx, f, l, "worklist_order_served", "o.patient_id = ?", l.PatientID)
		}
		return db.listBy(ctx, f, l, "worklist_order_updated", "")
	}
	var all []*worklist.Order
	for _, column := range []string{"placer", "filler", "accession"} {
		some, err := db.listBy(ctx, f, l, "worklist_order_"+column, "o."+column+" = ? AND o."+column+" <> ''", l.Number)
		if err != nil {
			return nil, err
		}
		for _, o := range some {
			if !slices.ContainsFunc(all, func(x *worklist.Order) bool { return x.ID == o.ID }) {
				all = append(all, o)
			}
		}
	}
	return all, nil
}

func (db *DB) listBy(ctx context.Context, f facility, l *worklist.Listing, index, condition string, args ...any) ([]*worklist.Order, error) {
	var w where
	w.and("o.facility = ?", f.id)
	if condition != "" {
		w.and(condition, args...)
	}
	if l.PatientID != "" && index != "worklist_order_served" {
		w.and("o.patient_id = ?", l.PatientID)
	}
	if l.Status != "" {
		w.and("o.status = ?", string(l.Status))
	}
	if l.Before != 0 {
		w.and("(o.updated, o.id) < (?, ?)", l.Before, l.BeforeID)
	}
	return collect(ctx, db.reader, func(rows *sql.Rows) (*worklist.Order, error) { return scanOrder(rows) },
		`SELECT o.content, o.item FROM worklist_order o INDEXED BY `+index+` WHERE `+w.text.String()+` ORDER BY o.updated DESC, o.id DESC LIMIT ?+0`,
		append(w.args, l.Limit)...)
}

// FindOrderID gives an order with its steps, outside of transactions. The error is of kind NotExist if the scope sees none.
func (db *DB) FindOrderID(ctx context.Context, scope halong.Scope, id int64) (*worklist.Order, error) {
	const op = "sqlite.FindOrderID"
	o, err := scanOrder(db.reader.QueryRow(ctx, selectOrder+` WHERE o.id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) || err == nil && !scope.Sees(o.Facility) {
		return nil, halong.E(op, halong.NotExist, "", nil)
	}
	if err != nil {
		return nil, fail(op, "", err)
	}
	return o, fail(op, "", db.items(ctx, o))
}
