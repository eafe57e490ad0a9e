package sqlite_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/forward"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// TestEventRuns: from the beginning of a run to the next no event is more than RunSlack earlier than one before it, whatever clocks said, also behind restarts and transactions
// that failed. While time goes on there is one run.
func TestEventRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "halong.db")
	db := openAt(t, path, nil, sqlite.Options{})
	runs := func() []uint64 {
		t.Helper()
		all, err := db.EventRuns(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	restart := func() {
		t.Helper()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = openAt(t, path, nil, sqlite.Options{})
	}
	emit := func(fails error, times ...time.Time) {
		t.Helper()
		if err := db.Update(t.Context(), func(tx halong.Tx) error {
			for _, at := range times {
				if err := db.Emit(tx, halong.Event{Type: halong.EventMessageStored, Facility: "BV1", Time: at}); err != nil {
					return err
				}
			}
			return fails
		}); err != fails {
			t.Fatal(err)
		}
	}
	now := time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)
	for i := range 40 {
		if i%10 == 9 {
			restart()
		}
		early := now.Add(-forward.RunSlack / 2) // as is what waited for others
		emit(context.Canceled, now.Add(-24*time.Hour))
		emit(nil, now, early, now)
		now = now.Add(time.Duration(i) * time.Hour)
	}
	if d := cmp.Diff([]uint64{1}, runs()); d != "" {
		t.Error(d)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		switch at := now.Add(time.Duration(random.IntN(300)-150) * time.Minute); random.IntN(20) {
		case 0:
			restart()
		case 1:
			emit(context.Canceled, at, at.Add(-time.Hour*24))
		default:
			emit(nil, at, at.Add(-time.Minute*time.Duration(random.IntN(100))))
		}
	}
	events, err := db.EventsSince(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	begins, latest := runs(), time.Time{}
	if n := len(begins); n < 10 || n > len(events)/2 {
		t.Errorf("%d runs", n)
	}
	for _, e := range events {
		if slices.Contains(begins, e.Seq) {
			latest = e.Time
		}
		if e.Time.Before(latest.Add(-forward.RunSlack)) {
			t.Errorf("event %d is %v earlier than one before it", e.Seq, latest.Sub(e.Time))
		}
		if e.Time.After(latest) {
			latest = e.Time
		}
	}
	if err := db.VerifyEvents(t.Context()); err != nil {
		t.Error(err)
	}
}
