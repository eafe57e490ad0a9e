package forward_test

import (
	"context"
	"errors"
	"flag"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/internal/forward"
)

// TestCounts: whatever destinations and operators do, and however often the process ends, what entered is what ended and what
// waits; and in the end everything arrives.
func TestCounts(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue { // 100, of which each opens files again and again
		if err := f.Value.Set("20"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Value.Set(f.DefValue) }() // was set before
	}
	rapid.Check(t, func(rt *rapid.T) { synctest.Test(t, func(t *testing.T) { counts(t, rt) }) })
}

// moods are what a destination may do.
const (
	good int32 = iota
	busy
	refusing
	lost
	deleted
	moods
)

func counts(t *testing.T, rt *rapid.T) {
	ctx := context.Background()
	var mood, silent atomic.Int32
	var arrived atomic.Int64
	script := forward.Script(func(ctx context.Context, e *forward.Entry) (forward.State, string, error) {
		time.Sleep(10 * time.Millisecond)
		switch mood.Load() {
		case busy:
			return forward.Waiting, "refused with status A700", nil
		case refusing:
			return forward.Dead, "refused with status 0122", nil
		case lost:
			return 0, "", errors.New("connection reset")
		case deleted:
			return forward.Gone, "deleted", nil
		}
		arrived.Add(1)
		return forward.Done, "", nil
	})
	var b *bench
	asking := &forward.Committer{Script: script, Ask: func(ctx context.Context, rq commitment.Request) error {
		switch silent.Load() {
		case 1:
			return nil // it never reports
		case 2:
			return errors.New("connection refused")
		case 3:
			return b.f.Reported(ctx, "FAR", &commitment.Report{Transaction: rq.Transaction, Failed: []commitment.Failure{{Reference: rq.References[0], Reason: commitment.NoSuchObjectInstance}}})
		}
		return b.f.Reported(ctx, "FAR", &commitment.Report{Transaction: rq.Transaction, Committed: rq.References})
	}}
	b = newBench(
		t,
		forward.Destination{Name: "a", Transport: script, MaxAge: time.Minute, Retry: forward.Backoff{First: time.Second, Most: 10 * time.Second}},
		forward.Destination{
			Name: "b", Transport: asking, Commit: true, Reporter: "FAR", CommitTimeout: 20 * time.Second,
			MaxAge: 3 * time.Minute, Retry: forward.Backoff{First: time.Second, Most: 10 * time.Second},
		},
	)
	defer func() { b.stop() }()
	stored := int64(0)
	must := func(err error) {
		if err != nil {
			rt.Fatal(err)
		}
	}
	name := rapid.SampledFrom([]string{"a", "b"})
	check := func() {
		for _, name := range []string{"a", "b"} {
			if a := b.account(name); a.Entered > stored {
				rt.Fatalf("%d stored, %d entered for %s", stored, a.Entered, name)
			}
		}
	}
	for range rapid.IntRange(1, 10).Draw(rt, "steps") {
		switch rapid.IntRange(0, 7).Draw(rt, "step") {
		case 0, 1:
			n := rapid.IntRange(1, 80).Draw(rt, "objects")
			b.store(n)
			stored += int64(n)
		case 2:
			time.Sleep(time.Duration(rapid.IntRange(1, 100_000).Draw(rt, "ms")) * time.Millisecond)
		case 3:
			mood.Store(rapid.Int32Range(good, moods-1).Draw(rt, "mood"))
			silent.Store(rapid.Int32Range(0, 3).Draw(rt, "silence"))
		case 4:
			b.stop()
			b.start()
		case 5:
			_, err := b.f.Retry(ctx, forward.Selection{Destination: name.Draw(rt, "of")})
			must(err)
		case 6:
			_, err := b.f.Replay(ctx, forward.Replay{Destination: name.Draw(rt, "of")})
			must(err)
		case 7:
			d := name.Draw(rt, "of")
			if rapid.Bool().Draw(rt, "pause") {
				must(b.f.Pause(ctx, d, ""))
			} else {
				must(b.f.Resume(ctx, d))
			}
		}
		check()
	}
	mood.Store(good)
	silent.Store(0)
	for _, d := range []string{"a", "b"} {
		must(b.f.Resume(ctx, d))
	}
	after(2 * time.Minute)
	_, err := b.f.Retry(ctx, forward.Selection{States: []forward.State{forward.Dead, forward.Gone, forward.Waiting}})
	must(err)
	after(5 * time.Minute)
	check()
	for _, d := range []string{"a", "b"} {
		if a := b.account(d); a.Entered != stored || a.Count[forward.Done] != stored {
			rt.Fatalf("%d stored: %+v", stored, a)
		}
	}
}

// TestNoSuchDestination: a name that was mistyped is told, not taken for a destination of which nothing is known.
func TestNoSuchDestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, b := context.Background(), newBench(t, forward.Destination{Name: "a", Transport: forward.Script(done)})
		b.store(1)
		after(time.Second)
		b.stop()
		b.config.Destinations[0].Name, b.config.Rules[0].To = "b", []string{"b"}
		b.start()
		defer b.stop()
		for name, want := range map[string]bool{"": true, "a": true, "b": true, "c": false} {
			s := forward.Selection{Destination: name}
			_, listed := b.f.List(ctx, s, 0, 1)
			_, retried := b.f.Retry(ctx, s)
			for _, err := range []error{listed, retried} {
				if (err == nil) != want || err != nil && halong.KindOf(err) != halong.NotExist {
					t.Errorf("%q: %v", name, err)
				}
			}
		}
	})
}
