package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage/sqlite"
)

func addPerson(db *sqlite.DB, id string) func(halong.Tx) error {
	return func(tx halong.Tx) error { _, err := db.AddPatient(tx, person(id)); return err }
}

// journaled runs a transaction of its own.
func journaled(t *testing.T, db *sqlite.DB, fn func(halong.Tx) error) {
	t.Helper()
	if err := db.UpdateJournaled(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// TestHeld: journaled transactions are acknowledged without a commit, until somebody reads, somebody else writes, or too many are held.
func TestHeld(t *testing.T) {
	l := &log{}
	db := open(t, l, sqlite.Options{})
	fill := func(prefix string, n int) {
		for i := range n {
			journaled(t, db, addPerson(db, fmt.Sprint(prefix, i)))
		}
	}
	for i := 0; db.Held() != 3; i++ { // the checkpointer comes between where the machine is slow
		if i == 1000 {
			t.Fatal("three are never held")
		}
		fill(fmt.Sprint("a", i, "."), 1)
	}
	if groups := len(l.calls) / 2; groups < 3 || !added(t, db, "a0.0") || !added(t, db, fmt.Sprint("a", groups-1, ".0")) || db.Held() != 0 {
		t.Fatalf("a reader does not see what was acknowledged, with the log asked %q", l.calls)
	}
	fill("b", 3)
	states, err := db.Segments(t.Context())
	if err != nil || len(states) != 1 || db.Held() != 0 {
		t.Fatalf("%v, %v", states, err)
	}
	fill("c", 3)
	if err := db.Update(t.Context(), func(halong.Tx) error {
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if db.Held() != 0 {
		t.Error("rows are held beside a transaction that has to be synced")
	}
	fill("d", sqlite.HeldCallers+1)
	if n := db.Held(); n > 1 { // the checkpointer may have come
		t.Errorf("%d are held", n)
	}
	if !added(t, db, "d0") || !added(t, db, fmt.Sprint("d", sqlite.HeldCallers)) {
		t.Error("not all are there")
	}
}

// TestHeldRest: what is held is committed when nothing comes.
func TestHeldRest(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	journaled(t, db, addPerson(db, "1"))
	for end := time.Now().Add(time.Minute); db.Held() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("still held")
		}
	}
}

// TestHeldClose: so it is when the index is closed.
func TestHeldClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "halong.db")
	db := openAt(t, path, nil, sqlite.Options{})
	journaled(t, db, addPerson(db, "1"))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if !added(t, openAt(t, path, nil, sqlite.Options{}), "1") {
		t.Error("it is gone")
	}
}

// TestHeldFailures: neither a caller that fails after it wrote, nor a failed sync, costs what was acknowledged before.
func TestHeldFailures(t *testing.T) {
	l := &log{}
	db := open(t, l, sqlite.Options{})
	for i := range 20 {
		id := fmt.Sprint(i)
		journaled(t, db, addPerson(db, "good"+id))
		bad := addPerson(db, "bad"+id)
		if i%2 == 0 {
			l.fail.Store(true)
		}
		err := db.UpdateJournaled(t.Context(), func(tx halong.Tx) error {
			if err := bad(tx); err != nil || i%2 == 0 {
				return err
			}
			return errOwn
		})
		l.fail.Store(false)
		if err == nil || errors.Is(err, errOwn) != (i%2 == 1) {
			t.Fatalf("%d: %v", i, err)
		}
	}
	for i := range 20 {
		if id := fmt.Sprint(i); !added(t, db, "good"+id) || added(t, db, "bad"+id) {
			t.Error(i)
		}
	}
	if err := db.VerifyEvents(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestHeldLost: an index that lost what it had acknowledged says so once, and refuses everything; opened anew, it has what was committed.
func TestHeldLost(t *testing.T) {
	breaks := map[string]func(t *testing.T, db *sqlite.DB) (lost string){ // whose row it was
		"commit": func(t *testing.T, db *sqlite.DB) string {
			if _, err := db.Break("COMMIT"); err != nil {
				t.Fatal(err)
			}
			journaled(t, db, addPerson(db, "2"))
			if _, err := db.PatientsByIdentifier(t.Context(), halong.Everything(), "2"); err == nil {
				t.Error("a reader is not told")
			}
			return "2"
		},
		"rollback": func(t *testing.T, db *sqlite.DB) string {
			for i := 0; ; i++ {
				id := fmt.Sprint("2.", i)
				journaled(t, db, addPerson(db, id))
				err := db.UpdateJournaled(t.Context(), func(tx halong.Tx) error {
					if !db.HeldOpen() { // the checkpointer came between, as it does where the machine is slow
						return errOwn
					}
					_, err := tx.(*sqlite.Tx).Exec("INSERT OR ROLLBACK INTO generation (id, value) VALUES (1, x'')")
					return err
				})
				if err == nil {
					t.Error("the caller is not told")
				}
				if !errors.Is(err, errOwn) {
					return id
				}
			}
		},
	}
	for name, lose := range breaks {
		t.Run(name, func(t *testing.T) {
			var said []error
			path := filepath.Join(t.TempDir(), "halong.db")
			db, err := sqlite.Open(context.Background(), path, nil, sqlite.Options{Lost: func(err error) { said = append(said, err) }})
			if err != nil {
				t.Fatal(err)
			}
			journaled(t, db, addPerson(db, "1"))
			if !added(t, db, "1") {
				t.Fatal("not there")
			}
			gone := lose(t, db)
			for what, err := range map[string]error{
				"journaled": db.UpdateJournaled(t.Context(), addPerson(db, "3")),
				"other":     db.Update(t.Context(), addPerson(db, "4")),
				"reading":   func() error { _, err := db.PatientsByIdentifier(t.Context(), halong.Everything(), "1"); return err }(),
			} {
				if err == nil {
					t.Error(what, "is not refused")
				}
			}
			if len(said) != 1 || halong.KindOf(said[0]) != halong.Internal {
				t.Errorf("said %v", said)
			}
			if err := db.Close(); err == nil {
				t.Error("closing says nothing")
			}
			again := openAt(t, path, nil, sqlite.Options{})
			for id, want := range map[string]bool{"1": true, gone: false, "3": false, "4": false} {
				if added(t, again, id) != want {
					t.Error(id)
				}
			}
		})
	}
}

// TestHeldRoomy: once the disk is not far from full, what is held is committed before anything else is written.
func TestHeldRoomy(t *testing.T) {
	var narrow atomic.Bool
	db := open(t, nil, sqlite.Options{Roomy: func() bool { return !narrow.Load() }})
	for i := range 3 {
		journaled(t, db, addPerson(db, fmt.Sprint(i)))
	}
	narrow.Store(true)
	if err := db.UpdateJournaled(t.Context(), func(halong.Tx) error { return errOwn }); !errors.Is(err, errOwn) {
		t.Error(err)
	}
	if n := db.Held(); n > 0 {
		t.Errorf("%d are held on a disk that is nearly full", n)
	}
	journaled(t, db, addPerson(db, "3"))
	if n := db.Held(); n > 0 {
		t.Errorf("%d are held on a disk that is nearly full", n)
	}
	if !added(t, db, "0") || !added(t, db, "3") {
		t.Error("not all are there")
	}
}

// TestPendingUntilCommitted: that nothing waits for its identity is not said while the group is open that saw to the last.
func TestPendingUntilCommitted(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	if err := db.Update(t.Context(), func(tx halong.Tx) error { return db.DeferOrders(tx, []int64{1}, time.Now()) }); err != nil {
		t.Fatal(err)
	}
	see := func(tx halong.Tx) error {
		if _, err := db.TakeDeferred(tx, 10); err != nil {
			return err
		}
		if err := db.ReidentifyMore(tx); err != nil {
			return err
		}
		if !db.Pending() {
			return errOwn
		}
		return nil
	}
	for i, err := range together(t, db, see, see, see) {
		if err != nil {
			t.Error(i, err)
		}
	}
	if db.Pending() {
		t.Error("afterwards it is not said either")
	}
}
