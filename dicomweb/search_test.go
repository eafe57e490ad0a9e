package dicomweb

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
)

// object is a JSON result: tag to its member.
type object map[string]struct {
	VR    string `json:"vr"`
	Value []any
}

func (o object) tags() []string {
	var t []string
	for k := range o {
		t = append(t, k)
	}
	slices.Sort(t)
	return t
}

func results(t testing.TB, body string) []object {
	t.Helper()
	var list []object
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatalf("%v: %.300s", err, body)
	}
	return list
}

func patient(name string) func(*dataset.Set) {
	return func(s *dataset.Set) {
		s.PutString(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
		s.PutString(tag.PatientName, dicom.PN, name)
		s.PutString(tag.PatientID, dicom.LO, "P1")
		s.PutString(tag.StudyDate, dicom.DA, "20260102")
		s.PutString(tag.Modality, dicom.CS, "CT")
		s.PutString(tag.KVP, dicom.DS, "120")
		s.PutString(tag.PatientReligiousPreference, dicom.LO, "none")
		s.PutString(0x00091001, dicom.LO, "private value")
		s.PutString(0x00090010, dicom.LO, "CREATOR")
		s.Put(dataset.Element{Tag: tag.RequestAttributesSequence, VR: dicom.SQ, Items: []*dataset.Set{{Elements: []dataset.Element{
			{Tag: tag.ScheduledProcedureStepID, VR: dicom.SH, Value: []byte("S7")},
		}}}})
	}
}

// W16: the attributes of PS3.18 10.6.3.3, empty ones too, at each resource.
func TestW16RequiredAttributes(t *testing.T) {
	s := serve(t)
	s.put(file("1.2.3.5", patient("NGUYỄN^VĂN")))
	study := "00080020 00080030 00080050 00080056 00080061 00080090 00081190 00100010 00100020 00100030 00100040 0020000D 00200010 00201206 00201208"
	series := "00080056 00080060 00081190 0020000D 0020000E 00200011 00201209 00400275"
	instance := "00080016 00080018 00080056 00081190 0020000D 0020000E 00200013"
	join := func(parts ...string) []string {
		var all []string
		for _, p := range parts {
			all = append(all, strings.Fields(p)...)
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	for path, want := range map[string][]string{
		"/studies":                 join(study),
		"/series":                  join(study, series),
		"/instances":               join(study, series, instance),
		"/studies/1.2.3/series":    join(series),
		"/studies/1.2.3/instances": join(series, instance),
		"/studies/1.2.3/series/1.2.3.4/instances": join(instance),
	} {
		w := s.get(path, "Accept: application/dicom+json")
		list := results(t, s.want(w, 200))
		if len(list) != 1 {
			t.Fatalf("%s: %d results", path, len(list))
		}
		if diff := cmp.Diff(want, list[0].tags()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		url := list[0]["00081190"].Value[0].(string)
		if !strings.HasPrefix(url, "http://pacs.test/dicom-web/studies/1.2.3") || strings.Count(url, "/") != 5+depth(path) {
			t.Errorf("%s: RetrieveURL %s", path, url)
		}
		if w.Header().Get("Content-Type") != "application/dicom+json" || w.Header().Get("Cache-Control") != "private, no-cache" {
			t.Errorf("%s: headers %v", path, w.Header())
		}
	}
	list := results(t, s.want(s.get("/studies"), 200))
	if diff := cmp.Diff(`[map[Alphabetic:NGUYỄN^VĂN]]`, fmt.Sprint(list[0]["00100010"].Value)); diff != "" {
		t.Error(diff)
	}
	if v := list[0]["00080056"].Value; len(v) != 1 || v[0] != "ONLINE" {
		t.Errorf("InstanceAvailability %v", v)
	}
}

// depth tells how many more path segments the results of a resource have than a study.
func depth(path string) int {
	switch {
	case strings.HasSuffix(path, "/instances"):
		return 4
	case strings.HasSuffix(path, "/series"):
		return 2
	}
	return 0
}

func TestKeys(t *testing.T) {
	key := func(vr dicom.VR, values []string, path ...dicom.Tag) query.Key {
		return query.Key{Path: path, VR: vr, Values: values}
	}
	long := strings.Repeat("9", 60)
	for _, tc := range []struct {
		name, query string
		want        []query.Key
	}{
		{"W13 keyword", "PatientID=P1", []query.Key{key(dicom.LO, []string{"P1"}, tag.PatientID)}},
		{"W13 tag", "00100020=P1", []query.Key{key(dicom.LO, []string{"P1"}, tag.PatientID)}},
		{"W13 sequence by keywords", "RequestAttributesSequence.ScheduledProcedureStepID=S7", []query.Key{key(dicom.SH, []string{"S7"}, tag.RequestAttributesSequence, tag.ScheduledProcedureStepID)}},
		{"W13 sequence by tags", "00400275.00400009=S7", []query.Key{key(dicom.SH, []string{"S7"}, tag.RequestAttributesSequence, tag.ScheduledProcedureStepID)}},
		{"W14 UID list by comma", "StudyInstanceUID=1.2,1.3", []query.Key{key(dicom.UI, []string{"1.2", "1.3"}, tag.StudyInstanceUID)}},
		{"W14 UID list by backslash", "StudyInstanceUID=1.2%5C1.3", []query.Key{key(dicom.UI, []string{"1.2", "1.3"}, tag.StudyInstanceUID)}},
		{"W14 UID repeated", "StudyInstanceUID=1.2&0020000D=1.3", []query.Key{key(dicom.UI, []string{"1.2", "1.3"}, tag.StudyInstanceUID)}},
		{"W14 encoded comma", "StudyInstanceUID=1.2%2C1." + long, []query.Key{key(dicom.UI, []string{"1.2", "1." + long}, tag.StudyInstanceUID)}},
		{"UIDs that break the rules", "StudyInstanceUID=1.02,x-1", []query.Key{key(dicom.UI, []string{"1.02", "x-1"}, tag.StudyInstanceUID)}},
		{"W15 range", "StudyDate=20260101-20260131", []query.Key{key(dicom.DA, []string{"20260101-20260131"}, tag.StudyDate)}},
		{"W15 open range, encoded", "StudyDate=%2D20260131&StudyTime=0800-", []query.Key{key(dicom.DA, []string{"-20260131"}, tag.StudyDate), key(dicom.TM, []string{"0800-"}, tag.StudyTime)}},
		{"wildcard", "PatientName=*NGUY*", []query.Key{key(dicom.PN, []string{"*NGUY*"}, tag.PatientName)}},
		{"space as plus", "PatientName=VAN+A%5EB", []query.Key{key(dicom.PN, []string{"VAN A^B"}, tag.PatientName)}},
		{"literal percent and underscore", "PatientID=50%25_x", []query.Key{key(dicom.LO, []string{"50%_x"}, tag.PatientID)}},
		{"UTF-8", "PatientName=" + url.QueryEscape("NGUYỄN*"), []query.Key{key(dicom.PN, []string{"NGUYỄN*"}, tag.PatientName)}},
		{"universal", "PatientName=&PatientID=*", nil},
		{"W15 an offset is no key", "TimezoneOffsetFromUTC=+0700", nil},
	} {
		s := serve(t)
		s.want(s.get("/studies?"+tc.query), 200)
		if diff := cmp.Diff(tc.want, s.m.queries[0].Keys); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	s := serve(t)
	s.want(s.get("/studies/1.2/series/1.2.3/instances"), 200)
	want := []query.Key{key(dicom.UI, []string{"1.2"}, tag.StudyInstanceUID), key(dicom.UI, []string{"1.2.3"}, tag.SeriesInstanceUID)}
	if diff := cmp.Diff(want, s.m.queries[0].Keys); diff != "" {
		t.Error(diff)
	}
}

// W14: 5,000 UIDs in one URL.
func TestW14LongUIDList(t *testing.T) {
	s := serve(t)
	uids := strings.Repeat("1.2.826.0.1.3680043.8.498.12345678901234567890123456789012,", 4999) + "1.2"
	s.want(s.get("/studies?StudyInstanceUID="+uids), 200)
	if n := len(s.m.queries[0].Keys[0].Values); n != 5000 {
		t.Errorf("%d UIDs", n)
	}
}

func TestSearchErrors(t *testing.T) {
	for query, status := range map[string]int{
		"?Nonsense=1":                      200, // to be ignored, PS3.18 8.3
		"?0010001=1":                       200,
		"?limit=-1":                        400,
		"?limit=x":                         400,
		"?offset=1.5":                      400,
		"?fuzzymatching=maybe":             400,
		"?StudyInstanceUID=a*":             400,
		"?StudyDate=yesterday":             400,
		"?PatientID=A&PatientID=B":         400,
		"?PatientID=%zz":                   400,
		"?PatientName=Nguy%EAn":            400, // Latin-1
		"?PatientID=%00":                   400, // would match everything as padding
		"?emptyvaluematching=true":         200,
		"?emptyvaluematching=maybe":        400,
		"?multiplevaluematching=TRUE":      200,
		"?RequestAttributesSequence.=1":    200,
		"?charset=latin1":                  406,
		"?charset=utf-8":                   200,
		"?fuzzymatching=false":             200,
		"?includefield=Nonsense":           200,
		"?accept=application/dicom+json":   200, // '+' not escaped
		"?accept=application/dicom%2Bjson": 200,
		"?accept=application/dicom%2Bxml":  406,
		"?accept=text/html;charset=utf-8":  406,
		"?" + strings.Repeat("_=1&", 3):    200,
	} {
		s := serve(t)
		if w := s.get("/studies" + query); w.Code != status {
			t.Errorf("%s: %d, want %d", query, w.Code, status)
		}
	}
	s := serve(t)
	s.m.find = halong.E("test", halong.Unsupported, "(0018,0060)", nil)
	w := s.get("/studies?KVP=120")
	var p map[string]any
	if err := json.Unmarshal([]byte(s.want(w, 400)), &p); err != nil || p["status"] != 400.0 || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%v %v %v", err, p, w.Header())
	}
	if s.want(s.get("/studies/a%20b/series"), 400); !strings.Contains(s.get("/studies/a%20b/series").Body.String(), "UID") {
		t.Error("no word about the UID")
	}
}

// Error texts hold nothing of the query's values.
func TestErrorsHoldNoPatientData(t *testing.T) {
	s := serve(t)
	for _, q := range []string{"?StudyDate=NGUYEN", "?PatientName=NGUYEN&PatientName=NGUYEN", "?limit=NGUYEN", "?NGUYEN=1", "?fuzzymatching=NGUYEN", "?includefield=NGUYEN", "?accept=NGUYEN"} {
		w := s.get("/studies" + q)
		if strings.Contains(w.Body.String()+fmt.Sprint(w.Header()), "NGUYEN") {
			t.Errorf("%s: %s %v", q, w.Body, w.Header())
		}
	}
}

// W10: nothing found is 200 and an empty list, as CP-2473 has it; 204 if configured.
func TestW10Empty(t *testing.T) {
	s := serve(t)
	if got := s.want(s.get("/studies?PatientID=nobody"), 200); got != "[]" {
		t.Errorf("%q", got)
	}
	s = serve(t, func(c *Config) { c.EmptyNoContent = true })
	if got := s.want(s.get("/studies?PatientID=nobody"), 204); got != "" {
		t.Errorf("%q", got)
	}
}

func TestPaging(t *testing.T) {
	s := serve(t, func(c *Config) { c.MaxResults = 4 })
	var files [][]byte
	for i := range 6 {
		files = append(files, file(fmt.Sprintf("1.2.3.5.%d", i)))
	}
	s.put(files...)
	for _, tc := range []struct {
		query       string
		first, last string
		n           int
		warn        bool
	}{
		{"", "1.2.3.5.0", "1.2.3.5.3", 4, true}, // W11: cut at the server's own limit
		{"?limit=100", "1.2.3.5.0", "1.2.3.5.3", 4, true},
		{"?limit=2", "1.2.3.5.0", "1.2.3.5.1", 2, true},
		{"?limit=4&offset=2", "1.2.3.5.2", "1.2.3.5.5", 4, false},
		{"?limit=4&offset=5", "1.2.3.5.5", "1.2.3.5.5", 1, false},
		{"?limit=4&offset=6", "", "", 0, false},
		{"?limit=0", "", "", 0, false},
	} {
		s.m.mu.Lock()
		slices.SortFunc(s.m.stored, func(a, b *memoryObject) int { return strings.Compare(string(a.SOP), string(b.SOP)) })
		s.m.mu.Unlock()
		w := s.get("/instances" + tc.query)
		list := results(t, s.want(w, 200))
		if len(list) != tc.n || tc.n > 0 && (list[0]["00080018"].Value[0] != tc.first || list[tc.n-1]["00080018"].Value[0] != tc.last) {
			t.Errorf("%s: %d results", tc.query, len(list))
		}
		if warned := strings.HasPrefix(w.Header().Get("Warning"), `299 halong "There are`); warned != tc.warn {
			t.Errorf("%s: Warning %q", tc.query, w.Header().Get("Warning"))
		}
	}
}

func TestFuzzy(t *testing.T) {
	s := serve(t)
	if w := s.get("/studies?fuzzymatching=true&PatientName=x"); !strings.HasPrefix(w.Header().Get("Warning"), `299 halong "The fuzzymatching parameter is not supported`) || s.m.queries[0].Fuzzy {
		t.Errorf("Warning %q", w.Header().Get("Warning"))
	}
	s = serve(t, func(c *Config) { c.Fuzzy = true })
	if w := s.get("/studies?fuzzymatching=true&PatientName=x"); w.Header().Get("Warning") != "" || !s.m.queries[0].Fuzzy {
		t.Errorf("Warning %q", w.Header().Get("Warning"))
	}
}

func TestIncludeField(t *testing.T) {
	s := serve(t)
	s.put(file("1.2.3.5", patient("A")))
	for _, tc := range []struct {
		name, path string
		want       string // tag=value of what must be there
		absent     string
		opened     int
	}{
		{"indexed", "/studies?includefield=StudyDescription", "", "", 0},
		{"OHIF, encoded commas", "/studies?limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060%2C00080090%2C00100030", "00080090=<nil>", "00080060", 0},
		{"repeated", "/studies/1.2.3/series?includefield=00400275&includefield=KVP,BodyPartExamined", "00180060=120", "", 1},
		{"patient attribute from the object", "/studies?includefield=00101 0F0&includefield=001021F0", "001021F0=none", "", 1},
		{"instance attribute at study level", "/studies?includefield=KVP", "", "00180060", 0},
		{"universal matching asks for the attribute", "/instances?KVP=", "00180060=120", "", 1},
		{"private with its creator", "/instances?includefield=00091001", "00091001=private value", "", 1},
		{"all", "/studies/1.2.3/series/1.2.3.4/instances?includefield=all", "00080018=1.2.3.5", "00100010", 0},
		{"all of a relational search", "/instances?includefield=all", "00080060=CT", "", 0},
	} {
		before := s.m.opened
		list := results(t, s.want(s.get(strings.ReplaceAll(tc.path, " ", "%20")), 200))
		if len(list) != 1 {
			t.Errorf("%s: %d results", tc.name, len(list))
			continue
		}
		if k, v, ok := strings.Cut(tc.want, "="); ok {
			got := "<nil>"
			if x := list[0][k].Value; len(x) > 0 {
				got = fmt.Sprint(x[0])
			}
			if _, there := list[0][k]; !there || got != v {
				t.Errorf("%s: %s is %s: %v", tc.name, k, got, list[0].tags())
			}
		}
		if _, there := list[0][tc.absent]; there {
			t.Errorf("%s: %s is there", tc.name, tc.absent)
		}
		if n := s.m.opened - before; n != tc.opened {
			t.Errorf("%s: %d objects opened, want %d", tc.name, n, tc.opened)
		}
	}
	if list := results(t, s.want(s.get("/instances?includefield=00091001"), 200)); list[0]["00090010"].Value[0] != "CREATOR" {
		t.Error("no private creator")
	}
	if s.m.opened != s.m.closed {
		t.Errorf("%d opened, %d closed", s.m.opened, s.m.closed)
	}
}

// Objects opened for fields that are not indexed are bounded.
func TestMaxHeads(t *testing.T) {
	s := serve(t, func(c *Config) { c.MaxHeads = 2 })
	s.put(file("1.2.3.5", patient("A")), file("1.2.3.6", patient("A")), file("1.2.3.7", patient("A")))
	w := s.get("/instances?includefield=KVP")
	if s.want(w, 200); s.m.opened != 2 || !strings.Contains(w.Header().Get("Warning"), "not indexed") {
		t.Errorf("%d opened, Warning %q", s.m.opened, w.Header().Get("Warning"))
	}
}

func TestFacilities(t *testing.T) {
	s := serve(t)
	for i, f := range []string{"BV1", "BV2", "BV3"} {
		s.want(s.do(http.MethodPost, "/facilities/"+f+"/studies", body(file(fmt.Sprintf("1.2.3.5.%d", i))), stowType), 200)
	}
	for path, want := range map[string]int{"": 2, "/facilities/BV1": 1, "/facilities/BV2": 1} {
		list := results(t, s.want(s.get(path+"/instances", "Authorization: BV1"), 200))
		if len(list) != want {
			t.Errorf("%s: %d instances", path, len(list))
		}
		if url := list[0]["00081190"].Value[0].(string); !strings.HasPrefix(url, "http://pacs.test/dicom-web"+path+"/studies/") {
			t.Errorf("%s: RetrieveURL %s", path, url)
		}
	}
	s.want(s.get("/facilities/BV3/instances", "Authorization: BV1"), 404)
	s.want(s.get("/instances", "Authorization: nobody"), 403)
}
