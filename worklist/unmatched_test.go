package worklist_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/worklist"
)

// A study with an accession number that no order has is told once, where orders are used, and only while it is new; when the order comes it is compared again.
func TestUnmatched(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	ctx := context.Background()
	arrive := func(im worklist.Images) {
		t.Helper()
		im.Facility, im.PatientID = "BV1", "P1"
		for range 2 { // the second time nothing is new
			if err := w.db.Update(ctx, func(tx halong.Tx) error { return w.Arrived(tx, &im, at) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	list := func(l worklist.MismatchListing) (studies []string) {
		t.Helper()
		l.Limit = 10
		all, err := w.db.Mismatches(ctx, halong.Everything(), l)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			studies = append(studies, string(m.Study)+" "+m.Accession+" "+m.Note)
		}
		return studies
	}
	open := worklist.MismatchListing{Unmatched: true}
	arrive(worklist.Images{Study: "2.25.60", Accession: "X1"})
	w.message("OML^O21", patientOne, "ORC|NW|LAB1", "OBR|1|LAB1||HISTO|||||||||||||||LACC")
	arrive(worklist.Images{Study: "2.25.60", Accession: "X1"})
	if got := list(open); got != nil {
		t.Errorf("in a facility without a worklist: %q", got)
	}
	w.message("OMI^O23", numbered(1, omi("NW", "SC"))...)
	arrive(worklist.Images{Study: "2.25.61", Accession: "A1.2", Date: at.Format("20060102")})
	arrive(worklist.Images{Study: "2.25.62", Accession: "X2", Date: at.Add(-9 * 24 * time.Hour).Format("20060102")})
	arrive(worklist.Images{Study: "2.25.63"})
	arrive(worklist.Images{Study: "2.25.64", Accession: "X3"})
	arrive(worklist.Images{Study: "2.25.64", Accession: "X4"})
	arrive(worklist.Images{Study: "2.25.65", Accession: w.order("LAB1").Accession})
	if d := cmp.Diff([]string{"2.25.64 X4 ", "2.25.61 A1.2 "}, list(open)); d != "" {
		t.Error(d)
	}
	if got := list(worklist.MismatchListing{}); got != nil {
		t.Errorf("among the others: %q", got)
	}
	w.message("OMI^O23", numbered(2, omi("NW", "SC"))...)
	due, err := w.db.DueStudies(ctx, at.Add(time.Hour), 10)
	if err != nil || len(due) != 1 || due[0].Study != "2.25.61" {
		t.Fatalf("to be compared again: %v %v", due, err)
	}
	arrive(worklist.Images{Study: "2.25.61", Accession: "A1.2"})
	if got := states(w.order("PL1.2")); got != "completed: completed completed" {
		t.Error(got)
	}
	resolved := worklist.MismatchListing{Unmatched: true, Resolved: true}
	before := list(resolved)
	if d := cmp.Diff([]string{"2.25.64 X3 it has another accession number now", "2.25.61 A1.2 its order came"}, before); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"2.25.64 X4 "}, list(open)); d != "" {
		t.Error(d)
	}
	w.replayed()
	if d := cmp.Diff(before, list(resolved)); d != "" {
		t.Error(d)
	}
}
