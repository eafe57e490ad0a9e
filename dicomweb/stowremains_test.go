package dicomweb

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicomweb/multipart"
)

// Parts that cannot be understood are kept together when there are many: each is in the answer, none is lost, and good ones among them are stored.
func TestManyUnreadableParts(t *testing.T) {
	const bad, every = 600, 50
	var parts [][]byte
	for i := range bad {
		parts = append(parts, fmt.Appendf(nil, "no DICOM, but number %d", i))
		if i%every == 0 {
			parts = append(parts, file(fmt.Sprintf("1.2.3.5.%d", i)))
		}
	}
	large := append(bytes.Repeat([]byte("no DICOM, and long. "), smallPart/10), "end"...)
	parts = append(parts, large)
	for _, full := range []bool{false, true} {
		s := serve(t)
		s.m.full = full
		got := summary(t, s.want(s.do(http.MethodPost, "/studies", body(parts...), stowType), 202))
		failed := map[string]int{}
		for _, word := range strings.Fields(got) {
			failed[word]++
		}
		if n := len(s.m.stored); n != bad/every || failed["=C000"]+failed["=A700"] != bad+1 {
			t.Errorf("%d stored, %d failed", n, failed["=C000"]+failed["=A700"])
		}
		if full {
			if failed["=A700"] < bad-quarantinedApart-2*pipeline {
				t.Errorf("%d parts are said to be lost", failed["=A700"])
			}
			continue
		}
		if len(s.m.quarantined) != 1 {
			t.Fatalf("%d entries", len(s.m.quarantined))
		}
		r, err := multipart.NewReader(bytes.NewReader(s.m.quarantined[0]), remainsBoundary, multipart.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		kept := map[string]bool{}
		for {
			p, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(p)
			if err != nil || p.Header.Get("Content-Length") != fmt.Sprint(len(b)) {
				t.Fatal(p.Header, err)
			}
			kept[string(b)] = true
		}
		// Those that were on their way when the first hundred were counted are apart too.
		if n := len(kept); n > bad-quarantinedApart || n < bad-quarantinedApart-2*pipeline || kept[string(large)] {
			t.Errorf("%d parts are kept together", n)
		}
		if last := fmt.Sprintf("no DICOM, but number %d", bad-1); !kept[last] {
			t.Error("the last short one is not among them")
		}
	}
}

// A part that breaks off while it is read ahead is answered as any other that does.
func TestUnreadablePartsThatBreakOff(t *testing.T) {
	var parts [][]byte
	for i := range quarantinedApart + 2*pipeline {
		parts = append(parts, fmt.Appendf(nil, "no DICOM %d", i))
	}
	s := serve(t)
	cut := strings.TrimSuffix(body(append(parts, file("1.2.3.5"))...).String(), "--B--\r\n")
	got := summary(t, s.want(s.do(http.MethodPost, "/studies", strings.NewReader(cut), stowType), 409))
	if n := strings.Count(got, "=C000"); n != len(parts)+1 {
		t.Errorf("%d parts failed", n)
	}
}

// What was read of a request whose client went away is kept too.
func TestUnreadablePartsOfACanceledRequest(t *testing.T) {
	var parts [][]byte
	for i := range 2*quarantinedApart + 2*pipeline {
		parts = append(parts, fmt.Appendf(nil, "no DICOM %d", i))
	}
	s := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequest(http.MethodPost, "/dicom-web/studies", io.MultiReader(strings.NewReader(strings.TrimSuffix(body(parts...).String(), "--B--\r\n")), canceling{cancel}))
	r = r.WithContext(ctx)
	r.Header.Set("Content-Type", strings.TrimPrefix(stowType, "Content-Type: "))
	s.h.ServeHTTP(httptest.NewRecorder(), r)
	if len(s.m.quarantined) != 1 {
		t.Errorf("%d entries", len(s.m.quarantined))
	}
}

// canceling ends the request in the midst of its body.
type canceling struct{ cancel func() }

func (c canceling) Read([]byte) (int, error) {
	c.cancel()
	return 0, io.ErrUnexpectedEOF
}
