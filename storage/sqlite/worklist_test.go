package sqlite_test

import (
	"context"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/storage/sqlite"
	"github.com/halong-gateway/halong/storage/storagetest"
	"github.com/halong-gateway/halong/worklist"
)

func TestWorklist(t *testing.T) {
	storagetest.Worklist(t, func(t testing.TB) storagetest.WorklistStore { return open(t, nil, sqlite.Options{}) })
}

// TestWorklistPlans: no question about orders and procedure steps reads a whole table.
func TestWorklistPlans(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	ctx := context.Background()
	if err := db.Update(ctx, func(tx halong.Tx) error { return db.PutOrder(tx, storagetest.Order(1, "BV1")) }); err != nil {
		t.Fatal(err)
	}
	scan := regexp.MustCompile(`SCAN (o|s|d|w|p|worklist_\w+|performed\w*)\b`)
	check := func(name string, plans []string, err error) {
		t.Helper()
		if err != nil || len(plans) == 0 {
			t.Errorf("%s: %d plans, %v", name, len(plans), err)
		}
		for _, p := range plans {
			if scan.MatchString(p) {
				t.Errorf("%s: %s", name, p)
			}
		}
	}
	steps := func(n worklist.Narrow) func() error {
		return func() error {
			for _, err := range db.Steps(ctx, halong.Scope{Own: "BV1"}, n) {
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	list := func(l worklist.Listing) func() error {
		return func() error { l.Limit = 10; _, err := db.List(ctx, halong.Scope{Own: "BV1"}, l); return err }
	}
	for name, f := range map[string]func() error{
		"worklist":        steps(worklist.Narrow{Open: true}),
		"of a day":        steps(worklist.Narrow{Open: true, From: "20261101", To: "20261102"}),
		"of an accession": steps(worklist.Narrow{Open: true, Accessions: []string{"ACC1"}}),
		"of studies":      steps(worklist.Narrow{Open: true, Studies: []dicom.UID{"2.25.1", "2.25.2"}}),
		"of a patient":    steps(worklist.Narrow{Open: true, PatientIDs: []string{"P1"}, From: "20261101"}),
		"of a step":       steps(worklist.Narrow{Open: true, StepIDs: []string{"SPS1-1"}}),
		"of a procedure":  steps(worklist.Narrow{Open: true, Procedures: []string{"RP1"}}),
		"orders":          list(worklist.Listing{}),
		"next orders":     list(worklist.Listing{Before: time.Now().UnixMicro(), BeforeID: 9 << 20, Status: worklist.Scheduled}),
		"a number":        list(worklist.Listing{Number: "PL1"}),
		"patient's":       list(worklist.Listing{PatientID: "P1"}),
		"due deliveries":  func() error { _, err := db.DueDeliveries(ctx, time.Now(), 10); return err },
		"due studies":     func() error { _, err := db.DueStudies(ctx, time.Now(), 10); return err },
		"failed studies":  func() error { _, err := db.FailedStudies(ctx, halong.Everything(), 10); return err },
		"performed":       func() error { _, err := db.PerformedOf(ctx, halong.Everything(), "2.25.1"); return err },
		"mismatches": func() error {
			_, err := db.Mismatches(ctx, halong.Everything(), worklist.MismatchListing{Unmatched: true, Limit: 10})
			return err
		},
	} {
		plans, err := db.Plans(f)
		check(name, plans, err)
	}
	plans, err := db.WriterPlans(func() error {
		return db.Update(ctx, func(tx halong.Tx) error {
			for _, by := range []worklist.NumberKind{
				worklist.ByPlacer, worklist.ByFiller, worklist.ByAccession, worklist.ByStudy, worklist.ByStep, worklist.ByProcedure, worklist.ByGroup,
			} {
				if _, err := db.OrdersBy(tx, "BV1", by, "X"); err != nil {
					return err
				}
			}
			if _, err := db.OrdersOf(tx, "BV1", 1); err != nil {
				return err
			}
			if _, err := db.PerformedFor(tx, worklist.Link{Order: 1}); err != nil {
				return err
			}
			if _, err := db.HasSteps(tx, "BV1"); err != nil {
				return err
			}
			if err := db.WatchUnmatched(tx, "BV1", "ACC1", time.Now()); err != nil {
				return err
			}
			_, err := db.MismatchOf(tx, "BV1", "2.25.1", 1)
			if halong.KindOf(err) == halong.NotExist {
				err = nil
			}
			return err
		})
	})
	check("in transactions", plans, err)
}

// TestSpecimensOfBefore: in an index of version 0200 orders are found by the specimens that they name; one whose contents are damaged keeps nothing from opening.
func TestSpecimensOfBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "halong.db")
	db := openAt(t, path, nil, sqlite.Options{})
	put := func(n int, specimens ...string) {
		o := storagetest.Order(n, "BV1")
		o.Specimens, o.Patient = specimens, 7
		if err := db.Update(context.Background(), func(tx halong.Tx) error { return db.PutOrder(tx, o) }); err != nil {
			t.Fatal(err)
		}
	}
	put(1, "S1", "Ống <1>", "S1")
	put(2)
	put(3, "S3")
	change(t, db, `UPDATE worklist_order SET content = x'7b' WHERE id = ?`, 3<<20)
	change(t, db, `DROP TABLE worklist_specimen`)
	change(t, db, `DELETE FROM schema_version WHERE version = 201`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openAt(t, path, nil, sqlite.Options{})
	for specimen, want := range map[string]int64{"S1": 1 << 20, "Ống <1>": 1 << 20, "S3": 0, "": 0} {
		for _, key := range []int64{0, 7} {
			ref, _, err := db.OrderOf(context.Background(), "BV1", lab.Numbers{Specimens: []string{specimen}, Patient: key})
			if err != nil || ref.ID != want {
				t.Errorf("%q of %d: %+v, %v", specimen, key, ref, err)
			}
		}
	}
	put(2, "S2")
	if ref, _, err := db.OrderOf(context.Background(), "BV1", lab.Numbers{Specimens: []string{"S2"}, Patient: 7}); err != nil || ref.ID != 2<<20 {
		t.Error(ref, err)
	}
}
