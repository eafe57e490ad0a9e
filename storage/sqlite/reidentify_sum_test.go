package sqlite_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
	"github.com/halong-gateway/halong/storage/storagetest"
	"github.com/halong-gateway/halong/worklist"
)

// TestMergeOfManyPatients: of a patient that 40 others were merged into, each with some studies and orders, no transaction of a further merge changes more than 100 studies and
// 50 orders: what one may do is one bound for all of them. A replay, of which one transaction holds many messages, changes the orders in the same order.
func TestMergeOfManyPatients(t *testing.T) {
	const patients, each = 40, 5
	x := newIdentities(t)
	count := func() (studies, orders int) {
		t.Helper()
		if err := x.db.Read().QueryRow(t.Context(), `SELECT (SELECT count(*) FROM study WHERE patient = 'NEW'), (SELECT count(*) FROM worklist_order WHERE patient_id = 'NEW')`).
			Scan(&studies, &orders); err != nil {
			t.Fatal(err)
		}
		return studies, orders
	}
	var wasStudies, wasOrders int
	within := func(int) error {
		studies, orders := count()
		if studies-wasStudies > 100 || orders-wasOrders > 50 {
			t.Errorf("a transaction changed %d studies and %d orders", studies-wasStudies, orders-wasOrders)
		}
		wasStudies, wasOrders = studies, orders
		return nil
	}
	live := &between{DB: x.db, then: within}
	for n := range patients + 1 {
		if err := live.Update(t.Context(), func(tx halong.Tx) error { return x.step(tx, n, patients, each) }); err != nil {
			t.Fatal(err)
		}
		if err := x.Finish(t.Context(), live); err != nil {
			t.Fatal(err)
		}
	}
	if wasStudies != patients*each || wasOrders != patients*each || x.Pending() {
		t.Errorf("%d studies and %d orders, something left: %v", wasStudies, wasOrders, x.Pending())
	}

	again := newIdentities(t)
	if err := again.db.Update(t.Context(), func(tx halong.Tx) error {
		for n := range patients + 1 {
			if err := errors.Join(again.step(tx, n, patients, each), again.FinishIn(tx)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(x.changed, again.changed); d != "" {
		t.Error("a replay:", d)
	}
}

// step makes a patient with studies and orders who is merged into another, and the last one merges that one.
func (x *identities) step(tx halong.Tx, n, patients, each int) error {
	if n == patients {
		return x.merge(tx, "NEW", "MID")
	}
	id := fmt.Sprint("OLD", n)
	done, err := x.Register(tx, patient.Told{Patient: named(id)}, patient.Cause{})
	if err != nil {
		return err
	}
	for i := range each {
		k := n*each + i + 1
		if _, err := x.db.AddInstance(tx, ofMany(k, id), storage.ServeFirst); err != nil {
			return err
		}
		o := storagetest.Order(k, "BV1")
		o.Patient, o.Sent.ID = done.Key, id
		if err := x.db.PutOrder(tx, o); err != nil {
			return err
		}
	}
	return x.merge(tx, "MID", id)
}

func named(id string) *patient.Patient {
	return &patient.Patient{Facility: "BV1", Identifiers: []patient.Identifier{{ID: id, Authority: "A"}}, Name: id + "^Name"}
}

func (x *identities) merge(tx halong.Tx, to, from string) error {
	if _, err := x.Register(tx, patient.Told{Patient: named(to)}, patient.Cause{}); err != nil {
		return err
	}
	_, err := x.Merge(tx, named(to), named(from), patient.Cause{})
	return err
}

// identities is the service of patients with a worklist that follows it, and the orders that were changed, in their order.
type identities struct {
	*patient.Service
	db      *sqlite.DB
	changed []int64
}

func newIdentities(t *testing.T) *identities {
	t.Helper()
	db := open(t, nil, sqlite.Options{})
	x := &identities{Service: patient.New(db), db: db}
	served := func(tx halong.Tx, key int64) (worklist.Serve, error) {
		serve, err := x.Served(tx, key)
		return func(sent worklist.Identity) worklist.Identity { return worklist.Identity(serve(patient.Header(sent))) }, err
	}
	w := worklist.New(worklist.Config{Updater: db, Orders: seenOrders{db, x}, Procedures: db, Watch: db, Reader: db, Events: db, Served: served})
	x.Tell(func(tx halong.Tx, p *patient.Patient, at time.Time) error {
		serve, err := served(tx, p.Key)
		if err != nil {
			return err
		}
		return w.PatientChanged(tx, p.Facility, p.Key, serve, at)
	})
	x.TellMore(w.PatientsChangedMore)
	return x
}

type seenOrders struct {
	*sqlite.DB
	by *identities
}

func (o seenOrders) PutOrder(tx halong.Tx, x *worklist.Order) error {
	o.by.changed = append(o.by.changed, x.ID>>20)
	return o.DB.PutOrder(tx, x)
}
