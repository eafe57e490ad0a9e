package ups_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/worklist/ups"
)

// countdown fails the transaction after so many.
type countdown struct {
	halong.Updater
	left int
}

var errCut = errors.New("cut off")

func (c *countdown) Update(ctx context.Context, fn func(halong.Tx) error) error {
	if c.left--; c.left < 0 {
		return errCut
	}
	return c.Updater.Update(ctx, fn)
}

// A subscription to many workitems, and its end, are made in transactions of a few each. Whoever was cut off does it again.
func TestManyWorkitemsInSteps(t *testing.T) {
	cut := &countdown{left: 1 << 30}
	w := openWorld(t, func(c *ups.Config) { cut.Updater, c.Updater, c.Waiting.Reports = c.Updater, cut, 700 })
	const items = 760
	w.must(w.db.Update(ctx, func(tx halong.Tx) error {
		for i := range items {
			attrs := order(t)
			attrs.PutString(tag.WorklistLabel, dicom.LO, []string{"CAD", "READ"}[i%2])
			if err := w.Put(tx, bv1, dicom.UID(fmt.Sprintf("1.2.%d", i)), attrs, w.now); err != nil {
				return err
			}
		}
		return w.Put(tx, bv2, "1.2.3", order(t), w.now)
	}))
	keys := []query.Key{{Path: []dicom.Tag{tag.WorklistLabel}, VR: dicom.LO, Values: []string{"CAD"}}}
	subscribed := func(what string, want map[dicom.AETitle]int, reports map[dicom.AETitle]int) {
		t.Helper()
		got := map[dicom.AETitle]int{}
		for i := range items {
			for _, s := range w.subscriptions(dicom.UID(fmt.Sprintf("1.2.%d", i))) {
				got[s.AE]++
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", what, d)
		}
		for ae, n := range reports {
			waiting, err := w.db.WaitingReports(ctx, bv1, ae, 0, 1000)
			if len(waiting) != n || err != nil {
				t.Errorf("%s: %d reports wait for %s, want %d, %v", what, len(waiting), ae, n, err)
			}
		}
	}
	w.must(w.Subscribe(ctx, bv1, "1.2.7", "ALL", false, nil))
	w.must(w.Subscribe(ctx, bv1, ups.Worklist, "ALL", true, nil))
	if n := len(w.records); n < 4 {
		t.Errorf("%d records", n)
	}
	w.must(w.Subscribe(ctx, bv1, ups.FilteredWorklist, "CAD", true, keys))
	subscribed("subscribed", map[dicom.AETitle]int{"ALL": items, "CAD": items / 2}, map[dicom.AETitle]int{"ALL": 700, "CAD": items / 2})
	if s := w.subscriptions("1.2.7"); len(s) != 1 || s[0].By != ups.ByItem || s[0].Lock {
		t.Errorf("what was said of one workitem: %+v", s)
	}

	cut.left = 2
	if err := w.Unsubscribe(ctx, bv1, ups.FilteredWorklist, "CAD"); err != nil {
		t.Fatal(err) // 380: two transactions
	}
	cut.left = 2
	if err := w.Subscribe(ctx, bv1, ups.FilteredWorklist, "CAD", false, nil); !errors.Is(err, errCut) {
		t.Errorf("cut off: %v", err)
	}
	cut.left = 1 << 30
	w.must(w.Subscribe(ctx, bv1, ups.FilteredWorklist, "CAD", false, keys[:0]))
	subscribed("done again", map[dicom.AETitle]int{"ALL": items, "CAD": items}, map[dicom.AETitle]int{"CAD": 0})
	cut.left = 2
	if err := w.Unsubscribe(ctx, bv1, ups.FilteredWorklist, "CAD"); !errors.Is(err, errCut) {
		t.Errorf("cut off: %v", err)
	}
	cut.left = 1 << 30
	w.must(w.Unsubscribe(ctx, bv1, ups.FilteredWorklist, "CAD"))
	subscribed("ended", map[dicom.AETitle]int{"ALL": items}, nil)
	if err := w.Unsubscribe(ctx, bv1, ups.FilteredWorklist, "CAD"); halong.KindOf(err) != halong.NotExist {
		t.Errorf("ended twice: %v", err)
	}

	other := openWorld(t, func(c *ups.Config) { c.Waiting.Reports = 700 })
	other.must(other.db.Update(ctx, func(tx halong.Tx) error {
		for i := range items {
			attrs := order(t)
			attrs.PutString(tag.WorklistLabel, dicom.LO, []string{"CAD", "READ"}[i%2])
			if err := other.Put(tx, bv1, dicom.UID(fmt.Sprintf("1.2.%d", i)), attrs, other.now); err != nil {
				return err
			}
		}
		return other.Put(tx, bv2, "1.2.3", order(t), other.now)
	}))
	for _, r := range w.records {
		other.must(other.db.Update(ctx, func(tx halong.Tx) error { return other.Replay(tx, r) }))
	}
	if d := cmp.Diff(w.dump(), other.dump()); d != "" {
		t.Error(d)
	}
	w.must(w.Unsubscribe(ctx, bv1, ups.Worklist, "ALL"))
	subscribed("all ended", map[dicom.AETitle]int{}, map[dicom.AETitle]int{"ALL": 0})
}
