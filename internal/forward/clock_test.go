package forward_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/forward"
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
