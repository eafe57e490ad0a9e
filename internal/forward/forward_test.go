package forward_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/forward"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// bench is a forwarder over a ledger in a file, in the fake time of a bubble.
type bench struct {
	t      testing.TB
	path   string
	db     *sqlite.DB
	f      *forward.Forwarder
	stop   func()
	config forward.Config
	ledger func(*sqlite.DB) forward.Ledger // nil: as it is
	uids   int
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// memory is a folder where syncing costs nothing, if there is one: these tests commit thousands of times, and do not look at the disk.
func memory(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "halong-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// newBench starts a forwarder with destinations; what is stored goes to all of them.
func newBench(t testing.TB, destinations ...forward.Destination) *bench {
	t.Helper()
	b := &bench{t: t, path: filepath.Join(memory(t), "halong.db")}
	b.config = forward.Config{Destinations: destinations, Log: quietLog(), Source: facts{}}
	for _, d := range destinations {
		b.config.Rules = append(b.config.Rules, forward.Rule{To: []string{d.Name}})
	}
	b.config.Began = func(halong.Tx) error { return nil }
	b.config.NewUID = func() dicom.UID { b.uids++; return dicom.UID(fmt.Sprintf("2.25.%d", b.uids)) }
	b.start()
	return b
}

func (b *bench) start() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	if b.db, err = sqlite.Open(ctx, b.path, nil, sqlite.Options{Readers: 1}); err != nil {
		b.t.Fatal(err)
	}
	c := b.config
	c.Ledger = b.db
	if b.ledger != nil {
		c.Ledger = b.ledger(b.db)
	}
	if b.f, err = forward.Open(ctx, c); err != nil {
		b.t.Fatal(err)
	}
	b.db.NotifyEvents(b.f.Notify)
	var wg sync.WaitGroup
	wg.Go(func() { b.f.Run(ctx) })
	b.stop = func() {
		cancel()
		wg.Wait()
		if err := b.db.Close(); err != nil {
			b.t.Error(err)
		}
	}
}

// facts are those of every object.
type facts struct{}

func (facts) Facts(context.Context, *forward.Item) (forward.Facts, error) {
	return forward.Facts{}, nil
}

func (facts) Open(context.Context, *forward.Item, forward.Edit) (forward.Object, error) {
	return nil, halong.E("test", halong.NotExist, "", nil)
}

// store commits events of n objects.
func (b *bench) store(n int) {
	b.t.Helper()
	err := b.db.Update(context.Background(), func(tx halong.Tx) error {
		for i := range n {
			payload := fmt.Sprintf(`{"study":"1.2","series":"1.3","instance":"1.4.%d","class":"1.5","digest":%q}`, i, halong.Digest{byte(i)})
			if err := b.db.Emit(tx, halong.Event{Type: halong.EventInstanceStored, Facility: "BV1", Payload: []byte(payload), Time: time.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// account checks that everything is somewhere, and gives one destination's sums.
func (b *bench) account(name string) *forward.Status {
	b.t.Helper()
	list, _, _, err := b.f.Status(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range list {
		sum := int64(0)
		for _, n := range list[i].Count {
			sum += n
		}
		if sum != list[i].Entered {
			b.t.Errorf("%s: %d entered, %d are somewhere", list[i].Destination, list[i].Entered, sum)
		}
		if list[i].Destination == name {
			return &list[i]
		}
	}
	b.t.Fatalf("no destination %s", name)
	return nil
}

// ended tells whether so many entries came, and none waits.
func (b *bench) ended(name string, n int64) bool {
	b.t.Helper()
	a := b.account(name)
	return a.Entered == n && a.Waits() == 0
}

// after lets time pass, and waits until nothing moves.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func done(context.Context, *forward.Entry) (forward.State, string, error) {
	return forward.Done, "", nil
}

// TestSent: what is stored is sent once, also over a restart; what was there before is not.
func TestSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := map[dicom.UID]int{}
		var mu sync.Mutex
		b := newBench(t, forward.Destination{Name: "a", Transport: forward.Script(func(_ context.Context, e *forward.Entry) (forward.State, string, error) {
			mu.Lock()
			defer mu.Unlock()
			sent[e.SOP]++
			return forward.Done, "", nil
		})})
		b.store(300)
		after(time.Second)
		b.stop()
		b.start()
		b.store(0)
		after(time.Hour)
		if a := b.account("a"); a.Count[forward.Done] != 300 || len(sent) != 300 {
			t.Errorf("%+v, %d sent", a, len(sent))
		}
		for u, n := range sent {
			if n != 1 {
				t.Errorf("%s was sent %d times", u, n)
			}
		}
		b.stop()
	})
}

// TestTriedAgain: a failed entry is tried after pauses that double, and given up after some time, with the reason.
func TestTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begin := time.Now()
		b := newBench(t, forward.Destination{
			Name: "a", Concurrency: 1, MaxAge: time.Minute, Retry: forward.Backoff{First: 4 * time.Second, Most: 32 * time.Second},
			Transport: forward.Script(func(context.Context, *forward.Entry) (forward.State, string, error) {
				at = append(at, time.Since(begin).Round(time.Second))
				return forward.Waiting, "out of resources", nil
			}),
		})
		b.store(1)
		after(time.Hour)
		want := []time.Duration{0, 2, 6, 14, 30, 46, 62} // half of 4, 8, 16, 32, 32, …
		if len(at) != len(want) {
			t.Fatalf("%v", at)
		}
		for i := range want {
			if d := at[i] - want[i]*time.Second; d < 0 || d > time.Second {
				t.Errorf("attempt %d after %v", i+1, at[i])
			}
		}
		list, err := b.f.List(context.Background(), forward.Selection{}, 0, 10)
		if err != nil || len(list) != 1 || list[0].State != forward.Dead || list[0].Reason != "given up after 1m0s: out of resources" || list[0].Attempts != 7 {
			t.Errorf("%+v, %v", list, err)
		}
		b.stop()
	})
}

// TestUnreachable: a destination that is not there costs its entries nothing, and others nothing; when it is back everything
// arrives. What waited for too long is given up.
func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		up, tries := false, map[time.Time]bool{} // senders that find out at the same time tried once
		b := newBench(t, forward.Destination{
			Name: "a", MaxAge: time.Hour, Retry: forward.Backoff{First: time.Second, Most: time.Minute},
			Transport: forward.Script(func(context.Context, *forward.Entry) (forward.State, string, error) {
				mu.Lock()
				defer mu.Unlock()
				if !up {
					tries[time.Now()] = true
					return 0, "", errors.New("connection refused")
				}
				return forward.Done, "", nil
			}),
		}, forward.Destination{Name: "b", Transport: forward.Script(done)})
		b.store(200)
		after(30 * time.Minute)
		if a := b.account("a"); a.Count[forward.Waiting] != 200 || a.Unreachable != "connection refused" || a.Next.Before(time.Now()) {
			t.Errorf("%+v", a)
		}
		if b.account("b").Count[forward.Done] != 200 {
			t.Error("the other destination waits too")
		}
		mu.Lock()
		if n := len(tries); n < 30 || n > 90 {
			t.Errorf("%d tries in half an hour", n)
		}
		up = true
		mu.Unlock()
		after(2 * time.Minute)
		if a := b.account("a"); a.Count[forward.Done] != 200 || a.Unreachable != "" {
			t.Errorf("%+v", a)
		}
		mu.Lock()
		up = false
		mu.Unlock()
		b.store(10)
		after(30 * time.Minute)
		b.store(10)
		after(45 * time.Minute)
		if a := b.account("a"); a.Count[forward.Dead] != 10 || a.Count[forward.Waiting] != 10 {
			t.Errorf("%+v", a)
		}
		list, err := b.f.List(context.Background(), forward.Selection{States: []forward.State{forward.Dead}}, 0, 1)
		if err != nil || len(list) != 1 || list[0].Reason != "given up after 1h0m0s: connection refused" {
			t.Errorf("%+v, %v", list, err)
		}
		b.stop()
	})
}

// TestWindows: outside of its windows nothing goes to a destination, and that time does not make entries old.
func TestWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it begins on Saturday, 2000-01-01 00:00 UTC
		fail := true
		b := newBench(t, forward.Destination{
			Name: "a", MaxAge: time.Hour, Concurrency: 1, Schedule: windows(t, time.UTC, "Sun 06:00-08:00"),
			Retry: forward.Backoff{First: time.Minute, Most: time.Minute},
			Transport: forward.Script(func(_ context.Context, e *forward.Entry) (forward.State, string, error) {
				if fail {
					fail = false
					return forward.Waiting, "busy", nil
				}
				return forward.Done, "", nil
			}),
		})
		b.store(5)
		after(29*time.Hour + 59*time.Minute)
		if a := b.account("a"); a.Count[forward.Waiting] != 5 || !a.Closed {
			t.Errorf("%+v", a)
		}
		after(10 * time.Minute)
		if a := b.account("a"); a.Count[forward.Done] != 5 || a.Closed {
			t.Errorf("%+v", a)
		}
		b.stop()
	})
}

// TestOperators: pause, resume, retry, replay.
func TestOperators(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		refuse := true
		b := newBench(t, forward.Destination{Name: "a", Concurrency: 1, Transport: forward.Script(func(context.Context, *forward.Entry) (forward.State, string, error) {
			if refuse {
				return forward.Dead, "refused with status 0122", nil
			}
			return forward.Done, "", nil
		})})
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(b.f.Pause(ctx, "a", "a new server"))
		b.store(4)
		after(time.Hour)
		if a := b.account("a"); a.Count[forward.Waiting] != 4 || a.Paused != "a new server" {
			t.Errorf("%+v", a)
		}
		b.stop()
		b.start()
		after(time.Hour)
		if a := b.account("a"); a.Count[forward.Waiting] != 4 || a.Paused != "a new server" {
			t.Errorf("a pause survives: %+v", a)
		}
		must(b.f.Resume(ctx, "a"))
		after(time.Second)
		if a := b.account("a"); a.Count[forward.Dead] != 4 {
			t.Errorf("%+v", a)
		}
		refuse = false
		n, err := b.f.Retry(ctx, forward.Selection{Destination: "a"})
		must(err)
		after(time.Second)
		if a := b.account("a"); n != 4 || a.Count[forward.Done] != 4 {
			t.Errorf("%d retried: %+v", n, a)
		}
		n, err = b.f.Replay(ctx, forward.Replay{Study: "1.2"})
		must(err)
		after(time.Second)
		if a := b.account("a"); n != 4 || a.Count[forward.Done] != 4 || a.Entered != 4 {
			t.Errorf("%d replayed: %+v", n, a)
		}
		if n, err := b.f.Replay(ctx, forward.Replay{Study: "1.3"}); n != 0 || err != nil {
			t.Error(n, err)
		}
		if _, err := b.f.Replay(ctx, forward.Replay{Destination: "b"}); halong.KindOf(err) != halong.NotExist {
			t.Error(err)
		}
		if err := b.f.Release(ctx, true); halong.KindOf(err) != halong.Conflict {
			t.Error("it is not held", err)
		}
		b.stop()
	})
}

// starting is a ledger of which the first reader of accounts is late, while a destination is paused.
type starting struct {
	*sqlite.DB
	pause  func()
	once   sync.Once
	leases atomic.Int64
}

func (s *starting) DeliveryAccounts(ctx context.Context) ([]forward.Account, error) {
	accounts, err := s.DB.DeliveryAccounts(ctx)
	s.once.Do(func() {
		go s.pause()
		for range 10000 { // it may have to wait for this reader
			runtime.Gosched()
		}
	})
	return accounts, err
}

func (s *starting) LeaseDeliveries(ctx context.Context, name string, now, until time.Time, limit int) ([]forward.Entry, error) {
	s.leases.Add(1)
	return s.DB.LeaseDeliveries(ctx, name, now, until, limit)
}

// TestPauseWhileStarting: a pause is heeded, also when the destination's lane reads the ledger at that moment. Else the lane
// would ask for entries each millisecond that it does not get.
func TestPauseWhileStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, forward.Destination{Name: "a", Concurrency: 1, Transport: forward.Script(done)})
		b.stop()
		paused := make(chan error, 1)
		s := &starting{pause: func() { paused <- b.f.Pause(context.Background(), "a", "a new server") }}
		b.ledger = func(db *sqlite.DB) forward.Ledger { s.DB = db; return s }
		b.start()
		if err := <-paused; err != nil {
			t.Fatal(err)
		}
		b.store(4)
		after(time.Second)
		if a := b.account("a"); a.Count[forward.Waiting] != 4 || s.leases.Load() > 10 {
			t.Errorf("%+v, %d leases", a, s.leases.Load())
		}
		b.stop()
	})
}

// TestHeld: a ledger that is new beside an older archive sends nothing until an operator decides.
func TestHeld(t *testing.T) {
	for _, all := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			ctx := context.Background()
			b := newBench(t, forward.Destination{Name: "a", Transport: forward.Script(done)})
			b.store(3)
			after(time.Second)
			if err := b.db.Update(ctx, func(tx halong.Tx) error { return b.db.HoldForwarding(tx, "made again") }); err != nil {
				t.Fatal(err)
			}
			b.stop()
			b.start()
			b.store(2)
			after(time.Hour)
			if a := b.account("a"); a.Entered != 3 {
				t.Errorf("%+v", a)
			}
			if err := b.f.Release(ctx, all); err != nil {
				t.Fatal(err)
			}
			b.store(1)
			after(time.Second)
			want := int64(4)
			if all {
				want = 6 // those before have their entries
			}
			if a := b.account("a"); a.Entered != want || a.Count[forward.Done] != want {
				t.Errorf("%+v", a)
			}
			b.stop()
		})
	}
}
