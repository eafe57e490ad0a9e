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
		err := b.db.Update(context.Background(), func(tx halong.Tx) error {
			for i := 1; i <= 100; i++ {
				e := halong.Event{Type: halong.EventMessageStored, Facility: "BV1", Time: at(i), Payload: fmt.Appendf(nil, `{"message":%d}`, i)}
				if err := b.db.Emit(tx, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
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
