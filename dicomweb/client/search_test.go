package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom/tag"
)

// hurry makes pauses short.
func hurry(time.Duration) time.Duration { return time.Millisecond }

// shelf serves n studies, at most most at a time.
func shelf(n, most int, paged bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		limit, _ := strconv.Atoi(r.FormValue("limit")) // as the client writes them
		offset, _ := strconv.Atoi(r.FormValue("offset"))
		if !paged {
			limit, offset = n, 0
		}
		end := min(n, offset+min(limit, most))
		if end < n && end-offset < limit {
			w.Header().Set("Warning", `299 x "There are more."`)
		}
		var list []string
		for i := offset; i < end; i++ {
			list = append(list, fmt.Sprintf(`{"0020000D":{"vr":"UI","Value":["1.2.%d"]}}`, i))
		}
		if len(list) == 0 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/dicom+json")
		_, _ = io.WriteString(w, "["+strings.Join(list, ",")+"]") // the client may have enough
	}
}

// TestSearchPages: all results come once, in order, however many the server gives at a time; a limit is kept.
func TestSearchPages(t *testing.T) {
	for _, x := range []struct {
		name              string
		n, most           int
		paged             bool
		page, limit, want int
	}{
		{"pages", 1001, 10_000, true, 100, 0, 1001},
		{"a page exactly", 200, 10_000, true, 0, 0, 200},
		{"server gives fewer and warns", 95, 10, true, 50, 0, 95},
		{"limit", 1001, 10_000, true, 100, 250, 250},
		{"limit within a short page", 95, 10, true, 50, 37, 37},
		{"server without pages", 95, 0, false, 10, 0, 95},
		{"server without pages, limit", 95, 0, false, 10, 12, 12},
		{"nothing", 0, 10, true, 10, 0, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			if x.most == 0 {
				x.most = x.n
			}
			s := httptest.NewServer(shelf(x.n, x.most, x.paged))
			defer s.Close()
			var got []string
			for set, err := range (&Client{URL: s.URL}).Search(t.Context(), Query{Page: x.page, Limit: x.limit}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(set.UID(tag.StudyInstanceUID)))
			}
			var want []string
			for i := range x.want {
				want = append(want, fmt.Sprintf("1.2.%d", i))
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestSearchRequest: what is asked, letter by letter.
func TestSearchRequest(t *testing.T) {
	var asked string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.EscapedPath() + "?" + r.URL.RawQuery + " " + r.Header.Get("Accept") + " " + r.Header.Get("Authorization")
		w.WriteHeader(http.StatusNoContent)
	}))
	defer s.Close()
	c := &Client{URL: s.URL + "/dw/", Token: "abc"}
	for range c.Search(t.Context(), Query{
		Level: Instances, In: Resource{Study: "1.2", Series: "1.2.3"}, Include: []string{"00081030", "all"}, Fuzzy: true, Offset: 5, Limit: 7,
		Match: []Param{{"PatientName", "NGUYỄN*^&=+#% ?"}, {"StudyDate", "20260101-"}, {"00080061", `CT\MR`}, {"SOPInstanceUID", "1.2,1.3"}},
	}) {
	}
	want := `/dw/studies/1.2/series/1.2.3/instances?PatientName=NGUY%E1%BB%84N*%5E%26%3D%2B%23%25%20?&StudyDate=20260101-&00080061=CT%5CMR&SOPInstanceUID=1.2,1.3&` +
		`includefield=00081030&includefield=all&fuzzymatching=true&limit=7&offset=5 application/dicom+json Bearer abc`
	if d := cmp.Diff(want, asked); d != "" {
		t.Error(d)
	}
}

// TestRefusals: statuses and problem details are given; what may be repeated is, and nothing else.
func TestRefusals(t *testing.T) {
	var calls atomic.Int32
	answer := func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		switch r.URL.Path {
		case "/busy/studies", "/busy/studies/1.2", "/busy/workitems/1.2/state":
			w.Header().Set("Retry-After", "7")
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Try again."}`)
		case "/soon/studies":
			if calls.Load() < 3 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			_, _ = io.WriteString(w, "[]")
		case "/cut/studies":
			if calls.Load() < 2 {
				panic(http.ErrAbortHandler)
			}
			_, _ = io.WriteString(w, "[]")
		case "/html/studies":
			_, _ = io.WriteString(w, "<html>")
		case "/half/studies":
			_, _ = io.WriteString(w, `[{"0020000D":{"vr":"UI","Value":["1.2"]}},{"002`)
		case "/moved/studies":
			http.Redirect(w, r, "/html/studies", http.StatusFound)
		default:
			w.WriteHeader(http.StatusTeapot)
		}
	}
	s := httptest.NewServer(http.HandlerFunc(answer))
	defer s.Close()
	search := func(base string, retries int) (n int, err error) {
		calls.Store(0)
		for _, e := range (&Client{URL: s.URL + base, Retries: retries, paused: hurry}).Search(t.Context(), Query{}) {
			if err = e; err == nil {
				n++
			}
		}
		return n, err
	}
	_, err := search("/busy", 0)
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Status != 503 || refusal.RetryAfter != 7*time.Second || refusal.Problem.Detail != "Try again." || calls.Load() != 3 {
		t.Errorf("%+v after %d calls", refusal, calls.Load())
	}
	if strings.Contains(err.Error(), "Try again") || err.Error() != "dicomweb: Search: 503 Service Unavailable" {
		t.Error(err)
	}
	for _, x := range []struct {
		base    string
		retries int
		calls   int32
		n       int
		status  int
		is      error
	}{
		{"/soon", 0, 3, 0, 0, nil},
		{"/soon", 1, 2, 0, 502, nil},
		{"/soon", -1, 1, 0, 502, nil},
		{"/cut", 0, 2, 0, 0, nil},
		{"/tea", 0, 1, 0, 418, nil},
		{"/moved", 0, 1, 0, 302, nil},
		{"/html", 0, 1, 0, 0, ErrModel},
		{"/half", 0, 1, 1, 0, io.ErrUnexpectedEOF},
	} {
		n, err := search(x.base, x.retries)
		if n != x.n || StatusOf(err) != x.status || calls.Load() != x.calls || x.is != nil && !errors.Is(err, x.is) || x.is == nil && x.status == 0 && err != nil {
			t.Errorf("%s: %d results, %v, %d calls", x.base, n, err, calls.Load())
		}
	}
	c := &Client{URL: s.URL + "/busy", paused: hurry}
	calls.Store(0)
	if err := c.Delete(t.Context(), Resource{Study: "1.2"}, Reason{Text: "test"}); StatusOf(err) != 503 || calls.Load() != 3 {
		t.Errorf("Delete: %v after %d calls", err, calls.Load())
	}
	calls.Store(0)
	if err := c.ChangeWorkitemState(t.Context(), "1.2", "1.2.3", InProgress); StatusOf(err) != 503 || calls.Load() != 1 {
		t.Errorf("a change of state was sent %d times: %v", calls.Load(), err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range c.Search(over, Query{}) {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	for _, err := range (&Client{URL: "http://127.0.0.1:1", Retries: -1}).Search(t.Context(), Query{Match: []Param{{"PatientName", "SECRET"}}}) {
		if err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Error(err)
		}
	}
}
