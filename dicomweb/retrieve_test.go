package dicomweb

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/storage"
)

const (
	study1    = "/studies/1.2.3"
	series1   = study1 + "/series/1.2.3.4"
	instance1 = series1 + "/instances/1.2.3.5"
)

// parts splits a multipart answer into "Content-Type|body".
func parts(t testing.TB, w *httptest.ResponseRecorder) (list []string) {
	t.Helper()
	m, err := multipart.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil || m.Type != "multipart/related" {
		t.Fatalf("Content-Type %q: %.200s", w.Header().Get("Content-Type"), w.Body.String())
	}
	r, err := multipart.NewReader(bytes.NewReader(w.Body.Bytes()), m.Get("boundary"), multipart.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		p, err := r.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		if partType, _ := multipart.ParseMediaType(p.Header.Get("Content-Type")); partType.Type != m.Get("type") {
			t.Errorf("part of type %q in %q", p.Header.Get("Content-Type"), w.Header().Get("Content-Type"))
		}
		if n := p.Header.Get("Content-Length"); n != "" && n != fmt.Sprint(len(b)) {
			t.Errorf("Content-Length %s of %d bytes", n, len(b))
		}
		list = append(list, p.Header.Get("Content-Type")+"|"+string(b))
	}
}

// parsed reads a PS3.10 file and gives its transfer syntax and data set.
func parsed(t testing.TB, b string) (dicom.UID, *dataset.Set, []byte) {
	t.Helper()
	h, r, err := dataset.ReadFileHeader(strings.NewReader(b), dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	ts, _ := dicom.LookupTransferSyntax(h.TransferSyntax)
	s, err := dataset.Parse(data, ts, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return h.TransferSyntax, s, data
}

func TestRetrieveInstances(t *testing.T) {
	be := dicom.ExplicitVRBigEndian
	words := pixels(2, 2, 16, 1, dicom.OW, []byte{1, 0, 2, 0, 3, 0, 4, 0})
	s := serve(t)
	s.put(fileIn(implicitLE, "1.2.3.5", words), fileIn(be, "1.2.3.6", words), file("1.2.3.7", words))
	stored := func(i int) string { return string(s.m.stored[i].data) }
	for _, tc := range []struct {
		name, path, accept string
		want               []dicom.UID
		asStored           bool
	}{
		{"W7 no Accept", study1, "", []dicom.UID{implicitLE, be, explicitLE}, true},
		{"W4 any syntax", series1, `multipart/related; type="application/dicom"; transfer-syntax=*`, []dicom.UID{implicitLE, be, explicitLE}, true},
		{"W5 explicit", study1, `multipart/related; type="application/dicom"`, []dicom.UID{explicitLE, explicitLE, explicitLE}, false},
		{"instance", instance1, `multipart/related; type=application/dicom`, []dicom.UID{explicitLE}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var headers []string
			if tc.accept != "" {
				headers = append(headers, "Accept: "+tc.accept)
			}
			w := s.get(tc.path, headers...)
			s.want(w, 200)
			list := parts(t, w)
			if len(list) != len(tc.want) {
				t.Fatalf("%d parts", len(list))
			}
			for _, p := range list {
				contentType, b, _ := strings.Cut(p, "|")
				ts, set, data := parsed(t, b)
				i := slices.IndexFunc(s.m.stored, func(o *memoryObject) bool { return o.SOP == set.UID(tag.SOPInstanceUID) })
				if contentType != "application/dicom; transfer-syntax="+string(ts) || ts != tc.want[i] {
					t.Errorf("%s: %s %s", set.UID(tag.SOPInstanceUID), contentType, ts)
				}
				if tc.asStored && string(data) != stored(i) {
					t.Errorf("%s: other bytes than stored", set.UID(tag.SOPInstanceUID))
				}
				if px := set.Get(tag.PixelData).Value; !bytes.Equal(px, []byte{1, 0, 2, 0, 3, 0, 4, 0}) {
					t.Errorf("%s: pixels % x", set.UID(tag.SOPInstanceUID), px)
				}
			}
			if strings.Contains(w.Body.String()[:30], "\n\n") || !strings.HasPrefix(w.Body.String(), "--halong-") {
				t.Error("multipart framing") // no preamble: clients read the first part from the first byte
			}
		})
	}
	if s.m.opened != s.m.closed {
		t.Errorf("%d opened, %d closed", s.m.opened, s.m.closed)
	}
}

func TestRetrieveSinglePart(t *testing.T) {
	s := serve(t)
	s.put(fileIn(implicitLE, "1.2.3.5"))
	w := s.get(instance1, "Accept: application/dicom; transfer-syntax=*")
	ts, _, data := parsed(t, s.want(w, 200))
	if ts != implicitLE || !bytes.Equal(data, s.m.stored[0].data) || w.Header().Get("Content-Type") != "application/dicom; transfer-syntax=1.2.840.10008.1.2" {
		t.Errorf("%s %v", ts, w.Header())
	}
	if w.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
		t.Errorf("Content-Length %s of %d", w.Header().Get("Content-Length"), w.Body.Len())
	}
	ts, _, _ = parsed(t, s.want(s.get(instance1, "Accept: application/dicom"), 200))
	if ts != explicitLE {
		t.Error(ts)
	}
}

func TestRetrieveStatus(t *testing.T) {
	s := serve(t)
	s.put(file("1.2.3.5"), fileIn(jls, "1.2.3.6", fragments(1, nil, []byte{0xFF, 0xD8, 0xFF, 0xD9})))
	second := series1 + "/instances/1.2.3.6"
	for _, tc := range []struct {
		name, path, accept string
		status             int
	}{
		{"unknown study", "/studies/9", "", 404},
		{"unknown series", study1 + "/series/9", "", 404},
		{"unknown instance", series1 + "/instances/9", "", 404},
		{"instance of another series", study1 + "/series/9/instances/1.2.3.5", "", 404},
		{"malformed UID", "/studies/a%2Fb", "", 400},
		{"UID too long", "/studies/" + strings.Repeat("1", 65), "", 400},
		{"W18 one of two cannot be re-encoded: the other one", study1, `multipart/related; type="application/dicom"`, 206},
		{"W18 not even alone", second, `application/dicom`, 406},
		{"both as stored", study1, `multipart/related; type="application/dicom"; transfer-syntax=*`, 200},
		{"single part for a study", study1, `application/dicom; transfer-syntax=*`, 406},
		{"JSON", study1, `application/dicom+json`, 406},
		{"W8 mixed", instance1, `application/dicom, image/png`, 400},
		{"W8 mixed in query", instance1 + "?accept=application/dicom,image/png", "", 400},
		{"W9 query beats header", instance1 + "?accept=image/png", `application/dicom`, 406},
		{"W9 query beats header the other way", instance1 + "?accept=application/dicom", `image/png`, 200},
		{"W9 query with semicolons", instance1 + `?accept=multipart/related;type="application/dicom";transfer-syntax=*`, `image/png`, 200},
		{"malformed Accept", instance1, `dicom`, 400},
		{"metadata of unknown", "/studies/9/metadata", "", 404},
		{"metadata as single part XML", study1 + "/metadata", `application/dicom+xml`, 406},
		{"metadata as XML", study1 + "/metadata", `multipart/related; type="application/dicom+xml"`, 200},
		{"metadata as plain JSON", study1 + "/metadata", `application/json`, 200},
	} {
		var headers []string
		if tc.accept != "" {
			headers = append(headers, "Accept: "+tc.accept)
		}
		w := s.get(tc.path, headers...)
		if w.Code != tc.status {
			t.Errorf("%s: %d, want %d: %.200s", tc.name, w.Code, tc.status, w.Body)
		}
		if tc.status >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: Content-Type %q", tc.name, w.Header().Get("Content-Type"))
		}
	}
}

func TestMetadata(t *testing.T) {
	s := serve(t)
	nested := func(s *dataset.Set) {
		s.Put(dataset.Element{Tag: tag.WaveformSequence, VR: dicom.SQ, Items: []*dataset.Set{{}, {Elements: []dataset.Element{
			{Tag: tag.WaveformData, VR: dicom.OW, Value: bytes.Repeat([]byte{1, 2}, 1000)},
		}}}})
	}
	s.put(file("1.2.3.5", patient("A"), nested, pixels(2, 2, 8, 1, dicom.OB, []byte{1, 2, 3, 4})), file("1.2.3.6"))
	w := s.get(series1+"/metadata", "Accept: application/dicom+json")
	var list []map[string]map[string]any
	if err := json.Unmarshal([]byte(s.want(w, 200)), &list); err != nil || len(list) != 2 {
		t.Fatal(err, len(list))
	}
	base := "http://pacs.test/dicom-web" + instance1 + "/bulkdata/"
	m := list[slices.IndexFunc(list, func(m map[string]map[string]any) bool { return m["00100010"] != nil })]
	if got := m["7FE00010"]["BulkDataURI"]; got != base+"7FE00010" {
		t.Errorf("pixels: %v", m["7FE00010"])
	}
	item := m["54000100"]["Value"].([]any)[1].(map[string]any)["54001010"].(map[string]any)
	if got := item["BulkDataURI"]; got != base+"54000100/2/54001010" {
		t.Errorf("J6 nested: %v", item)
	}
	for _, tag := range []string{"00080018", "0020000D", "0020000E", "00280010", "00280100"} { // OHIF opens nothing without
		if m[tag] == nil {
			t.Errorf("%s is missing", tag)
		}
	}
	// The URIs lead to the values.
	for uri, want := range map[string]int{base + "7FE00010": 4, base + "54000100/2/54001010": 2000} {
		if b := s.want(s.get(strings.TrimPrefix(uri, "http://pacs.test/dicom-web")), 200); len(b) != want {
			t.Errorf("%s: %d bytes", uri, len(b))
		}
	}
	rel := serve(t, func(c *Config) { c.RelativeURI = true; c.Archive = FromStorage(s.m) })
	if b := rel.want(rel.get(series1+"/metadata"), 200); !strings.Contains(b, `"BulkDataURI":"/dicom-web`+instance1) {
		t.Error("no relative URI")
	}
}

// TestURLs: the URLs in answers are those under which the client knows the service; proxies are believed when they are trusted.
func TestURLs(t *testing.T) {
	trusted := func(c *Config) {
		c.Proxy = func(a netip.Addr) bool {
			return a == netip.MustParseAddr("192.0.2.1") || a == netip.MustParseAddr("10.0.0.2")
		} // 192.0.2.1 is where httptest's requests come from
	}
	s, deaf := serve(t, trusted), serve(t)
	s.put(file("1.2.3.5"))
	deaf.put(file("1.2.3.5"))
	for _, tc := range []struct {
		want    string
		headers []string
	}{
		{"http://pacs.test/dicom-web/", nil},
		{"https://pub.example:8443/dicom-web/", []string{`Forwarded: for=10.0.0.1;host="pub.example:8443";proto=https`}},
		{"https://pub.example:8443/dicom-web/", []string{`Forwarded: for=10.0.0.1;host="pub.example:8443";proto=https, for="10.0.0.2:4711";host=inner`}},
		{"https://pub.example/dicom-web/", []string{`Forwarded: for=1.1.1.1;host=evil.example`, `Forwarded: for=10.9.9.9;host=pub.example;proto=https`}},
		{"https://pub.example/dicom-web/", []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: pub.example"}},
		{"https://pub.example/pacs/dicom-web/", []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: pub.example", "X-Forwarded-Prefix: /pacs/"}},
		{"https://pub.example/dicom-web/", []string{"X-Forwarded-For: 8.8.8.8, 10.9.9.9, 10.0.0.2", "X-Forwarded-Proto: gopher, https, http", "X-Forwarded-Host: evil.example, pub.example, inner"}},
		{"http://pacs.test/dicom-web/", []string{`X-Forwarded-Host: evil"><script>`, "X-Forwarded-Prefix: //evil", "X-Forwarded-Proto: javascript"}},
		{"http://pacs.test/dicom-web/", []string{"Forwarded: ;;;=", "X-Forwarded-Host: pub.example"}},
	} {
		list := results(t, s.want(s.get("/studies", tc.headers...), 200))
		if got := list[0]["00081190"].Value[0]; got != tc.want+"studies/1.2.3" {
			t.Errorf("%v: %v", tc.headers, got)
		}
		list = results(t, deaf.want(deaf.get("/studies", tc.headers...), 200))
		if got := list[0]["00081190"].Value[0]; got != "http://pacs.test/dicom-web/studies/1.2.3" {
			t.Errorf("%v without a trusted proxy: %v", tc.headers, got)
		}
	}
	p := serve(t, trusted, func(c *Config) { c.PublicURL = "https://pacs.example/"; c.Archive = FromStorage(s.m) })
	if list := results(t, p.want(p.get("/studies", "X-Forwarded-Host: other"), 200)); list[0]["00081190"].Value[0] != "https://pacs.example/dicom-web/studies/1.2.3" {
		t.Error(list[0]["00081190"])
	}
}

// Equal tags mean equal bytes; a client that has them is told so.
func TestEntityTags(t *testing.T) {
	s := serve(t)
	s.put(file("1.2.3.5", pixels(2, 2, 8, 1, dicom.OB, []byte{1, 2, 3, 4})))
	seen := map[string]string{}
	for _, tc := range []struct{ path, accept string }{
		{study1, ""},
		{instance1, "application/dicom"},
		{instance1, `multipart/related; type="application/dicom"`},
		{study1 + "/metadata", ""},
		{instance1 + "/metadata", "application/json"},
		{instance1 + "/frames/1", ""},
		{instance1 + "/frames/1", "application/octet-stream"},
		{instance1 + "/bulkdata/7FE00010", ""},
		{instance1 + "/bulkdata/7FE00010", "multipart/related"},
	} {
		var h []string
		if tc.accept != "" {
			h = []string{"Accept: " + tc.accept}
		}
		w := s.get(tc.path, h...)
		first := s.want(w, 200)
		etag := w.Header().Get("ETag")
		if !strings.HasPrefix(etag, `"`) || w.Header().Get("Cache-Control") != "private, no-cache" || !slices.Contains(w.Header().Values("Vary"), "Accept") {
			t.Errorf("%v: headers %v", tc, w.Header())
		}
		if again := s.want(s.get(tc.path, h...), 200); again != first {
			t.Errorf("%v: other bytes under the same tag", tc)
		}
		if other, ok := seen[etag]; ok && other != first {
			t.Errorf("%v: the same tag for other bytes", tc)
		}
		seen[etag] = first
		if w := s.get(tc.path, append(h, `If-None-Match: "x", W/`+etag)...); w.Code != http.StatusNotModified || w.Body.Len() != 0 || w.Header().Get("ETag") != etag {
			t.Errorf("%v: %d with If-None-Match", tc, w.Code)
		}
		if w := s.do(http.MethodHead, tc.path, nil, h...); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("ETag") != etag {
			t.Errorf("%v: HEAD %d %d bytes", tc, w.Code, w.Body.Len())
		}
	}
	before := s.get(study1).Header().Get("ETag")
	s.put(file("1.2.3.6"))
	if s.get(study1).Header().Get("ETag") == before {
		t.Error("the tag did not change with the study")
	}
}

func TestCORS(t *testing.T) {
	s := serve(t, func(c *Config) { c.Origins = []string{"https://viewer.example"} })
	s.put(file("1.2.3.5"))
	pre := []string{"Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization"}
	w := s.do(http.MethodOptions, instance1+"/bulkdata/00420011", nil, append(pre, "Origin: https://viewer.example")...)
	if h := w.Header(); w.Code != 204 || h.Get("Access-Control-Allow-Origin") != "https://viewer.example" || !strings.Contains(h.Get("Access-Control-Allow-Methods"), "GET") ||
		!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") || h.Get("Access-Control-Max-Age") == "" || h.Get("Allow") == "" {
		t.Errorf("preflight: %d %v", w.Code, w.Header())
	}
	w = s.do(http.MethodOptions, "/studies", nil, append(pre, "Origin: https://evil.example")...)
	if h := w.Header(); w.Code != 204 || h.Get("Access-Control-Allow-Origin") != "" || h.Get("Access-Control-Allow-Methods") != "" || !strings.Contains(h.Get("Allow"), "POST") {
		t.Errorf("foreign preflight: %d %v", w.Code, w.Header())
	}
	for origin, want := range map[string]string{"https://viewer.example": "https://viewer.example", "https://evil.example": "", "": ""} {
		w := s.get(study1, "Origin: "+origin)
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != want || !slices.Contains(w.Header().Values("Vary"), "Origin") {
			t.Errorf("%q: %q", origin, got)
		}
	}
	all := serve(t, func(c *Config) { c.Origins = []string{"*"} })
	if h := all.get("/studies", "Origin: https://any.example").Header(); h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("any origin: %v", h)
	}
	if w := all.get("/studies/9", "Origin: https://any.example"); w.Code != 404 || w.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Error("errors must be readable too")
	}
}

// An object that goes missing while its study is sent breaks the connection off.
func TestW18NeverSilentlyPartial(t *testing.T) {
	s := serve(t)
	var files [][]byte
	for i := range keepWhole + 3 {
		files = append(files, file(fmt.Sprintf("1.2.3.5.%d", i)))
	}
	s.put(files...)
	srv := httptest.NewServer(s.h)
	defer srv.Close()
	fetch := func() (int, error) {
		resp, err := http.Get(srv.URL + "/dicom-web" + study1)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, err
	}
	if code, err := fetch(); err != nil || code != 200 {
		t.Fatal(code, err)
	}
	broken := serve(t, func(c *Config) { c.Archive = &changing{Archive: FromStorage(s.m), m: s.m} })
	srv2 := httptest.NewServer(broken.h)
	defer srv2.Close()
	srv.URL = srv2.URL
	if _, err := fetch(); err == nil {
		t.Error("a partial study looked whole")
	}
}

// changing gives an instance other bytes once the first object has been opened.
type changing struct {
	Archive
	m    *memory
	once sync.Once
}

func (c *changing) Open(ctx context.Context, i *storage.Instance) (Object, error) {
	c.once.Do(func() {
		c.m.mu.Lock()
		defer c.m.mu.Unlock()
		c.m.stored[len(c.m.stored)-1].Digest = halong.Digest{1}
	})
	return c.Archive.Open(ctx, i)
}

// damaged is an archive whose blobs are gone.
type damaged struct{ Archive }

func (damaged) Open(context.Context, *storage.Instance) (Object, error) {
	return nil, halong.E("test", halong.Corrupt, "", nil)
}

func TestRetrieveDamaged(t *testing.T) {
	s := serve(t)
	s.put(file("1.2.3.5"))
	gone := serve(t, func(c *Config) { c.Archive = damaged{FromStorage(s.m)} })
	srv := httptest.NewServer(gone.h)
	defer srv.Close()
	for _, path := range []string{"", "?accept=application/dicom", "/metadata", "/frames/1", "/bulkdata/7FE00010"} {
		resp, err := http.Get(srv.URL + "/dicom-web" + instance1 + path)
		if err != nil || resp.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: %v %v", path, resp, err)
		}
	}
}
