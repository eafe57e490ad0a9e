package sqlite_test

import (
	"context"
	"crypto/sha256"
	"regexp"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// scansRemovals finds a plan that reads all of what was ever removed, or of what is stored.
var scansRemovals = regexp.MustCompile(`SCAN (r|h|x|i|s|e|removal|removed_study|removed_item|hidden_series|instance|study|series)\b[^;]*`)

// TestRemovalPlans: neither what is hidden nor what was ever removed is read through by what asks for something else. What lists removals reads
// them in order of their numbers, a page of them.
func TestRemovalPlans(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	ctx, everything := context.Background(), halong.Everything()
	o := object(1, 1, 2)
	id := storage.Identity{Facility: "BV1", Study: dicom.UID(o.Study), Series: dicom.UID(o.Series), SOP: dicom.UID(o.SOP)}
	item := storage.RemovedItem{Study: id.Study, Series: id.Series, SOP: id.SOP}
	ref := storage.Ref{Facility: "BV1", Study: id.Study, Series: id.Series, SOP: id.SOP}
	by := halong.Source{Protocol: "API"}
	if err := db.Update(ctx, func(tx halong.Tx) error {
		for i, f := range []halong.Facility{"BV1", "BV2"} {
			o.Facility = f
			if _, err := db.AddInstance(tx, o.Instance(), storage.ServeFirst); err != nil {
				return err
			}
			r := storage.Removal{ID: uint64(i + 1), Kind: storage.Deleted, Facility: f, Study: id.Study, By: by, Again: storage.AgainHidden}
			if err := db.AddRemoval(tx, &r); err != nil {
				return err
			}
		}
		_, err := db.Hide(tx, 1, []storage.RemovedItem{item})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	update := func(fn func(halong.Tx) error) error { return db.Update(ctx, fn) }
	for _, c := range []struct {
		name string
		run  func() error
		scan string // the one scan that is allowed
	}{
		{"known", func() error { _, err := db.HasInstance(ctx, id, sha256.Sum256(nil)); return err }, ""},
		{"hidden", func() error { _, err := db.IsHidden(ctx, id, sha256.Sum256(nil)); return err }, ""},
		{"deleted", func() error { _, err := db.WasDeleted(ctx, everything, ref); return err }, ""},
		{"elsewhere", func() error { _, err := db.Elsewhere(ctx, "BV2", []storage.RemovedItem{item}); return err }, ""},
		{"holders", func() error { _, err := db.Holders(ctx, everything, ref); return err }, ""},
		{"one", func() error { _, err := db.Removal(ctx, everything, 1); return err }, ""},
		{"of a study", func() error {
			_, err := db.Removals(ctx, everything, storage.RemovalFilter{Study: id.Study})
			return err
		}, ""},
		{"a page", func() error {
			_, err := db.Removals(ctx, everything, storage.RemovalFilter{Kind: storage.Deleted, Before: 2})
			return err
		}, ""},
		{"those to purge", func() error {
			_, err := db.Removals(ctx, everything, storage.RemovalFilter{State: storage.RemovalHides, Uncounted: true})
			return err
		}, "SCAN r USING INDEX removal_hidden"},
		{"the first page", func() error { _, err := db.Removals(ctx, everything, storage.RemovalFilter{}); return err }, "SCAN r"},
		{"arrival", func() error {
			return update(func(tx halong.Tx) error {
				o.Facility, o.Content = "BV1", "other"
				_, err := db.AddInstance(tx, o.Instance(), storage.ServeFirst)
				return err
			})
		}, ""},
		{"removable", func() error {
			return update(func(tx halong.Tx) error { _, err := db.Removable(tx, ref, 10); return err })
		}, ""},
		{"notes", func() error {
			return update(func(tx halong.Tx) error {
				_, err := db.RejectionsBy(tx, "BV1", []storage.RemovedItem{item})
				return err
			})
		}, ""},
		{"taken back", func() error { return update(func(tx halong.Tx) error { _, err := db.TakenBack(tx, 1); return err }) }, ""},
		{"renew", func() error { return update(func(tx halong.Tx) error { _, err := db.Renew(tx, 1); return err }) }, ""},
		{"restored", func() error { _, err := db.Restored(ctx, 1, 10); return err }, ""},
		{"describe", func() error {
			return update(func(tx halong.Tx) error {
				for _, of := range []storage.Identity{{Facility: "BV1", Study: id.Study, Series: id.Series}, {Facility: "BV1", Study: id.Study}} {
					err := db.Describe(tx, of, 16, func(*storage.Instance) (*dataset.Set, error) {
						s := &dataset.Set{}
						s.PutString(tag.PatientID, dicom.LO, "another")
						return s, nil
					})
					if err != nil {
						return err
					}
				}
				return nil
			})
		}, ""},
		{"restore", func() error {
			return update(func(tx halong.Tx) error { _, _, err := db.Restore(tx, 1, 1); return err })
		}, ""},
		{"came back", func() error {
			return update(func(tx halong.Tx) error {
				o.Facility, o.SOP, o.Content = "BV1", o.SOP+".1", "third"
				_, err := db.AddInstance(tx, o.Instance(), storage.ServeFirst)
				return err
			})
		}, ""},
		{"purge", func() error { return update(func(tx halong.Tx) error { _, _, err := db.Purge(tx, 2, 1); return err }) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var written []string
			plans, err := db.Plans(func() (err error) {
				written, err = db.WriterPlans(c.run)
				return err
			})
			if plans = append(plans, written...); err != nil || len(plans) == 0 {
				t.Fatalf("%d plans, %v", len(plans), err)
			}
			for _, plan := range plans {
				if s := scansRemovals.FindString(plan); s != "" && s != c.scan {
					t.Errorf("%s\nin %s", s, plan)
				}
			}
		})
	}
}
