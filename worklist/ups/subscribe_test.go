package ups_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/worklist/ups"
)

// subscriptions gives those to a workitem.
func (w *world) subscriptions(uid dicom.UID) (list []ups.Subscription) {
	w.t.Helper()
	w.must(w.db.Update(ctx, func(tx halong.Tx) (err error) {
		list, err = w.db.Subscriptions(tx, bv1, uid)
		return err
	}))
	return list
}

// W28: the transitions of PS3.4 table CC.2.3-2 for one AE and one workitem that is there: from not subscribed, subscribed with and
// without a deletion lock by itself, and by the Worklist.
func TestW28SubscriptionStates(t *testing.T) {
	sub := func(uid dicom.UID, lock bool) func(*world) error {
		return func(w *world) error { return w.Subscribe(ctx, bv1, uid, "A", lock, nil) }
	}
	starts := []func(*world) error{
		func(*world) error { return nil }, sub("1.2", true), sub("1.2", false), sub(ups.Worklist, true), sub(ups.Worklist, false),
	}
	const lock, free, none = "lock", "free", "none"
	for _, c := range []struct {
		name string
		do   func(*world) error
		want [5]string // what comes of it; "!" after it: the state is reported
	}{
		{"subscribe with lock", sub("1.2", true), [5]string{lock + "!", lock + "!", lock + "!", lock + "!", lock + "!"}},
		{"subscribe", sub("1.2", false), [5]string{free + "!", free + "!", free + "!", free + "!", free + "!"}},
		{"unsubscribe", func(w *world) error { return w.Unsubscribe(ctx, bv1, "1.2", "A") }, [5]string{"C307", none, none, none, none}},
		{"subscribe globally with lock", sub(ups.Worklist, true), [5]string{lock + "!", lock + "!", free + "!", lock + "!", lock + "!"}},
		{"subscribe globally", sub(ups.Worklist, false), [5]string{free, lock, free, free, free}},
		{"unsubscribe globally", func(w *world) error { return w.Unsubscribe(ctx, bv1, ups.Worklist, "A") }, [5]string{"C307", none, none, none, none}},
		{"suspend", func(w *world) error { return w.Suspend(ctx, bv1, ups.Worklist, "A") }, [5]string{"C307", "C307", "C307", lock, free}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := openWorld(t)
			w.create(bv1, "1.2")
			var got [5]string
			for i, start := range starts {
				if err := w.Unsubscribe(ctx, bv1, ups.Worklist, "A"); err != nil && halong.KindOf(err) != halong.NotExist {
					t.Fatal(err)
				}
				w.must(start(w))
				w.waiting("A")
				if err := c.do(w); err != nil {
					got[i] = statusOf(0, err)
					continue
				}
				got[i] = none
				for _, s := range w.subscriptions("1.2") {
					got[i] = map[bool]string{true: lock, false: free}[s.Lock]
				}
				if len(w.waiting("A")) > 0 {
					got[i] += "!"
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// New workitems come under global subscriptions, those that match under filtered ones, none under suspended ones.
func TestNewWorkitemsAreCovered(t *testing.T) {
	w := openWorld(t)
	high := []query.Key{{Path: []dicom.Tag{tag.ScheduledProcedureStepPriority}, VR: dicom.CS, Values: []string{"HIGH"}}}
	w.must(w.Subscribe(ctx, bv1, ups.Worklist, "A", false, nil))
	w.must(w.Subscribe(ctx, bv1, ups.FilteredWorklist, "A", true, high))
	w.must(w.Subscribe(ctx, bv1, ups.FilteredWorklist, "B", false, high))
	w.must(w.Subscribe(ctx, bv1, ups.Worklist, "C", true, nil))
	w.must(w.Suspend(ctx, bv1, ups.Worklist, "C"))
	w.create(bv1, "1.1", `'00741200':{'vr':'CS','Value':['LOW']}`)
	w.create(bv1, "1.2", `'00741200':{'vr':'CS','Value':['HIGH']}`)
	w.create(bv2, "1.1")
	if d := cmp.Diff([]ups.Subscription{{AE: "A", By: ups.ByGlobal}}, w.subscriptions("1.1")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]ups.Subscription{{AE: "A", Lock: true, By: ups.ByFilter}, {AE: "B", By: ups.ByFilter}}, w.subscriptions("1.2")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"1 1.1 SCHEDULED", "1 1.2 SCHEDULED"}, w.waiting("A")); d != "" {
		t.Errorf("of another facility, or twice: %s", d)
	}
	w.must(w.Subscribe(ctx, bv1, ups.Worklist, "C", true, nil)) // no longer suspended
	if d := cmp.Diff([]string{"1 1.1 SCHEDULED", "1 1.2 SCHEDULED"}, w.waiting("C")); d != "" {
		t.Error(d)
	}
	w.must(w.Unsubscribe(ctx, bv1, ups.FilteredWorklist, "A"))
	if d := cmp.Diff([]ups.Subscription{{AE: "B", By: ups.ByFilter}, {AE: "C", Lock: true, By: ups.ByGlobal}}, w.subscriptions("1.2")); d != "" {
		t.Error(d)
	}
}

// A channel gives what waited, then what comes; a report is kept until every channel of its AE says that it arrived.
func TestChannels(t *testing.T) {
	w := openWorld(t)
	w.create(bv1, "1.2")
	w.must(w.Subscribe(ctx, bv1, "1.2", "A", false, nil))
	count := func() int {
		t.Helper()
		all, err := w.db.WaitingReports(ctx, bv1, "A", 0, 100)
		w.must(err)
		return len(all)
	}
	next := func(c *ups.Channel, want int) {
		t.Helper()
		got := 0
		for got < want {
			list, err := c.Next(ctx)
			w.must(err)
			got += len(list)
		}
		if got != want {
			t.Errorf("%d reports, want %d", got, want)
		}
	}
	one, err := w.Open(ctx, bv1, "A")
	w.must(err)
	two, err := w.Open(ctx, bv1, "A")
	w.must(err)
	next(one, 1)
	w.must(one.Arrived(ctx))
	if n := count(); n != 1 {
		t.Errorf("%d kept for the other channel", n)
	}
	next(two, 1)
	w.must(two.Arrived(ctx))
	if n := count(); n != 0 {
		t.Errorf("%d kept that arrived everywhere", n)
	}
	w.ok(w.ChangeState(ctx, bv1, "1.2", ups.InProgress, "2.25.1"))
	next(one, 1)
	w.must(one.Arrived(ctx))
	two.Close() // it never got the last
	w.must(one.Arrived(ctx))
	if n := count(); n != 0 {
		t.Errorf("%d kept for a channel that is closed", n)
	}
	w.must(w.Set(ctx, bv1, "1.2", "2.25.1", set(t, performed)))
	w.ok(w.ChangeState(ctx, bv1, "1.2", ups.Completed, "2.25.1"))
	next(one, 1)
	one.Close() // before it arrived
	three, err := w.Open(ctx, bv1, "A")
	w.must(err)
	next(three, 1)

	stopped := make(chan error, 1)
	go func() { stopped <- w.Stop(ctx) }()
	if _, err := three.Next(ctx); !errors.Is(err, ups.ErrStopping) {
		t.Errorf("after Stop: %v", err)
	}
	three.Close()
	three.Close()
	select {
	case err := <-stopped:
		w.must(err)
	case <-time.After(time.Minute):
		t.Fatal("Stop does not end")
	}
	if _, err := w.Open(ctx, bv1, "A"); halong.KindOf(err) != halong.Transient {
		t.Errorf("opened after Stop: %v", err)
	}
}

// The bounds: workitems, AEs, channels, reports that wait.
func TestBounds(t *testing.T) {
	w := openWorld(t, func(c *ups.Config) {
		c.Items, c.AEs, c.Channels, c.Waiting = 3, 2, 1, ups.Limit{Reports: 4, Bytes: 1 << 20}
	})
	for i := range 3 {
		w.create(bv1, dicom.UID(fmt.Sprintf("1.%d", i)))
	}
	if _, _, err := w.Create(ctx, bv1, "1.9", order(t)); halong.KindOf(err) != halong.Exhausted {
		t.Errorf("a fourth workitem: %v", err)
	}
	w.create(bv2, "1.9")                                                                                 // another facility's
	w.must(w.db.Update(ctx, func(tx halong.Tx) error { return w.Put(tx, bv1, "1.9", order(t), w.now) })) // orders are not bounded
	w.must(w.Subscribe(ctx, bv1, ups.Worklist, "A", false, nil))
	w.must(w.Subscribe(ctx, bv1, "1.1", "B", false, nil))
	if err := w.Subscribe(ctx, bv1, "1.1", "C", false, nil); halong.KindOf(err) != halong.Exhausted {
		t.Errorf("a third AE: %v", err)
	}
	w.must(w.Subscribe(ctx, bv1, "1.2", "B", false, nil))
	c, err := w.Open(ctx, bv1, "A")
	w.must(err)
	if _, err := w.Open(ctx, bv1, "B"); halong.KindOf(err) != halong.Exhausted {
		t.Errorf("a second channel: %v", err)
	}
	c.Close()
	for i := range 9 {
		w.must(w.Set(ctx, bv1, "1.0", "", set(t, `'00404041':{'vr':'CS','Value':['`+[]string{"INCOMPLETE", "READY"}[i%2]+`']}`)))
	}
	if got := w.waiting("A"); len(got) != 4 {
		t.Errorf("%d reports wait: %v", len(got), got)
	}
}
