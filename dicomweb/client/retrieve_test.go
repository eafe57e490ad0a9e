package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/multipart"
)

// TestRetrieveParts: parts come one after the other while the server still writes; what breaks off is an error; the token goes to
// nobody else. W27: 50,000 parts, of which none is held.
func TestRetrieveParts(t *testing.T) {
	const many = 50_000
	var accept string
	next := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accept = r.Header.Get("Accept")
		w.Header().Set("Content-Type", multipart.ContentType("application/dicom", "B"))
		m := multipart.NewWriter(w, "B")
		part := func(i int) {
			_ = m.Part(multipart.Field{Name: "Content-Type", Value: "application/dicom"}, multipart.Field{Name: "Content-Location", Value: fmt.Sprint(i)}) // the reader says
			_, _ = fmt.Fprint(w, i)
		}
		switch r.URL.Path {
		case "/studies/1":
			for i := range many {
				part(i)
			}
			_ = m.Close()
		case "/studies/2": // the second part is written when the first has been read
			part(0)
			_ = m.Part(multipart.Field{Name: "Content-Type", Value: "application/dicom"})
			_ = http.NewResponseController(w).Flush()
			<-next
			_, _ = io.WriteString(w, "1")
			_ = m.Close()
		case "/studies/3":
			part(0)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/studies/4":
			w.Header().Set("Content-Type", "application/dicom; transfer-syntax=1.2.840.10008.1.2.1")
			_, _ = io.WriteString(w, "alone")
		case "/studies/5": // says nothing more
			part(0)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	c := &Client{URL: s.URL, Retries: -1}
	n := 0
	for p, err := range c.Retrieve(t.Context(), Resource{Study: "1"}, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.1") {
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p.Body)
		if err != nil || string(b) != fmt.Sprint(n) || p.Location != string(b) {
			t.Fatalf("part %d: %q at %s, %v", n, b, p.Location, err)
		}
		n++
	}
	if want := `multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.50, multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1; q=0.9`; n != many || accept != want {
		t.Errorf("%d parts, Accept %s", n, accept)
	}
	var got []string
	for p, err := range c.Retrieve(t.Context(), Resource{Study: "2"}) {
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 1 {
			close(next)
		}
		b, err := io.ReadAll(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(b))
	}
	if d := cmp.Diff([]string{"0", "1"}, got); d != "" {
		t.Error(d)
	}
	for _, x := range []struct {
		study string
		stall time.Duration
		is    error
	}{{"3", time.Minute, io.ErrUnexpectedEOF}, {"5", 200 * time.Millisecond, ErrStalled}} {
		var last error
		c := &Client{URL: s.URL, Retries: -1, Stall: x.stall}
		for p, err := range c.Retrieve(t.Context(), Resource{Study: dicom.UID(x.study)}) {
			if last = err; err == nil {
				_, last = io.Copy(io.Discard, p.Body)
			}
		}
		if !errors.Is(last, x.is) {
			t.Errorf("study %s: %v, want %v", x.study, last, x.is)
		}
	}
	for p, err := range c.Retrieve(t.Context(), Resource{Study: "4"}) {
		b, rerr := io.ReadAll(p.Body)
		if err != nil || rerr != nil || string(b) != "alone" || !strings.HasPrefix(p.ContentType, "application/dicom;") {
			t.Errorf("%v %v %q %s", err, rerr, b, p.ContentType)
		}
	}
	for _, r := range []Resource{{}, {Series: "1"}, {Study: "1", Instance: "1"}} {
		for _, err := range c.Retrieve(t.Context(), r) {
			if !errors.Is(err, ErrResource) {
				t.Errorf("%+v: %v", r, err)
			}
		}
	}
}

// TestMetadata: objects with the places of their bulk data; more than may be is refused before it is taken.
func TestMetadata(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/studies/2/") {
			_, _ = io.WriteString(w, `[{"00081030":{"vr":"LO","Value":["`)
			_, _ = io.Copy(w, io.LimitReader(endlessA{}, MaxObject+1<<20)) // the client hangs up before
			return
		}
		_, _ = io.WriteString(w, `[{"00080018":{"vr":"UI","Value":["1.2.3"]},"7FE00010":{"vr":"OW","BulkDataURI":"bulk/7FE00010"}}, {"00080018":{"vr":"UI","Value":["1.2.4"]}} ]`)
	}))
	defer s.Close()
	c := &Client{URL: s.URL + "/", Retries: -1}
	var got []string
	for o, err := range c.Metadata(t.Context(), Resource{Study: "1"}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(o.Set.UID(tag.SOPInstanceUID)))
		for _, b := range o.Bulk {
			got = append(got, b.URI)
		}
	}
	if d := cmp.Diff([]string{"1.2.3", "bulk/7FE00010", "1.2.4"}, got); d != "" {
		t.Error(d)
	}
	for _, err := range c.Metadata(t.Context(), Resource{Study: "2"}) {
		if !errors.Is(err, ErrTooLarge) {
			t.Error(err)
		}
	}
}

// TestBulkdata: ranges, what a server without them gives, one that answers with another, and whom the token is shown to.
func TestBulkdata(t *testing.T) {
	value := []byte("0123456789")
	auth := make(chan string, 16)
	serve := func(w http.ResponseWriter, r *http.Request) {
		auth <- r.Header.Get("Authorization")
		switch r.URL.Path {
		case "/dw/whole":
			_, _ = w.Write(value)
		case "/dw/lies":
			w.Header().Set("Content-Range", "bytes 0-9/10")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(value)
		default:
			w.Header().Set("ETag", `"v1"`)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(value))
		}
	}
	s, other := httptest.NewServer(http.HandlerFunc(serve)), httptest.NewServer(http.HandlerFunc(serve))
	defer s.Close()
	defer other.Close()
	c := &Client{URL: s.URL + "/dw", Token: "secret", Retries: -1}
	for _, x := range []struct {
		uri    string
		o      BulkOptions
		want   string
		start  int64
		total  int64
		auth   string
		failed bool
	}{
		{"value", BulkOptions{}, "0123456789", 0, 10, "Bearer secret", false},
		{"value", BulkOptions{Range: &Range{2, 3}}, "234", 2, 10, "Bearer secret", false},
		{"/dw/value", BulkOptions{Range: &Range{7, 0}}, "789", 7, 10, "Bearer secret", false},
		{s.URL + "/dw/value", BulkOptions{Range: &Range{-4, 0}}, "6789", 6, 10, "Bearer secret", false},
		{"value", BulkOptions{Range: &Range{2, 3}, IfRange: `"v1"`}, "234", 2, 10, "Bearer secret", false},
		{"value", BulkOptions{Range: &Range{2, 3}, IfRange: `"v0"`}, "0123456789", 0, 10, "Bearer secret", false},
		{"whole", BulkOptions{Range: &Range{2, 3}}, "0123456789", 0, 10, "Bearer secret", false},
		{"lies", BulkOptions{Range: &Range{2, 3}}, "", 0, 0, "Bearer secret", true},
		{"value", BulkOptions{Range: &Range{50, 3}}, "", 0, 0, "Bearer secret", true},
		{other.URL + "/dw/value", BulkOptions{}, "0123456789", 0, 10, "", false},
	} {
		b, err := c.Bulkdata(t.Context(), x.uri, x.o)
		if got := <-auth; got != x.auth {
			t.Errorf("%s: Authorization %q", x.uri, got)
		}
		if x.failed {
			if err == nil {
				t.Errorf("%s %+v: no error", x.uri, x.o.Range)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(b)
		if err := errors.Join(err, b.Close()); err != nil || string(got) != x.want || b.Start != x.start || b.Total != x.total || b.Length != int64(len(x.want)) {
			t.Errorf("%s %+v: %q at %d of %d, %v", x.uri, x.o.Range, got, b.Start, b.Total, err)
		}
	}
	if _, err := c.Bulkdata(t.Context(), "file:///etc/passwd", BulkOptions{}); !errors.Is(err, ErrURL) {
		t.Error(err)
	}
}

type endlessA struct{}

func (endlessA) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}
