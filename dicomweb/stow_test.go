package dicomweb

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/multipart"
)

// summary says what an answer lists: "00081199: 1.2.3.5; 00081198: 1.2.3.6=43264".
func summary(t testing.TB, body string) string {
	t.Helper()
	var m map[string]struct {
		Value []json.RawMessage
	}
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("%v: %.200s", err, body)
	}
	var lines []string
	for _, seq := range []string{"00081199", "00081198", "0008119A"} {
		if _, ok := m[seq]; !ok {
			continue
		}
		line := seq + ":"
		for _, raw := range m[seq].Value {
			var item map[string]struct{ Value []any }
			if err := json.Unmarshal(raw, &item); err != nil {
				t.Fatal(err)
			}
			if v := item["00081155"].Value; v != nil {
				line += fmt.Sprintf(" %v", v[0])
			}
			if v := item["00081197"].Value; v != nil {
				line += fmt.Sprintf(" =%04X", int(v[0].(float64)))
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

func TestStoreStatus(t *testing.T) {
	a, b := file("1.2.3.5"), file("1.2.3.6")
	kind := func(k halong.Kind) func(int, dicom.UID) error {
		return func(n int, sop dicom.UID) error { return halong.E("test", k, string(sop), nil) }
	}
	second := func(k halong.Kind) func(int, dicom.UID) error {
		return func(n int, sop dicom.UID) error {
			if sop == "1.2.3.6" {
				return halong.E("test", k, string(sop), nil)
			}
			return nil
		}
	}
	for _, tc := range []struct {
		name, path string
		body       io.Reader
		header     string
		fail       func(int, dicom.UID) error
		status     int
		want       string
	}{
		{name: "W23 all stored", body: body(a, b), status: 200, want: "00081199: 1.2.3.5 1.2.3.6"},
		{name: "W23 same again", body: body(a, a), status: 200, want: "00081199: 1.2.3.5 1.2.3.5"},
		{name: "W23 some stored", body: body(a, b), fail: second(halong.Invalid), status: 202, want: "00081199: 1.2.3.5; 00081198: 1.2.3.6 =C000"},
		{name: "W23 none stored", body: body(a, b), fail: kind(halong.Invalid), status: 409, want: "00081198: 1.2.3.5 =C000 1.2.3.6 =C000"},
		{name: "W23 unreadable part between good ones", body: body(a, []byte("no DICOM"), b), status: 202, want: "00081199: 1.2.3.5 1.2.3.6; 0008119A: =C000"},
		{name: "W23 only an unreadable part", body: body([]byte("no DICOM")), status: 409, want: "0008119A: =C000"},
		{name: "W23 study of the URL", path: "/1.2.3", body: body(a), status: 200, want: "00081199: 1.2.3.5"},
		{name: "W23 other study", path: "/1.2.4", body: body(a), status: 409, want: "00081198: 1.2.3.5 =A900"},
		{name: "unsupported", body: body(a), fail: kind(halong.Unsupported), status: 409, want: "00081198: 1.2.3.5 =0122"},
		{name: "not permitted", body: body(a), fail: kind(halong.Permission), status: 403, want: "00081198: 1.2.3.5 =0124"},
		{name: "conflict", body: body(a), fail: kind(halong.Conflict), status: 409, want: "00081198: 1.2.3.5 =0111"},
		{name: "disk full", body: body(a), fail: kind(halong.Exhausted), status: 507, want: "00081198: 1.2.3.5 =A700"},
		{name: "sync failed", body: body(a), fail: kind(halong.Transient), status: 503, want: "00081198: 1.2.3.5 =A700"},
		{name: "sync failed for one", body: body(a, b), fail: second(halong.Transient), status: 202, want: "00081199: 1.2.3.5; 00081198: 1.2.3.6 =A700"},
		{name: "bug", body: body(a), fail: kind(halong.Internal), status: 500, want: "00081198: 1.2.3.5 =0110"},
		{name: "panic", body: body(a, b), fail: func(n int, sop dicom.UID) error {
			if sop == "1.2.3.6" {
				panic("bug")
			}
			return nil
		}, status: 202, want: "00081199: 1.2.3.5; 0008119A: =0110"},
		{name: "truncated in a part", body: strings.NewReader(strings.TrimSuffix(body(a, b).String(), "--B--\r\n")), status: 202, want: "00081199: 1.2.3.5; 0008119A: =C000"},
		{name: "single part", body: bytes.NewReader(a), header: "Content-Type: application/dicom", status: 200, want: "00081199: 1.2.3.5"},
		{name: "W1 type and boundary unquoted", body: body(a), header: "Content-Type: multipart/related; type=application/dicom; boundary=B", status: 200, want: "00081199: 1.2.3.5"},
		{name: "W1 type and boundary quoted", body: body(a), header: `Content-Type: multipart/related; type="application/dicom"; boundary="B"`, status: 200, want: "00081199: 1.2.3.5"},
		{name: "W2 type after the boundary, odd case", body: body(a), header: `Content-Type: MULTIPART/Related;BOUNDARY=B;Type="application/dicom"`, status: 200, want: "00081199: 1.2.3.5"},
		{name: "no type", body: body(a), header: `Content-Type: multipart/related; boundary=B`, status: 200, want: "00081199: 1.2.3.5"},
		{name: "W2 preamble, epilogue, bare LF", body: strings.NewReader("preamble\n--B\ncontent-type: Application/DICOM;\n transfer-syntax=1.2.840.10008.1.2.1\n\n" + string(a) + "\n--B--\nepilogue"), status: 200, want: "00081199: 1.2.3.5"},
		{name: "part without Content-Type", body: strings.NewReader("--B\r\n\r\n" + string(a) + "\r\n--B--"), status: 200, want: "00081199: 1.2.3.5"},
		{name: "W23 part of another type", body: strings.NewReader("--B\r\nContent-Type: image/jpeg\r\n\r\nx\r\n--B\r\n\r\n" + string(a) + "\r\n--B--"), status: 202, want: "00081199: 1.2.3.5; 0008119A: =0122"},
		{name: "W23 part with a bad header", body: strings.NewReader("--B\r\nbad header\r\n\r\nx\r\n--B\r\n\r\n" + string(a) + "\r\n--B--"), status: 202, want: "00081199: 1.2.3.5; 0008119A: =C000"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t)
			s.m.fail = tc.fail
			if tc.header == "" {
				tc.header = stowType
			}
			w := s.do(http.MethodPost, "/studies"+tc.path, tc.body, tc.header)
			got := summary(t, s.want(w, tc.status))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if ct := w.Header().Get("Content-Type"); ct != "application/dicom+json" {
				t.Errorf("Content-Type %q", ct)
			}
			if (w.Header().Get("Retry-After") == "5") != (tc.status == 503) {
				t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
			}
		})
	}
}

func TestStoreRefused(t *testing.T) {
	a := file("1.2.3.5")
	limited := func(c *Config) { c.MaxBody = 1000 }
	parts := func(c *Config) { c.Limits = multipart.Limits{Parts: 1, Part: int64(len(a))} }
	for _, tc := range []struct {
		name    string
		headers []string
		body    io.Reader
		change  func(*Config)
		status  int
	}{
		{name: "no Content-Type", body: body(a), status: 415},
		{name: "compressed", headers: []string{"Content-Type: application/dicom", "Content-Encoding: gzip"}, body: body(a), status: 415},
		{name: "JSON without metadata", headers: []string{`Content-Type: multipart/related; type="application/dicom+json"; boundary=B`}, body: body(a), status: 400},
		{name: "form", headers: []string{`Content-Type: multipart/form-data; boundary=B`}, body: body(a), status: 415},
		{name: "no boundary", headers: []string{`Content-Type: multipart/related; type="application/dicom"`}, body: body(a), status: 400},
		{name: "other boundary", headers: []string{`Content-Type: multipart/related; type="application/dicom"; boundary=C`}, body: body(a), status: 400},
		{name: "no parts", headers: []string{stowType}, body: strings.NewReader("--B--"), status: 400},
		{name: "empty", headers: []string{stowType}, body: strings.NewReader(""), status: 400},
		{name: "HTML answer wanted", headers: []string{stowType, "Accept: text/html"}, body: body(a), status: 406},
		{name: "too large, announced", headers: []string{stowType}, body: body(make([]byte, 2000)), change: limited, status: 413},
		{name: "too large, chunked", headers: []string{stowType}, body: struct{ io.Reader }{body(make([]byte, 2000))}, change: limited, status: 413},
		{name: "part too large", headers: []string{stowType}, body: body(append(a, make([]byte, 10)...)), change: parts, status: 413},
		{name: "nobody", headers: []string{stowType, "Authorization: nobody"}, body: body(a), status: 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var change []func(*Config)
			if tc.change != nil {
				change = append(change, tc.change)
			}
			s := serve(t, change...)
			s.want(s.do(http.MethodPost, "/studies", tc.body, tc.headers...), tc.status)
			if len(s.m.stored) != 0 {
				t.Error("stored something")
			}
		})
	}
}

func TestStoreAnswer(t *testing.T) {
	s := serve(t)
	w := s.do(http.MethodPost, "/studies", body(file("1.2.3.5")), stowType)
	want := `{"00081190":{"vr":"UR","Value":["http://pacs.test/dicom-web/studies/1.2.3"]},` +
		`"00081199":{"vr":"SQ","Value":[{"00081150":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]},` +
		`"00081155":{"vr":"UI","Value":["1.2.3.5"]},` +
		`"00081190":{"vr":"UR","Value":["http://pacs.test/dicom-web/studies/1.2.3/series/1.2.3.4/instances/1.2.3.5"]}}]}}`
	if diff := cmp.Diff(want, s.want(w, 200)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(1, s.o[0].Stored); diff != "" || s.o[0].Operation != "store" {
		t.Errorf("observed %+v", s.o[0])
	}
}

func TestStoreIntoFacility(t *testing.T) {
	for _, tc := range []struct {
		path, caller string
		status       int
		facility     halong.Facility
	}{
		{"/studies", "", 200, halong.DefaultFacility},
		{"/studies", "BV1", 200, "BV1"},
		{"/facilities/BV1/studies", "BV1", 200, "BV1"},
		{"/facilities/BV2/studies", "BV1", 403, ""}, // may look, not write
		{"/facilities/BV3/studies", "BV1", 404, ""}, // may not even know
		{"/facilities/BV2/studies", "", 200, "BV2"}, // sees all
	} {
		s := serve(t)
		s.want(s.do(http.MethodPost, tc.path, body(file("1.2.3.5")), stowType, "Authorization: "+tc.caller), tc.status)
		if tc.status == 200 && s.m.stored[0].Facility != tc.facility {
			t.Errorf("%s by %q: stored into %q", tc.path, tc.caller, s.m.stored[0].Facility)
		}
	}
}

// W27: the body is asked for only when the header is in order.
func TestW27ExpectContinue(t *testing.T) {
	s := serve(t)
	srv := httptest.NewServer(s.h)
	defer srv.Close()
	for _, tc := range []struct{ header, want string }{
		{"Content-Type: text/plain", "HTTP/1.1 415 Unsupported Media Type"},
		{stowType, "HTTP/1.1 100 Continue"},
	} {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		b := body(file("1.2.3.5")).Bytes()
		fmt.Fprintf(c, "POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n%s\r\nContent-Length: %d\r\n\r\n", tc.header, len(b))
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		r := bufio.NewReader(c)
		line, err := r.ReadString('\n')
		if err != nil || strings.TrimSpace(line) != tc.want {
			t.Errorf("%s: answered %q, %v", tc.header, line, err)
		}
		if strings.Contains(tc.want, "100") {
			_, _ = r.ReadString('\n')
			_, _ = c.Write(b)
			if line, _ = r.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 200") {
				t.Errorf("after the body: %q", line)
			}
		}
		_ = c.Close()
	}
}

// Parts overlap: the next is read while the archive syncs the one before.
func TestStorePipelines(t *testing.T) {
	s := serve(t)
	second := make(chan struct{})
	s.m.fail = func(n int, sop dicom.UID) error {
		if sop == "1.2.3.6" {
			close(second)
			return nil
		}
		select {
		case <-second:
			return nil
		case <-time.After(time.Minute):
			return errors.New("the second part was not read meanwhile")
		}
	}
	s.want(s.do(http.MethodPost, "/studies", body(file("1.2.3.5"), file("1.2.3.6")), stowType), 200)
}

func TestStoreManyParts(t *testing.T) {
	s := serve(t)
	var parts [][]byte
	for i := range 200 {
		parts = append(parts, file(fmt.Sprintf("1.2.3.5.%d", i), func(s *dataset.Set) {
			s.Put(dataset.Element{Tag: tag.PixelData, VR: dicom.OB, Value: bytes.Repeat([]byte("\r\n--"), 5000)})
		}))
	}
	s.want(s.do(http.MethodPost, "/studies", body(parts...), stowType), 200)
	if len(s.m.stored) != 200 {
		t.Errorf("%d stored", len(s.m.stored))
	}
}
