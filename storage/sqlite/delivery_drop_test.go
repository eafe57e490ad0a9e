package sqlite_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/forward"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// TestDropDeliveries: what is given up is dead, also over the end of a process; of what was being sent at that time success alone counts.
func TestDropDeliveries(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "halong.db")
	db, err := sqlite.Open(ctx, path, nil, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.OpenForwarding(ctx, []string{"a", "b"}, epoch, began); err != nil {
		t.Fatal(err)
	}
	emit(t, db, 7)
	enter(t, db, "a", epoch, nil, 1, 2, 3, 4, 5, 6)
	enter(t, db, "b", epoch, nil, 7)
	leased, err := db.LeaseDeliveries(ctx, "a", epoch, epoch.Add(time.Hour), 5)
	if err != nil || len(leased) != 5 {
		t.Fatal(leased, err)
	}
	id := func(event int) int64 { return leased[event-1].ID }
	err = db.EndDeliveries(ctx, epoch, []forward.Result{
		{ID: id(1), State: forward.Waiting, Reason: "busy"}, {ID: id(2), State: forward.Committing}, {ID: id(5), State: forward.Done},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		to   string
		ids  []int64
		want halong.Kind
	}{
		{"a", []int64{id(1), id(5)}, halong.Conflict},
		{"a", []int64{id(1), id(5) + 100}, halong.NotExist},
		{"b", []int64{id(1)}, halong.NotExist},
		{"c", []int64{id(1)}, halong.NotExist},
	} {
		if n, _, err := db.DropDeliveries(ctx, c.to, c.ids, "why", epoch); n != 0 || halong.KindOf(err) != c.want {
			t.Errorf("%+v: %d, %v", c, n, err)
		}
	}
	n, sending, err := db.DropDeliveries(ctx, "a", []int64{id(4), id(3), id(2), id(1), id(1)}, "why", epoch.Add(time.Minute))
	if d := cmp.Diff([]int64{id(3), id(4)}, sending); d != "" || n != 4 || err != nil {
		t.Errorf("%d, %v: %s", n, err, d)
	}
	err = db.EndDeliveries(ctx, epoch.Add(2*time.Minute), []forward.Result{
		{ID: id(3), State: forward.Waiting, Reason: "no answer"}, {ID: id(4), State: forward.Done}, {ID: id(1), State: forward.Waiting, Untried: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openAt(t, path, nil, sqlite.Options{})
	if _, err := db.OpenForwarding(ctx, []string{"a", "b"}, epoch.Add(time.Hour), nil); err != nil {
		t.Fatal(err)
	}
	all, err := db.Deliveries(ctx, forward.Selection{Destination: "a"}, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range all {
		got = append(got, e.State.String()+" "+e.Reason)
	}
	if d := cmp.Diff([]string{"dead why; before that: busy", "dead why", "dead why", "done ", "done ", "waiting "}, got); d != "" {
		t.Error(d)
	}
	counts := map[forward.State]int64{forward.Waiting: 1, forward.Sending: 0, forward.Committing: 0, forward.Done: 2, forward.Dead: 3}
	if d := cmp.Diff(counts, accountOf(t, db, "a").Count); d != "" {
		t.Error(d)
	}
	if n, err := db.RetryDeliveries(ctx, forward.Selection{Destination: "a", States: []forward.State{forward.Dead}}, epoch.Add(time.Hour)); n != 3 || err != nil {
		t.Error("a dead letter can be sent again:", n, err)
	}
}

// TestRetryEntries: entries that are named are sent again, all of them or none, and no others.
func TestRetryEntries(t *testing.T) {
	ctx, db := context.Background(), open(t, nil, sqlite.Options{})
	if _, err := db.OpenForwarding(ctx, []string{"a", "b"}, epoch, began); err != nil {
		t.Fatal(err)
	}
	emit(t, db, 6)
	enter(t, db, "a", epoch, nil, 1, 2, 3, 4, 5)
	enter(t, db, "b", epoch, nil, 6)
	all, err := db.LeaseDeliveries(ctx, "a", epoch, epoch.Add(time.Hour), 5)
	if err != nil || len(all) != 5 {
		t.Fatal(all, err)
	}
	dead, dead2, waits, done, sending := all[0].ID, all[1].ID, all[2].ID, all[3].ID, all[4].ID
	err = db.EndDeliveries(ctx, epoch, []forward.Result{
		{ID: dead, State: forward.Dead, Reason: "why"}, {ID: dead2, State: forward.Dead}, {ID: waits, State: forward.Waiting, Due: epoch.Add(time.Hour)}, {ID: done, State: forward.Done},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		to     string
		ids    []int64
		states []forward.State
		want   halong.Kind
	}{
		{"a", []int64{dead, done}, nil, halong.Conflict},
		{"a", []int64{dead, waits}, []forward.State{forward.Waiting}, halong.Conflict},
		{"a", []int64{sending}, []forward.State{forward.Sending}, halong.Conflict},
		{"a", []int64{dead, sending + 100}, nil, halong.NotExist},
		{"b", []int64{dead}, nil, halong.NotExist},
		{"c", []int64{dead}, nil, halong.NotExist},
	} {
		if n, err := db.RetryDeliveries(ctx, forward.Selection{Destination: c.to, Entries: c.ids, States: c.states}, epoch); n != 0 || halong.KindOf(err) != c.want {
			t.Errorf("%+v: %d, %v", c, n, err)
		}
	}
	if n, err := db.RetryDeliveries(ctx, forward.Selection{Destination: "a", Entries: []int64{waits, dead, dead}}, epoch); n != 2 || err != nil {
		t.Error(n, err)
	}
	if n, err := db.RetryDeliveries(ctx, forward.Selection{Destination: "a", Entries: []int64{done}, States: []forward.State{forward.Done}}, epoch); n != 1 || err != nil {
		t.Error(n, err)
	}
	counts := map[forward.State]int64{forward.Waiting: 3, forward.Sending: 1, forward.Done: 0, forward.Dead: 1}
	if d := cmp.Diff(counts, accountOf(t, db, "a").Count); d != "" {
		t.Error(d)
	}
}

// TestFirstDelivery: of messages the first is what the others wait for, of objects the one that waits longest is given. No table is read for it.
func TestFirstDelivery(t *testing.T) {
	ctx, db := context.Background(), open(t, nil, sqlite.Options{})
	if _, err := db.OpenForwarding(ctx, []string{"his", "pacs"}, epoch, began); err != nil {
		t.Fatal(err)
	}
	if e, err := db.FirstDelivery(ctx, "his"); e != nil || err != nil {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := db.FirstDelivery(ctx, "nobody"); halong.KindOf(err) != halong.NotExist {
		t.Error(err)
	}
	emit(t, db, 4)
	enter(t, db, "pacs", epoch.Add(time.Hour), nil, 1)
	enter(t, db, "pacs", epoch, nil, 2)
	message := forward.Item{Kind: forward.Message, Facility: "BV1", Ref: "message 1", Type: "ORU^R01"}
	err := db.Update(ctx, func(tx halong.Tx) error {
		for i := range 2 {
			if _, err := db.EnterDelivery(tx, "his", uint64(3+i), &message, epoch.Add(-time.Duration(i)*time.Hour), nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]uint64{"his": 3, "pacs": 2} {
		if e, err := db.FirstDelivery(ctx, name); err != nil || e == nil || e.Event != want {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	plans, err := db.Plans(func() error { _, err := db.FirstDelivery(ctx, "his"); return err })
	if err != nil || len(plans) == 0 {
		t.Fatal(plans, err)
	}
	for _, p := range plans {
		if strings.Contains(p, "SCAN delivery") || strings.Contains(p, "SCAN d;") || strings.Contains(p, "ORDER BY") {
			t.Error(p)
		}
	}
	written, err := db.WriterPlans(func() error {
		_, _, err := db.DropDeliveries(ctx, "his", []int64{1}, "why", epoch)
		if halong.KindOf(err) == halong.NotExist {
			err = nil
		}
		return err
	})
	if err != nil || len(written) == 0 {
		t.Fatal(written, err)
	}
	for _, p := range written {
		if scanDelivery.MatchString(p) {
			t.Error(p)
		}
	}
}
