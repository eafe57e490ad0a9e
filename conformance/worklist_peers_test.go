package conformance

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/corpus"
)

// fromDumps turns DCMTK's dumps of a folder into files.
func fromDumps(t *testing.T, from, pattern, to, ending string) (files []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(from, pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no dumps in %s: %v", from, err)
	}
	for _, n := range names {
		file := filepath.Join(to, strings.TrimSuffix(filepath.Base(n), ".dump")+ending)
		if out, err := exec.Command("dump2dcm", "-q", "+te", n, file).CombinedOutput(); err != nil {
			t.Fatalf("dump2dcm %s: %v\n%s", n, err, out)
		}
		files = append(files, file)
	}
	return files
}

// findscuWorklist asks with findscu and gives the answers, each as text, sorted.
func findscuWorklist(t *testing.T, address, query string) []string {
	t.Helper()
	dir := t.TempDir()
	host, port, _ := strings.Cut(address, ":")
	cmd := exec.Command("findscu", "-W", "-X", "-aet", "MODALITY", "-aec", "HALONG", host, port, query)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("findscu %s: %v\n%s", query, err, out)
	}
	names, err := filepath.Glob(filepath.Join(dir, "rsp*.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	var answers []string
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		h, rest, err := dataset.ReadFileHeader(bytes.NewReader(b), dataset.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		ts, _ := dicom.LookupTransferSyntax(h.TransferSyntax)
		s, err := dataset.NewReader(rest, ts).ReadSet()
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, told(s, ""))
	}
	slices.Sort(answers)
	return answers
}

// told writes down every value of a Data Set. Attributes without a value are left out, as peers differ in those of type 2 and 3; so is the state, which
// wlmscpfs' items have none of.
func told(s *dataset.Set, indent string) string {
	var b strings.Builder
	for i := range s.Elements {
		e := &s.Elements[i]
		switch {
		case e.Tag == tag.ScheduledProcedureStepStatus || e.Tag == tag.SpecificCharacterSet:
		case len(e.Items) > 0:
			fmt.Fprintf(&b, "%s%v\n", indent, e.Tag)
			for _, item := range e.Items {
				b.WriteString(told(item, indent+"> "))
			}
		case len(s.Strings(e.Tag)) > 0:
			fmt.Fprintf(&b, "%s%v %s\n", indent, e.Tag, strings.Join(s.Strings(e.Tag), `\`))
		}
	}
	return b.String()
}

// TestWorklistBesideWlmscpfs: DCMTK's findscu gets from our worklist what it gets from DCMTK's worklist server, for each of the corpus' queries, with
// the corpus' items in both.
func TestWorklistBesideWlmscpfs(t *testing.T) {
	for _, tool := range []string{"wlmscpfs", "findscu", "dump2dcm"} {
		needTool(t, tool)
	}
	interop(t, peerDCMTK, "C-FIND", asSCP, "findscu -W: Modality Worklist, the answers that wlmscpfs gives")
	items, queries := filepath.Join(corpus.Dir(t, "worklist"), "dcmtk-wlistdb"), filepath.Join(corpus.Dir(t, "worklist"), "dcmtk-wlistqry")
	dir := t.TempDir()
	files := fromDumps(t, items, "*.dump", dir, ".wl")
	folder := filepath.Join(dir, "db", "HALONG")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Rename(f, filepath.Join(folder, filepath.Base(f))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "lockfile"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	peer := listening(t, "wlmscpfs", func(port string) []string { return []string{"-dfp", filepath.Dir(folder), port} })
	g := serve(t, onLoopback(t.TempDir()))
	wl, _ := filepath.Glob(filepath.Join(folder, "*.wl"))
	for range 2 { // the second time they replace what is there
		if out := run(t, append([]string{"worklist", "import", "--url", g.URL}, wl...)...); !strings.Contains(out, fmt.Sprintf("%d items imported", len(wl))) {
			t.Fatal(out)
		}
	}
	answered := 0
	for _, q := range fromDumps(t, queries, "*.dump", dir, ".dcm") {
		ours, theirs := findscuWorklist(t, g.DICOM, q), findscuWorklist(t, peer, q)
		if d := cmp.Diff(theirs, ours); d != "" {
			t.Errorf("%s: %s", filepath.Base(q), d)
		}
		answered += len(ours)
	}
	if answered < 50 {
		t.Errorf("%d answers in all", answered)
	}
}
