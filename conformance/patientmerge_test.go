package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/transfer"
	"github.com/halong-gateway/halong/storage"
)

// control numbers the messages of tests.
var control atomic.Int64

// hl7 sends segments after an MSH of a type, and gives the answer.
func hl7(t testing.TB, addr, kind string, segments ...string) string {
	t.Helper()
	c, err := mllp.Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	msh := fmt.Sprintf("MSH|^~\\&|HIS|H|HALONG||20261122010203||%s|%s|P|2.5.1||||||UNICODE UTF-8", kind, fmt.Sprint("F", control.Add(1)))
	answer, err := c.Send(t.Context(), []byte(strings.Join(append([]string{msh}, segments...), "\r")+"\r"))
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// orderPatient sends an operator's order.
func orderPatient(t testing.TB, base, path string, o app.PatientOrder) (status int, body string) {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Post(base+"/api/patients/"+path, "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	out, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(out)
}

// merging is a gateway with a study of CT images, with peers all around.
type merging struct {
	t         *testing.T
	*gateway           // under test
	stow      *gateway // gets what is forwarded by STOW-RS
	objects   []object // of one study
	received  string   // folder of storescp for C-MOVE
	forwarded string   // folder of storescp for forwarding
}

// who is the patient of a data set, as tests write it.
func who(id, name string) string { return id + " " + name }

func newMerging(t *testing.T, data string) *merging {
	w := &merging{t: t, received: t.TempDir(), forwarded: t.TempDir()}
	store := func(folder string) string {
		return listening(t, "storescp", func(port string) []string { return []string{"--fork", "+xa", "+B", "-od", folder, port} })
	}
	far := onLoopback(t.TempDir())
	far.Storage.Versions = "last"
	w.stow = serve(t, far)
	c := onLoopback(data)
	c.DICOM.Destinations = []config.Destination{{AE: "STORE", Address: store(w.received)}, {AE: "FAR", Address: store(w.forwarded)}}
	forwardTo(c, config.ForwardDestination{Name: "far", AE: "FAR"})
	forwardTo(c, config.ForwardDestination{Name: "stow", URL: w.stow.URL + "/dicom-web"})
	w.gateway = serve(t, c)
	for n := range 3 {
		w.objects = append(w.objects, newObject(720, n+1, 20_000, "OLD7"))
	}
	storeAll(t, w.DICOM, w.objects)
	if a := hl7(t, w.HL7, "ORM^O01^ORM_O01", "PID|1||OLD7^^^HIS^MR||TRẦN^THỊ^OLD7", "ORC|NW|P77^HIS||||||^^^20261123080000", "OBR|1|P77^HIS||CT^CT Thorax^L|||||||||||||||ACC77|RP77|SPS77||||CT|||^^^20261123080000"); !strings.Contains(a, "MSA|AA") {
		t.Fatal(a)
	}
	return w
}

// all tells who the patient is in every protocol.
func (w *merging) all() map[string]string {
	o := &w.objects[1]
	out := map[string]string{}
	study := "/dicom-web/studies/" + string(o.study)
	for name, path := range map[string]string{
		"QIDO studies":   "/dicom-web/studies?StudyInstanceUID=" + string(o.study),
		"QIDO series":    "/dicom-web/series?includefield=00100010,00100020&StudyInstanceUID=" + string(o.study),
		"QIDO instances": "/dicom-web/instances?includefield=00100010,00100020&StudyInstanceUID=" + string(o.study),
		"WADO metadata":  study + "/metadata",
		"WADO series":    study + "/series/" + string(o.series) + "/metadata",
	} {
		out[name] = w.inJSON(path)
	}
	_, file := w.ask(w.t, "/dicom-web"+o.path(), "application/dicom")
	out["WADO instance"] = w.inFile(file)
	_, file = w.ask(w.t, fmt.Sprintf("/wado?requestType=WADO&contentType=application/dicom&studyUID=%s&seriesUID=%s&objectUID=%s", o.study, o.series, o.sop), "")
	out["WADO-URI"] = w.inFile(file)
	w.dimse(out)
	w.forward(out)
	return out
}

// inJSON reads the patient of all results, which must be one.
func (w *merging) inJSON(path string) string {
	w.t.Helper()
	status, body := w.ask(w.t, path, "application/dicom+json")
	var rows []map[string]struct{ Value []any }
	if err := json.Unmarshal(body, &rows); err != nil || status != http.StatusOK || len(rows) == 0 {
		w.t.Fatalf("%s: %d %v %.300s", path, status, err, body)
	}
	var all []string
	for _, r := range rows {
		name := ""
		if v := r["00100010"].Value; len(v) > 0 {
			name = fmt.Sprint(v[0].(map[string]any)["Alphabetic"])
		}
		one := who(fmt.Sprint(append(r["00100020"].Value, "")[0]), name)
		if len(all) == 0 || all[0] != one {
			all = append(all, one)
		}
	}
	return strings.Join(all, ", ")
}

// inFile reads the patient of a PS3.10 file.
func (w *merging) inFile(file []byte) string {
	w.t.Helper()
	s, err := readFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	return who(s.String(tag.PatientID), s.String(tag.PatientName))
}

func readFile(file []byte) (*dataset.Set, error) {
	h, body, err := dataset.ReadFileHeader(bytes.NewReader(file), dataset.Limits{})
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	ts, _ := dicom.LookupTransferSyntax(h.TransferSyntax)
	return dataset.Parse(b, ts, dataset.Limits{})
}

// inFolder reads the patient of all files in a folder with dcmdump, and empties it.
func (w *merging) inFolder(folder string, n int) string {
	w.t.Helper()
	names := list(w.t, folder)
	if len(names) != n {
		w.t.Errorf("%d files, want %d", len(names), n)
	}
	all := map[string]bool{}
	for _, name := range names {
		out := tool(w.t, "dcmdump", "+U8", "+P", "0010,0020", "+P", "0010,0010", "-s", name)
		all[who(dumped(out, "0010,0020"), dumped(out, "0010,0010"))] = true
		if err := os.Remove(name); err != nil {
			w.t.Error(err)
		}
	}
	out := ""
	for one := range all {
		out += one
	}
	return out
}

// dumped gives the first value of an attribute at the top level in what dcmdump or findscu print.
func dumped(out, tag string) string {
	m := regexp.MustCompile(`(?m)^(?:I: )?\(` + tag + `\) \w\w \[([^\]]*)\]`).FindStringSubmatch(out)
	if m == nil {
		return ""
	}
	return strings.TrimRight(m[1], " ")
}

func (w *merging) dimse(out map[string]string) {
	t, study := w.t, string(w.objects[0].study)
	host, port, _ := net.SplitHostPort(w.DICOM)
	for name, args := range map[string][]string{
		"C-FIND study":   {"-S", "-k", "QueryRetrieveLevel=STUDY"},
		"C-FIND patient": {"-P", "-k", "QueryRetrieveLevel=STUDY"},
	} {
		said := tool(t, "findscu", append(append([]string{"-v", "-aec", "HALONG"}, args...), "-k", "StudyInstanceUID="+study, "-k", "PatientID", "-k", "PatientName", host, port)...)
		_, ids := findAnswers(said, "0010,0020")
		_, names := findAnswers(said, "0010,0010")
		if len(ids) > 1 && len(names) > 1 { // the first is what was asked
			out[name] = who(dumped(ids[1], "0010,0020"), dumped(names[1], "0010,0010"))
		}
	}
	said := tool(t, "findscu", "-v", "-W", "-aec", "HALONG", "-k", "PatientID", "-k", "PatientName", "-k", "AccessionNumber", "-k", "(0040,0100)[0].ScheduledProcedureStepStartDate", host, port)
	_, ids := findAnswers(said, "0010,0020")
	_, names := findAnswers(said, "0010,0010")
	if len(ids) == 2 && len(names) == 2 {
		out["worklist"] = who(dumped(ids[1], "0010,0020"), dumped(names[1], "0010,0010"))
	}
	tool(t, "movescu", "-S", "-aec", "HALONG", "-aem", "STORE", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID="+study, host, port)
	out["C-MOVE"] = w.inFolder(w.received, len(w.objects))
	folder := t.TempDir()
	tool(t, "getscu", "+B", "+xe", "-S", "-aec", "HALONG", "-od", folder, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID="+study, host, port)
	out["C-GET"] = w.inFolder(folder, len(w.objects))
}

// forward sends everything on again.
func (w *merging) forward(out map[string]string) {
	t, study := w.t, w.objects[0].study
	w.sent()
	for _, name := range list(t, w.forwarded) {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"far", "stow"} {
		if n := orderForward(t, w.URL, "replay", app.ForwardOrder{Destination: name, Study: study}); n.Entries != len(w.objects) {
			t.Fatalf("%d are sent again", n.Entries)
		}
	}
	w.sent()
	out["forward C-STORE"] = w.inFolder(w.forwarded, len(w.objects))
	out["forward STOW"] = (&merging{t: t, gateway: w.stow}).inJSON("/dicom-web/studies/" + string(study) + "/metadata")
}

// sent waits until everything that was forwarded arrived.
func (w *merging) sent() {
	for _, name := range []string{"far", "stow"} {
		eventually(w.t, name+" has all", func() bool {
			if forwardReport(w.t, w.URL).Behind > 0 { // not all have entered yet
				return false
			}
			a := account(w.t, w.URL, name)
			return a.Done > 0 && a.Done == a.Entered
		})
	}
}

// everywhere tells what is not as it must be.
func (w *merging) everywhere(when, want string) {
	w.t.Helper()
	got := w.all()
	if when == "undone" { // what arrives there is a duplicate of the first version, and so no reason to serve another
		got["forward STOW"] = want
	}
	wanted := map[string]string{}
	for name := range got {
		wanted[name] = want
	}
	if d := cmp.Diff(wanted, got); d != "" {
		w.t.Errorf("%s: %s", when, d)
	}
	if len(got) != 13 {
		w.t.Errorf("%s: %d protocols", when, len(got))
	}
}

// etags gives the entity tags of what is made of a study.
func (w *merging) etags() map[string]string {
	o := &w.objects[0]
	out := map[string]string{}
	for name, r := range map[string][2]string{
		"metadata": {"/dicom-web/studies/" + string(o.study) + "/metadata", "application/dicom+json"},
		"study":    {"/dicom-web/studies/" + string(o.study), `multipart/related; type="application/dicom"`},
		"instance": {"/dicom-web" + o.path(), "application/dicom"},
		"frames":   {"/dicom-web" + o.path() + "/frames/1", "application/octet-stream"},
	} {
		req, err := http.NewRequest(http.MethodGet, "http://"+w.HTTP+r[0], nil)
		if err != nil {
			w.t.Fatal(err)
		}
		req.Header.Set("Accept", r[1])
		a, err := http.DefaultClient.Do(req)
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, a.Body); err != nil || a.StatusCode != http.StatusOK {
			w.t.Errorf("%s: %d %v", name, a.StatusCode, err)
		}
		a.Body.Close()
		out[name] = a.Header.Get("ETag")
	}
	return out
}

// TestPatientMerge: an A40 merge and its undoing, seen in every protocol; stored bytes unchanged; the index can be made anew.
func TestPatientMerge(t *testing.T) {
	interop(t, peerDCMTK, "C-FIND", asSCP, "findscu: the surviving identity after a merge of patients")
	interop(t, peerDCMTK, "C-MOVE", asSCP, "movescu, to storescp: the surviving identity after a merge of patients")
	interop(t, peerDCMTK, "C-GET", asSCP, "getscu: the surviving identity after a merge of patients")
	data := t.TempDir()
	w := newMerging(t, data)
	o := &w.objects[0]
	old, survivor := who("OLD7", "TRẦN^THỊ^OLD7"), who("NEW7", "Nguyễn^Ánh^Thị")
	w.everywhere("before", old)
	before := w.etags()
	_, frame := w.ask(t, "/dicom-web"+o.path()+"/frames/1", "application/octet-stream")

	if a := hl7(t, w.HL7, "ADT^A40^ADT_A39", "EVN|A40|20261122010203", "PID|1||NEW7^^^HIS^MR||Nguyễn^Ánh^Thị||19850102|F", "MRG|OLD7^^^HIS^MR"); !strings.Contains(a, "MSA|AA") {
		t.Fatal(a)
	}
	w.everywhere("after", survivor)
	after := w.etags()
	for name := range before {
		if same := before[name] == after[name]; same != (name == "frames") {
			t.Errorf("entity tag of %s: the same %v", name, same)
		}
	}
	if _, now := w.ask(t, "/dicom-web"+o.path()+"/frames/1", "application/octet-stream"); !bytes.Equal(frame, now) {
		t.Error("the frame is another")
	}
	w.original(o)
	w.late()

	if status, body := orderPatient(t, w.URL, "OLD7/unmerge", app.PatientOrder{Reason: "two people"}); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	w.everywhere("undone", old)
	if d := cmp.Diff(before, w.etags()); d != "" {
		t.Error("entity tags after the undoing: ", d)
	}
	if _, file := w.ask(t, "/dicom-web"+o.path(), "application/dicom"); !bytes.HasSuffix(file, o.data) {
		t.Error("the instance is not what was received")
	}
	hl7(t, w.HL7, "ADT^A40^ADT_A39", "PID|1||NEW7^^^HIS^MR||Nguyễn^Ánh^Thị||19850102|F", "MRG|OLD7^^^HIS^MR")
	w.reindexed(data)
}

// original checks Original Attributes Sequence of an instance (PS3.3 C.12.1), and that dcmdump reads it.
func (w *merging) original(o *object) {
	t := w.t
	_, file := w.ask(t, "/dicom-web"+o.path(), "application/dicom")
	s, err := readFile(file)
	if err != nil {
		t.Fatal(err)
	}
	e := s.Get(tag.OriginalAttributesSequence)
	if e == nil || len(e.Items) != 1 {
		t.Fatal("no Original Attributes Sequence of one item")
	}
	item := e.Items[0]
	was := item.Get(tag.ModifiedAttributesSequence).Items[0]
	if was.String(tag.PatientID) != "OLD7" || was.String(tag.PatientName) != "TRẦN^THỊ^OLD7" || item.String(tag.ModifyingSystem) != "HALONG" || item.String(tag.ReasonForTheAttributeModification) != "COERCE" {
		t.Errorf("%v", item)
	}
	if others := s.Get(tag.OtherPatientIDsSequence); others == nil || others.Items[0].String(tag.PatientID) != "OLD7" {
		t.Error("Other Patient IDs Sequence does not tell the former Patient ID")
	}
	name := filepath.Join(t.TempDir(), "merged.dcm")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "dcmdump", "-q", name)
}

// late stores a study with the former Patient ID after the merge.
func (w *merging) late() {
	o := newObject(721, 1, 2_000, "OLD7")
	if !storeOne(w.DICOM, &o) {
		w.t.Fatal("not stored")
	}
	if got, want := w.inJSON("/dicom-web/studies?StudyInstanceUID="+string(o.study)), who("NEW7", "Nguyễn^Ánh^Thị"); got != want {
		w.t.Errorf("a study that came late is %q", got)
	}
	w.former()
	if status, body := w.ask(w.t, "/dicom-web/studies?PatientID=NEW7&PatientName=nguyen*&fuzzymatching=true", "application/dicom+json"); status != http.StatusOK || bytes.Count(body, []byte("0020000D")) != 2 {
		w.t.Errorf("by the Patient ID that survives: %s", body)
	}
}

// former looks for studies by the Patient ID that was merged away: they are the survivor's, and say why they are found.
func (w *merging) former() {
	t, n := w.t, 2
	for _, path := range []string{"/dicom-web/studies?PatientID=OLD7", "/dicom-web/studies?PatientID=OLD7&includefield=OtherPatientIDsSequence"} {
		status, body := w.ask(t, path, "application/dicom+json")
		if status != http.StatusOK || bytes.Count(body, []byte(`"00100020":{"vr":"LO","Value":["NEW7"]}`)) != n || bytes.Count(body, []byte(`"00101002":`)) != n || bytes.Count(body, []byte("OLD7")) != n {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	host, port, _ := net.SplitHostPort(w.DICOM)
	for model, level := range map[string]string{"-S": "STUDY", "-P": "PATIENT"} {
		said := tool(t, "findscu", "-v", "-aec", "HALONG", model, "-k", "QueryRetrieveLevel="+level, "-k", "PatientID=OLD7", "-k", "(0010,1002)[0].PatientID", host, port)
		answers, ids := findAnswers(said, "0010,0020")
		want := map[string]int{"STUDY": n, "PATIENT": 1}[level]
		if answers != want || strings.Count(strings.Join(ids, ""), "NEW7") != want || strings.Count(said, "OLD7") != want+1 { // the first is what was asked
			t.Errorf("%s: %d answers, %q\n%s", level, answers, ids, said)
		}
	}
	tool(t, "movescu", "-P", "-aec", "HALONG", "-aem", "STORE", "-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientID=OLD7", host, port)
	if got := w.inFolder(w.received, len(w.objects)+1); got != who("NEW7", "Nguyễn^Ánh^Thị") {
		t.Errorf("C-MOVE: %q", got)
	}
}

// reindexed makes the index anew and compares what is told; export gives what was received.
func (w *merging) reindexed(data string) {
	t := w.t
	paths := []string{"/dicom-web/studies?includefield=all", "/dicom-web/studies/" + string(w.objects[0].study) + "/metadata", "/api/patients", "/api/patients/OLD7", "/api/patients/OLD7/history", "/api/patients/NEW7"}
	ask := func(g *gateway) map[string][]byte {
		out := map[string][]byte{}
		for _, p := range paths {
			_, out[p] = g.ask(t, p, "application/dicom+json, application/json")
		}
		return out
	}
	before := ask(w.gateway)
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(data, "index")); err != nil {
		t.Fatal(err)
	}
	if done, err := app.Reindex(context.Background(), onLoopback(data), quiet()); err != nil || done.Lost > 0 {
		t.Fatal(done, err)
	}
	d := openData(t, data)
	x := transfer.Export{Archive: d.Archive, Scope: halong.Everything(), Out: t.TempDir(), AsReceived: true}
	if n, err := x.Instances(t.Context(), storage.Ref{Study: w.objects[0].study}); err != nil || n != len(w.objects) {
		t.Error(n, err)
	}
	all := hashesOfContents(t, x.Out)
	for i := range w.objects {
		if !all[string(w.objects[i].data)] {
			t.Errorf("%s is not exported as it was received", w.objects[i].sop)
		}
	}
	closeData(t, d)
	g := serve(t, onLoopback(data))
	compare(t, before, ask(g))
}
