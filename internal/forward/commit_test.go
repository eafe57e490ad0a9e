package forward_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/internal/forward"
)

// TestCommitment: what was sent is done when it is committed. A request that was not answered outlives the process, is repeated
// under another transaction, and an answer to the first is nobody's; what is not committed is sent again.
func TestCommitment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		var mu sync.Mutex
		sent := map[dicom.UID]int{}
		var asked []commitment.Request
		d := forward.Destination{
			Name: "a", Commit: true, Reporter: "FAR", CommitTimeout: time.Minute, Retry: forward.Backoff{First: time.Second, Most: time.Second},
			Transport: &forward.Committer{
				Script: func(_ context.Context, e *forward.Entry) (forward.State, string, error) {
					mu.Lock()
					defer mu.Unlock()
					sent[e.SOP]++
					return forward.Done, "", nil
				},
				Ask: func(_ context.Context, rq commitment.Request) error {
					mu.Lock()
					defer mu.Unlock()
					asked = append(asked, rq)
					return nil
				},
			},
		}
		b := newBench(t, d)
		b.store(3)
		after(5 * time.Second)
		count := func(n int) []commitment.Request {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if len(asked) != n {
				t.Fatalf("asked %d times, want %d: %+v", len(asked), n, asked)
			}
			return asked
		}
		first := count(1)[0]
		if a := b.account("a"); a.Count[forward.Committing] != 3 || a.Count[forward.Done] != 0 || len(first.References) != 3 || first.References[0].SOPClass != "1.5" {
			t.Errorf("%+v, %+v", a, first)
		}
		b.stop()
		b.start()
		after(30 * time.Second)
		count(1) // still waited for
		after(2 * time.Minute)
		if n := len(asked); n < 2 || n > 4 {
			t.Errorf("asked %d times", n)
		}
		last := asked[len(asked)-1]
		if last.Transaction == first.Transaction {
			t.Error("the same transaction again")
		}
		if err := b.f.Reported(ctx, "FAR", &commitment.Report{Transaction: first.Transaction, Committed: first.References}); !errors.Is(err, commitment.ErrUnknown) {
			t.Error(err)
		}
		for _, ae := range []string{"", "OTHER", "FARTHER"} { // who guessed, or overheard, the Transaction UID
			if err := b.f.Reported(ctx, ae, &commitment.Report{Transaction: last.Transaction, Committed: last.References}); !errors.Is(err, commitment.ErrUnknown) {
				t.Errorf("from %q: %v", ae, err)
			}
		}
		before := len(asked)
		err := b.f.Reported(ctx, "FAR", &commitment.Report{
			Transaction: last.Transaction, Committed: last.References[:1],
			Failed: []commitment.Failure{{Reference: last.References[1], Reason: commitment.NoSuchObjectInstance}},
		})
		if err != nil {
			t.Fatal(err)
		}
		list, err := b.f.List(ctx, forward.Selection{States: []forward.State{forward.Waiting}}, 0, 10)
		if err != nil || len(list) != 2 || list[0].Reason != "sent, but not committed: 0112 no such object instance" || list[1].Reason != "sent, but not committed: not mentioned" {
			t.Errorf("%+v, %v", list, err)
		}
		after(10 * time.Second)
		again := count(before + 1)[before]
		if err := b.f.Reported(ctx, "FAR", &commitment.Report{Transaction: again.Transaction, Committed: again.References}); err != nil {
			t.Fatal(err)
		}
		if a := b.account("a"); a.Count[forward.Done] != 3 || a.Entered != 3 {
			t.Errorf("%+v", a)
		}
		if sent["1.4.0"] != 1 || sent["1.4.1"] != 2 || sent["1.4.2"] != 2 {
			t.Errorf("%v", sent)
		}
		b.stop()
	})
}

// TestNoCommitment: a destination that never tells is asked for as long as an object is tried; then that is dead.
func TestNoCommitment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := forward.Destination{
			Name: "a", Commit: true, Reporter: "FAR", CommitTimeout: time.Minute, MaxAge: 10 * time.Minute, Retry: forward.Backoff{First: time.Second, Most: time.Minute},
			Transport: &forward.Committer{Script: done, Ask: func(context.Context, commitment.Request) error { return errors.New("connection refused") }},
		}
		b := newBench(t, d)
		b.store(2)
		after(9 * time.Minute)
		if a := b.account("a"); a.Count[forward.Committing] != 2 {
			t.Errorf("%+v", a)
		}
		after(5 * time.Minute)
		if a := b.account("a"); a.Count[forward.Dead] != 2 {
			t.Errorf("%+v", a)
		}
		b.stop()
	})
}
