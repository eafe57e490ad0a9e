package dicomweb

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
)

// decoded gives the body without its content coding.
func decoded(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	var r io.Reader = w.Body
	var err error
	switch c := w.Header().Get("Content-Encoding"); c {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "zstd":
		r, err = zstd.NewReader(r)
	case "":
	default:
		t.Fatalf("Content-Encoding %q", c)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// W27: metadata and search results in the content coding that the client likes best, with an entity tag of its own.
func TestW27ContentCoding(t *testing.T) {
	s := serve(t)
	for i := range 20 {
		s.put(file(fmt.Sprintf("1.2.3.5.%d", i), patient("NGUYỄN^VĂN")))
	}
	const metadata = "/studies/1.2.3/series/1.2.3.4/metadata"
	plain := s.want(s.get(metadata), 200)
	tags := map[string]string{}
	for _, tc := range []struct{ accept, want string }{
		{"", ""},
		{"identity", ""},
		{"br", ""},
		{"gzip", "gzip"},
		{"x-gzip", "gzip"},
		{"gzip, deflate, br, zstd", "zstd"},
		{"gzip;q=1.0, zstd;q=0.5", "gzip"},
		{"gzip;q=0, *;q=0.1", "zstd"},
		{"*", "zstd"},
		{"identity, gzip;q=0.5", ""},
		{"gzip;q=0", ""},
		{"zstd;q=x, gzip", "gzip"},
	} {
		for _, path := range []string{metadata, metadata, "/instances", "/studies/1.2.3/instances", "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.5.1/metadata"} {
			w := s.get(path, "Accept-Encoding: "+tc.accept)
			if s.want(w, 200); w.Header().Get("Content-Encoding") != tc.want || !strings.Contains(strings.Join(w.Header().Values("Vary"), ","), "Accept-Encoding") {
				t.Errorf("%s, %q: %v", path, tc.accept, w.Header())
			}
			etag := w.Header().Get("ETag")
			got := decoded(t, w)
			if path == metadata {
				if got != plain {
					t.Errorf("%q: other metadata: %.200s", tc.accept, got)
				}
				tags[etag] = w.Header().Get("Content-Encoding")
				s.want(s.get(path, "Accept-Encoding: "+tc.accept, "If-None-Match: "+etag), http.StatusNotModified)
			}
			if !strings.HasPrefix(got, "[{") {
				t.Errorf("%s: %.100s", path, got)
			}
		}
	}
	if len(tags) != 3 {
		t.Errorf("entity tags %v", tags)
	}
	if w := s.get("/studies/1.2.3/series", "Accept-Encoding: gzip"); w.Header().Get("Content-Encoding") != "" {
		t.Error("a small answer is coded")
	}
}

func TestMetadataInXML(t *testing.T) {
	s := serve(t)
	s.put(file("1.2.3.5", patient("NGUYỄN^VĂN"), pixels(8, 8, 8, 1, dicom.OB, make([]byte, 64))), file("1.2.3.6"))
	for range 2 {
		w := s.get("/studies/1.2.3/metadata", `Accept: multipart/related; type="application/dicom+xml"`, "Accept-Encoding: gzip")
		s.want(w, 200)
		sets := xmlParts(t, w.Header().Get("Content-Type"), decoded(t, w))
		model := s.want(s.get("/studies/1.2.3/metadata", "Accept: application/dicom+json"), 200)
		objects, err := dicomjson.DecodeAll([]byte(model), dataset.Limits{})
		if err != nil || len(sets) != 2 {
			t.Fatal(err, len(sets))
		}
		for i := range sets {
			want, got := dicomjson.AppendSet(nil, objects[i].Set, dicomjson.Options{}), dicomjson.AppendSet(nil, sets[i], dicomjson.Options{})
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
		}
	}
	if got := s.want(s.get("/studies/1.2.3/series/1.2.3.4/instances/1.2.3.5/metadata", `Accept: multipart/related; type="application/dicom+xml"`), 200); !strings.Contains(got, `<BulkData uri="http://pacs.test/dicom-web/studies/1.2.3/series/1.2.3.4/instances/1.2.3.5/bulkdata/7FE00010"/>`) {
		t.Error(got)
	}
}

// What was made once is not made again, until something changes.
func TestDocumentsAreKept(t *testing.T) {
	s := serve(t, behindProxy)
	s.put(file("1.2.3.5"), file("1.2.3.6"))
	paths := []string{"/studies/1.2.3/metadata", "/studies/1.2.3/series/1.2.3.4/metadata", "/studies/1.2.3/series/1.2.3.4/instances", "/studies/1.2.3/instances?includefield=all", "/studies/1.2.3/series"}
	for round := range 3 {
		first := map[string]string{}
		for _, path := range paths {
			first[path] = s.want(s.get(path), 200)
		}
		opened, queries := s.m.opened, len(s.m.queries)
		for _, path := range paths {
			if got := s.want(s.get(path), 200); got != first[path] {
				t.Errorf("%s: %s", path, got)
			}
			if w := s.do(http.MethodHead, path, nil); w.Code != 200 || w.Body.Len() > 0 {
				t.Errorf("HEAD %s: %d, %d bytes", path, w.Code, w.Body.Len())
			}
		}
		if s.m.opened != opened || len(s.m.queries) != queries {
			t.Errorf("%d objects opened, %d searches", s.m.opened-opened, len(s.m.queries)-queries)
		}
		if n := len(results(t, first[paths[2]])); n != round+2 {
			t.Errorf("%d instances in round %d", n, round)
		}
		s.put(file(fmt.Sprintf("1.2.3.9.%d", round)))
	}
	// Another base, scope or form is another document.
	other := s.get(paths[1], "X-Forwarded-Host: other.test")
	if got := s.want(other, 200); !strings.Contains(s.want(s.get("/studies/1.2.3/series", "X-Forwarded-Host: other.test"), 200), "http://other.test/") {
		t.Error(got)
	}
}

// Metadata and searches are right at every instant of an ongoing ingest: what was acknowledged is in them, while others
// read and several store.
func TestMetadataDuringIngest(t *testing.T) {
	s := serveReal(t)
	const series = "/studies/1.2.3/series/1.2.3.4"
	s.put(file("1.2.3.5.0"))
	var storing, reading sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		reading.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					s.get(series + "/metadata")
					s.get(series + "/instances")
				}
			}
		})
	}
	for worker := range 3 {
		storing.Go(func() {
			for i := range 15 {
				sop := fmt.Sprintf("1.2.3.5.%d.%d", worker+1, i)
				w := s.do(http.MethodPost, "/studies", body(file(sop, func(d *dataset.Set) { d.PutInt(tag.InstanceNumber, dicom.IS, int64(i)) })), stowType)
				if w.Code != http.StatusOK {
					t.Errorf("store: %d", w.Code)
				}
				for _, path := range []string{"/metadata", "/instances"} {
					if got := s.get(series + path).Body.String(); !strings.Contains(got, `"`+sop+`"`) {
						t.Errorf("%s lacks an instance that was acknowledged", path)
					}
				}
			}
		})
	}
	storing.Wait()
	close(stop)
	reading.Wait()
	if n := len(results(t, s.want(s.get(series+"/metadata"), 200))); n != 46 {
		t.Errorf("%d instances", n)
	}
}

func TestDocumentsAreBounded(t *testing.T) {
	d := newDocuments(100_000)
	for i := range 1000 {
		d.put(&document{key: fmt.Sprint(i), state: "1", body: make([]byte, 1000)})
		d.get("0", "1")
	}
	if d.size > d.limit || len(d.byKey) != d.used.Len() || d.get("999", "1") == nil || d.get("0", "1") == nil || d.get("1", "1") != nil {
		t.Errorf("%d bytes, %d documents", d.size, len(d.byKey))
	}
	d.put(&document{key: "large", body: make([]byte, 20_000)})
	if d.get("large", "") != nil {
		t.Error("a document of more than an eighth is kept")
	}
	if d.get("999", "2") != nil || d.get("999", "1") != nil {
		t.Error("a document of another state is given, or kept")
	}
	none := newDocuments(-1)
	if none.put(&document{key: "x"}); none.get("x", "") != nil {
		t.Error("kept although there is no room")
	}
}
