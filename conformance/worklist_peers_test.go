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

// findscuWorklist asks with findscu, by a file or by keys (-k), and gives the answers, each as text, sorted.
func findscuWorklist(t *testing.T, address string, query ...string) []string {
	t.Helper()
	dir := t.TempDir()
	host, port, _ := strings.Cut(address, ":")
	cmd := exec.Command("findscu", append([]string{"-W", "-X", "-aet", "MODALITY", "-aec", "HALONG", host, port}, query...)...)
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
	for _, q := range worklistQueries {
		query := []string{"-k", "PatientName", "-k", "PatientID", "-k", "SPS.ScheduledProcedureStepID"} // -k of the same attribute again takes its place
		for _, k := range strings.Fields(q.keys) {
			query = append(query, "-k", strings.ReplaceAll(k, "_", " "))
		}
		for i := range query {
			query[i] = strings.Replace(query[i], "SPS.", "(0040,0100)[0].", 1)
		}
		ours := findscuWorklist(t, g.DICOM, query...)
		if len(ours) != q.found {
			t.Errorf("%s: %d answers, not %d", q.keys, len(ours), q.found)
		}
		if q.more != "" {
			continue
		}
		if d := cmp.Diff(findscuWorklist(t, peer, query...), ours); d != "" {
			t.Errorf("%s: %s", q.keys, d)
		}
	}
}

// worklistQueries are asked of both servers beside the corpus' queries: keys for findscu, how many of its items are found, and why wlmscpfs finds others, or
// refuses the query, if it does.
var worklistQueries = []struct {
	keys  string
	found int
	more  string
}{
	{"SPS.Modality=CT", 4, ""},
	{"SPS.ScheduledStationAETitle=AA33_", 1, ""},
	{"SPS.ScheduledProcedureStepStartDate=19950101-19961231", 8, ""},
	{"SPS.ScheduledProcedureStepStartDate=19960101-", 6, ""},
	{"SPS.ScheduledProcedureStepStartTime=085607", 1, ""},
	{"SPS.ScheduledProcedureStepStartTime=0900-1000", 1, ""},
	{"SPS.ScheduledProcedureStepStartDate=19951001-19960430 SPS.ScheduledProcedureStepStartTime=090000-110000", 6, ""},
	{"SPS.ScheduledProcedureStepStartDate=19951015-19951016 SPS.ScheduledProcedureStepStartTime=090000-080000", 0, ""},
	{"SPS.ScheduledProcedureStepStartDate=19951015- SPS.ScheduledProcedureStepStartTime=090000-", 7, ""},
	{"PatientName=*ANTONIO", 3, ""},
	{"PatientName=VIVALD?^ANTONIO", 3, ""},
	{"PatientName=VIVALDI", 0, ""},
	{"PatientName=* SPS.Modality=*", 10, ""},
	{"PatientName=*N* SPS.Modality=MR", 2, ""},
	{"PatientID=AV35674", 3, ""},
	{"PatientID=NOSUCH", 0, ""},
	{"AccessionNumber=0000*", 10, ""},
	{"RequestedProcedureID=RP454G234", 1, ""},
	{"RequestedProcedurePriority=LOW", 6, ""},
	{"PatientBirthDate=17000101-", 7, ""},
	{"SPS.ScheduledPerformingPhysicianName=J*", 3, ""},
	{"QueryRetrieveLevel=STUDY PatientID=AV35674", 3, ""},
	{"RequestedProcedureDescription SPS.ScheduledProcedureStepDescription SPS.PreMedication", 10, ""},
	{"PatientName=vivaldi*", 3, "names have no case"},
	{"PatientID=AV*", 3, "no wildcards in numbers"},
	{"SPS.Modality=C*", 6, "nor in codes"},
	{`SPS.Modality=CT\MR`, 6, "a list is refused"},
	{`StudyInstanceUID=1.2.276.0.7230010.3.2.101\1.2.276.0.7230010.3.2.102`, 2, "not matched by"},
	{"SPS.ScheduledProcedureStepID=SPD3445", 1, "not matched by"},
	{"SPS.ScheduledStationName=STN456", 1, "not matched by"},
	{"RequestedProcedureDescription=EXAM6*", 2, "not matched by"},
	{"(0032,1064)[0].CodeValue=ZZZ", 0, "sequences are not matched by"},
	{"SPS.(0040,0008)[0].CodeMeaning", 10, "their empty item, our empty sequence"},
	{"Manufacturer=ACME", 10, ""},
}
