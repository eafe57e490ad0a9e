package forward_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/forward"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// A message is found to be sent again although the clock was wrong for some days.
func TestResendAfterWrongClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: aa}
		b := newRoute(t, numbered{}, forward.Destination{Name: "his", Transport: &forward.MLLP{Dial: r.dial}}, quietLog())
		at := func(i int) time.Time {
			if i > 20 && i < 60 {
				return time.Date(1970, 1, 1, 0, i, 0, 0, time.UTC)
			}
			return time.Now().Add(time.Duration(i-100) * 24 * time.Hour)
		}
		b.messagesAt(100, at)
		after(time.Minute)
		for i := 1; i <= 100; i++ {
			if n, err := b.f.Resend(context.Background(), fmt.Sprint("message ", i), at(i), "his"); n != 1 || err != nil {
				t.Errorf("message %d: %d, %v", i, n, err)
			}
		}
		if _, err := b.f.Resend(context.Background(), "message 101", at(1), "his"); halong.KindOf(err) != halong.NotExist {
			t.Error(err)
		}
		b.stop()
	})
}

// What is to be sent again by the time at which it came is found although the clock was wrong for some days, and nothing else.
func TestReplayAfterWrongClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: aa}
		b := newRoute(t, numbered{}, forward.Destination{Name: "his", Transport: &forward.MLLP{Dial: r.dial}}, quietLog())
		start := time.Now()
		at := func(i int) time.Time {
			switch {
			case i > 5 && i < 15: // it ran ahead
				return start.Add(time.Duration(i) * 24 * time.Hour)
			case i > 20 && i < 90: // and then it was not set
				return time.Date(1970, 1, 1, 0, i, 0, 0, time.UTC)
			}
			return start.Add(time.Duration(i-100) * 24 * time.Hour)
		}
		b.messagesAt(100, at)
		after(time.Minute)
		for _, c := range []struct {
			from, until time.Time
			want        int
		}{
			{start, time.Time{}, 9 + 1},                              // ahead, and the last
			{at(95), time.Time{}, 9 + 6},                             // from the 95th
			{at(95), start, 5},                                       //
			{time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), at(1), 69}, // as it was not set
			{time.Time{}, time.Time{}, 100},
		} {
			n, err := b.f.Replay(context.Background(), forward.Replay{Destination: "his", From: c.from, Until: c.until})
			if n != c.want || err != nil {
				t.Errorf("from %v until %v: %d, not %d (%v)", c.from, c.until, n, c.want, err)
			}
			after(time.Minute) // they are sent
		}
		b.stop()
	})
}

// counting counts the events that are read, and may know nothing of the first ones.
type counting struct {
	*sqlite.DB
	forget bool
	read   atomic.Int64
}

func (c *counting) EventsSince(ctx context.Context, seq uint64, limit int) ([]halong.Event, error) {
	events, err := c.DB.EventsSince(ctx, seq, limit)
	c.read.Add(int64(len(events)))
	return events, err
}

func (c *counting) EventRuns(ctx context.Context) ([]uint64, error) {
	runs, err := c.DB.EventRuns(ctx)
	if c.forget {
		runs = runs[1:]
	}
	return runs, err
}

// What is to be sent again by its time is found without reading all that came before and after: also behind a restart, and with messages among them that were filed
// long after they came. Of events that an older version of the program wrote all are read.
func TestReplayReadsWhatIsOfTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many, batch = 6000, 50
		r := &receiver{answer: aa}
		b := newRoute(t, numbered{}, forward.Destination{Name: "his", Transport: &forward.MLLP{Dial: r.dial}}, quietLog())
		begin := time.Now()
		at := func(i int) time.Time { // at 3000 some days' messages are filed that came in the first hours
			if i > 3000 && i <= 3000+batch {
				return begin.Add(time.Duration(i-3000) * time.Minute)
			}
			return begin.Add(time.Duration(i) * 10 * time.Minute)
		}
		done := 0
		put := func(n int) {
			from := done
			b.messagesAt(n, func(i int) time.Time { return at(from + i) })
			done += n
		}
		var c *counting
		restart := func(forget bool) {
			b.stop()
			b.ledger = func(db *sqlite.DB) forward.Ledger { c = &counting{DB: db, forget: forget}; return c }
			b.start()
		}
		restart(false)
		put(many / 3)
		restart(false)
		put(many - many/3)
		after(10 * time.Minute) // all are sent
		replay := func(x forward.Replay, want int) (read int64) {
			t.Helper()
			x.Destination = "his"
			c.read.Store(0)
			n, err := b.f.Replay(context.Background(), x)
			if n != want || err != nil {
				t.Errorf("%+v: %d, want %d (%v)", x, n, want, err)
			}
			read = c.read.Load()
			after(10 * time.Minute)
			return read
		}
		const few = 3 * 300 // a page and the steps to it, in three runs at most
		if read := replay(forward.Replay{From: at(5900)}, 101); read > few {
			t.Errorf("%d events were read", read)
		}
		if read := replay(forward.Replay{From: at(1900), Until: at(2100)}, 200); read > few {
			t.Errorf("%d events were read", read)
		}
		if read := replay(forward.Replay{Until: begin.Add(time.Hour)}, 5+59-9); read > few {
			t.Errorf("%d events were read", read)
		}
		restart(true)
		if read := replay(forward.Replay{From: at(5900)}, 101); read < 3000 {
			t.Errorf("only %d events were read", read)
		}
		b.stop()
	})
}
