package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage/sqlite"
)

var errOwn = errors.New("the caller's own")

// together runs the functions in one group.
func together(t *testing.T, db *sqlite.DB, fns ...func(halong.Tx) error) []error {
	t.Helper()
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	started := make(chan struct{})
	wg.Go(func() { // holds the committer until all others wait
		if err := db.Update(context.Background(), func(halong.Tx) error {
			close(started)
			for db.Waiting() < len(fns) {
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	<-started
	for i, fn := range fns {
		wg.Go(func() { errs[i] = db.UpdateJournaled(context.Background(), fn) })
	}
	wg.Wait()
	return errs
}

func person(id string) *patient.Patient {
	return &patient.Patient{Facility: halong.DefaultFacility, Identifiers: []patient.Identifier{{ID: id}}, Name: "Trần^" + id}
}

func added(t *testing.T, db *sqlite.DB, id string) bool {
	t.Helper()
	all, err := db.PatientsByIdentifier(context.Background(), halong.Scope{All: true}, id)
	if err != nil {
		t.Fatal(err)
	}
	return len(all) > 0
}

// TestAttemptInGroup: what a part of a caller wrote is taken back where callers share a group that has no savepoints, and
// nothing of the others, nor of what the caller wrote before and afterwards.
func TestAttemptInGroup(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	add := func(tx halong.Tx, id string) error {
		_, err := db.AddPatient(tx, person(id))
		return err
	}
	var fns []func(halong.Tx) error
	for i := range 12 {
		id := fmt.Sprint(i)
		fns = append(fns, func(tx halong.Tx) error {
			if err := add(tx, "before"+id); err != nil {
				return err
			}
			err := db.Attempt(tx, func() error {
				if i%3 != 2 { // the others fail before they have written anything
					if err := add(tx, "within"+id); err != nil {
						return err
					}
				}
				if i%3 == 0 {
					return nil
				}
				return errOwn
			})
			if i%3 == 0 != (err == nil) {
				return fmt.Errorf("attempt: %w", err)
			}
			return add(tx, "after"+id)
		})
	}
	for i, err := range together(t, db, fns...) {
		id := fmt.Sprint(i)
		if err != nil || !added(t, db, "before"+id) || added(t, db, "within"+id) != (i%3 == 0) || !added(t, db, "after"+id) {
			t.Error(i, err)
		}
	}
}

// TestFailureInGroup: a caller that fails, with and without having written, leaves nothing, in memory neither: what was remembered of
// the patient whose row is gone is asked for again.
func TestFailureInGroup(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	errs := together(
		t, db,
		func(tx halong.Tx) error { _, err := db.AddPatient(tx, person("one")); return err },
		func(tx halong.Tx) error { return errOwn },
		func(tx halong.Tx) error {
			if _, err := db.AddPatient(tx, person("two")); err != nil {
				return err
			}
			return errOwn
		},
		func(tx halong.Tx) error { _, err := db.AddPatient(tx, person("three")); return err },
	)
	for i, want := range []error{nil, errOwn, errOwn, nil} {
		if !errors.Is(errs[i], want) || (want == nil) != (errs[i] == nil) {
			t.Errorf("%d: %v", i, errs[i])
		}
	}
	if !added(t, db, "one") || added(t, db, "two") || !added(t, db, "three") {
		t.Error("not the patients of the callers that succeeded")
	}
	for _, id := range []string{"two", "one"} { // fresh, and remembered
		again := false
		if err := db.Update(context.Background(), func(tx halong.Tx) (err error) {
			again, err = db.AddPatient(tx, person(id))
			return err
		}); err != nil || again != (id == "two") {
			t.Error(id, again, err)
		}
	}
}

// TestRememberedReports: the versions that are remembered are those of the rows, in their order, also for one that comes late.
func TestRememberedReports(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	p := person("1")
	file := func(id lab.ID, service string) {
		t.Helper()
		if err := db.Update(context.Background(), func(tx halong.Tx) error {
			if p.Key == 0 {
				if _, err := db.AddPatient(tx, p); err != nil {
					return err
				}
			}
			return db.AddVersion(tx, &lab.Version{Content: []byte("{}"), Head: lab.Head{
				ID: id, First: id, Number: 1, Patient: p.Key, Facility: halong.DefaultFacility, Link: lab.Link{Service: service},
			}})
		}); err != nil {
			t.Fatal(err)
		}
	}
	heads := func(service string) (ids []lab.ID) {
		t.Helper()
		if err := db.Update(context.Background(), func(tx halong.Tx) error {
			all, err := db.Heads(tx, halong.DefaultFacility, p.Key, service)
			ids = nil
			for i := range all {
				ids = append(ids, all[i].ID)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return ids
	}
	want := map[string][]lab.ID{}
	for i := range 12 {
		service := [...]string{"a", "b"}[i%2]
		file(lab.NewID(uint64(100+i), 0), service)
		want[service] = append(want[service], lab.NewID(uint64(100+i), 0))
		for s, ids := range want {
			if got := heads(s); fmt.Sprint(got) != fmt.Sprint(ids) {
				t.Fatalf("%d %s: %v, want %v", i, s, got, ids)
			}
		}
	}
	file(lab.NewID(50, 0), "a")
	if got := heads("a"); len(got) != 7 || got[0] != lab.NewID(50, 0) {
		t.Error(got)
	}
}

// TestAttemptNotTakenBack: a part that failed and could not be taken back fails its caller, who lets its own failure pass.
func TestAttemptNotTakenBack(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	mend, err := db.Break("ROLLBACK TO attempt")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(t.Context(), func(tx halong.Tx) error {
		if err := addPerson(db, "1")(tx); err != nil {
			return err
		}
		err := db.Attempt(tx, func() error { return errors.Join(addPerson(db, "2")(tx), errOwn) })
		if errors.Is(err, errOwn) {
			return nil
		}
		return err
	}); err == nil {
		t.Error("acknowledged")
	}
	mend()
	if added(t, db, "1") || added(t, db, "2") {
		t.Error("there")
	}
}
