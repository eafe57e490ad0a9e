package forward_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
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
	"github.com/halong-gateway/halong/hl7v2/hl7http"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/hl7v2/transform"
	"github.com/halong-gateway/halong/internal/forward"
)

// receiver is the system that messages are sent to. It takes connections of a fake network.
type receiver struct {
	mu     sync.Mutex
	down   bool
	answer func(n int, m *hl7v2.Message) []string // what is written after the n-th message, from 1; nil ends the connection
	got    []string                               // control IDs, in order
	conns  int
}

func aa(_ int, m *hl7v2.Message) []string { return []string{ack("AA", m.Get("MSH-10"))} }

func ack(code, control string) string {
	return "MSH|^~\\&|HIS||||20260101||ACK|1|P|2.5\rMSA|" + code + "|" + control + "\r"
}

func (r *receiver) dial(context.Context) (net.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return nil, errors.New("connection refused")
	}
	r.conns++
	ours, theirs := net.Pipe()
	go r.serve(theirs)
	return ours, nil
}

func (r *receiver) serve(c net.Conn) {
	defer c.Close()
	in := mllp.NewReader(c, mllp.Limits{})
	for {
		f, err := in.Next()
		if err != nil {
			return
		}
		m, err := hl7v2.Parse(bytes.Clone(f.Bytes))
		if err != nil {
			return
		}
		r.mu.Lock()
		r.got = append(r.got, m.Get("MSH-10"))
		n, answer := len(r.got), r.answer
		r.mu.Unlock()
		answers := answer(n, m) // without the lock: it may sleep, and a mutex does not let a bubble's clock go on
		if answers == nil {
			return
		}
		for _, a := range answers {
			if _, err := c.Write(mllp.Append(nil, []byte(a))); err != nil {
				return
			}
		}
	}
}

func (r *receiver) received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// numbered makes a message of each event, with the event's number as control ID.
type numbered struct{ enhanced bool }

func (x numbered) Message(_ context.Context, e *halong.Event) (*hl7v2.Message, error) {
	mode := ""
	if x.enhanced {
		mode = "|||AL|AL"
	}
	return hl7v2.Parse(fmt.Appendf(nil, "MSH|^~\\&|LAB|%s|HIS||20260101||ORU^R01|M%d|P|2.5%s\rOBX|1|ST|GLU||5\r", e.Facility, e.Seq, mode))
}

// newRoute starts a forwarder that sends all messages to one destination.
func newRoute(t testing.TB, m forward.Messages, d forward.Destination, log *slog.Logger) *bench {
	t.Helper()
	b := &bench{t: t, path: filepath.Join(memory(t), "halong.db")}
	b.config = forward.Config{
		Destinations: []forward.Destination{d}, Log: log, Source: facts{}, Messages: m,
		MessageRules: []forward.MessageRule{{Name: "all", To: []string{d.Name}}},
		Began:        func(halong.Tx) error { return nil }, NewUID: func() dicom.UID { return "2.25.1" },
	}
	b.start()
	return b
}

// messages commits events of n messages that came now.
func (b *bench) messages(n int) {
	b.t.Helper()
	b.messagesAt(n, func(int) time.Time { return time.Now() })
}

// messagesAt commits events of messages 1 to n, each at a time of its own.
func (b *bench) messagesAt(n int, at func(i int) time.Time) {
	b.t.Helper()
	err := b.db.Update(context.Background(), func(tx halong.Tx) error {
		for i := 1; i <= n; i++ {
			e := halong.Event{Type: halong.EventMessageStored, Facility: "BV1", Time: at(i), Payload: fmt.Appendf(nil, `{"message":%d,"type":"ORU^R01"}`, i)}
			if err := b.db.Emit(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func controls(from, to int) (ids []string) {
	for i := from; i <= to; i++ {
		ids = append(ids, fmt.Sprintf("M%d", i))
	}
	return ids
}

// lines counts what is logged, by message.
type lines struct {
	mu   sync.Mutex
	said map[string]int
}

func (l *lines) logger() *slog.Logger { return slog.New(l) }

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.said == nil {
		l.said = map[string]int{}
	}
	l.said[r.Level.String()+" "+r.Message]++
	return nil
}

func (l *lines) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l *lines) WithGroup(string) slog.Handler { return l }

// Complaint 10: message 1001 was never delivered after a queue limit.
func TestComplaint10Message1001(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: aa, down: true}
		b := newRoute(t, numbered{}, forward.Destination{Name: "his", Transport: &forward.MLLP{Dial: r.dial}, Retry: forward.Backoff{First: time.Second, Most: time.Minute}}, quietLog())
		b.messages(1500)
		after(10 * time.Minute)
		r.mu.Lock()
		r.down = false
		r.mu.Unlock()
		after(2 * time.Minute)
		if d := cmp.Diff(controls(1, 1500), r.received()); d != "" {
			t.Error(d)
		}
		if !b.ended("his", 1500) || r.conns != 1 {
			t.Errorf("%+v, %d connections", b.account("his"), r.conns)
		}
		b.stop()
	})
}

// Complaint 3: retries after an acknowledgement's time-out flooded the destination, and late answers were taken for other messages'.
func TestComplaint03LateAcknowledgements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(n int, m *hl7v2.Message) []string {
			time.Sleep(45 * time.Second) // the answer comes when nobody waits any more
			return aa(n, m)
		}}
		b := newRoute(t, numbered{}, forward.Destination{
			Name: "his", Transport: &forward.MLLP{Dial: r.dial, Answer: 30 * time.Second}, Retry: forward.Backoff{First: 10 * time.Second, Most: 10 * time.Minute},
		}, quietLog())
		b.messages(20)
		after(time.Hour)
		got := r.received()
		if len(got) > 20 {
			t.Errorf("%d attempts in an hour", len(got))
		}
		for _, id := range got {
			if id != "M1" {
				t.Errorf("%s overtook the first", id)
			}
		}
		r.mu.Lock()
		r.answer, r.got = aa, nil
		r.mu.Unlock()
		after(15 * time.Minute)
		if d := cmp.Diff(controls(1, 20), r.received()); d != "" {
			t.Error(d)
		}
		b.stop()
	})
}

// Complaint 8: one queued message raised a flood of alerts.
func TestComplaint08AlertFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &lines{}
		r := &receiver{answer: aa, down: true}
		b := newRoute(t, numbered{}, forward.Destination{
			Name: "his", Transport: &forward.MLLP{Dial: r.dial}, Retry: forward.Backoff{First: time.Second, Most: time.Minute}, MaxAge: 48 * time.Hour,
		}, log.logger())
		b.messages(1)
		after(24 * time.Hour)
		log.mu.Lock()
		if d := cmp.Diff(map[string]int{"WARN forwarding: the destination cannot be reached": 1}, log.said); d != "" {
			t.Error(d)
		}
		log.mu.Unlock()
		r.mu.Lock()
		r.down = false
		r.mu.Unlock()
		after(2 * time.Minute)
		log.mu.Lock()
		if n := log.said["INFO forwarding: the destination is reached again"]; n != 1 {
			t.Errorf("%v", log.said)
		}
		log.mu.Unlock()
		b.stop()
	})
}

// Complaint 9: pruning deleted messages that were in error, or pending.
func TestComplaint09Pruning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(n int, m *hl7v2.Message) []string {
			if m.Get("MSH-10") == "M1" {
				return []string{ack("AE", "M1")}
			}
			return aa(n, m)
		}}
		b := newRoute(t, numbered{}, forward.Destination{Name: "his", Transport: &forward.MLLP{Dial: r.dial}}, quietLog())
		b.messages(3)
		after(time.Minute)
		if err := b.f.Pause(context.Background(), "his", ""); err != nil {
			t.Fatal(err)
		}
		b.messages(2)
		after(90 * 24 * time.Hour)
		list, err := b.f.List(context.Background(), forward.Selection{}, 0, 10)
		var states []string
		for _, e := range list {
			states = append(states, e.Ref+" "+e.State.String())
		}
		if d := cmp.Diff([]string{"message 1 dead", "message 1 waiting", "message 2 waiting"}, states); d != "" || err != nil {
			t.Error(d, err) // what was sent is gone from the list after 30 days; what failed, and what waits, is not
		}
		b.stop()
	})
}

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		enhanced bool
		onError  forward.OnError
		answer   func(n int, m *hl7v2.Message) []string
		want     string // states of two messages
		reason   string // of the first
		sent     []string
	}{
		"accepted": {answer: aa, want: "done done", sent: []string{"M1", "M2"}},
		"error": {
			answer: func(_ int, m *hl7v2.Message) []string {
				return []string{ack("AE", m.Get("MSH-10")) + "ERR||PID^1^3|204|E||||Nguyễn Văn A is unknown\r"}
			},
			want: "dead dead", reason: "answered with AE, error 204 at PID-3", sent: []string{"M1", "M2"},
		},
		"error, tried again": {
			onError: forward.TryAgain,
			answer: func(n int, m *hl7v2.Message) []string {
				if n < 3 {
					return []string{ack("AE", m.Get("MSH-10"))}
				}
				return aa(n, m)
			},
			want: "done done", sent: []string{"M1", "M1", "M1", "M2"},
		},
		"rejected for now": {
			answer: func(n int, m *hl7v2.Message) []string {
				if n < 2 {
					return []string{ack("AR", m.Get("MSH-10"))}
				}
				return aa(n, m)
			},
			want: "done done", sent: []string{"M1", "M1", "M2"},
		},
		"no HL7": {
			answer: func(n int, m *hl7v2.Message) []string {
				if n < 2 {
					return []string{"hello world"}
				}
				return aa(n, m)
			},
			want: "done done", sent: []string{"M1", "M1", "M2"},
		},
		"an answer to another message": {
			answer: func(n int, m *hl7v2.Message) []string {
				if n < 2 {
					return []string{ack("AA", "M9")}
				}
				return aa(n, m)
			},
			want: "done done", sent: []string{"M1", "M1", "M2"},
		},
		"hangs up": {
			answer: func(n int, m *hl7v2.Message) []string {
				if n < 2 {
					return nil
				}
				return aa(n, m)
			},
			want: "done done", sent: []string{"M1", "M1", "M2"},
		},
		"enhanced": {
			enhanced: true, answer: func(_ int, m *hl7v2.Message) []string {
				id := m.Get("MSH-10")
				return []string{ack("CA", id), ack("AA", id)}
			},
			want: "done done", sent: []string{"M1", "M2"},
		},
		"enhanced, an error of the application": {
			enhanced: true, answer: func(_ int, m *hl7v2.Message) []string {
				id := m.Get("MSH-10")
				return []string{ack("CA", id), ack("AE", id)}
			},
			want: "dead dead", reason: "answered with AE", sent: []string{"M1", "M2"},
		},
		"enhanced, nothing after CA": {
			enhanced: true, answer: func(_ int, m *hl7v2.Message) []string { return []string{ack("CA", m.Get("MSH-10"))} },
			want: "done done", reason: "taken with CA, without an application acknowledgement", sent: []string{"M1", "M2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{answer: c.answer}
				b := newRoute(t, numbered{c.enhanced}, forward.Destination{
					Name: "his", Transport: &forward.MLLP{Dial: r.dial, OnError: c.onError}, Retry: forward.Backoff{First: time.Second, Most: time.Minute},
				}, quietLog())
				b.messages(2)
				after(10 * time.Minute)
				list, err := b.f.List(context.Background(), forward.Selection{}, 0, 10)
				if err != nil || len(list) != 2 {
					t.Fatal(list, err)
				}
				if got := list[0].State.String() + " " + list[1].State.String(); got != c.want || list[0].Reason != c.reason && c.reason != "" {
					t.Errorf("%s, %q", got, list[0].Reason)
				}
				if d := cmp.Diff(c.sent, r.received()); d != "" {
					t.Error(d)
				}
				b.stop()
			})
		})
	}
}

// Rules of messages: what matches, and what the destination's transforms make of it, or refuse.
func TestRouted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		match := func(where, pattern string) []transform.Match {
			m, err := transform.NewMatch(where, pattern)
			if err != nil {
				t.Fatal(err)
			}
			return []transform.Match{m}
		}
		to := &receiver{answer: aa}
		b := &bench{t: t, path: filepath.Join(memory(t), "halong.db")}
		b.config = forward.Config{
			Destinations: []forward.Destination{
				{Name: "his", Transport: &forward.MLLP{Dial: to.dial}, Transform: func(m *hl7v2.Message) (*hl7v2.Message, error) {
					if m.Get("MSH-10") == "M2" {
						return nil, &transform.Rejection{Rule: "codes", Place: "OBX[1]-3.1", Reason: "the value is not in table loinc"}
					}
					return hl7v2.Parse([]byte("MSH|^~\\&|X|||||||" + m.Get("MSH-10") + "-changed\r"))
				}},
				{Name: "other", Transport: &forward.MLLP{Dial: to.dial}},
			},
			Log: quietLog(), Source: facts{}, Messages: numbered{},
			MessageRules: []forward.MessageRule{
				{Name: "a", Match: match("MSH-9.1", "ORU"), Facility: []halong.Facility{"BV1"}, To: []string{"his"}},
				{Name: "b", Match: match("MSH-9.1", "ADT"), To: []string{"other"}},
				{Name: "c", Topics: []forward.Topic{forward.TopicStatus}, To: []string{"other"}},
				{Name: "d", Facility: []halong.Facility{"BV2"}, To: []string{"other"}},
			},
			Began: func(halong.Tx) error { return nil }, NewUID: func() dicom.UID { return "2.25.1" },
		}
		b.start()
		b.messages(3)
		after(time.Minute)
		if d := cmp.Diff([]string{"M1-changed", "M3-changed"}, to.received()); d != "" {
			t.Error(d)
		}
		list, err := b.f.List(context.Background(), forward.Selection{States: []forward.State{forward.Dead}}, 0, 10)
		if err != nil || len(list) != 1 || !strings.Contains(list[0].Reason, "OBX[1]-3.1: the value is not in table loinc") || list[0].Type != "ORU^R01" {
			t.Errorf("%+v %v", list, err)
		}
		if len(b.f.Destinations) != 2 || b.account("other").Entered != 0 {
			t.Error("something went to the other destination")
		}
		b.stop()
	})
}

func TestRulesAndDestinations(t *testing.T) {
	d := []forward.Destination{{Name: "his", Transport: &forward.MLLP{}}, {Name: "pacs", Transport: forward.Script(done)}}
	for _, c := range []forward.Config{
		{Destinations: d, Rules: []forward.Rule{{To: []string{"his"}}}},
		{Destinations: d, MessageRules: []forward.MessageRule{{To: []string{"pacs"}}}},
		{Destinations: d, MessageRules: []forward.MessageRule{{To: []string{"nobody"}}}},
	} {
		if _, err := forward.Open(context.Background(), c); halong.KindOf(err) != halong.Invalid {
			t.Error(err)
		}
	}
}

// hospital answers requests of an HTTP client without a network.
type hospital func(rq *http.Request) *http.Response

func (h hospital) RoundTrip(rq *http.Request) (*http.Response, error) {
	if answer := h(rq); answer != nil {
		return answer, nil
	}
	return nil, rq.Context().Err()
}

func TestPost(t *testing.T) {
	id := regexp.MustCompile(`\|(M\d+)\|`)
	for name, c := range map[string]struct {
		answer func(n int, control string) (int, string)
		want   string
		reason string // of the first
	}{
		"acknowledged": {func(_ int, id string) (int, string) { return 200, ack("AA", id) }, "done done", ""},
		"padded":       {func(_ int, id string) (int, string) { return 200, ack("AA ", " "+id+" ") }, "done done", ""},
		"no body":      {func(int, string) (int, string) { return 204, "" }, "done done", ""},
		"AE":           {func(_ int, id string) (int, string) { return 200, ack("AE", id) }, "dead dead", "answered with AE"},
		"AE with 500":  {func(_ int, id string) (int, string) { return 500, ack("AE", id) }, "dead dead", "answered with AE"},
		"refused":      {func(int, string) (int, string) { return 422, "no" }, "dead dead", "refused with HTTP status 422"},
		"busy":         {func(n int, id string) (int, string) { return map[bool]int{true: 503, false: 200}[n < 3], "" }, "done done", ""},
		"forbidden":    {func(int, string) (int, string) { return 403, "" }, "waiting waiting", "HTTP status 403"},
		"silent":       {func(int, string) (int, string) { return 0, "" }, "sending sending", "no answer came in time"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				client := &http.Client{Transport: hospital(func(rq *http.Request) *http.Response {
					b, err := io.ReadAll(rq.Body)
					if err != nil || rq.Header.Get("Content-Type") != "application/hl7-v2" || rq.Header.Get("Authorization") != "Bearer t" {
						t.Error(err, rq.Header)
					}
					n++
					status, body := c.answer(n, id.FindStringSubmatch(string(b))[1])
					if status == 0 {
						<-rq.Context().Done()
						return nil
					}
					return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: rq}
				})}
				b := newRoute(t, numbered{}, forward.Destination{
					Name: "his", Transport: &forward.Post{Client: &hl7http.Client{URL: "http://his.example/hl7", Token: "t", Client: client}}, Retry: forward.Backoff{First: time.Second, Most: time.Minute},
				}, quietLog())
				b.messages(2)
				after(10 * time.Minute)
				list, err := b.f.List(context.Background(), forward.Selection{}, 0, 10)
				if err != nil || len(list) != 2 || list[0].State.String()+" "+list[1].State.String() != c.want || list[0].Reason != c.reason {
					t.Errorf("%+v %v", list, err)
				}
				b.stop()
			})
		})
	}
}
