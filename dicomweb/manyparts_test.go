package dicomweb

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicomweb/multipart"
)

// TestW27FiftyThousandParts: an answer of 50,000 parts is streamed: the client has the first ones while the rest is unwritten, and a client that goes
// away ends it.
func TestW27FiftyThousandParts(t *testing.T) {
	const n = 50_000
	value := make([]byte, 0, 4*n)
	for i := range n {
		value = append(value, byte(i), byte(i>>8), byte(i>>16), 0xAA)
	}
	s := serve(t)
	s.put(file("1.2.3.5", pixels(2, 2, 8, n, dicom.OB, value)))
	web := httptest.NewServer(s.h)
	defer web.Close()
	get := func(ctx context.Context) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, web.URL+"/dicom-web/studies/1.2.3/series/1.2.3.4/instances/1.2.3.5/frames/"+frameNumbers(n), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", `multipart/related; type="application/octet-stream"`)
		resp, err := http.DefaultClient.Do(r)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		return resp
	}
	resp := get(t.Context())
	defer resp.Body.Close()
	m, err := multipart.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts, err := multipart.NewReader(resp.Body, m.Get("boundary"), multipart.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		p, err := parts.Next()
		if err != nil {
			t.Fatal(i, err)
		}
		b, err := io.ReadAll(p)
		if err != nil || !bytes.Equal(b, value[4*i:4*i+4]) {
			t.Fatalf("frame %d: %x %v", i+1, b, err)
		}
	}
	if _, err := parts.Next(); err != io.EOF {
		t.Error(err)
	}

	// Whoever goes away in the middle is not written to any more.
	ctx, leave := context.WithCancel(t.Context())
	gone := get(ctx)
	if _, err := io.CopyN(io.Discard, gone.Body, 10_000); err != nil {
		t.Fatal(err)
	}
	leave()
	_ = gone.Body.Close() // cut
	web.Close()           // waits until every request is over
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.m.opened != s.m.closed {
		t.Errorf("%d objects opened, %d closed", s.m.opened, s.m.closed)
	}
}

// frameNumbers gives the frame list 1 to n.
func frameNumbers(n int) string {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, ",%d", i+1)
	}
	return b.String()[1:]
}
