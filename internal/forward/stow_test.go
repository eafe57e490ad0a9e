package forward_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicomweb/client"
	"github.com/halong-gateway/halong/internal/forward"
)

// web is a STOW-RS server whose answers a test makes.
type web struct {
	*httptest.Server
	mu       sync.Mutex
	got      map[dicom.UID][]byte
	requests int
	answer   func(w http.ResponseWriter, rq *http.Request, sops []dicom.UID)
	early    func(w http.ResponseWriter, rq *http.Request) bool // answers before anything was read
}

func newWeb(t testing.TB, answer func(w http.ResponseWriter, rq *http.Request, sops []dicom.UID)) *web {
	s := &web{got: map[dicom.UID][]byte{}, answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *web) serve(w http.ResponseWriter, rq *http.Request) {
	s.mu.Lock()
	s.requests++
	s.mu.Unlock()
	if s.early != nil && s.early(w, rq) {
		return
	}
	_, params, err := mime.ParseMediaType(rq.Header.Get("Content-Type"))
	if err != nil || rq.URL.Path != "/dicom-web/studies" || rq.Method != http.MethodPost || params["type"] != "application/dicom" {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	var sops []dicom.UID
	for r := multipart.NewReader(rq.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return
		}
		h, body, err := dataset.ReadFileHeader(p, dataset.Limits{})
		if err != nil {
			return
		}
		b, err := io.ReadAll(body)
		if err != nil || p.Header.Get("Content-Type") != "application/dicom" {
			return
		}
		sops = append(sops, h.SOPInstance)
		s.mu.Lock()
		s.got[h.SOPInstance] = b
		s.mu.Unlock()
	}
	s.answer(w, rq, sops)
}

func (s *web) destination(name string) forward.Destination {
	return forward.Destination{
		Name: name, Concurrency: 1, Retry: forward.Backoff{First: 20 * time.Millisecond, Most: 100 * time.Millisecond},
		Transport: &forward.STOW{AE: "HALONG", Client: &client.Client{URL: s.URL + "/dicom-web", Stall: time.Minute}},
	}
}

// sequence makes a part of the Store Instances Response Module.
func sequence(tag string, sops []dicom.UID, more string) string {
	var items []string
	for _, u := range sops {
		items = append(items, fmt.Sprintf(`{"00081155":{"vr":"UI","Value":[%q]}%s}`, u, more))
	}
	return fmt.Sprintf(`%q:{"vr":"SQ","Value":[%s]}`, tag, strings.Join(items, ","))
}

func reply(w http.ResponseWriter, status int, parts ...string) {
	w.Header().Set("Content-Type", "application/dicom+json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "{"+strings.Join(parts, ",")+"}") // to a recorder, or a connection that the test closes
}

const referenced, failed = "00081199", "00081198"

func reason(n int) string { return fmt.Sprintf(`,"00081197":{"vr":"US","Value":[%d]}`, n) }

// TestSTOW: objects arrive as they are stored, several in one request.
func TestSTOW(t *testing.T) {
	s := newWeb(t, func(w http.ResponseWriter, _ *http.Request, sops []dicom.UID) {
		reply(w, 200, sequence(referenced, sops, ""))
	})
	source := shelf{size: 100_000}
	b := newSending(t, source, s.destination("a"))
	b.store(40)
	until(t, "all are sent", func() bool { return b.account("a").Count[forward.Done] == 40 })
	for i := range 40 {
		it := forwardedItem(i)
		if !bytes.Equal(s.got[it.SOP], source.data(it)) {
			t.Errorf("%s: other bytes", it.SOP)
		}
	}
	if s.requests > 20 {
		t.Errorf("%d requests", s.requests)
	}
}

// TestSTOWAnswers: each instance is judged by what the answer says of it.
func TestSTOWAnswers(t *testing.T) {
	var mu sync.Mutex
	tries := map[dicom.UID]int{}
	s := newWeb(t, func(w http.ResponseWriter, _ *http.Request, sops []dicom.UID) {
		mu.Lock()
		defer mu.Unlock()
		var good, bad, full, silent []dicom.UID
		for _, u := range sops {
			tries[u]++
			switch u {
			case "1.4.1":
				bad = append(bad, u)
			case "1.4.2":
				if tries[u] < 3 {
					full = append(full, u)
				} else {
					good = append(good, u)
				}
			case "1.4.3": // not a word
				silent = append(silent, u)
			default:
				good = append(good, u)
			}
		}
		status := 202
		if len(good) == 0 && len(silent) == 0 {
			status = 409
		}
		both := append(bad, full...)
		parts := []string{sequence(referenced, good, `,"00081196":{"vr":"US","Value":[45056]}`)}
		if len(both) > 0 {
			code := 0xA700
			if len(full) == 0 || len(bad) > 0 && len(full) == 0 {
				code = 0x0122
			}
			if len(bad) > 0 && len(full) > 0 {
				parts = append(parts, fmt.Sprintf(`%q:{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":[%q]}%s},{"00081155":{"vr":"UI","Value":[%q]}%s}]}`,
					failed, bad[0], reason(0x0122), full[0], reason(0xA700)))
			} else {
				parts = append(parts, sequence(failed, both, reason(code)))
			}
		}
		reply(w, status, parts...)
	})
	b := newSending(t, shelf{}, s.destination("a"))
	b.store(6)
	until(t, "all have ended", func() bool { return b.ended("a", 6) })
	list, err := b.f.List(context.Background(), forward.Selection{}, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := map[dicom.UID]string{
		"1.4.0": "done taken with warning B000", "1.4.1": "dead refused with status 0122: SOP class not supported",
		"1.4.2": "done taken with warning B000", "1.4.3": "done taken with HTTP status 202, without details",
		"1.4.4": "done taken with warning B000", "1.4.5": "done taken with warning B000",
	}
	for _, e := range list {
		if got := e.State.String() + " " + e.Reason; got != want[e.SOP] {
			t.Errorf("%s: %s", e.SOP, got)
		}
	}
}

// TestSTOWFailures: a server that fails in each way gets everything once it has recovered, and what it refuses for good is dead.
func TestSTOWFailures(t *testing.T) {
	plain := func(status int) func(http.ResponseWriter, *http.Request, []dicom.UID) {
		return func(w http.ResponseWriter, _ *http.Request, _ []dicom.UID) { w.WriteHeader(status) }
	}
	type answer = func(http.ResponseWriter, *http.Request, []dicom.UID)
	for name, c := range map[string]struct {
		fail  answer
		early bool // before the body is read
		state forward.State
		lane  bool // the destination as a whole is blamed
	}{
		"500":         {plain(500), false, forward.Waiting, true},
		"503":         {plain(503), false, forward.Waiting, true},
		"507":         {plain(507), false, forward.Waiting, true},
		"429":         {plain(429), false, forward.Waiting, true},
		"401":         {plain(401), false, forward.Waiting, true},
		"401 at once": {plain(401), true, forward.Waiting, true},
		"403":         {plain(403), false, forward.Waiting, true},
		"404":         {plain(404), false, forward.Waiting, true},
		"redirect": {func(w http.ResponseWriter, rq *http.Request, _ []dicom.UID) {
			http.Redirect(w, rq, "/elsewhere", http.StatusTemporaryRedirect)
		}, false, forward.Waiting, true},
		"400":               {plain(400), false, forward.Dead, false},
		"413":               {plain(413), false, forward.Dead, false},
		"415":               {plain(415), false, forward.Dead, false},
		"409 without words": {plain(409), false, forward.Dead, false},
		"200 in XML": {func(w http.ResponseWriter, _ *http.Request, _ []dicom.UID) {
			w.Header().Set("Content-Type", "application/dicom+xml")
			_, _ = io.WriteString(w, "<NativeDicomModel/>") // a connection that the test closes
		}, false, forward.Done, false},
		"200 in bad JSON": {func(w http.ResponseWriter, _ *http.Request, _ []dicom.UID) { reply(w, 200, "rubbish") }, false, forward.Done, false},
		"connection cut":  {func(http.ResponseWriter, *http.Request, []dicom.UID) { panic(http.ErrAbortHandler) }, false, forward.Waiting, true},
		"cut at once":     {func(http.ResponseWriter, *http.Request, []dicom.UID) { panic(http.ErrAbortHandler) }, true, forward.Waiting, true},
		"409 resources": {func(w http.ResponseWriter, _ *http.Request, sops []dicom.UID) {
			reply(w, 409, sequence(failed, sops, reason(0xA700)))
		}, false, forward.Waiting, false},
		"409 not supported": {func(w http.ResponseWriter, _ *http.Request, sops []dicom.UID) {
			reply(w, 409, sequence(failed, sops, reason(0x0122)))
		}, false, forward.Dead, false},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			failing, answered := true, 0
			good := func(w http.ResponseWriter, _ *http.Request, sops []dicom.UID) {
				reply(w, 200, sequence(referenced, sops, ""))
			}
			fails := func() bool {
				mu.Lock()
				defer mu.Unlock()
				answered++
				return failing
			}
			s := newWeb(t, func(w http.ResponseWriter, rq *http.Request, sops []dicom.UID) {
				if !c.early && fails() {
					c.fail(w, rq, sops)
					return
				}
				good(w, rq, sops)
			})
			s.Config.ErrorLog = nil
			if c.early {
				s.early = func(w http.ResponseWriter, rq *http.Request) bool {
					f := fails()
					if f {
						c.fail(w, rq, nil)
					}
					return f
				}
			}
			b := newSending(t, shelf{size: 300_000}, s.destination("a"))
			b.store(3)
			until(t, "it was asked", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return answered > 3 || c.state != forward.Waiting && answered > 0
			})
			if c.state != forward.Waiting {
				until(t, "they ended", func() bool { return b.account("a").Count[c.state] == 3 })
			}
			if blamed := b.account("a").Unreachable != ""; blamed != c.lane && c.lane {
				t.Error("the destination is not blamed")
			}
			mu.Lock()
			failing = false
			mu.Unlock()
			if _, err := b.f.Retry(context.Background(), forward.Selection{}); err != nil {
				t.Fatal(err)
			}
			until(t, "all are sent", func() bool { return b.account("a").Count[forward.Done] == 3 })
		})
	}
}

// TestSTOWStalled: a server that reads nothing is given up, and holds up nobody else.
func TestSTOWStalled(t *testing.T) {
	leave := make(chan struct{})
	stuck := newWeb(t, nil)
	stuck.early = func(http.ResponseWriter, *http.Request) bool { <-leave; return true }
	t.Cleanup(func() { close(leave) })
	good := newWeb(t, func(w http.ResponseWriter, _ *http.Request, sops []dicom.UID) {
		reply(w, 200, sequence(referenced, sops, ""))
	})
	d := stuck.destination("stuck")
	d.Transport.(*forward.STOW).Client.Stall = 500 * time.Millisecond
	b := newSending(t, shelf{size: 32 << 20}, d, good.destination("good"))
	b.store(2)
	until(t, "the others are served", func() bool { return b.account("good").Count[forward.Done] == 2 })
	until(t, "it is given up", func() bool { return b.account("stuck").Unreachable == client.ErrStalled.Error() })
}

// TestSTOWUnreadable: an object that cannot be read ends alone; one that was deleted too.
func TestSTOWUnreadable(t *testing.T) {
	s := newWeb(t, func(w http.ResponseWriter, _ *http.Request, sops []dicom.UID) {
		reply(w, 200, sequence(referenced, sops, ""))
	})
	b := newSending(t, shelf{
		size: 100_000,
		open: func(it *forward.Item) error {
			if it.SOP == "1.4.2" || it.SOP == "1.4.0" {
				return halong.E("test", halong.NotExist, "", nil)
			}
			return nil
		},
		read: func(it *forward.Item) int64 {
			if it.SOP == "1.4.4" {
				return 50_000
			}
			return 0
		},
	}, s.destination("a"))
	b.store(8)
	until(t, "all have ended", func() bool { return b.ended("a", 8) })
	if c := b.account("a").Count; c[forward.Done] != 5 || c[forward.Gone] != 2 || c[forward.Dead] != 1 {
		t.Errorf("%+v", c)
	}
	if b.account("a").Unreachable != "" {
		t.Error("the destination is blamed")
	}
}
