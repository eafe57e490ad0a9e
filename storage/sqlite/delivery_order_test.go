package sqlite_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/forward"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// TestDeliveriesInOrder: nothing overtakes an entry that is being sent, or is to be tried again.
func TestDeliveriesInOrder(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	ctx, epoch := context.Background(), time.Unix(1_700_000_000, 0).UTC()
	began := func(halong.Tx) error { return nil }
	if _, err := db.OpenForwarding(ctx, []string{"his"}, epoch, began); err != nil {
		t.Fatal(err)
	}
	err := db.Update(ctx, func(tx halong.Tx) error {
		for i := range 5 {
			it := forward.Item{Kind: forward.Message, Facility: "BV1", Ref: fmt.Sprint("message ", i), Type: "ORU^R01"}
			if ok, err := db.EnterDelivery(tx, "his", uint64(i+1), &it, epoch, nil); !ok || err != nil {
				return fmt.Errorf("%v %w", ok, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	lease := func(after time.Duration, limit int) (refs []string, ids []int64) {
		t.Helper()
		at := epoch.Add(after)
		list, err := db.LeaseInOrder(ctx, "his", at, at.Add(time.Hour), limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if e.Kind != forward.Message || e.Type != "ORU^R01" || e.State != forward.Sending {
				t.Errorf("%+v", e)
			}
			refs, ids = append(refs, e.Ref), append(ids, e.ID)
		}
		return refs, ids
	}
	end := func(after time.Duration, results ...forward.Result) {
		t.Helper()
		if err := db.EndDeliveries(ctx, epoch.Add(after), results); err != nil {
			t.Fatal(err)
		}
	}
	want := func(got []string, numbers ...int) {
		t.Helper()
		var refs []string
		for _, n := range numbers {
			refs = append(refs, fmt.Sprint("message ", n))
		}
		if d := cmp.Diff(refs, got); d != "" {
			t.Error(d)
		}
	}
	due := func(after time.Duration) {
		t.Helper()
		at, err := db.NextInOrder(ctx, "his")
		if err != nil || !at.Equal(epoch.Add(after)) {
			t.Errorf("next at %v, %v", at, err)
		}
	}
	refs, ids := lease(0, 2)
	want(refs, 0, 1)
	refs, _ = lease(0, 2)
	want(refs) // the first two are being sent
	end(0, forward.Result{ID: ids[0], State: forward.Waiting, Due: epoch.Add(time.Minute)}, forward.Result{ID: ids[1], State: forward.Waiting, Untried: true})
	refs, _ = lease(time.Second, 5)
	want(refs) // the first is to be tried again later: the others wait for it
	due(time.Minute)
	refs, ids = lease(time.Minute, 3)
	want(refs, 0, 1, 2)
	end(time.Minute, forward.Result{ID: ids[0], State: forward.Dead, Reason: "AE"}, forward.Result{ID: ids[1], State: forward.Done}, forward.Result{ID: ids[2], State: forward.Waiting, Due: epoch.Add(time.Hour)})
	due(time.Hour)
	if err := db.PauseDestination(ctx, "his", "by an operator", epoch); err != nil {
		t.Fatal(err)
	}
	refs, _ = lease(2*time.Hour, 5)
	want(refs)
	if err := db.PauseDestination(ctx, "his", "", epoch); err != nil {
		t.Fatal(err)
	}
	refs, _ = lease(2*time.Hour, 5)
	want(refs, 2, 3, 4)
	list, err := db.Deliveries(ctx, forward.Selection{Ref: "message 0"}, 0, 10)
	if err != nil || len(list) != 1 || list[0].State != forward.Dead || list[0].Reason != "AE" {
		t.Errorf("%+v %v", list, err)
	}
}

// TestOrderPlans: to find the message that is next, those that wait behind it are neither read nor sorted.
func TestOrderPlans(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	ctx, now := t.Context(), time.Unix(1_700_000_000, 0).UTC()
	if _, err := db.OpenForwarding(ctx, []string{"his"}, now, func(halong.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	it := forward.Item{Kind: forward.Message, Facility: "BV1", Ref: "message 1", Type: "ORU^R01"}
	if err := db.Update(ctx, func(tx halong.Tx) error { _, err := db.EnterDelivery(tx, "his", 1, &it, now, nil); return err }); err != nil {
		t.Fatal(err)
	}
	next := func() error { _, err := db.NextInOrder(ctx, "his"); return err }
	lease := func() error { _, err := db.LeaseInOrder(ctx, "his", now, now, 1); return err }
	read, err := db.Plans(next)
	if err != nil {
		t.Fatal(err)
	}
	written, err := db.WriterPlans(lease)
	if err != nil {
		t.Fatal(err)
	}
	if len(read) != 1 || len(written) == 0 {
		t.Errorf("%q %q", read, written)
	}
	for _, p := range append(read, written...) {
		if strings.Contains(p, "SCAN delivery") || strings.Contains(p, "SCAN d;") || strings.Contains(p, "ORDER BY") {
			t.Error(p)
		}
	}
}
