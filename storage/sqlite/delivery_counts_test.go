package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/forward"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// TestDeliveryCounts: whatever happens, what entered is what there is, and the sums are those of the rows.
func TestDeliveryCounts(t *testing.T) {
	if testing.Short() {
		t.Skip("long under the race detector, and one goroutine: make unit runs it")
	}
	rapid.Check(t, func(rt *rapid.T) {
		ctx := context.Background()
		db := openAt(t, filepath.Join(t.TempDir(), "halong.db"), nil, sqlite.Options{})
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		names := []string{"a", "b"}
		now := epoch
		must := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		_, err := db.OpenForwarding(ctx, names, now, began)
		must(err)
		last := emit(t, db, 12)
		leased := map[string][]forward.Entry{}
		forgotten := int64(0)
		state := rapid.SampledFrom([]forward.State{forward.Waiting, forward.Committing, forward.Done, forward.Dead, forward.Gone})
		rt.Repeat(map[string]func(*rapid.T){
			"enter": func(rt *rapid.T) {
				e := rapid.Uint64Range(1, last).Draw(rt, "event")
				var again []forward.State
				if rapid.Bool().Draw(rt, "again") {
					again = []forward.State{state.Draw(rt, "state")}
				}
				enter(t, db, rapid.SampledFrom(names).Draw(rt, "to"), now, again, e)
			},
			"lease": func(rt *rapid.T) {
				name := rapid.SampledFrom(names).Draw(rt, "of")
				list, err := db.LeaseDeliveries(ctx, name, now, now.Add(time.Minute), rapid.IntRange(1, 5).Draw(rt, "limit"))
				must(err)
				leased[name] = append(leased[name], list...)
			},
			"end": func(rt *rapid.T) {
				name := rapid.SampledFrom(names).Draw(rt, "of")
				var results []forward.Result
				for _, e := range leased[name] {
					results = append(results, forward.Result{
						ID: e.ID, State: state.Draw(rt, "state"), Due: now.Add(time.Duration(rapid.IntRange(0, 100).Draw(rt, "due")) * time.Second),
						Untried: rapid.Bool().Draw(rt, "untried"),
					})
				}
				leased[name] = nil
				must(db.EndDeliveries(ctx, now, results))
			},
			"commit": func(rt *rapid.T) {
				name := rapid.SampledFrom(names).Draw(rt, "of")
				c, err := db.AskCommitment(ctx, name, dicom.UID(fmt.Sprintf("1.%d", rapid.Uint64().Draw(rt, "uid"))), now, now, 3)
				must(err)
				if c == nil {
					return
				}
				entries, err := db.CommitmentEntries(ctx, c.ID)
				must(err)
				var results []forward.Result
				for _, e := range entries {
					results = append(results, forward.Result{ID: e.ID, State: state.Filter(func(s forward.State) bool { return s != forward.Committing }).Draw(rt, "state")})
				}
				must(db.EndCommitment(ctx, c.ID, now, results))
			},
			"retry": func(rt *rapid.T) {
				_, err := db.RetryDeliveries(ctx, forward.Selection{States: []forward.State{state.Draw(rt, "state")}}, now)
				must(err)
			},
			"expire": func(*rapid.T) {
				_, err := db.ExpireDeliveries(ctx, "a", now.Add(-10*time.Second), now, "too old")
				must(err)
			},
			"forget": func(*rapid.T) {
				n, err := db.ForgetDeliveries(ctx, now.Add(-20*time.Second))
				must(err)
				forgotten += int64(n)
			},
			"start again": func(*rapid.T) {
				_, err := db.OpenForwarding(ctx, names, now, began)
				must(err)
				clear(leased)
			},
			"time passes": func(*rapid.T) { now = now.Add(7 * time.Second) },
			"": func(rt *rapid.T) {
				rows := map[forward.State]int64{}
				list, err := db.Deliveries(ctx, forward.Selection{}, 0, 1000)
				must(err)
				for _, e := range list {
					rows[e.State]++
				}
				sums, entered := map[forward.State]int64{}, int64(0)
				for _, name := range names {
					a := accountOf(t, db, name)
					entered += a.Entered
					total := int64(0)
					for s, n := range a.Count {
						total += n
						if sums[s] += n; sums[s] == 0 {
							delete(sums, s)
						}
					}
					if total != a.Entered {
						rt.Fatalf("%s: %d entered, %d are somewhere", name, a.Entered, total)
					}
				}
				for _, m := range []map[forward.State]int64{rows, sums} { // either may have been forgotten
					m[forward.Done] += m[forward.Gone]
					delete(m, forward.Gone)
				}
				if rows[forward.Done] += forgotten; rows[forward.Done] == 0 {
					delete(rows, forward.Done)
				}
				if sums[forward.Done] == 0 {
					delete(sums, forward.Done)
				}
				if d := cmp.Diff(rows, sums); d != "" {
					rt.Fatalf("rows and sums differ:\n%s", d)
				}
			},
		})
	})
}
