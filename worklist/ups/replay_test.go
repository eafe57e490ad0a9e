package ups_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/worklist/ups"
)

// Records replayed in their order make the same rows, reports and events.
func TestReplay(t *testing.T) {
	w := openWorld(t, func(c *ups.Config) { c.Keep, c.Remember = 30*time.Second, time.Hour })
	keys := []query.Key{{Path: []dicom.Tag{tag.WorklistLabel}, VR: dicom.LO, Values: []string{"CAD"}}}
	w.must(w.Subscribe(ctx, bv1, ups.Worklist, "A", true, nil))
	w.must(w.Subscribe(ctx, bv1, ups.FilteredWorklist, "B", false, keys))
	w.bring("1.1", ups.Completed)
	w.bring("1.2", ups.Canceled)
	w.bring("1.3", ups.InProgress)
	w.must(w.Subscribe(ctx, bv1, "1.3", "C", false, nil))
	w.ok(w.RequestCancel(ctx, bv1, "1.3", "ASKS", set(t, `'00741238':{'vr':'LT','Value':['left']}`)))
	w.create(bv2, "1.1", `'00741202':{'vr':'LO','Value':['CAD']}`)
	w.create(bv1, "1.4", `'00741202':{'vr':'LO','Value':['CAD']}`)
	w.ok(w.RequestCancel(ctx, bv1, "1.4", "ASKS", set(t, "")))
	c, err := w.Open(ctx, bv1, "A")
	w.must(err)
	if _, err := c.Next(ctx); err != nil {
		t.Fatal(err)
	}
	w.must(c.Arrived(ctx))
	c.Close()
	w.must(w.Unsubscribe(ctx, bv1, "1.1", "A"))
	w.must(w.Suspend(ctx, bv1, ups.Worklist, "A"))
	w.bring("1.5", ups.Scheduled)
	w.now = w.now.Add(time.Minute)
	if n, err := w.Purge(ctx); n != 1 || err != nil { // the others have a deletion lock of A's
		t.Fatalf("%d purged, %v", n, err)
	}
	w.must(w.Unsubscribe(ctx, bv1, "1.2", "A"))
	if n, err := w.Purge(ctx); n != 1 || err != nil {
		t.Fatalf("%d purged, %v", n, err)
	}
	if _, _, err := w.Create(ctx, bv1, "1.1", order(t)); statusOf(0, err) != "0111" {
		t.Errorf("the UID of a deleted workitem is free: %v", err)
	}
	records := w.records

	other := openWorld(t)
	for _, r := range records {
		other.must(other.db.Update(ctx, func(tx halong.Tx) error { return other.Replay(tx, r) }))
	}
	if d := cmp.Diff(w.dump(), other.dump()); d != "" {
		t.Error(d)
	}
	w.now = w.now.Add(2 * time.Hour)
	_, err = w.Purge(ctx)
	w.must(err)
	w.create(bv1, "1.1") // forgotten
}

// What orders do makes no records: the order's own make it again, and the reports that were delivered meanwhile are known by what they say.
func TestOrdersReplay(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	put := func(w *world, uid dicom.UID, label string, at time.Time) {
		w.must(w.db.Update(ctx, func(tx halong.Tx) error {
			attrs := set(t, `'00741204':{'vr':'LO','Value':['`+label+`']},'00100020':{'vr':'LO','Value':['P']}`)
			return w.Put(tx, bv1, uid, attrs, at)
		}))
	}
	withdraw := func(w *world, uid dicom.UID, at time.Time) {
		w.must(w.db.Update(ctx, func(tx halong.Tx) error {
			_, err := w.Withdraw(tx, bv1, uid, "1.77", "ordered twice", at)
			return err
		}))
	}
	orders := []func(*world){
		func(w *world) { put(w, "1.1", "CT", at); put(w, "1.2", "MR", at) },
		func(w *world) { put(w, "1.1", "CT", at.Add(time.Second)); withdraw(w, "1.9", at) }, // nothing new
		func(w *world) {
			put(w, "1.1", "CT thorax", at.Add(time.Minute))
			withdraw(w, "1.2", at.Add(time.Minute))
		},
		func(w *world) {
			put(w, "1.1", "too late", at.Add(time.Hour))
			withdraw(w, "1.1", at.Add(time.Hour))
			withdraw(w, "1.9", at)
		},
	}
	w := openWorld(t)
	w.must(w.Subscribe(ctx, bv1, ups.Worklist, "A", false, nil))
	marks := []int{}
	for i, o := range orders {
		o(w)
		marks = append(marks, len(w.records))
		if i == 1 {
			if it, err := w.Retrieve(ctx, everything, "1.1"); err != nil || it.Revision != 1 {
				t.Errorf("the same order makes another revision: %+v %v", it, err)
			}
		}
		if i == 2 {
			w.ok(w.ChangeState(ctx, bv1, "1.1", ups.InProgress, "2.25.1"))
			c, err := w.Open(ctx, bv1, "A")
			w.must(err)
			if list, err := c.Next(ctx); len(list) != 5 || err != nil {
				t.Errorf("%d reports, %v", len(list), err)
			}
			w.must(c.Arrived(ctx))
			c.Close()
		}
	}
	it, err := w.Retrieve(ctx, everything, "1.1")
	w.must(err)
	if it.State != ups.InProgress || it.Attributes.String(tag.ProcedureStepLabel) != "CT thorax" || it.Attributes.String(tag.ScheduledProcedureStepPriority) != "MEDIUM" {
		t.Errorf("%v %v", it.State, it.Attributes)
	}
	other := openWorld(t)
	done := 0
	for i, o := range orders {
		for ; done < marks[i]; done++ {
			other.must(other.db.Update(ctx, func(tx halong.Tx) error { return other.Replay(tx, w.records[done]) }))
		}
		o(other)
	}
	for ; done < len(w.records); done++ {
		other.must(other.db.Update(ctx, func(tx halong.Tx) error { return other.Replay(tx, w.records[done]) }))
	}
	if len(other.records) > 0 {
		t.Errorf("%d records of orders", len(other.records))
	}
	if d := cmp.Diff(w.dump(), other.dump()); d != "" {
		t.Error(d)
	}
}

// FuzzReplay: a record, whatever it says, does no harm but to itself.
func FuzzReplay(f *testing.F) {
	seed := openWorld(f)
	seed.bring("1.1", ups.Completed)
	seed.must(seed.Subscribe(ctx, bv1, ups.FilteredWorklist, "A", true, []query.Key{{Path: []dicom.Tag{tag.WorklistLabel}, VR: dicom.LO, Values: []string{"X"}}}))
	seed.must(seed.Suspend(ctx, bv1, ups.FilteredWorklist, "A"))
	seed.must(seed.Unsubscribe(ctx, bv1, ups.FilteredWorklist, "A"))
	for _, r := range seed.records {
		f.Add(r)
	}
	f.Add([]byte{})
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0x0F})
	w := openWorld(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		stop := halong.E("test", halong.Conflict, "", nil)
		err := w.db.Update(ctx, func(tx halong.Tx) error {
			if err := w.Replay(tx, b); err != nil {
				return err
			}
			return stop // nothing stays
		})
		if k := halong.KindOf(err); k != halong.Conflict && k != halong.Corrupt && k != halong.Unsupported {
			t.Errorf("%v", err)
		}
	})
}

// Who follows the states of workitems is told the same in a replay, but nothing of what was journaled when nobody was told.
func TestMovedReplay(t *testing.T) {
	follow := func(list *[]string) func(*ups.Config) {
		return func(c *ups.Config) {
			c.Moved = func(_ halong.Tx, it *ups.Item) error {
				*list = append(*list, string(it.UID)+" "+it.State.String()+" "+string(it.Transaction))
				return nil
			}
		}
	}
	var live, again, first []string
	w := openWorld(t, follow(&live))
	w.bring("1.1", ups.Completed)
	w.create(bv1, "1.2")
	w.ok(w.RequestCancel(ctx, bv1, "1.2", "ASKS", set(t, "")))
	if d := cmp.Diff([]string{"1.1 IN PROGRESS 2.25.1", "1.1 COMPLETED 2.25.1", "1.2 CANCELED "}, live); d != "" {
		t.Error(d)
	}
	now, before := openWorld(t, follow(&again)), openWorld(t, follow(&first))
	for _, r := range w.records {
		now.must(now.db.Update(ctx, func(tx halong.Tx) error { return now.Replay(tx, r) }))
		old := bytes.Replace(r, []byte(`"moves"`), []byte(`"_____"`), 1)
		before.must(before.db.Update(ctx, func(tx halong.Tx) error { return before.Replay(tx, old) }))
	}
	if d := cmp.Diff(live, again); d != "" || len(first) > 0 {
		t.Errorf("%s, %q", d, first)
	}
}
