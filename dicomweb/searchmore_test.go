package dicomweb

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/storage"
)

// sops gives the SOP Instance UIDs of results, or the Study Instance UIDs.
func sops(list []object) (uids []string) {
	for _, o := range list {
		t := "00080018"
		if _, ok := o[t]; !ok {
			t = "0020000D"
		}
		uids = append(uids, fmt.Sprint(o[t].Value[0]))
	}
	return uids
}

// xmlParts reads an answer of one part of application/dicom+xml for each object.
func xmlParts(t *testing.T, contentType, body string) (sets []*dataset.Set) {
	t.Helper()
	m, err := multipart.ParseMediaType(contentType)
	if err != nil || m.Get("type") != "application/dicom+xml" {
		t.Fatalf("Content-Type %s: %v", contentType, err)
	}
	r, err := multipart.NewReader(strings.NewReader(body), m.Get("boundary"), multipart.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		p, err := r.Next()
		if err == io.EOF {
			return sets
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil || p.Header.Get("Content-Type") != "application/dicom+xml" {
			t.Fatalf("%v %v", err, p.Header)
		}
		set, _, err := dicomjson.DecodeXML(b, dataset.Limits{})
		if err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		sets = append(sets, set)
	}
}

func TestSearchInXML(t *testing.T) {
	s := serve(t)
	s.put(file("1.2.3.5", patient("NGUYỄN^VĂN")), file("1.2.3.6", patient("NGUYỄN^VĂN")))
	for _, accept := range []string{`multipart/related; type="application/dicom+xml"`, `multipart/related; type=application/dicom+xml, application/dicom+json; q=0.5`} {
		w := s.get("/instances?includefield=00091001", "Accept: "+accept)
		sets := xmlParts(t, w.Header().Get("Content-Type"), s.want(w, 200))
		if len(sets) != 2 || sets[1].String(tag.SOPInstanceUID) != "1.2.3.6" || sets[0].String(tag.PatientName) != "NGUYỄN^VĂN" || sets[0].String(0x00091001) != "private value" {
			t.Errorf("%d results: %v", len(sets), w.Body)
		}
	}
	if got := s.want(s.get("/studies?PatientID=nobody", `Accept: multipart/related; type="application/dicom+xml"`), 204); got != "" {
		t.Errorf("%q", got)
	}
	if w := s.get("/studies", "Accept: */*"); w.Header().Get("Content-Type") != "application/dicom+json" {
		t.Error(w.Header())
	}
}

// Parameters that are not supported are ignored, and the client is told (PS3.18 8.3).
func TestUnknownParameters(t *testing.T) {
	for _, q := range []string{"?Nonsense=1", "?_=17", "?KVP=120", "?orderby=StudyDate", "?RetrieveURL=x"} {
		s := serve(t)
		s.put(file("1.2.3.5"))
		w := s.get("/studies" + q)
		if n := len(results(t, s.want(w, 200))); n != 1 || !strings.Contains(w.Header().Get("Warning"), "ignored") {
			t.Errorf("%s: %d results, Warning %q", q, n, w.Header().Get("Warning"))
		}
	}
}

// W13: attributes that the index does not keep are compared with the objects; private ones too.
func TestW13MatchingInObjects(t *testing.T) {
	s := serve(t, func(c *Config) { c.MaxHeads = 5 })
	private := func(v string) func(*dataset.Set) {
		return func(s *dataset.Set) {
			s.PutString(0x00090010, dicom.LO, "ME")
			s.PutString(0x00091001, dicom.LO, v)
			s.PutString(tag.KVP, dicom.DS, "120.0")
			s.Put(dataset.Element{Tag: 0x00091002, VR: dicom.SQ, Items: []*dataset.Set{{Elements: []dataset.Element{{Tag: tag.CodeValue, VR: dicom.SH, Value: []byte(v)}}}}})
		}
	}
	s.put(file("1.2.3.1", private("A1")), file("1.2.3.2", private("B1")), file("1.2.3.3", private("A2")), file("1.2.3.4"))
	for q, want := range map[string][]string{
		"00091001=A1":                         {"1.2.3.1"},
		"00091001=A*":                         {"1.2.3.1", "1.2.3.3"},
		"00091001=A*&limit=1":                 {"1.2.3.1"},
		"00091001=A*&limit=1&offset=1":        {"1.2.3.3"},
		"00091002.00080100=B1":                {"1.2.3.2"},
		"00091002.CodeValue=?1&KVP=120":       {"1.2.3.1", "1.2.3.2"},
		"KVP=121":                             nil,
		"emptyvaluematching=true&KVP=%22%22":  {"1.2.3.4"},
		"emptyvaluematching=false&KVP=120.00": {"1.2.3.1", "1.2.3.2", "1.2.3.3"},
	} {
		list := results(t, s.want(s.get("/instances?"+q), 200))
		if diff := cmp.Diff(want, sops(list)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", q, diff)
		}
	}
	s.put(file("1.2.3.5"), file("1.2.3.6"))
	w := s.get("/instances?KVP=1")
	if s.want(w, 200); !strings.Contains(w.Header().Get("Warning"), "narrow the search") {
		t.Errorf("Warning %q", w.Header().Get("Warning"))
	}
	if s.m.opened != s.m.closed {
		t.Errorf("%d opened, %d closed", s.m.opened, s.m.closed)
	}
}

func TestEmptyAndMultipleValueMatching(t *testing.T) {
	s := serve(t)
	s.want(s.get("/studies?emptyvaluematching=true&AccessionNumber=%22%22&SOPClassesInStudy=1.2.840.10008.5.1.4.1.1.2"), 200)
	s.want(s.get(`/studies?multiplevaluematching=true&ModalitiesInStudy=CT%5CSR`), 200)
	s.want(s.get(`/studies?ModalitiesInStudy=CT%5CSR&AccessionNumber=%22%22`), 200)
	want := [][]query.Key{
		{{Path: []dicom.Tag{tag.AccessionNumber}, VR: dicom.SH, Empty: true}, {Path: []dicom.Tag{tag.SOPClassUID}, VR: dicom.UI, Values: []string{"1.2.840.10008.5.1.4.1.1.2"}}},
		{{Path: []dicom.Tag{tag.ModalitiesInStudy}, VR: dicom.CS, Values: []string{"CT", "SR"}, Every: true}},
		{{Path: []dicom.Tag{tag.ModalitiesInStudy}, VR: dicom.CS, Values: []string{"CT", "SR"}}, {Path: []dicom.Tag{tag.AccessionNumber}, VR: dicom.SH, Values: []string{`""`}}},
	}
	for i := range want {
		if diff := cmp.Diff(want[i], s.m.queries[i].Keys); diff != "" {
			t.Error(diff)
		}
	}
}

// W11: pages neither overlap nor leave anything out while objects arrive, for each caller by itself.
func TestW11StablePagesWhileIngestRuns(t *testing.T) {
	s := serveReal(t)
	study := func(n int, date string) []byte {
		return file(fmt.Sprintf("1.2.3.%d.1.1", n), func(s *dataset.Set) {
			s.PutString(tag.StudyInstanceUID, dicom.UI, fmt.Sprintf("1.2.3.%d", n))
			s.PutString(tag.SeriesInstanceUID, dicom.UI, fmt.Sprintf("1.2.3.%d.1", n))
			s.PutString(tag.StudyDate, dicom.DA, date)
		})
	}
	for n := 10; n < 20; n++ {
		s.put(study(n, "20260101"))
	}
	arrived := 100
	for _, path := range []string{"/studies", "/series", "/instances"} {
		want := sops(results(t, s.want(s.get("/studies?StudyDate=-20260102"), 200)))
		var got []string
		for offset := 0; offset < len(want); offset += 3 {
			w := s.get(fmt.Sprintf("%s?StudyDate=-20260102&limit=3&offset=%d", path, offset))
			for _, o := range results(t, s.want(w, 200)) {
				got = append(got, fmt.Sprint(o["0020000D"].Value[0]))
			}
			arrived--
			s.put(study(arrived, "20260102")) // stands before all of the others
		}
		if got = got[:min(len(got), len(want))]; cmp.Diff(want, got) != "" {
			t.Errorf("%s (-want +got):\n%s", path, cmp.Diff(want, got))
		}
	}
}

// The ends of pages that are remembered are bounded.
func TestPageCache(t *testing.T) {
	p := &pageCache{}
	for i := range 3 * rememberedPages {
		p.put([16]byte{1}, i, storage.Position{Date: fmt.Sprint(i)})
	}
	p.put([16]byte{1}, 3*rememberedPages-1, storage.Position{Date: "again"})
	if len(p.ends) != rememberedPages || len(p.order) != rememberedPages {
		t.Errorf("%d ends, %d in order", len(p.ends), len(p.order))
	}
	if _, ok := p.after([16]byte{1}, 2*rememberedPages-1); ok {
		t.Error("an old one is kept")
	}
	if at, ok := p.after([16]byte{1}, 3*rememberedPages-1); !ok || at.Date != "again" {
		t.Errorf("%v %v", at, ok)
	}
	if _, ok := p.after([16]byte{2}, 3*rememberedPages-1); ok {
		t.Error("another search's")
	}
}

// Resources tell which methods they have.
func TestMethodNotAllowed(t *testing.T) {
	s := serve(t)
	for _, tc := range []struct{ method, path, allow string }{
		{http.MethodPut, "/studies", "GET, HEAD, POST, OPTIONS"},
		{http.MethodPut, "/studies/1.2", "GET, HEAD, POST, OPTIONS"},
		{http.MethodPatch, "/series", "GET, HEAD, POST, OPTIONS"},
		{http.MethodPatch, "/studies/1.2/series/1.3/instances/1.4", "GET, HEAD, OPTIONS"},
		{http.MethodPost, "/facilities/BV1/studies/1.2/metadata", "GET, HEAD, OPTIONS"},
		{http.MethodDelete, "/studies/1.2/series/1.3/instances/1.4/frames/1", "GET, HEAD, OPTIONS"},
		{http.MethodPut, "/studies/1.2/series/1.3/instances/1.4/bulkdata/7FE00010", "GET, HEAD, OPTIONS"},
	} {
		w := s.do(tc.method, tc.path, nil)
		if s.want(w, http.StatusMethodNotAllowed); w.Header().Get("Allow") != tc.allow {
			t.Errorf("%s %s: Allow %q", tc.method, tc.path, w.Header().Get("Allow"))
		}
	}
	s.want(s.do(http.MethodDelete, "/nothing", nil), http.StatusNotFound)
}

// W14: backslashes and commas, encoded or not, mixed.
func TestW14MixedUIDList(t *testing.T) {
	s := serve(t)
	s.want(s.get("/studies?StudyInstanceUID="+url.QueryEscape(`1.2\1.3`)+",1.4%5C1.5%2C1.6"), 200)
	if diff := cmp.Diff([]string{"1.2", "1.3", "1.4", "1.5", "1.6"}, s.m.queries[0].Keys[0].Values); diff != "" {
		t.Error(diff)
	}
}

// What a search takes from one object is bounded, and the client is told what was left out.
func TestSearchLongFields(t *testing.T) {
	s := serve(t)
	text := strings.Repeat("x", maxField-100)
	s.put(file("1.2.3.5", func(d *dataset.Set) {
		d.PutString(dicom.NewTag(9, 0x10), dicom.LO, "HALONG TEST")
		for i := range 8 {
			d.PutString(dicom.NewTag(9, uint16(0x1000+i)), dicom.UT, text)
		}
		d.PutString(dicom.NewTag(9, 0x1010), dicom.UT, text+text)
	}))
	fields := ""
	for i := range 8 {
		fields += fmt.Sprintf("&includefield=0009%04X", 0x1000+i)
	}
	for query, want := range map[string]int{"?x=y&includefield=00091000": 1, "?x=y" + fields: maxFields / maxField, "?includefield=00091010": 0} {
		w := s.get("/instances" + query)
		if got := strings.Count(s.want(w, 200), text); got != want {
			t.Errorf("%s: %d long values", query, got)
		}
		if told := strings.Contains(strings.Join(w.Header().Values("Warning"), ","), "left out"); told != (want != 1) {
			t.Errorf("%s: %v", query, w.Header())
		}
	}
}
