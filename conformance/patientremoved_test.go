package conformance

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// What was deleted is restored as whom it is by then: a merge, and its undoing, hold for what is hidden too, also where a study holds objects
// with several Patient IDs.
func TestPatientMergeOfDeleted(t *testing.T) {
	d := openData(t, t.TempDir())
	defer closeData(t, d)
	ctx := t.Context()
	first, second := newObject(730, 1, 100, "OLD1"), newObject(730, 2, 100, "OLD2")
	put(t, d, &first)
	put(t, d, &second)
	people := patient.New(d.Index)
	bearer := func(id string) *patient.Patient {
		return &patient.Patient{Facility: halong.DefaultFacility, Identifiers: []patient.Identifier{{ID: id, Authority: "HIS"}}, Name: id + "^Name"}
	}
	merge := func(do bool, ids ...string) {
		t.Helper()
		if err := d.Index.Update(ctx, func(tx halong.Tx) error {
			for _, id := range ids {
				who, _ := bearer(id).Identity()
				var err error
				if do {
					_, err = people.Merge(tx, bearer("NEW"), bearer(id), patient.Cause{At: time.Unix(1, 0)})
				} else {
					_, err = people.Unmerge(tx, who, patient.Cause{At: time.Unix(2, 0)})
				}
				if err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	var removal uint64
	remove := func() {
		t.Helper()
		gone, err := d.Archive.Delete(ctx, storage.Deletion{Scope: halong.Everything(), Ref: storage.Ref{Study: first.study}, Reason: "test"})
		if err != nil || len(gone) != 1 {
			t.Fatal(gone, err)
		}
		removal = gone[0].ID
	}
	restore := func() {
		t.Helper()
		if _, err := d.Archive.Restore(ctx, halong.Everything(), removal, halong.Source{}); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string, want ...string) {
		t.Helper()
		var got []string
		for in, err := range d.Archive.Instances(ctx, halong.Everything(), storage.Ref{Study: first.study}) {
			if err != nil {
				t.Fatal(err)
			}
			o, err := d.Archive.Open(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			s, err := dataset.NewReader(o.DataSet(), o.TransferSyntax()).ReadSet()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, s.String(tag.PatientID))
			if err := o.Close(); err != nil {
				t.Error(err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	check("received", "OLD1", "OLD2")
	merge(true, "OLD1", "OLD2")
	check("merged", "NEW", "NEW")
	remove()
	check("deleted")
	restore()
	check("restored", "NEW", "NEW")
	remove()
	merge(false, "OLD2")
	restore()
	check("one undone meanwhile", "NEW", "OLD2")
	remove()
	merge(false, "OLD1")
	merge(true, "OLD2")
	restore()
	check("one merged meanwhile", "OLD1", "NEW")
}
