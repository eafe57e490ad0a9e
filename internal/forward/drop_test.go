package forward_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/forward"
)

// silent answers all messages but those named.
func silent(names ...string) func(int, *hl7v2.Message) []string {
	return func(n int, m *hl7v2.Message) []string {
		if slices.Contains(names, m.Get("MSH-10")) {
			return []string{}
		}
		return aa(n, m)
	}
}

// said gives the entries of all destinations as "message 1 done".
func (b *bench) said() (list []string) {
	b.t.Helper()
	all, err := b.f.List(context.Background(), forward.Selection{}, 0, 100)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range all {
		list = append(list, e.Ref+" "+e.State.String())
	}
	return list
}

// toHIS is a destination whose answers are waited for for half a minute.
func toHIS(r *receiver) forward.Destination {
	return forward.Destination{Name: "his", Transport: &forward.MLLP{Dial: r.dial}, Retry: forward.Backoff{First: 10 * time.Second, Most: 15 * time.Minute}}
}

// A message that the receiver never answers holds up all that come after it, until an operator gives it up: then they go at once, in their order. It
// stays given up over a restart, and can be sent again.
func TestDropHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		r := &receiver{answer: silent("M2", "M4")}
		b := newRoute(t, numbered{}, toHIS(r), quietLog())
		b.messages(5)
		after(3 * time.Hour)
		head := b.account("his").Head
		if head == nil || head.Ref != "message 2" || head.Attempts < 5 || !strings.Contains(head.Reason, "acknowledgement") {
			t.Fatalf("%+v", head)
		}
		for head.State == forward.Sending { // it waits for its next attempt
			after(10 * time.Second)
			head = b.account("his").Head
		}
		if n, err := b.f.Drop(ctx, "his", []int64{head.ID, head.ID}, "admin", "not UTF-8"); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		after(time.Second)
		if got := r.received(); !slices.Equal(got[len(got)-2:], []string{"M3", "M4"}) {
			t.Errorf("%v", got)
		}
		after(time.Hour)
		head = b.account("his").Head
		if head == nil || head.Ref != "message 4" {
			t.Fatalf("%+v", head)
		}
		b.stop()
		b.start()
		if _, err := b.f.Drop(ctx, "his", []int64{head.ID}, "admin", "not UTF-8 either"); err != nil {
			t.Fatal(err)
		}
		after(time.Hour)
		want := []string{"message 1 done", "message 2 dead", "message 3 done", "message 4 dead", "message 5 done"}
		if d := cmp.Diff(want, b.said()); d != "" {
			t.Error(d)
		}
		if head := b.account("his").Head; head != nil {
			t.Errorf("%+v", head)
		}
		list, err := b.f.List(ctx, forward.Selection{States: []forward.State{forward.Dead}}, 0, 9)
		if err != nil || !strings.HasPrefix(list[0].Reason, "given up by admin: not UTF-8; before that: ") || !strings.Contains(list[0].Reason, "acknowledgement") {
			t.Errorf("%+v, %v", list, err)
		}
		for _, s := range []forward.Selection{
			{Destination: "his", Entries: []int64{}}, // none are not all
			{Entries: []int64{list[0].ID}},
			{Destination: "his", Entries: []int64{list[0].ID}, Study: "1.2.3"},
			{Destination: "his", Entries: []int64{list[0].ID}, Until: time.Now()},
		} {
			if n, err := b.f.Retry(ctx, s); n != 0 || halong.KindOf(err) != halong.Invalid {
				t.Errorf("%+v: %d, %v", s, n, err)
			}
		}
		r.mu.Lock()
		r.answer = aa
		r.mu.Unlock()
		if n, err := b.f.Retry(ctx, forward.Selection{Destination: "his"}); n != 2 || err != nil {
			t.Error(n, err)
		}
		after(time.Second)
		if a := b.account("his"); a.Count[forward.Done] != 5 {
			t.Errorf("%+v", a)
		}
		b.stop()
	})
}

// What is under way is not broken off: its success counts, its failure holds up nothing. What is leased with it, and not begun, is not sent.
func TestDropUnderWay(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(int, *hl7v2.Message) []string
		want   []string
	}{
		"answered": {
			answer: func(n int, m *hl7v2.Message) []string {
				if m.Get("MSH-10") == "M1" {
					time.Sleep(20 * time.Second)
				}
				return aa(n, m)
			},
			want: []string{"message 1 done", "message 2 done", "message 3 dead", "message 4 done"},
		},
		"never answered": {
			answer: silent("M1"),
			want:   []string{"message 1 dead", "message 2 done", "message 3 dead", "message 4 done"},
		},
		"refused": {
			answer: func(n int, m *hl7v2.Message) []string {
				if m.Get("MSH-10") == "M1" {
					time.Sleep(20 * time.Second)
					return []string{ack("AE", "M1")}
				}
				return aa(n, m)
			},
			want: []string{"message 1 dead", "message 2 done", "message 3 dead", "message 4 done"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{answer: c.answer}
				b := newRoute(t, numbered{}, toHIS(r), quietLog())
				b.messages(4)
				after(5 * time.Second)
				list, err := b.f.List(context.Background(), forward.Selection{}, 0, 9)
				if err != nil || len(list) != 4 || list[0].State != forward.Sending || list[2].State != forward.Sending {
					t.Fatalf("%+v, %v", list, err)
				}
				if n, err := b.f.Drop(context.Background(), "his", []int64{list[2].ID, list[0].ID}, "admin", "test"); n != 2 || err != nil {
					t.Fatal(n, err)
				}
				after(10 * time.Second)
				if d := cmp.Diff([]string{"M1"}, r.received()); d != "" {
					t.Error("something was sent before the attempt had ended:", d)
				}
				after(16 * time.Second) // half a minute since the first was sent, and a second
				if d := cmp.Diff([]string{"M1", "M2", "M4"}, r.received()); d != "" {
					t.Error(d)
				}
				after(3 * time.Hour)
				if d := cmp.Diff(c.want, b.said()); d != "" || len(r.received()) != 3 {
					t.Error(d, r.received())
				}
				b.stop()
			})
		})
	}
}

// Objects can be given up too, and an order that cannot be carried out changes nothing.
func TestDropObjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		b := newBench(t, forward.Destination{
			Name: "a", Retry: forward.Backoff{First: time.Minute, Most: time.Hour},
			Transport: forward.Script(func(_ context.Context, e *forward.Entry) (forward.State, string, error) {
				if e.SOP == "1.4.0" {
					return forward.Done, "", nil
				}
				return forward.Waiting, "busy", nil
			}),
		}, forward.Destination{Name: "b", Transport: forward.Script(done)})
		b.store(3)
		after(time.Second)
		all, err := b.f.List(ctx, forward.Selection{Destination: "a"}, 0, 9)
		if err != nil || len(all) != 3 {
			t.Fatal(all, err)
		}
		ended, first, second := all[0].ID, all[1].ID, all[2].ID
		if head := b.account("a").Head; head == nil || head.ID != first || head.Reason != "busy" {
			t.Errorf("%+v", head)
		}
		for _, c := range []struct {
			to     string
			ids    []int64
			reason string
			want   halong.Kind
		}{
			{"a", []int64{first}, " ", halong.Invalid},
			{"a", nil, "why", halong.Invalid},
			{"a", []int64{first, 4711}, "why", halong.NotExist},
			{"b", []int64{first}, "why", halong.NotExist},
			{"c", []int64{first}, "why", halong.NotExist},
			{"a", []int64{first, ended}, "why", halong.Conflict},
		} {
			if n, err := b.f.Drop(ctx, c.to, c.ids, "admin", c.reason); n != 0 || halong.KindOf(err) != c.want {
				t.Errorf("%+v: %d, %v", c, n, err)
			}
		}
		if a := b.account("a"); a.Count[forward.Waiting] != 2 {
			t.Errorf("%+v", a)
		}
		if n, err := b.f.Drop(ctx, "a", []int64{first, second}, "admin", "why"); n != 2 || err != nil {
			t.Error(n, err)
		}
		after(24 * time.Hour)
		if a := b.account("a"); a.Count[forward.Dead] != 2 || a.Head != nil {
			t.Errorf("%+v", a)
		}
		b.stop()
	})
}

// Of objects that are leased together, one that is given up is not begun; one that is under way is done when it arrives. It is so for both ways to send.
func TestDropLeased(t *testing.T) {
	pacs := newArchive(t, "127.0.0.1:0", 1, dicom.ExplicitVRLittleEndian)
	far := pacs.destination("a")
	far.Concurrency = 1
	cloud := newWeb(t, func(w http.ResponseWriter, _ *http.Request, sops []dicom.UID) {
		reply(w, 200, sequence(referenced, sops, ""))
	})
	for name, d := range map[string]forward.Destination{"DIMSE": far, "STOW": cloud.destination("a")} {
		t.Run(name, func(t *testing.T) {
			begun, goOn := make(chan struct{}), make(chan struct{})
			begin, release := sync.OnceFunc(func() { close(begun) }), sync.OnceFunc(func() { close(goOn) })
			b := newSending(t, shelf{size: 100, open: func(it *forward.Item) error {
				switch it.SOP {
				case "1.4.0":
					begin()
					<-goOn
				case "1.4.2":
					t.Error("it was given up")
				}
				return nil
			}}, d)
			defer release()
			ctx := context.Background()
			if err := b.f.Pause(ctx, "a", "so that all are due when they are leased"); err != nil {
				t.Fatal(err)
			}
			b.store(4)
			until(t, "all wait", func() bool { return b.account("a").Count[forward.Waiting] == 4 })
			if err := b.f.Resume(ctx, "a"); err != nil {
				t.Fatal(err)
			}
			<-begun
			all, err := b.f.List(ctx, forward.Selection{}, 0, 9)
			if err != nil || len(all) != 4 || all[2].State != forward.Sending {
				t.Fatalf("%+v, %v", all, err)
			}
			if n, err := b.f.Drop(ctx, "a", []int64{all[0].ID, all[2].ID}, "admin", "test"); n != 2 || err != nil {
				t.Error(n, err)
			}
			release()
			until(t, "three are sent", func() bool { a := b.account("a"); return a.Count[forward.Done] == 3 && a.Count[forward.Dead] == 1 })
		})
	}
}
