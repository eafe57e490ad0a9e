package conformance

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/sample"
)

// TestWrongPatientGoes: a study whose first object was another patient's is the right one's once that is deleted, rejected or purged: for
// findscu and QIDO-RS, and also when the index was made again from a store from which the object's bytes are gone.
func TestWrongPatientGoes(t *testing.T) {
	needTool(t, "findscu")
	c := onLoopback(t.TempDir())
	g := serve(t, c)
	x := &deleting{T: t, g: g, patient: sample.New(sample.Options{Seed: t.Name(), Slices: 3}), config: c}
	ct := x.patient.CT()
	wrong := ct[0]
	ts, _ := dicom.LookupTransferSyntax(wrong.TransferSyntax)
	s, err := dataset.Parse(wrong.DataSet, ts, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s.PutString(tag.PatientID, dicom.LO, "WRONG")
	s.PutString(tag.PatientName, dicom.PN, "Le^Thi B")
	wrong.DataSet = s.Append(nil, ts)
	x.store(wrong)
	x.store(ct[1:]...)

	sees := func(what string, ids ...string) {
		t.Helper()
		for _, id := range []string{"WRONG", x.patient.ID()} {
			_, body := g.ask(t, "/dicom-web/studies?PatientID="+id, "application/dicom+json")
			host, port, _ := strings.Cut(g.DICOM, ":")
			n, _ := findAnswers(tool(t, "findscu", "-S", "-aec", "HALONG", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID="+id, "-k", "StudyInstanceUID", host, port), "0020,000d")
			want := 0
			if strings.Contains(strings.Join(ids, " "), id) {
				want = 1
			}
			if q := len(uids(t, body, "0020000D")); q != want || n != want {
				t.Errorf("%s: %d studies of %s by QIDO-RS and %d by findscu, want %d", what, q, id, n, want)
			}
		}
	}
	sees("as sent", "WRONG")
	removed := x.remove(pathOf(wrong), `{"code": "113038"}`)
	sees("deleted", x.patient.ID())
	x.want(200, "POST", "/api/deleted/"+strconv.FormatUint(removed.ID, 10)+"/restore", "{}")
	sees("restored", "WRONG")
	x.store(x.patient.RejectionNote("wrong patient", "113038", "Incorrect Modality Worklist Entry", wrong))
	sees("rejected", x.patient.ID())
	removed = x.remove(pathOf(wrong), `{"code": "113038", "purge": true}`)
	sees("purged", x.patient.ID())
	ask := func() map[string][]byte {
		out := map[string][]byte{}
		for _, path := range []string{"/studies", "/series", "/instances"} {
			_, out[path] = g.ask(t, "/dicom-web"+path+"?includefield=all", "application/dicom+json")
		}
		return out
	}
	before := ask()
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}

	d := openData(t, c.Data)
	if _, err := d.Archive.Collect(context.Background(), d.Store); err != nil {
		t.Fatal(err)
	}
	closeData(t, d)
	if err := os.RemoveAll(filepath.Join(c.Data, "index")); err != nil {
		t.Fatal(err)
	}
	if done, err := app.Reindex(context.Background(), c, quiet()); err != nil || done.Lost > 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	g = serve(t, c)
	sees("made again", x.patient.ID())
	compare(t, before, ask())
}
