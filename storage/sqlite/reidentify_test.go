package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
	"github.com/halong-gateway/halong/storage/storagetest"
)

// ofMany makes an object of a study of its own.
func ofMany(study int, id string) *storage.NewInstance {
	uid := fmt.Sprintf("1.2.%d", study)
	o := storagetest.Object{
		Facility: "BV1", Study: uid, Series: uid + ".1", SOP: uid + ".1.1", Date: "20260101", ID: id, Name: "Old^Name", Modality: "CT", Number: "1", Seq: uint64(study),
	}
	return o.Instance()
}

// shownTo counts the studies that a Patient ID finds and that are served under it.
func shownTo(t *testing.T, db *sqlite.DB, id string) (n int) {
	t.Helper()
	q := storage.Query{Level: storage.LevelStudy, Keys: []query.Key{{Path: []dicom.Tag{tag.PatientID}, VR: dicom.LO, Values: []string{id}}}}
	for r, err := range db.Find(t.Context(), halong.Everything(), q) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Attributes.String(tag.PatientID) == id {
			n++
		}
	}
	return n
}

// between is an Updater that lets something be done after each transaction, before the next.
type between struct {
	*sqlite.DB
	then func(transaction int) error
	n    int
}

func (b *between) Update(ctx context.Context, fn func(halong.Tx) error) error {
	if err := b.DB.Update(ctx, fn); err != nil {
		return err
	}
	b.n++
	return b.then(b.n)
}

var (
	manyOld = &patient.Patient{Facility: "BV1", Identifiers: []patient.Identifier{{ID: "OLD", Authority: "A"}}}
	manyNew = &patient.Patient{Facility: "BV1", Identifiers: []patient.Identifier{{ID: "NEW", Authority: "A"}}, Name: "New^Name"}
)

// TestMergeOfMany: a merge of a patient with 5,000 studies, and its undoing, take transactions of at most 100 studies, between which others store; it
// goes on after a restart, and what is undone before it ended is as it was.
func TestMergeOfMany(t *testing.T) {
	const many, most = 5000, 100
	path := filepath.Join(t.TempDir(), "halong.db")
	db := openAt(t, path, nil, sqlite.Options{})
	stored := 0
	store := func(tx halong.Tx, id string) error {
		stored++
		_, err := db.AddInstance(tx, ofMany(stored, id), storage.ServeFirst)
		return err
	}
	for stored < many {
		if err := db.Update(t.Context(), func(tx halong.Tx) (err error) {
			for range 500 {
				err = store(tx, "OLD")
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	s := patient.New(db)
	do := func(fn func(tx halong.Tx) error) {
		t.Helper()
		if err := db.Update(t.Context(), func(tx halong.Tx) error {
			err := fn(tx)
			if !s.Deferred(tx) {
				t.Error("nothing is left to do")
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	merge := func(tx halong.Tx) error {
		if _, err := s.Register(tx, patient.Told{Patient: manyNew}, patient.Cause{}); err != nil {
			return err
		}
		_, err := s.Merge(tx, manyNew, manyOld, patient.Cause{})
		return err
	}
	id, _ := manyOld.Identity()
	unmerge := func(tx halong.Tx) error {
		_, err := s.Unmerge(tx, id, patient.Cause{})
		return err
	}
	// finish looks after each transaction how many studies it changed, and stores something in between.
	finish := func(transactions int) (n int) {
		t.Helper()
		count := func() (n int) {
			if err := db.Read().QueryRow(t.Context(), `SELECT count(*) FROM study WHERE patient = 'NEW'`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := count()
		b := &between{DB: db, then: func(n int) error {
			if now := count(); now-before > most || before-now > most {
				t.Fatalf("a transaction changed %d studies", now-before)
			} else {
				before = now
			}
			if n == transactions {
				return context.Canceled
			}
			return db.Update(t.Context(), func(tx halong.Tx) error { return store(tx, "ELSE") })
		}}
		if err := s.Finish(t.Context(), b); (err != nil) != (b.n == transactions) {
			t.Fatal(err)
		}
		return b.n
	}
	do(merge)
	finish(7)
	if got := shownTo(t, db, "NEW"); got != 7*most {
		t.Errorf("%d studies after 7 transactions", got)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openAt(t, path, nil, sqlite.Options{})
	s = patient.New(db)
	if !s.Pending() {
		t.Fatal("what was left to do is forgotten")
	}
	if n := finish(0); n < (many-700)/most || n > (many-700)/most+2 || s.Pending() {
		t.Errorf("%d transactions, pending %v", n, s.Pending())
	}
	if shown, left := shownTo(t, db, "NEW"), shownTo(t, db, "OLD"); shown != many || left > 0 {
		t.Errorf("%d and %d studies", shown, left)
	}
	do(unmerge)
	finish(3)
	do(merge) // before the undoing was carried out in full
	do(unmerge)
	finish(0)
	if shown, again := shownTo(t, db, "NEW"), shownTo(t, db, "OLD"); shown > 0 || again != many {
		t.Errorf("undone: %d and %d studies", shown, again)
	}
	if stored < many+90 {
		t.Errorf("%d were stored in between", stored-many)
	}
}
