package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/forward"
	"github.com/halong-gateway/halong/storage/sqlite"
)

var began = func(halong.Tx) error { return nil }

// emit commits events, and gives the number of the last.
func emit(t testing.TB, db *sqlite.DB, n int) uint64 {
	t.Helper()
	ctx := context.Background()
	err := db.Update(ctx, func(tx halong.Tx) error {
		for range n {
			if err := db.Emit(tx, halong.Event{Type: halong.EventInstanceStored, Facility: "BV1", Payload: []byte(`{}`)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	last, err := db.LastEvent(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return last
}

func forwarded(n uint64) *forward.Item {
	return &forward.Item{
		Kind:     forward.Instance,
		Facility: "BV1", Study: "1.2", Series: "1.3", SOP: dicom.UID(fmt.Sprintf("1.4.%d", n)), Class: "1.5", Digest: halong.Digest{byte(n)},
	}
}

// enter adds entries for events, without moving the cursor.
func enter(t testing.TB, db *sqlite.DB, destination string, now time.Time, again []forward.State, events ...uint64) (n int) {
	t.Helper()
	err := db.Update(context.Background(), func(tx halong.Tx) error {
		n = 0
		for _, e := range events {
			ok, err := db.EnterDelivery(tx, destination, e, forwarded(e), now, again)
			if err != nil {
				return err
			}
			if ok {
				n++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func accountOf(t testing.TB, db *sqlite.DB, name string) forward.Account {
	t.Helper()
	all, err := db.DeliveryAccounts(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.Destination == name {
			return a
		}
	}
	t.Fatalf("no account %s in %+v", name, all)
	return forward.Account{}
}

var epoch = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// TestDeliveries walks entries through their states, over the end of a process.
func TestDeliveries(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "halong.db")
	db, err := sqlite.Open(ctx, path, nil, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	old := emit(t, db, 3)
	s, err := db.OpenForwarding(ctx, []string{"a", "b"}, epoch, began)
	if err != nil || s != (forward.Standing{Cursor: old}) {
		t.Fatalf("%+v, %v", s, err)
	}
	last := emit(t, db, 5)
	if n := enter(t, db, "a", epoch, nil, 1, 4, 5, 6, 7, 8, 8); n != 5 {
		t.Errorf("%d entered; event 1 was there before the destination, event 8 came twice", n)
	}
	if err := db.Update(ctx, func(tx halong.Tx) error { return db.AdvanceForwarding(tx, old, last) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(ctx, func(tx halong.Tx) error { return db.AdvanceForwarding(tx, old, last) }); halong.KindOf(err) != halong.Conflict {
		t.Errorf("a cursor that is elsewhere: %v", err)
	}
	leased, err := db.LeaseDeliveries(ctx, "a", epoch, epoch.Add(time.Hour), 4)
	if err != nil || len(leased) != 4 || leased[0].Event != 4 || leased[0].Attempts != 1 || leased[0].State != forward.Sending {
		t.Fatalf("%+v, %v", leased, err)
	}
	want := forward.Entry{
		Item: *forwarded(4), ID: leased[0].ID, Destination: "a", Event: 4, State: forward.Sending, Attempts: 1,
		Entered: epoch, Queued: epoch, Due: epoch.Add(time.Hour), Changed: epoch,
	}
	if d := cmp.Diff(want, leased[0]); d != "" {
		t.Error(d)
	}
	err = db.EndDeliveries(ctx, epoch, []forward.Result{
		{ID: leased[0].ID, State: forward.Done},
		{ID: leased[1].ID, State: forward.Dead, Reason: "refused"},
		{ID: leased[2].ID, State: forward.Waiting, Untried: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db = openAt(t, path, nil, sqlite.Options{}) // entry 4 was being sent
	if s, err = db.OpenForwarding(ctx, []string{"a"}, epoch.Add(time.Minute), nil); err != nil || s.Cursor != last {
		t.Fatalf("%+v, %v", s, err)
	}
	a := accountOf(t, db, "a")
	counts := map[forward.State]int64{forward.Waiting: 3, forward.Sending: 0, forward.Done: 1, forward.Dead: 1}
	if d := cmp.Diff(counts, a.Count); d != "" || a.Entered != 5 || !a.Oldest.Equal(epoch) || !a.Active {
		t.Errorf("%+v\n%s", a, d)
	}
	list, err := db.Deliveries(ctx, forward.Selection{Destination: "a", States: []forward.State{forward.Waiting}}, 0, 10)
	if err != nil || len(list) != 3 || list[0].Attempts != 0 || list[1].Attempts != 1 {
		t.Errorf("an untried attempt does not count, one cut short does: %+v, %v", list, err)
	}
	if n, err := db.RetryDeliveries(ctx, forward.Selection{Study: "1.2"}, epoch); n != 4 || err != nil {
		t.Errorf("retried %d, %v", n, err)
	}
	if n := enter(t, db, "a", epoch, []forward.State{forward.Done}, 1, 4, 5); n != 2 {
		t.Errorf("%d again: event 1 is new, 4 was done, 5 waits", n)
	}
	if n, err := db.ExpireDeliveries(ctx, "a", epoch.Add(time.Second), epoch, "too old"); n != 6 || err != nil {
		t.Errorf("expired %d, %v", n, err)
	}
	if a := accountOf(t, db, "a"); a.Count[forward.Dead] != 6 || a.Entered != 6 || !a.Due.IsZero() || !a.Oldest.IsZero() {
		t.Errorf("%+v", a)
	}
}

// TestPausedDestination: nothing is leased of it, and the reason is kept.
func TestPausedDestination(t *testing.T) {
	ctx, db := context.Background(), open(t, nil, sqlite.Options{})
	if _, err := db.OpenForwarding(ctx, []string{"a"}, epoch, began); err != nil {
		t.Fatal(err)
	}
	emit(t, db, 1)
	enter(t, db, "a", epoch, nil, 1)
	if err := db.PauseDestination(ctx, "a", "moving house", epoch); err != nil {
		t.Fatal(err)
	}
	if list, err := db.LeaseDeliveries(ctx, "a", epoch, epoch, 1); len(list) != 0 || err != nil {
		t.Errorf("%+v, %v", list, err)
	}
	if a := accountOf(t, db, "a"); a.Paused != "moving house" {
		t.Errorf("%+v", a)
	}
	if err := db.PauseDestination(ctx, "a", "", epoch.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if list, err := db.LeaseDeliveries(ctx, "a", epoch, epoch, 1); len(list) != 1 || err != nil {
		t.Errorf("%+v, %v", list, err)
	}
	if a := accountOf(t, db, "a"); a.Paused != "" || !a.Resumed.Equal(epoch.Add(time.Hour)) {
		t.Errorf("%+v", a)
	}
	if err := db.PauseDestination(ctx, "b", "x", epoch); halong.KindOf(err) != halong.NotExist {
		t.Error(err)
	}
}

// TestHeldForwarding: a hold stays until it is released, and a consumer that was closed begins at the end.
func TestHeldForwarding(t *testing.T) {
	ctx, db := context.Background(), open(t, nil, sqlite.Options{})
	last := emit(t, db, 4)
	if err := db.Update(ctx, func(tx halong.Tx) error { return db.HoldForwarding(tx, "made again") }); err != nil {
		t.Fatal(err)
	}
	s, err := db.OpenForwarding(ctx, []string{"a"}, epoch, nil) // began is not called
	if err != nil || s.Held != "made again" {
		t.Fatalf("%+v, %v", s, err)
	}
	if err := db.ReleaseForwarding(ctx, 1, epoch, began); err != nil {
		t.Fatal(err)
	}
	if s, err = db.ForwardingStanding(ctx); err != nil || s != (forward.Standing{Cursor: 1}) {
		t.Fatalf("%+v, %v", s, err)
	}
	if n := enter(t, db, "a", epoch, nil, 1, 2); n != 1 {
		t.Errorf("%d entered: from event 2 on", n)
	}
	if err := db.CloseForwarding(ctx); err != nil {
		t.Fatal(err)
	}
	if s, err = db.OpenForwarding(ctx, []string{"a"}, epoch, began); err != nil || s.Cursor != last {
		t.Fatalf("%+v, %v", s, err)
	}
	if n := enter(t, db, "a", epoch, nil, 3); n != 0 {
		t.Error("a destination that was away takes no notice of what came meanwhile")
	}
}

// TestForgottenDeliveries: what was done long ago is removed, and stays counted.
func TestForgottenDeliveries(t *testing.T) {
	ctx, db := context.Background(), open(t, nil, sqlite.Options{})
	if _, err := db.OpenForwarding(ctx, []string{"a"}, epoch, began); err != nil {
		t.Fatal(err)
	}
	emit(t, db, 3)
	enter(t, db, "a", epoch, nil, 1, 2, 3)
	leased, err := db.LeaseDeliveries(ctx, "a", epoch, epoch.Add(time.Hour), 2)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range leased {
		if err := db.EndDeliveries(ctx, epoch.Add(time.Duration(i)*time.Hour), []forward.Result{{ID: e.ID, State: forward.Done}}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := db.ForgetDeliveries(ctx, epoch.Add(time.Minute)); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if list, err := db.Deliveries(ctx, forward.Selection{}, 0, 10); len(list) != 2 || err != nil {
		t.Errorf("%+v, %v", list, err)
	}
	if a := accountOf(t, db, "a"); a.Count[forward.Done] != 2 || a.Entered != 3 {
		t.Errorf("%+v", a)
	}
}

// TestForgottenGone: what was deleted before it was sent does not stay listed for ever either; what is dead does.
func TestForgottenGone(t *testing.T) {
	ctx, db := context.Background(), open(t, nil, sqlite.Options{})
	if _, err := db.OpenForwarding(ctx, []string{"a"}, epoch, began); err != nil {
		t.Fatal(err)
	}
	emit(t, db, 2)
	enter(t, db, "a", epoch, nil, 1, 2)
	leased, err := db.LeaseDeliveries(ctx, "a", epoch, epoch.Add(time.Hour), 2)
	if err != nil || len(leased) != 2 {
		t.Fatal(leased, err)
	}
	if err := db.EndDeliveries(ctx, epoch, []forward.Result{{ID: leased[0].ID, State: forward.Gone}, {ID: leased[1].ID, State: forward.Dead}}); err != nil {
		t.Fatal(err)
	}
	if n, err := db.ForgetDeliveries(ctx, epoch.Add(time.Minute)); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if a := accountOf(t, db, "a"); a.Count[forward.Gone] != 1 || a.Count[forward.Dead] != 1 || a.Entered != 2 {
		t.Errorf("%+v", a)
	}
}

// TestAgeOfReplayed: an entry that is sent again is as old as the order to do so, not as the object.
func TestAgeOfReplayed(t *testing.T) {
	ctx, db := context.Background(), open(t, nil, sqlite.Options{})
	if _, err := db.OpenForwarding(ctx, []string{"a"}, epoch, began); err != nil {
		t.Fatal(err)
	}
	emit(t, db, 2)
	enter(t, db, "a", epoch, nil, 1)
	leased, err := db.LeaseDeliveries(ctx, "a", epoch, epoch.Add(time.Hour), 1)
	if err != nil || len(leased) != 1 {
		t.Fatal(leased, err)
	}
	if err := db.EndDeliveries(ctx, epoch, []forward.Result{{ID: leased[0].ID, State: forward.Done}}); err != nil {
		t.Fatal(err)
	}
	enter(t, db, "a", epoch.Add(48*time.Hour), nil, 2)
	enter(t, db, "a", epoch.Add(72*time.Hour), []forward.State{forward.Done}, 1)
	if a := accountOf(t, db, "a"); !a.Oldest.Equal(epoch.Add(48 * time.Hour)) {
		t.Errorf("%+v", a)
	}
}

// TestAskedCommitments: entries that were sent are gathered into a request, which survives, and ends with its entries.
func TestAskedCommitments(t *testing.T) {
	ctx, db := context.Background(), open(t, nil, sqlite.Options{})
	if _, err := db.OpenForwarding(ctx, []string{"a"}, epoch, began); err != nil {
		t.Fatal(err)
	}
	emit(t, db, 3)
	enter(t, db, "a", epoch, nil, 1, 2, 3)
	if c, err := db.AskCommitment(ctx, "a", "2.25.1", epoch, epoch, 10); c != nil || err != nil {
		t.Fatalf("nothing was sent: %+v, %v", c, err)
	}
	leased, err := db.LeaseDeliveries(ctx, "a", epoch, epoch.Add(time.Hour), 3)
	if err != nil {
		t.Fatal(err)
	}
	var results []forward.Result
	for _, e := range leased {
		results = append(results, forward.Result{ID: e.ID, State: forward.Committing, SentAs: "1.9." + e.SOP})
	}
	if err := db.EndDeliveries(ctx, epoch, results); err != nil {
		t.Fatal(err)
	}
	due := epoch.Add(time.Minute)
	c, err := db.AskCommitment(ctx, "a", "2.25.1", epoch, due, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := forward.Commitment{ID: c.ID, Destination: "a", Transaction: "2.25.1", Asked: epoch, Due: due, Attempts: 1}
	if d := cmp.Diff(want, *c); d != "" {
		t.Error(d)
	}
	if late, err := db.CommitmentsDue(ctx, "a", epoch); len(late) != 0 || err != nil {
		t.Errorf("%+v, %v", late, err)
	}
	c.Transaction, c.Attempts, c.Due = "2.25.2", 2, due.Add(time.Minute)
	if err := db.SaveCommitmentAsked(ctx, c); err != nil {
		t.Fatal(err)
	}
	if late, err := db.CommitmentsDue(ctx, "a", c.Due); len(late) != 1 || err != nil || !cmp.Equal(late[0], *c) {
		t.Errorf("%+v, %v", late, err)
	}
	if _, ok, err := db.CommitmentOf(ctx, "2.25.1"); ok || err != nil {
		t.Error("the transaction before", err)
	}
	entries, err := db.CommitmentEntries(ctx, c.ID)
	if err != nil || len(entries) != 2 || entries[0].SentAs != "1.9.1.4.1" {
		t.Fatalf("%+v, %v", entries, err)
	}
	err = db.EndCommitment(ctx, c.ID, epoch, []forward.Result{
		{ID: entries[0].ID, State: forward.Done}, {ID: entries[1].ID, State: forward.Waiting, Due: due, Reason: "0112"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := db.CommitmentOf(ctx, "2.25.2"); ok || err != nil {
		t.Error("it has ended", err)
	}
	counts := map[forward.State]int64{forward.Waiting: 1, forward.Sending: 0, forward.Committing: 1, forward.Done: 1}
	if d := cmp.Diff(counts, accountOf(t, db, "a").Count); d != "" {
		t.Error(d)
	}
}

// scanDelivery finds the reading of a whole table of entries.
var scanDelivery = regexp.MustCompile(`SCAN (d|c|delivery|delivery_commitment)\b`)

// TestDeliveryPlans: what is asked all the time reads no whole table.
func TestDeliveryPlans(t *testing.T) {
	ctx, db := context.Background(), open(t, nil, sqlite.Options{})
	if _, err := db.OpenForwarding(ctx, []string{"a"}, epoch, began); err != nil {
		t.Fatal(err)
	}
	plans, err := db.Plans(func() error {
		if _, err := db.LeaseDeliveries(ctx, "a", epoch, epoch, 1); err != nil {
			return err
		}
		if _, err := db.NextDelivery(ctx, "a"); err != nil {
			return err
		}
		if _, err := db.CommitmentsDue(ctx, "a", epoch); err != nil {
			return err
		}
		if _, err := db.AskCommitment(ctx, "a", "1", epoch, epoch, 1); err != nil {
			return err
		}
		_, err := db.DeliveryAccounts(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plans {
		if scanDelivery.MatchString(p) {
			t.Errorf("reads everything: %s", p)
		}
	}
}
