package conformance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
)

// edge is one sequence of messages about patients of its own, and what is served afterwards. In segments "#" stands for its prefix.
type edge struct {
	name  string
	steps []string // "A40 PID|1||#B^^^HIS|MRG…": an event and its segments with newlines between; "image #A": an image comes
	want  string   // Patient IDs and names of its images in their order
	warns string   // ERR-2 of the last answer that has one
}

// storeAt stores an object under an AE title of ours.
func storeAt(t *testing.T, addr, title string, o *object) {
	t.Helper()
	a, err := dimse.Dial(t.Context(), addr, dimse.Options{CallingAE: "CT1", CalledAE: cmp.Or(title, "HALONG"), Contexts: []pdu.ProposedContext{{
		AbstractSyntax: ctImageStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Store(t.Context(), ctImageStorage, o.sop, dicom.ExplicitVRLittleEndian, bytes.NewReader(o.data))
	if err = errors.Join(err, a.Release()); err != nil {
		t.Fatal(err)
	}
}

// TestIdentityEdges sends messages in the orders in which hospitals send them, right and wrong ones, to the running program, and looks at who is served, before
// and after the index was made again.
func TestIdentityEdges(t *testing.T) {
	pid := func(id, name string) string { return "PID|1||#" + id + "^^^HIS^MR||" + name + "||19850102|F" }
	two := func(id, name string) string { return strings.Replace(pid(id, name), "|1|", "|2|", 1) }
	mrg := func(id string) string { return "MRG|#" + id + "^^^HIS^MR" }
	received := func(id string) string { return "#" + id + " TRẦN^THỊ^#" + id }
	all := []edge{
		{"prior unknown, images before", []string{"image A", "A40", pid("B", "New^B"), mrg("A")}, "#B New^B", ""},
		{"prior unknown, images after", []string{"A40", pid("B", "New^B"), mrg("A"), "image A"}, "#B New^B", ""},
		{"survivor unknown", []string{"A04", pid("A", "Old^A"), "image A", "A40", pid("B", ""), mrg("A")}, "#B TRẦN^THỊ^#A", ""},
		{"survivor told of before and not in the A40", []string{"A04", pid("B", "New^B"), "image A", "A40", pid("B", ""), mrg("A")}, "#B New^B", ""},
		{"merged elsewhere already", []string{"image A", "A40", pid("B", "New^B"), mrg("A"), "A40", pid("C", "Third^C"), mrg("A")}, "#B New^B", "MRG^1^1"},
		{"over another", []string{"image A", "image B", "A40", pid("B", "New^B"), mrg("A"), "A40", pid("C", "Third^C"), mrg("B")}, "#C Third^C, #C Third^C", ""},
		{"into one who is merged", []string{"image A", "A40", pid("C", "Third^C"), mrg("B"), "A40", pid("B", "New^B"), mrg("A")}, "#C Third^C", ""},
		{"in a circle", []string{"image A", "image C", "A40", pid("B", "New^B"), mrg("A"), "A40", pid("C", "Third^C"), mrg("B"), "A40", pid("A", "Old^A"), mrg("C")}, "#C Third^C, " + received("C"), "MRG^1^1"},
		{"with itself", []string{"image A", "A40", pid("A", "New^A"), mrg("A")}, received("A"), "MRG^1^1"},
		{"the other way round", []string{"image A", "image B", "A40", pid("B", "New^B"), mrg("A"), "A40", pid("A", "Old^A"), mrg("B")}, received("A") + ", #A Old^A", ""},
		{"again", []string{"image A", "A40", pid("B", "New^B"), mrg("A"), "A40", pid("B", "New^B"), mrg("A")}, "#B New^B", ""},
		{"several pairs", []string{"image A", "image C", "A40", pid("B", "New^B"), mrg("A"), two("D", "New^D"), mrg("C")}, "#B New^B, #D New^D", ""},
		{"one of several pairs is wrong", []string{"image A", "image C", "A40", pid("B", "New^B"), mrg("A"), two("C", "New^C"), mrg("C")}, received("A") + ", " + received("C"), "MRG^2^1"},
		{"linked", []string{"image A", "image B", "A24", pid("A", "Old^A"), two("B", "New^B")}, received("A") + ", " + received("B"), ""},
		{"unlinked", []string{"image A", "A24", pid("A", "Old^A"), two("B", "New^B"), "A37", pid("A", "Old^A"), two("B", "New^B")}, received("A"), ""},
		{"unlinked, and never linked", []string{"image A", "A37", pid("A", ""), two("B", "")}, received("A"), "PID^2^3"},
		{"merged and unlinked", []string{"image A", "A40", pid("B", "New^B"), mrg("A"), "A37", pid("A", ""), two("B", "")}, received("A"), ""},
		{"identifier changed", []string{"A04", pid("A", "Old^A"), "image A", "A47", pid("B", "Old^A"), mrg("A"), "image B"}, "#B Old^A, " + received("B"), ""},
		{"identifier changed and back", []string{"image A", "A47", pid("B", "Old^A"), mrg("A"), "A47", pid("A", "Old^A"), mrg("B")}, received("A"), ""},
		{"an update of one who is merged", []string{"image A", "A40", pid("B", "New^B"), mrg("A"), "A31", pid("A", "Late^A"), "A08", pid("A", "Later^A")}, "#B New^B", ""},
		{"an update of who survives", []string{"image A", "A40", pid("B", "New^B"), mrg("A"), "A31", pid("B", "Newer^B")}, "#B Newer^B", ""},
		{"a visit of one who is merged", []string{"image A", "A40", pid("B", "New^B"), mrg("A"), "A01", pid("A", "Late^A"), "image A"}, "#B New^B, #B New^B", ""},
		{"a visit called off", []string{"image A", "A01", pid("A", "Old^A"), "A11", pid("A", "Old^A")}, received("A"), ""},
		{"a visit called off after a merge", []string{"image A", "A40", pid("B", "New^B"), mrg("A"), "A11", pid("A", "Old^A")}, "#B New^B", ""},
		{"two assigning authorities, one number", []string{
			"A04", "PID|1||#A^^^HIS||One^A", "A04", "PID|1||#A^^^LAB||Two^A", "image A", "A40", pid("B", "New^B"), "MRG|#A^^^LAB",
		}, received("A"), ""}, // it is not certain whose the image is
		{"the same number elsewhere", []string{"image A", "image A at HALONG_ELSE", "A40", pid("B", "New^B"), mrg("A")}, "#B New^B, " + received("A"), ""},
	}
	c := onLoopback(t.TempDir())
	c.Facilities = []config.Facility{{Name: "ELSE", AE: "HALONG_ELSE"}}
	g := serve(t, c)
	w := &merging{t: t, gateway: g}
	images := map[string][]object{}
	study := 9700
	prefix := func(i int) string { return fmt.Sprint("E", i, "X") }
	for i, e := range all {
		fill := strings.NewReplacer("#", prefix(i)).Replace
		warns := ""
		for n := 0; n < len(e.steps); {
			step := e.steps[n]
			n++
			if of, ok := strings.CutPrefix(step, "image "); ok {
				id, at, _ := strings.Cut(of, " at ")
				study++
				o := newObject(study, 1, 256, prefix(i)+id)
				storeAt(t, g.DICOM, at, &o)
				images[e.name] = append(images[e.name], o)
				continue
			}
			var segments []string
			for ; n < len(e.steps) && strings.Contains(e.steps[n], "|"); n++ {
				segments = append(segments, fill(e.steps[n]))
			}
			a := hl7(t, g.HL7, "ADT^"+step, append([]string{"EVN|" + step}, segments...)...)
			if !strings.Contains(a, "MSA|AA|") {
				t.Errorf("%s: %q", e.name, a)
			}
			if _, rest, ok := strings.Cut(a, "\rERR||"); ok {
				warns, _, _ = strings.Cut(rest, "|")
			}
		}
		if warns != e.warns {
			t.Errorf("%s: the sender is warned at %q", e.name, warns)
		}
	}
	check := func(when string) {
		t.Helper()
		for i, e := range all {
			var got []string
			for _, o := range images[e.name] {
				row := w.inJSON("/dicom-web/studies?StudyInstanceUID=" + string(o.study))
				if metadata := w.inJSON("/dicom-web/studies/" + string(o.study) + "/metadata"); metadata != row {
					t.Errorf("%s, %s: %q and %q", e.name, when, row, metadata)
				}
				got = append(got, row)
			}
			if d := gocmp.Diff(strings.ReplaceAll(e.want, "#", prefix(i)), strings.Join(got, ", ")); d != "" {
				t.Errorf("%s, %s: %s", e.name, when, d)
			}
		}
	}
	check("at once")
	patients := func() []string {
		var l app.PatientList
		if status := askPatients(t, http.MethodGet, "http://"+g.HTTP+"/api/patients?limit=1000", "", nil, &l); status != http.StatusOK {
			t.Fatal(status)
		}
		var out []string
		for _, p := range l.Patients {
			b, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(b))
		}
		sort.Strings(out)
		return out
	}
	before := patients()
	if err := errors.Join(g.stop(), os.RemoveAll(filepath.Join(c.Data, "index"))); err != nil {
		t.Fatal(err)
	}
	g = serve(t, c)
	w.gateway = g
	check("made again")
	if d := gocmp.Diff(before, patients()); d != "" {
		t.Error(d)
	}
}
