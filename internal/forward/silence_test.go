package forward_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/forward"
)

// asking asks for acknowledgements in a certain way (MSH-15, MSH-16).
type asking struct{ mode string }

func (x asking) Message(ctx context.Context, e *halong.Event) (*hl7v2.Message, error) {
	m, err := numbered{}.Message(ctx, e)
	if err != nil {
		return nil, err
	}
	return hl7v2.Parse([]byte("MSH|^~\\&|LAB|BV1|||20260101||ORU^R01|" + m.Get("MSH-10") + "|P|2.5|||" + x.mode + "\rPID|1\r"))
}

// Whoever is asked for answers about errors alone, and has none, says nothing (HL7 2.9.2, table 0155): the message is done, and does not hold
// up the others. Who would have told of success, and does not, has not taken it.
func TestSilence(t *testing.T) {
	refuse := func(_ int, m *hl7v2.Message) []string { return []string{ack("CE", m.Get("MSH-10"))} }
	silent := func(int, *hl7v2.Message) []string { return []string{} }
	for name, c := range map[string]struct {
		mode   string
		answer func(int, *hl7v2.Message) []string
		want   string
		sent   []string
	}{
		"errors alone, none":         {"ER|NE", silent, "done done", []string{"M1", "M2"}},
		"errors alone of both, none": {"ER|ER", silent, "done done", []string{"M1", "M2"}},
		"errors alone, one":          {"ER|NE", refuse, "dead dead", []string{"M1", "M2"}},
		"success": {"SU|NE", func(n int, m *hl7v2.Message) []string {
			if n == 1 {
				return []string{}
			}
			return []string{ack("CA", m.Get("MSH-10"))}
		}, "done done", []string{"M1", "M1", "M2"}},
		"errors alone, and hangs up": {"ER|NE", func(n int, _ *hl7v2.Message) []string {
			if n == 1 {
				return nil
			}
			return []string{}
		}, "done done", []string{"M1", "M1", "M2"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{answer: c.answer}
				b := newRoute(t, asking{c.mode}, forward.Destination{
					Name: "his", Transport: &forward.MLLP{Dial: r.dial}, Retry: forward.Backoff{First: time.Second, Most: time.Minute},
				}, quietLog())
				b.messages(2)
				after(10 * time.Minute)
				list, err := b.f.List(context.Background(), forward.Selection{}, 0, 10)
				if err != nil || len(list) != 2 || list[0].State.String()+" "+list[1].State.String() != c.want {
					t.Errorf("%+v %v", list, err)
				}
				if d := cmp.Diff(c.sent, r.received()); d != "" {
					t.Error(d)
				}
				b.stop()
			})
		})
	}
}
