package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/worklist"
)

func worklistPerformed(t *testing.T, s WorklistStore) {
	item := &dataset.Set{}
	item.PutString(tag.Modality, dicom.CS, "CT")
	p := &worklist.Performed{
		SOP: "2.25.9", Facility: "BV1", Status: worklist.InProgress, Study: "2.25.1", Source: halong.Source{Protocol: "MPPS", Peer: "CT1"},
		Created: Arrived, Updated: Arrived, Attributes: item, Links: []worklist.Link{{Order: 1 << 20, Index: 1}},
	}
	other := *p
	other.SOP = "2.25.10"
	do(t, s, func(tx halong.Tx) error {
		for _, x := range []*worklist.Performed{p, &other, p} {
			if err := s.PutPerformed(tx, x); err != nil {
				return err
			}
		}
		p.Status, p.Updated = worklist.PerformedCompleted, Arrived.Add(time.Second)
		return s.PutPerformed(tx, p)
	})
	do(t, s, func(tx halong.Tx) error {
		got, err := s.Performed(tx, "BV1", p.SOP)
		if d := cmp.Diff(p, got, sameSet); d != "" {
			t.Error(d)
		}
		if _, err := s.Performed(tx, "BV2", p.SOP); halong.KindOf(err) != halong.NotExist {
			t.Errorf("another facility's: %v", err)
		}
		all, ferr := s.PerformedFor(tx, p.Links[0])
		if d := cmp.Diff([]*worklist.Performed{p, &other}, all, sameSet); d != "" || ferr != nil {
			t.Errorf("%v %s", ferr, d)
		}
		none, ferr := s.PerformedFor(tx, worklist.Link{Order: 1 << 20})
		if len(none) > 0 || ferr != nil {
			t.Errorf("of another step: %d, %v", len(none), ferr)
		}
		return err
	})
	ctx := context.Background()
	if _, err := s.FindPerformed(ctx, halong.Scope{Own: "BV2"}, p.SOP); halong.KindOf(err) != halong.NotExist {
		t.Errorf("not visible: %v", err)
	}
	got, err := s.FindPerformed(ctx, halong.Everything(), p.SOP)
	if d := cmp.Diff(p, got, sameSet); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	all, err := s.PerformedOf(ctx, halong.Everything(), "2.25.1")
	if len(all) != 2 || err != nil {
		t.Errorf("of the study: %d, %v", len(all), err)
	}
}

// worklistDeliveries: requests of one SOP Instance go one after the other to each destination.
func worklistDeliveries(t *testing.T, s WorklistStore) {
	ctx := context.Background()
	due := func(at time.Time) (ids []int64) {
		t.Helper()
		all, err := s.DueDeliveries(ctx, at, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range all {
			ids = append(ids, d.ID)
		}
		return ids
	}
	first := &worklist.Delivery{ID: 1, Destination: "RIS", Facility: "BV1", SOP: "2.25.9", Syntax: dicom.ExplicitVRLittleEndian, Data: []byte("x"), Due: Arrived}
	do(t, s, func(tx halong.Tx) error {
		second, other := *first, *first
		second.ID, second.Set = 2, true
		other.ID, other.Destination = 3, "PACS"
		for _, d := range []*worklist.Delivery{first, &second, &other} {
			if err := s.AddDelivery(tx, d); err != nil {
				return err
			}
		}
		return nil
	})
	if d := cmp.Diff([]int64{1, 3}, due(Arrived)); d != "" {
		t.Error(d)
	}
	if ids := due(Arrived.Add(-time.Second)); ids != nil {
		t.Errorf("too early: %v", ids)
	}
	later := *first
	later.Attempts, later.Due, later.Failure = 1, Arrived.Add(time.Minute), "no"
	do(t, s, func(tx halong.Tx) error { return s.DelayDelivery(tx, &later) })
	if d := cmp.Diff([]int64{3}, due(Arrived)); d != "" {
		t.Error(d)
	}
	all, err := s.DueDeliveries(ctx, later.Due, 10)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d, %v", len(all), err)
	}
	if d := cmp.Diff(&later, all[1]); d != "" {
		t.Error(d)
	}
	do(t, s, func(tx halong.Tx) error {
		if err := s.EndDelivery(tx, 77); err != nil {
			return err
		}
		return s.EndDelivery(tx, 1)
	})
	if d := cmp.Diff([]int64{2, 3}, due(Arrived)); d != "" {
		t.Error(d)
	}
	if listed, err := s.ListDeliveries(ctx, halong.Scope{Own: "BV2"}, 10); err != nil || len(listed) > 0 {
		t.Errorf("not visible: %d, %v", len(listed), err)
	}
}

func worklistMismatches(t *testing.T, s WorklistStore) {
	ctx := context.Background()
	m := &worklist.Mismatch{ID: 5, Facility: "BV1", Study: "2.25.4", Order: 1 << 20, Differs: []string{worklist.DiffersPatient}, Found: Arrived}
	do(t, s, func(tx halong.Tx) error { return s.PutMismatch(tx, m) })
	do(t, s, func(tx halong.Tx) error {
		got, err := s.Mismatch(tx, 5)
		if d := cmp.Diff(m, got); d != "" {
			t.Error(d)
		}
		if _, err := s.MismatchOf(tx, "BV1", "2.25.4", 2<<20); halong.KindOf(err) != halong.NotExist {
			t.Errorf("of another order: %v", err)
		}
		if _, err := s.MismatchOf(tx, "BV1", "2.25.4", 1<<20); err != nil {
			t.Error(err)
		}
		return err
	})
	list := func(scope halong.Scope, resolved bool) int {
		t.Helper()
		all, err := s.Mismatches(ctx, scope, worklist.MismatchListing{Resolved: resolved, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	if list(halong.Everything(), false) != 1 || list(halong.Everything(), true) != 0 || list(halong.Scope{Own: "BV2"}, false) != 0 {
		t.Error("the open one is not listed as such")
	}
	m.Resolved = Arrived
	do(t, s, func(tx halong.Tx) error { return s.PutMismatch(tx, m) })
	if list(halong.Everything(), false) != 0 || list(halong.Everything(), true) != 1 {
		t.Error("the resolved one is not listed as such")
	}
	none := &worklist.Mismatch{ID: 6, Facility: "BV1", Study: "2.25.6", Accession: "X1", Differs: []string{worklist.DiffersOrder}, Found: Arrived}
	do(t, s, func(tx halong.Tx) error { return s.PutMismatch(tx, none) })
	all, err := s.Mismatches(ctx, halong.Everything(), worklist.MismatchListing{Unmatched: true, Limit: 10})
	if d := cmp.Diff([]*worklist.Mismatch{none}, all); d != "" || err != nil || list(halong.Everything(), false) != 0 {
		t.Error(err, d)
	}
	for _, f := range []halong.Facility{"BV2", "BV1"} {
		do(t, s, func(tx halong.Tx) error {
			if has, err := s.HasSteps(tx, f); has || err != nil {
				t.Errorf("steps without an order: %v", err)
			}
			if err := s.WatchUnmatched(tx, f, "X2", Arrived); err != nil {
				return err
			}
			return s.WatchUnmatched(tx, f, "X1", Arrived)
		})
	}
	if due, err := s.DueStudies(ctx, Arrived, 10); err != nil || len(due) != 1 || due[0] != (worklist.Watched{Facility: "BV1", Study: "2.25.6", Last: Arrived, Since: Arrived}) {
		t.Errorf("%v %v", due, err)
	}
}

func worklistWatch(t *testing.T, s WorklistStore) {
	ctx := context.Background()
	if n, err := s.WatchCursor(ctx); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	w := worklist.Watched{Facility: "BV1", Study: "2.25.1", Last: Arrived}
	newer := w
	newer.Last = Arrived.Add(time.Minute)
	do(t, s, func(tx halong.Tx) error { return s.WatchStudies(tx, []worklist.Watched{w}, 7) })
	do(t, s, func(tx halong.Tx) error {
		return s.WatchStudies(tx, []worklist.Watched{newer, {Facility: "BV2", Study: "2.25.1", Last: Arrived}}, 9)
	})
	do(t, s, func(tx halong.Tx) error { return s.WatchStudies(tx, []worklist.Watched{w}, 9) }) // came late
	if n, err := s.WatchCursor(ctx); n != 9 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	due := func(at time.Time) int {
		t.Helper()
		all, err := s.DueStudies(ctx, at, 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	if n := due(Arrived); n != 1 {
		t.Errorf("%d are due", n)
	}
	do(t, s, func(tx halong.Tx) error { return s.Unwatch(tx, w) })       // something came after it
	do(t, s, func(tx halong.Tx) error { return s.PostponeStudy(tx, w) }) // likewise
	if n := due(newer.Last); n != 2 {
		t.Errorf("%d are due", n)
	}
	failed := func(scope halong.Scope) []worklist.Watched {
		t.Helper()
		all, err := s.FailedStudies(ctx, scope, 10)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	later := newer
	later.Since, later.Tries, later.Reason = newer.Last.Add(time.Hour), 2, "worklist: corrupt"
	do(t, s, func(tx halong.Tx) error { return s.PostponeStudy(tx, later) })
	if d := cmp.Diff([]worklist.Watched{later}, failed(halong.Scope{Own: "BV1"})); d != "" || due(newer.Last) != 1 || due(later.Since) != 2 || failed(halong.Scope{Own: "BV2"}) != nil {
		t.Error(d)
	}
	do(t, s, func(tx halong.Tx) error { return s.WatchStudies(tx, []worklist.Watched{w}, 9) }) // nothing new
	if n := due(newer.Last); n != 1 {
		t.Errorf("%d are due", n)
	}
	newer.Last = newer.Last.Add(time.Minute)
	do(t, s, func(tx halong.Tx) error { return s.WatchStudies(tx, []worklist.Watched{newer}, 9) }) // what is new may mend it
	if n := due(newer.Last); n != 2 || len(failed(halong.Everything())) != 1 {
		t.Errorf("%d are due", n)
	}
	do(t, s, func(tx halong.Tx) error { return s.Unwatch(tx, newer) })
	if n := due(newer.Last); n != 1 || failed(halong.Everything()) != nil {
		t.Errorf("%d are due", n)
	}
}
