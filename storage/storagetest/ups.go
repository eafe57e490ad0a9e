package storagetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/worklist/ups"
)

// Workitems is a store of workitems with its transactions.
type Workitems interface {
	ups.Store
	halong.Updater
}

// UPS tests a store of workitems.
func UPS(t *testing.T, open func(testing.TB) Workitems) {
	t.Run("items", func(t *testing.T) { upsItems(t, open(t)) })
	t.Run("search", func(t *testing.T) { upsSearch(t, open(t)) })
	t.Run("old", func(t *testing.T) { upsOld(t, open(t)) })
	t.Run("subscriptions", func(t *testing.T) { upsSubscriptions(t, open(t)) })
	t.Run("reports", func(t *testing.T) { upsReports(t, open(t)) })
}

var upsTime = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func workitem(f halong.Facility, uid string, state ups.State, starts, patient string) *ups.Item {
	s := &dataset.Set{}
	s.PutString(tag.SOPInstanceUID, dicom.UI, uid)
	s.PutString(tag.PatientID, dicom.LO, patient)
	s.PutString(tag.ScheduledProcedureStepStartDateTime, dicom.DT, starts)
	s.Put(dataset.Element{Tag: tag.ScheduledWorkitemCodeSequence, VR: dicom.SQ, Items: []*dataset.Set{{}}})
	return &ups.Item{Facility: f, UID: dicom.UID(uid), State: state, Revision: 1, Created: upsTime, Changed: upsTime, Attributes: s}
}

func transact(t testing.TB, u halong.Updater, fn func(halong.Tx) error) {
	t.Helper()
	if err := u.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// save saves workitems in one transaction.
func save(t testing.TB, s Workitems, items ...*ups.Item) {
	t.Helper()
	transact(t, s, func(tx halong.Tx) error {
		for _, it := range items {
			if err := s.SaveItem(tx, it); err != nil {
				return err
			}
		}
		return nil
	})
}

// describe writes what matters of a workitem.
func describe(it *ups.Item) string {
	if it == nil {
		return "none"
	}
	starts := ""
	if it.Attributes != nil {
		starts = it.Starts()
	}
	return fmt.Sprint(it.Facility, " ", it.UID, " ", it.State, " ", it.Transaction, " ", it.Revision, " ", it.Changed.Sub(it.Created), " ", starts)
}

func upsItems(t *testing.T, s Workitems) {
	ctx := context.Background()
	a := workitem("BV1", "1.2", ups.InProgress, "20261122080000", "P1")
	a.Transaction, a.Revision, a.Changed = "2.25.9", 7, upsTime.Add(time.Second)
	save(t, s, a, workitem("BV2", "1.2", ups.Scheduled, "2026", "P1"), workitem("BV1", "1.3", ups.Scheduled, "2026", "P1"))
	got, err := s.Item(ctx, "BV1", "1.2")
	if err != nil || describe(got) != describe(a) {
		t.Errorf("%s, %v", describe(got), err)
	}
	if got, err := s.Item(ctx, "BV1", "1.4"); got != nil || err != nil {
		t.Errorf("one that is not there: %s, %v", describe(got), err)
	}
	if got, err := s.Item(ctx, "BV9", "1.2"); got != nil || err != nil {
		t.Errorf("a facility that is not there: %s, %v", describe(got), err)
	}
	gone := &ups.Item{Facility: "BV1", UID: "1.2", State: ups.Deleted, Revision: 8, Created: a.Created, Changed: a.Changed}
	transact(t, s, func(tx halong.Tx) error {
		counts := []int{}
		for _, it := range []*ups.Item{nil, gone, a, gone} { // deleted, made anew, deleted
			if it != nil {
				if err := s.SaveItem(tx, it); err != nil {
					return err
				}
			}
			n, err := s.CountItems(tx, "BV1")
			if err != nil {
				return err
			}
			counts = append(counts, n)
		}
		if d := cmp.Diff([]int{2, 1, 2, 1}, counts); d != "" {
			t.Error(d)
		}
		got, err := s.ItemTx(tx, "BV1", "1.2")
		if err != nil || got == nil || got.State != ups.Deleted || got.Attributes != nil {
			t.Errorf("deleted: %s, %v", describe(got), err)
		}
		if err := s.ForgetItem(tx, "BV1", "1.2"); err != nil {
			return err
		}
		if err := s.ForgetItem(tx, "BV1", "1.3"); err != nil { // is not deleted
			return err
		}
		if got, err := s.ItemTx(tx, "BV1", "1.2"); got != nil || err != nil {
			t.Errorf("forgotten: %s, %v", describe(got), err)
		}
		return nil
	})
	if d := cmp.Diff([]halong.Facility{"BV2", "BV1"}, s.Facilities(halong.Scope{Own: "BV2", All: true})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]halong.Facility{"BV1"}, s.Facilities(halong.Scope{Visible: []halong.Facility{"BV1", "BV7"}})); d != "" {
		t.Error(d)
	}
	if got, err := s.Item(ctx, "BV1", "1.3"); got == nil || err != nil {
		t.Errorf("one that was not deleted was forgotten: %v", err)
	}
}

func upsSearch(t *testing.T, s Workitems) {
	var all []*ups.Item
	for i := range 100 {
		all = append(all, workitem("BV1", fmt.Sprintf("1.2.%d", i), ups.State(i%4), fmt.Sprintf("202611%02d08", 1+i/4), fmt.Sprintf("P%d", i%2)))
	}
	save(t, s, append(all, workitem("BV2", "1.9", ups.Scheduled, "20261101", "P0"), &ups.Item{Facility: "BV1", UID: "1.8", State: ups.Deleted, Created: upsTime, Changed: upsTime})...)
	for _, c := range []struct {
		name   string
		narrow ups.Narrow
		want   int
		first  string
	}{
		{"all", ups.Narrow{}, 100, "1.2.0"},
		{"state", ups.Narrow{States: []ups.State{ups.Completed}}, 25, "1.2.2"},
		{"states", ups.Narrow{States: []ups.State{ups.Completed, ups.Canceled}}, 50, "1.2.2"},
		{"patient", ups.Narrow{Patient: "P1"}, 50, "1.2.1"},
		{"patient and state", ups.Narrow{Patient: "P1", States: []ups.State{ups.InProgress}}, 25, "1.2.1"},
		{"from", ups.Narrow{From: "20261125000000.000000"}, 4, "1.2.96"},
		{"from and to", ups.Narrow{From: "20261102000000.000000", To: "20261103235959.999999"}, 8, "1.2.4"},
		{"UIDs", ups.Narrow{UIDs: []dicom.UID{"1.2.99", "1.2.5", "1.9"}}, 2, "1.2.5"},
		{"nothing", ups.Narrow{Patient: "P2"}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []ups.Position
			for after := (ups.Position{}); ; {
				page, err := s.Items(context.Background(), "BV1", c.narrow, after, 7)
				if err != nil {
					t.Fatal(err)
				}
				for _, it := range page {
					at := it.Position()
					if len(got) > 0 && !(after.Starts < at.Starts || after.Starts == at.Starts && after.UID < at.UID) {
						t.Errorf("%v comes after %v", at, after)
					}
					after, got = at, append(got, at)
				}
				if len(page) < 7 {
					break
				}
			}
			if len(got) != c.want || c.want > 0 && got[0].UID != dicom.UID(c.first) {
				t.Errorf("%d: %v", len(got), got)
			}
		})
	}
	transact(t, s, func(tx halong.Tx) error {
		seen := 0
		for after := dicom.UID(""); ; {
			items, err := s.ItemsAfter(tx, "BV1", after, 30)
			if err != nil {
				return err
			}
			for _, it := range items {
				if it.UID <= after || it.Facility != "BV1" || it.State == ups.Deleted {
					t.Errorf("%s of %s in state %s behind %s", it.UID, it.Facility, it.State, after)
				}
				after = it.UID
			}
			if seen += len(items); len(items) < 30 {
				break
			}
		}
		if seen != 100 {
			t.Errorf("%d of 100", seen)
		}
		if err := s.Subscribe(tx, "BV1", "1.2.99", ups.Subscription{AE: "A"}); err != nil {
			return err
		}
		if err := s.Subscribe(tx, "BV1", "1.2.99", ups.Subscription{AE: "B", Lock: true, By: ups.ByGlobal}); err != nil {
			return err
		}
		subs, err := s.Subscriptions(tx, "BV1", "1.2.99")
		if d := cmp.Diff([]ups.Subscription{{AE: "A"}, {AE: "B", Lock: true, By: ups.ByGlobal}}, subs); d != "" {
			t.Error(d)
		}
		if subs, err := s.Subscriptions(tx, "BV1", "1.8"); len(subs) > 0 || err != nil {
			t.Errorf("to a deleted one: %v %v", subs, err)
		}
		return err
	})
}

func upsOld(t *testing.T, s Workitems) {
	for i, state := range []ups.State{ups.Scheduled, ups.InProgress, ups.Completed, ups.Canceled, ups.Deleted} {
		for _, age := range []time.Duration{0, time.Hour} {
			it := workitem("BV1", fmt.Sprintf("1.%d.%d", i, age), state, "2026", "P")
			it.Changed = upsTime.Add(-age)
			save(t, s, it)
		}
	}
	old := func(deleted bool) []ups.Ref {
		t.Helper()
		refs, err := s.Old(context.Background(), deleted, upsTime, 10)
		if err != nil {
			t.Fatal(err)
		}
		return refs
	}
	hour := fmt.Sprint(int64(time.Hour))
	if d := cmp.Diff([]ups.Ref{{Facility: "BV1", UID: dicom.UID("1.2." + hour)}, {Facility: "BV1", UID: dicom.UID("1.3." + hour)}}, old(false)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]ups.Ref{{Facility: "BV1", UID: dicom.UID("1.4." + hour)}}, old(true)); d != "" {
		t.Error(d)
	}
	transact(t, s, func(tx halong.Tx) error {
		return s.Subscribe(tx, "BV1", dicom.UID("1.2."+hour), ups.Subscription{AE: "A", Lock: true})
	})
	if d := cmp.Diff([]ups.Ref{{Facility: "BV1", UID: dicom.UID("1.3." + hour)}}, old(false)); d != "" {
		t.Errorf("with a deletion lock: %s", d)
	}
}

func upsSubscriptions(t *testing.T, s Workitems) {
	transact(t, s, func(tx halong.Tx) error {
		for _, x := range []struct {
			uid dicom.UID
			sub ups.Subscription
		}{{"1.1", ups.Subscription{AE: "B", By: ups.ByFilter}}, {"1.1", ups.Subscription{AE: "A", Lock: true}}, {"1.2", ups.Subscription{AE: "B"}}, {"1.1", ups.Subscription{AE: "A"}}} {
			if err := s.Subscribe(tx, "BV1", x.uid, x.sub); err != nil {
				return err
			}
		}
		subs, err := s.Subscriptions(tx, "BV1", "1.1")
		if d := cmp.Diff([]ups.Subscription{{AE: "A"}, {AE: "B", By: ups.ByFilter}}, subs); d != "" || err != nil {
			t.Errorf("%v %s", err, d)
		}
		if subs, err := s.Subscriptions(tx, "BV2", "1.1"); len(subs) > 0 || err != nil {
			t.Errorf("another facility's: %v, %v", subs, err)
		}
		keys := []query.Key{{Path: []dicom.Tag{tag.WorklistLabel}, VR: dicom.LO, Values: []string{"CAD"}}}
		for _, g := range []ups.Global{{AE: "C", By: ups.ByFilter, Keys: keys, Lock: true}, {AE: "C", By: ups.ByGlobal}, {AE: "C", By: ups.ByGlobal, Suspended: true}} {
			if err := s.SaveGlobal(tx, "BV1", g); err != nil {
				return err
			}
		}
		globals, err := s.Globals(tx, "BV1")
		if d := cmp.Diff([]ups.Global{{AE: "C", By: ups.ByGlobal, Suspended: true}, {AE: "C", By: ups.ByFilter, Keys: keys, Lock: true}}, globals); d != "" || err != nil {
			t.Errorf("%v %s", err, d)
		}
		if _, err := s.Queue(tx, ups.Report{Facility: "BV1", Type: 1, UID: "1.1", Info: []byte("{}"), At: upsTime}, []dicom.AETitle{"D"}, ups.Limit{Reports: 9, Bytes: 9}); err != nil {
			return err
		}
		for _, c := range []struct {
			waiting bool
			want    []dicom.AETitle
		}{{false, []dicom.AETitle{"A", "B", "C"}}, {true, []dicom.AETitle{"A", "B", "C", "D"}}} {
			aes, err := s.Subscribers(tx, "BV1", c.waiting)
			if d := cmp.Diff(c.want, aes); d != "" || err != nil {
				t.Errorf("%v %s", err, d)
			}
		}
		return nil
	})
	for ae, want := range map[dicom.AETitle]bool{"A": true, "C": true, "D": false} {
		if ok, err := s.Subscribed(context.Background(), "BV1", ae); ok != want || err != nil {
			t.Errorf("%s: %t, %v", ae, ok, err)
		}
	}
	transact(t, s, func(tx halong.Tx) error {
		for _, c := range []struct {
			name string
			fn   func() (bool, error)
			want bool
		}{
			{"one", func() (bool, error) { return s.Unsubscribe(tx, "BV1", "1.1", "A") }, true},
			{"again", func() (bool, error) { return s.Unsubscribe(tx, "BV1", "1.1", "A") }, false},
			{"has filtered", func() (bool, error) { return s.HasSubscriptions(tx, "BV1", "B", ups.ByFilter) }, true},
			{"filtered", func() (bool, error) { n, err := s.UnsubscribeAll(tx, "BV1", "B", true, 9); return n > 0, err }, true},
			{"has none filtered", func() (bool, error) { return s.HasSubscriptions(tx, "BV1", "B", ups.ByFilter) }, false},
			{"at most none", func() (bool, error) { n, err := s.UnsubscribeAll(tx, "BV1", "B", false, 0); return n > 0, err }, false},
			{"all", func() (bool, error) { n, err := s.UnsubscribeAll(tx, "BV1", "B", false, 9); return n > 0, err }, true},
			{"of nobody", func() (bool, error) { return s.Unsubscribe(tx, "BV1", "1.2", "") }, false},
			{"global", func() (bool, error) { return s.RemoveGlobal(tx, "BV1", "C", ups.ByGlobal) }, true},
			{"global again", func() (bool, error) { return s.RemoveGlobal(tx, "BV1", "C", ups.ByGlobal) }, false},
		} {
			if ok, err := c.fn(); ok != c.want || err != nil {
				t.Errorf("%s: %t, %v", c.name, ok, err)
			}
		}
		return nil
	})
}

func upsReports(t *testing.T, s Workitems) {
	limit := ups.Limit{Reports: 3, Bytes: 1000}
	report := func(key uint64, size int) ups.Report {
		return ups.Report{Facility: "BV1", Key: key, Type: ups.StateReport, UID: "1.1", Info: make([]byte, size), At: upsTime}
	}
	queue := func(want int, r ups.Report, aes ...dicom.AETitle) {
		t.Helper()
		transact(t, s, func(tx halong.Tx) error {
			dropped, err := s.Queue(tx, r, aes, limit)
			if dropped != want {
				t.Errorf("%d dropped, want %d", dropped, want)
			}
			return err
		})
	}
	keys := func(ae dicom.AETitle, after int64, n int) (list []uint64, last int64) {
		t.Helper()
		all, err := s.WaitingReports(context.Background(), "BV1", ae, after, n)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			list, last = append(list, r.Key), r.ID
			if r.AE != ae || r.Facility != "BV1" || r.UID != "1.1" || r.Type != ups.StateReport || !r.At.Equal(upsTime) || r.ID <= after {
				t.Errorf("%+v", r)
			}
		}
		return list, last
	}
	queue(0, report(1, 10), "A", "B")
	queue(0, report(1<<63+2, 10), "A")
	queue(0, report(3, 10), "A")
	queue(1, report(4, 10), "A")
	got, last := keys("A", 0, 2)
	if d := cmp.Diff([]uint64{1<<63 + 2, 3}, got); d != "" {
		t.Error(d)
	}
	if got, _ = keys("A", last, 9); !cmp.Equal(got, []uint64{4}) {
		t.Error(got)
	}
	if got, _ = keys("B", 0, 9); !cmp.Equal(got, []uint64{1}) {
		t.Error(got)
	}
	queue(3, report(5, 995), "A")  // takes nearly all of the bytes
	queue(1, report(6, 2000), "A") // one is kept however large
	delivered := func(ae dicom.AETitle, keys ...uint64) {
		t.Helper()
		transact(t, s, func(tx halong.Tx) error { return s.Delivered(tx, "BV1", ae, keys) })
	}
	delivered("A", 5, 6, 7)
	if got, _ = keys("A", 0, 9); len(got) > 0 {
		t.Error(got)
	}
	queue(0, report(8, 10), "A")
	queue(0, report(9, 10), "A")
	delivered("A")
	if got, _ = keys("A", 0, 9); len(got) > 0 {
		t.Error(got)
	}
	if got, _ = keys("B", 0, 9); len(got) != 1 {
		t.Error(got)
	}
}
