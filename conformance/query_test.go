package conformance

import (
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/corpus"
	"github.com/halong-gateway/halong/internal/sample"
	"github.com/halong-gateway/halong/internal/scu"
)

// tool runs a program of DCMTK and gives what it says.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	needTool(t, name)
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(out)
}

// listening starts a program of DCMTK on a free port and waits until it listens.
func listening(t *testing.T, name string, args func(port string) []string) (address string) {
	t.Helper()
	needTool(t, name)
	address = freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(name, args(port)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	for range 3000 {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return address
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s does not listen", name)
	return ""
}

// sampleFiles writes the invented patient's objects into a folder.
func sampleFiles(t *testing.T, slices int) (dir string, objects []sample.Object) {
	t.Helper()
	dir = t.TempDir()
	objects = sample.New(sample.Options{Slices: slices}).Objects()
	for i := range objects {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.dcm", i)), objects[i].Part10(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, objects
}

func sendFiles(t *testing.T, address string, files ...string) {
	t.Helper()
	_, err := scu.Send(t.Context(), scu.Target{Address: address, CallingAE: "TEST", CalledAE: "HALONG"}, files, func(r scu.Result) {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Name, r.Err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// findAnswers counts the answers that findscu prints, and gives the lines with a tag.
func findAnswers(out, tag string) (n int, lines []string) {
	n = len(regexp.MustCompile(`Find Response: \d+ \(`).FindAllString(out, -1))
	for l := range strings.SplitSeq(out, "\n") {
		if i := strings.Index(l, "("+tag+")"); i >= 0 && strings.HasPrefix(l, "I: ") {
			lines = append(lines, l[i:])
		}
	}
	return n, lines
}

// TestFindscu: C-FIND of DCMTK in every model and at every level.
func TestFindscu(t *testing.T) {
	interop(t, peerDCMTK, "C-FIND", asSCP, "findscu: every information model and level; C-CANCEL")
	g := serve(t, onLoopback(t.TempDir()))
	dir, objects := sampleFiles(t, 3)
	sendFiles(t, g.DICOM, list(t, dir)...)
	host, port, _ := net.SplitHostPort(g.DICOM)
	ct := objects[0]
	series := map[dicom.UID]bool{}
	inStudy := 0
	for _, o := range objects {
		if o.Study == ct.Study {
			series[o.Series] = true
			inStudy++
		}
	}
	for _, c := range []struct {
		name  string
		model string
		keys  []string
		n     int
		tag   string
		want  string // in the first line with the tag
	}{
		{"patients", "-P", []string{"QueryRetrieveLevel=PATIENT", "PatientID", "NumberOfPatientRelatedStudies"}, 1, "0010,0020", "[BN000123]"},
		{"study by name without diacritics", "-S", []string{"QueryRetrieveLevel=STUDY", "PatientName=nguyen^van*", "StudyInstanceUID=" + string(ct.Study)}, 1, "0008,0005", "[ISO_IR 192]"},
		{"counts", "-S", []string{"QueryRetrieveLevel=STUDY", "StudyInstanceUID=" + string(ct.Study), "NumberOfStudyRelatedInstances"}, 1, "0020,1208", fmt.Sprintf("[%d", inStudy)},
		{"retrieve AE", "-S", []string{"QueryRetrieveLevel=STUDY", "StudyInstanceUID=" + string(ct.Study)}, 1, "0008,0054", "[HALONG"},
		{"nothing", "-S", []string{"QueryRetrieveLevel=STUDY", "PatientID=NOBODY"}, 0, "", ""},
		{"patient root study", "-P", []string{"QueryRetrieveLevel=STUDY", "PatientID=BN000123", "StudyInstanceUID=" + string(ct.Study)}, 1, "0020,000d", string(ct.Study)},
		{"patient study only", "-O", []string{"QueryRetrieveLevel=STUDY", "PatientID=BN000123", "StudyInstanceUID=" + string(ct.Study)}, 1, "", ""},
		{"series", "-S", []string{"QueryRetrieveLevel=SERIES", "StudyInstanceUID=" + string(ct.Study), "SeriesInstanceUID", "Modality"}, len(series), "", ""},
		{"images", "-S", []string{"QueryRetrieveLevel=IMAGE", "StudyInstanceUID=" + string(ct.Study), "SeriesInstanceUID=" + string(ct.Series), "SOPInstanceUID", "PixelSpacing"}, 3, "0028,0030", "["},
		{"uid list", "-S", []string{
			"QueryRetrieveLevel=IMAGE", "StudyInstanceUID=" + string(ct.Study), "SeriesInstanceUID=" + string(ct.Series),
			"SOPInstanceUID=" + string(objects[0].SOPInstance) + `\` + string(objects[1].SOPInstance),
		}, 2, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"-v", c.model, "-aec", "HALONG"}
			for _, k := range c.keys {
				args = append(args, "-k", k)
			}
			out := tool(t, "findscu", append(args, host, port)...)
			n, lines := findAnswers(out, c.tag)
			if n != c.n {
				t.Errorf("%d answers, want %d\n%s", n, c.n, out)
			}
			if c.tag != "" && (len(lines) == 0 || !strings.Contains(lines[len(lines)-1], c.want)) {
				t.Errorf("%s is %q, want %s\n%s", c.tag, lines, c.want, out)
			}
		})
	}
	t.Run("above missing", func(t *testing.T) {
		out, _ := exec.Command("findscu", "-v", "-S", "-k", "QueryRetrieveLevel=SERIES", "-k", "SeriesInstanceUID", host, port).CombinedOutput()
		if !strings.Contains(string(out), "DataSetDoesNotMatchSOPClass") {
			t.Errorf("not A900:\n%s", out)
		}
	})
	t.Run("N14 cancel", func(t *testing.T) {
		out := tool(t, "findscu", "-v", "-S", "--cancel", "1", "-k", "QueryRetrieveLevel=IMAGE", "-k", "StudyInstanceUID="+string(ct.Study),
			"-k", "SeriesInstanceUID="+string(ct.Series), host, port)
		if !strings.Contains(out, "Cancel") {
			t.Errorf("not cancelled:\n%s", out)
		}
	})
}

// sums gives the digests of the data sets of a folder's files, sorted.
func sums(t *testing.T, names []string) (out []string) {
	t.Helper()
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		h, _, err := dataset.ReadFileHeader(strings.NewReader(string(b)), dataset.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%x", sha256.Sum256(b[len(h.Raw):])))
	}
	sort.Strings(out)
	return out
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s: %d data sets, want %d, or others", what, len(got), len(want))
	}
}

// ofStudy gives the files of one study.
func ofStudy(t *testing.T, dir string, objects []sample.Object, study dicom.UID) (names []string) {
	all := list(t, dir)
	for i := range objects {
		if objects[i].Study == study {
			names = append(names, all[i])
		}
	}
	return names
}

// TestGetscu: C-GET of DCMTK brings the very bytes, and says what it cannot bring.
func TestGetscu(t *testing.T) {
	interop(t, peerDCMTK, "C-GET", asSCP, "getscu: every Data Set as it is stored; converted to Implicit VR Little Endian where it asks for that")
	g := serve(t, onLoopback(t.TempDir()))
	dir, objects := sampleFiles(t, 3)
	sendFiles(t, g.DICOM, list(t, dir)...)
	host, port, _ := net.SplitHostPort(g.DICOM)
	study := objects[0].Study
	for _, level := range [][]string{
		{"-S", "-k", "QueryRetrieveLevel=STUDY"},
		{"-P", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=BN000123"},
	} {
		out := t.TempDir()
		args := append([]string{"+B", "+xe", "-aec", "HALONG", "-od", out}, level...)
		tool(t, "getscu", append(args, "-k", "StudyInstanceUID="+string(study), host, port)...)
		same(t, "getscu "+level[0], sums(t, list(t, out)), sums(t, ofStudy(t, dir, objects, study)))
	}
	out := t.TempDir() // in Implicit VR Little Endian: converted
	tool(t, "getscu", "+xi", "-S", "-aec", "HALONG", "-od", out, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID="+string(study), host, port)
	if got := list(t, out); len(got) != len(ofStudy(t, dir, objects, study)) {
		t.Errorf("%d files in Implicit VR", len(got))
	}
	// A compressed object that the peer takes no transfer syntax of.
	name := filepath.Join(corpus.Dir(t, "dicom/pydicom-data"), "US1_J2KI.dcm")
	sendFiles(t, g.DICOM, name)
	said := findFile(t, name)
	text, _ := exec.Command("getscu", "-v", "-S", "-aec", "HALONG", "-od", t.TempDir(), "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID="+said, host, port).CombinedOutput()
	if !strings.Contains(string(text), "Failed Suboperations    : 1") && !strings.Contains(strings.ToLower(string(text)), "failed") {
		t.Errorf("the failed sub-operation is not told:\n%s", text)
	}
}

// findFile gives the Study Instance UID of a file.
func findFile(t *testing.T, name string) string {
	t.Helper()
	out := tool(t, "dcmdump", "+P", "0020,000d", name)
	m := regexp.MustCompile(`\[([0-9.]+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatal(out)
	}
	return m[1]
}

// TestMovescu: C-MOVE of DCMTK to its storescp.
func TestMovescu(t *testing.T) {
	interop(t, peerDCMTK, "C-MOVE", asSCP, "movescu, to storescp: every Data Set as it is stored; unknown destination, destination down, nothing matches")
	interop(t, peerDCMTK, "C-STORE", asSCU, "sub-operations of C-MOVE to storescp +xa, and +xi")
	in := t.TempDir()
	address := listening(t, "storescp", func(port string) []string {
		return []string{"+xa", "+B", "-aet", "STORE", "-od", in, port}
	})
	implicit := t.TempDir()
	implicitAddress := listening(t, "storescp", func(port string) []string { return []string{"+xi", "-od", implicit, port} })
	c := onLoopback(t.TempDir())
	c.DICOM.Destinations = []config.Destination{
		{AE: "STORE", Address: address},
		{AE: "IMPLICIT", Address: implicitAddress},
		{AE: "DOWN", Address: "127.0.0.1:1"},
	}
	g := serve(t, c)
	dir, objects := sampleFiles(t, 3)
	files := append(list(t, dir), filepath.Join(corpus.Dir(t, "dicom/pydicom-data"), "US1_J2KI.dcm"))
	sendFiles(t, g.DICOM, files...)
	host, port, _ := net.SplitHostPort(g.DICOM)
	move := func(to string, args ...string) string {
		needTool(t, "movescu")
		all := append([]string{"-v", "-S", "-aec", "HALONG", "-aem", to}, args...)
		out, _ := exec.Command("movescu", append(all, host, port)...).CombinedOutput() // fails when a sub-operation does
		return string(out)
	}
	study := objects[0].Study
	byStudy := []string{"-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=" + string(study)}
	compressed := []string{"-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=" + findFile(t, files[len(files)-1])}

	if out := move("STORE", byStudy...); !strings.Contains(out, "Success") {
		t.Errorf("move:\n%s", out)
	}
	if out := move("STORE", compressed...); !strings.Contains(out, "Success") {
		t.Errorf("move of a compressed object:\n%s", out)
	}
	same(t, "storescp", sums(t, list(t, in)), sums(t, append(ofStudy(t, dir, objects, study), files[len(files)-1])))
	if out := move("IMPLICIT", byStudy...); !strings.Contains(out, "Success") || len(list(t, implicit)) != len(ofStudy(t, dir, objects, study)) {
		t.Errorf("move to a peer of Implicit VR Little Endian alone:\n%s", out)
	}
	for _, c := range []struct {
		name, to string
		keys     []string
		want     string
	}{
		{"N15 unknown destination", "NOWHERE", byStudy, "MoveDestinationUnknown"},
		{"N15 nothing matches", "DOWN", []string{"-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3"}, "Success"},
		{"N15 all failed", "DOWN", byStudy, "SubOperations"},
		{"N15 not accepted", "IMPLICIT", compressed, "SubOperations"},
		{"no unique key", "STORE", []string{"-k", "QueryRetrieveLevel=STUDY"}, "DataSetDoesNotMatchSOPClass"},
	} {
		if out := move(c.to, c.keys...); !strings.Contains(out, c.want) {
			t.Errorf("%s: no %s\n%s", c.name, c.want, out)
		}
	}
}
