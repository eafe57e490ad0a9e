package intake

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// labWorld is a world whose documents go to the blob store.
type labWorld struct {
	*world
	archive *storage.Archive
	maps    lab.Maps
}

func newLabWorld(t testing.TB) *labWorld {
	w := &labWorld{world: newWorld(t)}
	w.connect()
	return w
}

func (w *labWorld) connect() {
	w.archive = storage.NewArchive(storage.Config{Index: w.db, Blobs: w.disk, Journal: w.disk})
	w.in.cfg.Depot = testDepot{w.archive}
}

// testDepot finds nothing during a replay: documents are made again from their messages.
type testDepot struct{ *storage.Archive }

func (testDepot) Stored(halong.Digest) (storage.Place, bool) { return storage.Place{}, false }

func (w *labWorld) reindex() { w.reindexWith(w.connect) }

// do asks the API.
func (w *labWorld) do(r *http.Request) *httptest.ResponseRecorder {
	e := echo.New()
	e.IPExtractor = echo.ExtractIPDirect()
	RegisterAPI(e.Group("/api"), APIConfig{
		Results: w.db, Blobs: w.disk, Maps: w.maps, Intake: w.in,
		Documents: &Documents{Archive: w.archive, Updater: w.db, Keeper: w.db, Originals: Originals{w.db, w.disk}},
		Scope: func(echo.Context) (halong.Scope, halong.Facility, error) {
			return halong.Everything(), halong.DefaultFacility, nil
		},
	})
	out := httptest.NewRecorder()
	e.ServeHTTP(out, r)
	return out
}

func (w *labWorld) read(path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/api"+path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return w.do(r)
}

// json reads an answer.
func (w *labWorld) json(path string, v any) {
	w.t.Helper()
	r := w.read(path)
	if err := json.Unmarshal(r.Body.Bytes(), v); err != nil || r.Code != http.StatusOK {
		w.t.Fatalf("%s: %d %s: %v", path, r.Code, r.Body, err)
	}
}

// list is the answer of GET /reports and /orphans.
type list struct {
	Reports []lab.Shown
	Orphans []struct {
		Reason string
		lab.Shown
	}
	Next lab.ID
}

// must sends a message that has to be taken.
func (w *labWorld) must(lines ...string) {
	w.t.Helper()
	if got := msas(w.send(strings.Join(lines, "\r") + "\r")); !strings.HasPrefix(got, "AA ") {
		w.t.Fatalf("%q: %s", lines[0], got)
	}
}

func msh(typ, control, sent string) string {
	return "MSH|^~\\&|LIS|BV1|||" + sent + "||" + typ + "|" + control + "|P|2.5.1||||||UNICODE UTF-8"
}

// withPDF is an ORU with a document.
func withPDF(control, sent, filler, status string, pdf []byte) []string {
	return []string{
		msh("ORU^R01", control, sent), "PID|1||7^^^BV1^MR||Lê^An||19700102|M", "OBR|1||" + filler + "|RPT^Report^L|||20261121080000||||||||||||||||||" + status,
		"OBX|1|ED|PDF^Report^L||LAB^application^pdf^Base64^" + base64.StdEncoding.EncodeToString(pdf) + "||||||" + status,
	}
}

// TestDocuments stores a PDF, its correction, and the same again under another order.
func TestDocuments(t *testing.T) {
	w := newLabWorld(t)
	one, two := append([]byte("%PDF-1.4 one\n"), bytes.Repeat([]byte("x"), 3000)...), []byte("%PDF-1.4 two")
	w.must(withPDF("1", "20261121090000", "F1", "P", one)...)
	w.must(withPDF("2", "20261121100000", "F1", "F", two)...)
	w.must(withPDF("3", "20261121110000", "F1", "C", one)...)
	w.must(withPDF("4", "20261121110000", "F2", "F", one)...)
	check := func() {
		t.Helper()
		var got []string
		for _, path := range []string{"/reports/1.0/documents/1", "/reports/1.0/documents/2", "/reports/4.0/documents/1"} {
			r := w.read(path)
			got = append(got, fmt.Sprint(r.Code, r.Header().Get("Content-Type"), r.Header().Get("Content-Disposition"), r.Body.Len()))
		}
		want := []string{
			"200 application/pdf inline; filename=report-1-0-1.pdf 3013", "200 application/pdf inline; filename=report-1-0-2.pdf 12", "200 application/pdf inline; filename=report-4-0-1.pdf 3013",
		}
		for i := range want {
			if strings.ReplaceAll(got[i], " ", "") != strings.ReplaceAll(want[i], " ", "") {
				t.Errorf("%s, not %s", got[i], want[i])
			}
		}
		var r lab.Shown
		w.json("/reports/1.0?history=true", &r)
		a := r.Observations[0].Values[0].Attachment
		if a.Document != 1 || a.Size != 3013 || r.Version != 3 || r.History[1].Observations[0].Values[0].Attachment.Document != 2 {
			t.Errorf("%+v, version %d", a, r.Version)
		}
	}
	check()
	row, live, err := w.db.Blob(context.Background(), digestOf(w, "/reports/1.0/documents/1"))
	if err != nil || !live || row.Refs != 2 { // of two reports; the third message refers to the document of the first
		t.Errorf("%+v %v %v", row, live, err)
	}
	etag := w.read("/reports/1.0/documents/1").Header().Get("ETag")
	for _, c := range []struct {
		name, value string
		code, n     int
	}{
		{"Range", "bytes=5-8", 206, 4},
		{"Range", "bytes=-4", 206, 4},
		{"Range", "bytes=9000-", 416, -1},
		{"If-None-Match", etag, 304, 0},
		{"If-None-Match", `"x"`, 200, 3013},
	} {
		r := w.read("/reports/1.0/documents/1", c.name, c.value)
		if r.Code != c.code || c.n >= 0 && r.Body.Len() != c.n {
			t.Errorf("%s %s: %d, %d bytes", c.name, c.value, r.Code, r.Body.Len())
		}
	}
	for path, code := range map[string]int{
		"/reports/1.0/documents/3": 404, "/reports/1.0/documents/0": 400, "/reports/1.0/documents/x": 400, "/reports/9.0/documents/1": 404, "/reports/x/documents/1": 400,
	} {
		if r := w.read(path); r.Code != code {
			t.Errorf("%s: %d", path, r.Code)
		}
	}
	w.reindex() // nobody finds the blobs again: they are made from the messages
	check()
	check()
}

func digestOf(w *labWorld, path string) (d halong.Digest) {
	w.t.Helper()
	tag := strings.Trim(w.read(path).Header().Get("ETag"), `"`)
	d, err := halong.ParseDigest(tag)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// TestDocumentsThatAreNone: data that are not what ED says cost no message and no result.
func TestDocumentsThatAreNone(t *testing.T) {
	w := newLabWorld(t)
	w.must(
		msh("ORU^R01", "1", "20261121090000"), "PID|1||7^^^BV1", "OBR|1||F1|RPT", "OBX|1|ED|PDF||^application^pdf^Base64^JVB!RI||||||F",
		"OBX|2|NM|A||1||||||F", "OBX|3|ED|HTML||^text^html^A^<script>1</script>||||||F", "OBX|4|RP|IMG||https://x/1^^image^JPEG||||||F",
	)
	var r lab.Shown
	w.json("/reports/1.0", &r)
	if a := r.Observations[0].Values[0].Attachment; a.Document != 0 || len(r.Observations[0].Warnings) != 1 || r.Observations[1].Values[0].Number != "1" {
		t.Errorf("%+v %v", a, r.Observations)
	}
	d := w.read("/reports/1.0/documents/1")
	if h := d.Header(); h.Get("Content-Disposition") != "attachment; filename=report-1-0-1.html" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", h)
	}
	if p := r.Observations[3].Values[0].Attachment; p.Pointer != "https://x/1" || p.Document != 0 {
		t.Errorf("%+v", p)
	}
	if r := w.read("/messages/1"); !strings.Contains(r.Body.String(), "JVB!RI") {
		t.Error("the raw message does not have the data")
	}
}

// TestLargeDocument: 20 MB of PDF (complaint 6: nextgenhealthcare/connect#1665 took 15 minutes for 1.6 MB).
func TestLargeDocument(t *testing.T) {
	w := newLabWorld(t)
	pdf := make([]byte, 20<<20)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range pdf {
		pdf[i] = byte(rnd.Uint32())
	}
	copy(pdf, "%PDF-1.4\n")
	w.must(withPDF("1", "20261121090000", "F1", "F", pdf)...)
	if r := w.read("/reports/1.0/documents/1"); r.Code != 200 || !bytes.Equal(r.Body.Bytes(), pdf) {
		t.Errorf("%d, %d bytes", r.Code, r.Body.Len())
	}
	if r := w.read("/reports/1.0/documents/1", "Range", "bytes=20971519-"); r.Code != 206 || !bytes.Equal(r.Body.Bytes(), pdf[len(pdf)-1:]) {
		t.Errorf("%d, %d bytes", r.Code, r.Body.Len())
	}
}

// TestMDM: versions of a document by its unique number, a replacement that takes its place, an addendum of its own.
func TestMDM(t *testing.T) {
	w := newLabWorld(t)
	doc := func(event, control, id, parent, completion, text string) {
		lines := []string{msh("MDM^"+event, control, "2026112109000"+control), "PID|1||7^^^BV1", "TXA|1|DS^Summary|TX|20261121||||||||" + id + "|" + parent + "|P1|F1||" + completion}
		if text != "" {
			lines = append(lines, "OBX|1|TX|TXT||"+text)
		}
		w.must(lines...)
	}
	doc("T02", "1", "D1", "", "IP", "draft")
	doc("T04", "2", "D1", "", "AU", "")
	doc("T06", "3", "D2", "D1", "AU", "addendum")
	doc("T10", "4", "D3", "D1", "LA", "new")
	doc("T08", "5", "D3", "", "AU", "newer")
	doc("T11", "6", "D2", "", "", "")
	var l list
	w.json("/reports?patient=7&history=true", &l)
	var got []string
	for _, r := range l.Reports {
		text := ""
		if len(r.Observations) > 0 {
			text = r.Observations[0].Values[0].Text
		}
		got = append(got, fmt.Sprintf("%s v%d %s %s %q", r.ID, r.Version, r.Status, r.Document.ID, text))
	}
	want := []string{`3.0 v2 entered-in-error D2 "addendum"`, `1.0 v4 corrected D3 "newer"`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestReports asks for reports by patient, number, time and arrival.
func TestReports(t *testing.T) {
	w := newLabWorld(t)
	w.must(msh("ORU^R01", "1", "20261121090000"), "PID|1||7^^^BV1|||||M", "OBR|1|P1^HIS|F1^LIS|CBC^Count^L|||20261101|||||||||||A1|||||||F", "OBX|1|NM|HGB^^L||15|g/dL|M: 13-18; F: 12-16||||F", "SPM|1|S1||BLD")
	w.must(msh("ORU^R01", "2", "20261121090000"), "PID|1||8^^^BV1", "OBR|1||F2|GLU|||20261110||||||||||||||||||P", "OBX|1|NM|GLU^^L||5|mmol/L|||||P")
	w.must(msh("OUL^R22", "3", "20261121090000"), "SPM|1|S3||BLD", "SAC|||C3", "OBR|1|||CRP", "OBX|1|NM|CRP^^L||5|mg/L|||||F")
	w.must(msh("ORU^R01", "4", "20261121100000"), "PID|1||7^^^BV1|||||M", "OBR|1|P1^HIS|F1^LIS|CBC^Count^L|||20261101|||||||||||A1|||||||C", "OBX|1|NM|HGB^^L||12|g/dL|M: 13-18; F: 12-16||||C")
	for query, want := range map[string]string{
		"": "1.0 3.0 2.0", "limit=1": "1.0", "before=4.0": "3.0 2.0", "patient=7": "1.0", "number=P1": "1.0", "number=F1": "1.0", "number=A1": "1.0", "number=S1": "1.0",
		"number=C3": "3.0", "number=nobody": "", "status=preliminary": "2.0", "service=CBC": "1.0", "service=count": "1.0", "from=2026-11-05&to=2026-11-20": "2.0", "patient=8&from=2026-11-11": "",
	} {
		var l list
		w.json("/reports?"+query, &l)
		var ids []string
		for _, r := range l.Reports {
			ids = append(ids, r.ID.String())
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%q: %s, not %s", query, got, want)
		}
		if (query == "limit=1") != (l.Next != 0) {
			t.Errorf("%q: next %v", query, l.Next)
		}
	}
	var r lab.Shown
	w.json("/reports/1.0", &r)
	if o := r.Observations[0]; o.Reading.Computed != "low" || o.Reading.Unit.Code != "g/dL" || o.Status != lab.Corrected {
		t.Errorf("%+v", o)
	}
	for path, code := range map[string]int{
		"/reports?patient=nobody": 404, "/reports?limit=0": 400, "/reports?limit=x": 400, "/reports?before=x": 400, "/reports?from=gestern": 400, "/reports/9.9": 404, "/reports/x": 400,
		"/observations": 400, "/observations?patient=nobody": 404, "/reports?history=x": 400,
	} {
		if r := w.read(path); r.Code != code {
			t.Errorf("%s: %d", path, r.Code)
		}
	}
}

// TestObservations gives a trend over reports, by the sender's code and by LOINC, which a map of today knows of old results.
func TestObservations(t *testing.T) {
	w := newLabWorld(t)
	for i, day := range []string{"20261103", "20261101", "20261102"} {
		w.must(msh("ORU^R01", day, "20261121090000"), "PID|1||7^^^BV1", fmt.Sprintf("OBR|1||F%d|CHEM|||%s", i, day), fmt.Sprintf("OBX|1|NM|GLU^Glucose^L||%d|mg%%|||||F", 100+i), "OBX|2|NM|CRP^^L||1||||||I")
	}
	asked := func(query string) string {
		var out struct{ Observations []observation }
		w.json("/observations?patient=7&"+query, &out)
		var s []string
		for _, o := range out.Observations {
			s = append(s, o.Time+"="+o.Values[0].Text)
		}
		return strings.Join(s, " ")
	}
	all := "2026-11-01=101 2026-11-02=102 2026-11-03=100"
	for query, want := range map[string]string{
		"code=GLU": all, "code=L|GLU": all, "code=LN|GLU": "", "code=2345-7": "", "": all, "from=2026-11-02": "2026-11-02=102 2026-11-03=100", "to=2026-11-02": "2026-11-01=101", "limit=1": "2026-11-03=100",
		"code=CRP": "", "code=CRP&status=registered": "2026-11-01=1 2026-11-02=1 2026-11-03=1",
	} {
		if got := asked(query); got != want {
			t.Errorf("%q: %s, not %s", query, got, want)
		}
	}
	var before unmappedList
	w.json("/lab/unmapped", &before)
	m, problems, err := lab.ParseMap("glu.csv", strings.NewReader("code,loinc,unit,ucum\nGLU,2345-7,mg%,mg/dL\n"))
	if err != nil || problems != nil {
		t.Fatal(err, problems)
	}
	w.maps = lab.Maps{m}
	if got := asked("code=2345-7"); got != all {
		t.Errorf("%s", got)
	}
	if got := asked("code=http://loinc.org|2345-7"); got != all {
		t.Errorf("%s", got)
	}
	var after unmappedList
	w.json("/lab/unmapped", &after)
	if len(before.Codes) != 2 || before.Codes[0].Count != 3 || len(before.Units) != 1 || len(after.Codes) != 1 || len(after.Units) != 0 {
		t.Errorf("%+v %+v", before, after)
	}
	if r := w.read("/lab/unmapped?format=csv"); !strings.HasPrefix(r.Body.String(), "facility,sender,system,code,text,unit,loinc,display,ucum,note\ndefault,LIS,L,CRP,,,,,,3\n") {
		t.Errorf("%s", r.Body)
	}
}

// TestSubmit takes results in JSON: they are messages like others.
func TestSubmit(t *testing.T) {
	w := newLabWorld(t)
	post := func(body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/api/results", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		return w.do(r)
	}
	body := `{"sender":"HIS","time":"2026-11-21T10:00:00.5+07:00","patient":{"id":"8","authority":"BV1","name":"Lê^Bình^Văn","birthDate":"1970-01-02","sex":"M"},"visit":"V1",
		"reports":[{"service":{"code":"CHEM","text":"Sinh hóa","system":"L"},"fillerOrder":"F9","placerOrder":{"id":"P9","namespace":"HIS"},"accession":"A9","observed":"2026-11-21T09:00",
		"orderer":{"id":"1","name":"A^B"},"interpreter":{"id":"12","name":"Trần^An"},"specimen":{"id":"S9","type":"SER","collected":"2026-11-21"},"notes":["a & b"],
		"observations":[{"code":{"code":"GLU","system":"L"},"value":5.40,"units":"mmol/l","range":"3.9-6.4","flags":["N"]},{"code":"CRP","value":"<0.6","units":"mg/L","status":"preliminary"},
		{"code":"BAC","value":{"code":"27268008","text":"Salmonella","system":"SCT"},"observer":{"name":"X"}},{"code":"TXT","values":["dòng 1\ndòng 2"],"notes":["n"]}],
		"documents":[{"mediaType":"application/pdf","data":"JVBERi0xLjQK"}]}]}`
	first := post(body)
	var receipt resultReceipt
	if err := json.Unmarshal(first.Body.Bytes(), &receipt); err != nil || first.Code != 200 || receipt.Message != 1 || len(receipt.Reports) != 1 {
		t.Fatalf("%d %s %v", first.Code, first.Body, err)
	}
	if again := post(body); again.Body.String() != first.Body.String() || w.outcomes()[Duplicate] != 1 {
		t.Errorf("%s %v", again.Body, w.outcomes())
	}
	var r lab.Shown
	w.json("/reports/"+receipt.Reports[0].String(), &r)
	var got []string
	for _, o := range r.Observations {
		v := o.Values[0]
		got = append(got, fmt.Sprintf("%s %s %s%s %q %s", o.Code.Code, o.Type, v.Comparator, v.Number, v.Text, o.Status))
	}
	want := []string{
		`GLU NM 5.40 "5.40" final`, `CRP SN <0.6 "<^0.6" preliminary`, `BAC CWE  "27268008^Salmonella^SCT" final`, `TXT TX  "dòng 1\ndòng 2" final`, `11502-2 ED  "" final`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if r.Interpreter.Name != "Trần^An" || r.Orderer.Name != "A^B" || r.Specimen.ID != "S9" || r.Visit != "V1" || r.Placer.Namespace != "HIS" || r.Notes[0] != "a & b" || r.Sent != "2026-11-21T03:00:00.500000Z" {
		t.Errorf("%+v", r.Report)
	}
	if d := w.read("/reports/1.0/documents/1"); d.Body.String() != "%PDF-1.4\n" {
		t.Errorf("%d %s", d.Code, d.Body)
	}
	plain := httptest.NewRequest(http.MethodPost, "/api/results", strings.NewReader(body))
	if r := w.do(plain); r.Code != http.StatusUnsupportedMediaType {
		t.Errorf("%d", r.Code)
	}
}

// TestMergedResults: after a merge the results of both are those of the survivor, and a correction sent under the surviving number finds
// the report of the retired one; after an unmerge each has its own.
func TestMergedResults(t *testing.T) {
	w := newLabWorld(t)
	w.must(withPDF("1", "20261121090000", "F1", "F", []byte("%PDF-1"))...)
	survivor := &patient.Patient{Facility: halong.DefaultFacility, Identifiers: []patient.Identifier{{ID: "9", Authority: "BV1"}}}
	retired := &patient.Patient{Facility: halong.DefaultFacility, Identifiers: []patient.Identifier{{ID: "7", Authority: "BV1"}}}
	why := patient.Cause{At: time.Unix(1, 0), Record: 99}
	update := func(f func(halong.Tx) error) {
		t.Helper()
		if err := w.db.Update(context.Background(), f); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx halong.Tx) error { _, err := w.in.cfg.Patients.Merge(tx, survivor, retired, why); return err })
	c := withPDF("2", "20261121100000", "F1", "C", []byte("%PDF-2"))
	c[1] = "PID|1||9^^^BV1^MR"
	w.must(c...)
	for _, id := range []string{"7", "9"} {
		got := w.results(id, "").Patients
		if len(got) != 1 || got[0].ID != "9" || len(got[0].Reports) != 1 || got[0].Reports[0].Version != 2 {
			t.Errorf("%s: %+v", id, got)
		}
	}
	update(func(tx halong.Tx) error {
		_, err := w.in.cfg.Patients.Unmerge(tx, patient.Identity{Facility: halong.DefaultFacility, Authority: "BV1", ID: "7"}, why)
		return err
	})
	if got := w.results("7", "").Patients; len(got) != 1 || len(got[0].Reports) != 1 || got[0].ID != "7" {
		t.Errorf("%+v", got)
	}
}

// A status that table 0123 does not have is derived from the results, as an empty one is, and the report says so: also one with documents, whose contents
// are stored.
func TestUnknownReportStatus(t *testing.T) {
	w := newLabWorld(t)
	for i, obx := range []string{"OBX|1|NM|G||5||||||F", "OBX|1|NM|G||5||||||P", "OBX|1|NM|G||5||||||F\rOBX|2|ED|PDF||^application^pdf^Base64^JVBERi0xLjQ=||||||F", ""} {
		w.send(fmt.Sprintf("MSH|^~\\&|L|S|||20260101||ORU^R01|%d|P|2.5\rPID|||8^^^A\rOBR|1||F%d|X%d|||||||||||||||||||||Q\r%s\r", i, i, i, obx))
	}
	w.reindex()
	var got []string
	for _, p := range w.results("8", "").Patients {
		for _, r := range p.Reports {
			got = append(got, fmt.Sprint(r.Service.Code, " ", r.Status, " ", r.HL7Status, " ", r.Warnings))
		}
	}
	const warning = " Q [OBR-25 is not in table 0123]"
	if d := cmp.Diff([]string{"X3 registered" + warning, "X2 final" + warning, "X1 preliminary" + warning, "X0 final" + warning}, got); d != "" {
		t.Error(d)
	}
}
