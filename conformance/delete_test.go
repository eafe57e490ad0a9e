package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/sample"
	"github.com/halong-gateway/halong/storage"
)

// deleting is a gateway with the invented patient's objects, and DCMTK that looks at it.
type deleting struct {
	*testing.T
	g       *gateway
	patient *sample.Patient
	objects []sample.Object // of the CT's study: slices, report, document
	config  *config.Config
	moved   string // the folder of a storescp
}

func newDeleting(t *testing.T) *deleting {
	t.Helper()
	x := &deleting{T: t, moved: t.TempDir(), config: onLoopback(t.TempDir())}
	address := listening(t, "storescp", func(port string) []string { return []string{"+xa", "+B", "-aet", "STORE", "-od", x.moved, port} })
	x.config.DICOM.Destinations = []config.Destination{{AE: "STORE", Address: address}}
	x.g = serve(t, x.config)
	x.patient = sample.New(sample.Options{Seed: t.Name(), Slices: 3})
	x.objects = x.patient.CT()
	x.objects = append(x.objects, x.patient.Report(), x.patient.PDF())
	x.store(x.objects...)
	return x
}

// store sends objects with storescu.
func (x *deleting) store(objects ...sample.Object) {
	x.Helper()
	dir := x.TempDir()
	args := []string{"-aec", "HALONG"}
	args = append(args, strings.Split(x.g.DICOM, ":")...)
	for i := range objects {
		name := filepath.Join(dir, fmt.Sprintf("%03d.dcm", i))
		if err := os.WriteFile(name, objects[i].Part10(), 0o600); err != nil {
			x.Fatal(err)
		}
		args = append(args, name)
	}
	tool(x.T, "storescu", args...)
}

// seen checks what findscu, movescu and QIDO-RS see of the study: so many instances.
func (x *deleting) seen(what string, want int) {
	x.Helper()
	host, port, _ := net.SplitHostPort(x.g.DICOM)
	study := string(x.objects[0].Study)
	found := 0
	for _, series := range x.series() {
		needTool(x.T, "findscu")
		out, err := exec.Command("findscu", "-S", "-aec", "HALONG", "-k", "QueryRetrieveLevel=IMAGE", "-k", "StudyInstanceUID="+study,
			"-k", "SeriesInstanceUID="+series, "-k", "SOPInstanceUID", host, port).CombinedOutput()
		if err != nil {
			x.Errorf("findscu: %v", err)
		}
		n, _ := findAnswers(string(out), "0008,0018")
		found += n
	}
	for _, name := range list(x.T, x.moved) {
		_ = os.Remove(name)
	}
	tool(x.T, "movescu", "-S", "-aec", "HALONG", "-aem", "STORE", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID="+study, host, port)
	_, body := x.g.ask(x, "/dicom-web/studies/"+study+"/instances", "application/dicom+json")
	got := []int{found, len(list(x.T, x.moved)), len(uids(x.T, body, "00080018"))}
	if diff := cmp.Diff([]int{want, want, want}, got); diff != "" {
		x.Errorf("%s: findscu, movescu and QIDO-RS see another number of instances: %s", what, diff)
	}
}

func (x *deleting) series() (out []string) {
	seen := map[string]bool{}
	for _, o := range x.objects {
		if !seen[string(o.Series)] {
			seen[string(o.Series)] = true
			out = append(out, string(o.Series))
		}
	}
	return out
}

// send sends a request with a body called JSON and gives the answer's status and content.
func (x *deleting) send(method, path, body string) (int, []byte) {
	x.Helper()
	req, err := http.NewRequest(method, "http://"+x.g.HTTP+path, strings.NewReader(body))
	if err != nil {
		x.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		x.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		x.Fatal(err)
	}
	return r.StatusCode, b
}

func (x *deleting) want(status int, method, path, body string) []byte {
	x.Helper()
	got, b := x.send(method, path, body)
	if got != status {
		x.Errorf("%s %s: %d, want %d: %s", method, path, got, status, b)
	}
	return b
}

// remove deletes over HTTP and gives the removal.
func (x *deleting) remove(path, body string) storage.Removal {
	x.Helper()
	var answer struct{ Deleted []storage.Removal }
	if b := x.want(200, "DELETE", "/dicom-web"+path, body); json.Unmarshal(b, &answer) != nil || len(answer.Deleted) != 1 {
		x.Fatalf("DELETE %s: %s", path, b)
	}
	return answer.Deleted[0]
}

func pathOf(o sample.Object) string {
	return fmt.Sprintf("/studies/%s/series/%s/instances/%s", o.Study, o.Series, o.SOPInstance)
}

// TestDelete: DELETE of an instance, a series and a study hides them from DCMTK and DICOMweb, and is undone; purging ends that.
func TestDelete(t *testing.T) {
	interop(t, peerDCMTK, "Deleted objects", asSCP, "findscu and movescu do not see what was deleted over HTTP")
	x := newDeleting(t)
	study, ct := "/studies/"+string(x.objects[0].Study), x.objects[0]
	x.seen("stored", 5)
	instance := x.remove(pathOf(ct), `{"code":"113001","reason":"motion"}`)
	x.seen("an instance is deleted", 4)
	for _, path := range []string{"", "/metadata", "/frames/1", "/bulkdata/7FE00010"} {
		x.want(410, "GET", "/dicom-web"+pathOf(ct)+path, "")
	}
	x.want(410, "DELETE", "/dicom-web"+pathOf(ct), "")
	x.want(404, "DELETE", "/dicom-web"+pathOf(ct)+"9", "")
	x.want(404, "GET", "/dicom-web"+study+"/series/1.2.3", "")
	series := x.remove(study+"/series/"+string(ct.Series)+"?code=113038", "")
	x.seen("a series is deleted", 2)
	x.want(410, "GET", "/dicom-web"+study+"/series/"+string(ct.Series), "")
	whole := x.remove(study, "")
	x.seen("the study is deleted", 0)
	x.want(410, "GET", "/dicom-web"+study+"/metadata", "")
	x.store(ct) // deleted with 113001: it stays away
	x.seen("sent again", 0)
	for i, r := range []storage.Removal{whole, series, instance} {
		x.want(200, "POST", fmt.Sprintf("/api/deleted/%d/restore", r.ID), "{}")
		x.seen("restored", []int{2, 4, 5}[i])
	}
	x.want(409, "POST", fmt.Sprintf("/api/deleted/%d/restore", whole.ID), "{}")
	purged := x.remove(study+"?purge=true", "")
	if purged.State != storage.RemovalPurged || purged.Hidden != 0 || purged.Named != 5 {
		t.Errorf("%+v", purged)
	}
	x.want(409, "POST", fmt.Sprintf("/api/deleted/%d/restore", purged.ID), "{}")
	x.want(410, "GET", "/dicom-web"+study, "")
	x.store(x.objects...)
	x.seen("sent again after a deletion without a code", 5)
	x.sameAfterReindex()
}

// sameAfterReindex makes the index again and compares what is told of removals, and what is seen.
func (x *deleting) sameAfterReindex() {
	x.Helper()
	paths := []string{"/api/deleted", "/dicom-web/studies", "/dicom-web/instances", "/dicom-web" + pathOf(x.objects[0])}
	ask := func() map[string][]byte {
		out := map[string][]byte{}
		for _, p := range paths {
			status, body := x.g.ask(x, p, "")
			out[p] = append([]byte(fmt.Sprintln(status)), body...)
		}
		return out
	}
	before := ask()
	if err := x.g.stop(); err != nil {
		x.Fatal(err)
	}
	if done, err := app.Reindex(x.Context(), x.config, quiet()); err != nil || done.Lost > 0 {
		x.Fatalf("%+v, %v", done, err)
	}
	x.g = serve(x.T, x.config)
	compare(x.T, before, ask())
}

// TestRejectionNote: a Key Object Selection Document sent by storescu hides what it names, also what comes later, until it is deleted.
func TestRejectionNote(t *testing.T) {
	interop(t, peerDCMTK, "Rejection notes", asSCP, "storescu sends one; findscu and movescu do not see what it names, before and after it comes, until it is deleted")
	x := newDeleting(t)
	note := x.patient.RejectionNote("1", "113001", "Rejected for Quality Reasons", x.objects[0], x.objects[1])
	x.store(note)
	x.objects = append(x.objects, note)
	x.seen("two of five are rejected, the note is there", 4)
	x.want(404, "GET", "/dicom-web"+pathOf(x.objects[0]), "")
	x.store(x.objects[0])
	x.seen("a rejected one came again", 4)
	later := x.patient.CR()
	early := x.patient.RejectionNote("2", "113037", "Rejected for Patient Safety Reasons", later)
	x.store(early, later)
	x.want(404, "GET", "/dicom-web"+pathOf(later), "")
	x.remove(pathOf(early), `{"reason":"rejected by mistake"}`)
	x.want(200, "GET", "/dicom-web"+pathOf(later), "")
	x.sameAfterReindex()
	deletion := x.remove(pathOf(note), `{"reason":"rejected by mistake"}`)
	x.seen("the note is deleted", 5)
	x.want(200, "POST", fmt.Sprintf("/api/deleted/%d/restore", deletion.ID), "{}")
	x.seen("the note is restored", 4)
	var page struct{ Deleted []storage.Removal }
	if b := x.want(200, "GET", "/api/deleted?kind=rejection&state=hidden", ""); json.Unmarshal(b, &page) != nil || len(page.Deleted) != 1 ||
		page.Deleted[0].SOP != note.SOPInstance || page.Deleted[0].By.Protocol != "C-STORE" || page.Deleted[0].Meaning != "Rejected for Quality Reasons" {
		t.Errorf("%s", b)
	}
	x.sameAfterReindex()
}

// TestRestoreOfHalfAPurge: whoever restores what a purge was begun of is told which objects are back and which are gone.
func TestRestoreOfHalfAPurge(t *testing.T) {
	dir := t.TempDir()
	p := sample.New(sample.Options{Seed: t.Name(), Slices: 3})
	d := openData(t, dir)
	for _, o := range p.CT() {
		if _, err := d.Archive.Store(t.Context(), storage.Inbound{Facility: halong.DefaultFacility, TransferSyntax: o.TransferSyntax, Body: bytes.NewReader(o.DataSet)}); err != nil {
			t.Fatal(err)
		}
	}
	made, err := d.Archive.Delete(t.Context(), storage.Deletion{Scope: halong.Everything(), Ref: storage.Ref{Study: p.CT()[0].Study}, Reason: "test"})
	if err != nil || len(made) != 1 {
		t.Fatal(made, err)
	}
	if err := d.Index.Update(t.Context(), func(tx halong.Tx) error { // the first batch of a purge that was cut off
		_, _, err := d.Index.Purge(tx, made[0].ID, 1)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	closeData(t, d)
	x := &deleting{T: t, g: serve(t, onLoopback(dir))}
	var r storage.Removal
	at := fmt.Sprintf("/api/deleted/%d/restore", made[0].ID)
	b := x.want(207, "POST", at, "{}")
	if err := json.Unmarshal(b, &r); err != nil || r.Restored == nil || r.Restored.Visible != 2 || r.Restored.Gone != 1 || len(r.Restored.Instances) != 1 {
		t.Fatalf("%s, %v", b, err)
	}
	gone := r.Restored.Instances[0]
	for _, o := range p.CT() {
		status := 200
		if o.SOPInstance == gone.SOP {
			status = 404
		}
		x.want(status, "GET", "/dicom-web"+pathOf(o), "")
	}
	x.want(409, "POST", at, "{}")
}

// TestDeleteFromHere: without tokens only this machine may delete, though others may read by way of it.
func TestDeleteFromHere(t *testing.T) {
	c := onLoopback(t.TempDir())
	c.HTTP.Origins = []string{"*"}
	g := serve(t, c)
	ask := func(header, value string) int {
		t.Helper()
		req, err := http.NewRequest(http.MethodDelete, "http://"+g.HTTP+"/dicom-web/studies/1.2.3", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(header, value)
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return r.StatusCode
	}
	for _, x := range []struct {
		header, value string
		want          int
	}{
		{"Accept", "*/*", 404},
		{"Origin", "http://localhost:3000", 404},
		{"X-Forwarded-For", "10.1.0.7", 403},
		{"Forwarded", "for=10.1.0.7", 403},
		{"Via", "1.1 proxy", 403},
		{"Origin", "https://elsewhere.example", 403},
		{"Origin", "null", 403},
	} {
		if got := ask(x.header, x.value); got != x.want {
			t.Errorf("%s %s: %d, want %d", x.header, x.value, got, x.want)
		}
	}
}

// TestDeleteRights: beyond what is open on loopback nobody may delete without the right to, nor in another facility.
func TestDeleteRights(t *testing.T) {
	c := onLoopback(t.TempDir())
	token := func(name, facility string, also ...string) config.Token {
		k := config.Token{SHA256: fmt.Sprintf("%x", access.SumOf(name)), Name: name, Facility: halong.Facility(facility)}
		for _, f := range also {
			k.Facilities = append(k.Facilities, halong.Facility(f))
		}
		return k
	}
	reader, archivist, purger, all := token("reader", "BV1"), token("archivist", "BV1", "BV2"), token("purger", "BV1"), token("all", "")
	archivist.Delete, purger.Delete, purger.Purge, all.Delete = true, true, true, true
	c.HTTP.Tokens = []config.Token{reader, archivist, purger, all, token("bv2", "BV2")}
	g := serve(t, c)
	o := sample.New(sample.Options{Seed: t.Name()}).CR()
	ask := func(who, method, path string, body []byte) int {
		t.Helper()
		req, err := http.NewRequest(method, "http://"+g.HTTP+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+who)
		req.Header.Set("Content-Type", "application/dicom")
		if method != http.MethodPost || strings.HasPrefix(path, "/api") {
			req.Header.Set("Content-Type", "application/json")
		}
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		_, _ = io.Copy(io.Discard, r.Body)
		return r.StatusCode
	}
	for _, who := range []string{"reader", "bv2"} {
		if s := ask(who, "POST", "/dicom-web/studies", o.Part10()); s != 200 {
			t.Fatal(s)
		}
	}
	const web, bv2 = "/dicom-web", "/dicom-web/facilities/BV2"
	for _, step := range []struct {
		who, method, path string
		want              int
	}{
		{"archivist", "POST", bv2 + "/studies", 403}, // what is only seen is not written to
		{"reader", "DELETE", web + pathOf(o), 403},
		{"bv2", "DELETE", web + pathOf(o), 403},
		{"archivist", "DELETE", bv2 + pathOf(o), 403},
		{"reader", "GET", "/api/deleted", 403},
		{"archivist", "DELETE", web + pathOf(o) + "?purge=true", 403},
		{"archivist", "DELETE", web + pathOf(o), 200},
		{"reader", "GET", web + pathOf(o), 410},
		{"bv2", "GET", web + pathOf(o), 200},
		{"archivist", "GET", web + pathOf(o), 200}, // BV2's
		{"archivist", "DELETE", web + pathOf(o), 410},
		{"archivist", "GET", "/api/deleted", 200},
		{"archivist", "GET", "/api/deleted/1000", 404},
		{"archivist", "POST", "/api/deleted/3/purge", 403},
		{"reader", "POST", "/api/deleted/3/restore", 403},
		{"purger", "POST", "/api/deleted/3/purge", 200},
		{"all", "DELETE", bv2 + pathOf(o), 200},
		{"purger", "GET", "/api/deleted/5", 404}, // BV2's
		{"all", "GET", "/api/deleted/5", 200},
		{"bv2", "GET", web + "/studies/" + string(o.Study), 410},
		{"bv2", "GET", web + "/studies/" + "1.2", 404},
	} {
		var body []byte
		if step.method == "POST" && strings.HasPrefix(step.path, "/dicom-web") {
			body = o.Part10()
		}
		if got := ask(step.who, step.method, step.path, body); got != step.want {
			t.Errorf("%s %s %s: %d, want %d", step.who, step.method, step.path, got, step.want)
		}
	}
}
