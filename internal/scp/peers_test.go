package scp

import (
	"crypto/sha256"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/internal/corpus"
	"github.com/halong-gateway/halong/internal/scu"
)

// need gives the path of a program of Debian's dcmtk.
func need(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: apt-get install dcmtk", name)
	}
	t.Skipf("%s is missing: apt-get install dcmtk", name)
	return ""
}

func run(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(need(t, name), args...).CombinedOutput()
	return string(out), err
}

// TestDCMTK: DCMTK's own tools, with its smallest and largest PDUs.
func TestDCMTK(t *testing.T) {
	h := &hasher{}
	host, port, err := net.SplitHostPort(start(t, Config{Storer: h, AE: "HALONG", CheckCalledAE: true}))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, "echoscu", "-aec", "HALONG", host, port); err != nil {
		t.Errorf("echoscu: %v\n%s", err, out)
	}
	if out, err := run(t, "echoscu", "-aec", "WRONG", host, port); err == nil || !regexp.MustCompile("Called AE Title Not Recognized").MatchString(out) {
		t.Errorf("echoscu with another called AE title: %v\n%s", err, out)
	}
	if out, err := run(t, "echoscu", "-aec", "HALONG", "-ppc", "128", "-pts", "38", "--repeat", "3", host, port); err != nil {
		t.Errorf("echoscu with 128 contexts: %v\n%s", err, out)
	}
	if out, err := run(t, "echoscu", "-aec", "HALONG", "--abort", host, port); err != nil {
		t.Errorf("echoscu --abort: %v\n%s", err, out)
	}
	file := filepath.Join(corpus.Dir(t, "dicom/pydicom"), "CT_small.dcm")
	if _, err := os.Stat(file); err != nil {
		found, _ := filepath.Glob(filepath.Join(corpus.Dir(t, "dicom/pydicom"), "*", "CT_small.dcm"))
		if len(found) == 0 {
			t.Fatal("no CT_small.dcm in the corpus")
		}
		file = found[0]
	}
	for _, max := range []string{"4096", "16384", "131072"} {
		if out, err := run(t, "storescu", "-aec", "HALONG", "-pdu", max, "--max-send-pdu", max, host, port, file); err != nil {
			t.Errorf("storescu: %v\n%s", err, out)
		}
	}
	sums := map[[32]byte]bool{}
	for _, r := range h.all() {
		sums[r.sum] = true
	}
	if n := len(h.all()); n != 3 || len(sums) != 1 {
		t.Errorf("%d objects, %d different", n, len(sums))
	}
}

// TestCorpusFromDCMTK: dcmsend puts the corpus through C-STORE; what it can send is taken.
func TestCorpusFromDCMTK(t *testing.T) {
	if testing.Short() {
		t.Skip("sends the whole corpus")
	}
	h := &hasher{}
	host, port, err := net.SplitHostPort(start(t, Config{Storer: h}))
	if err != nil {
		t.Fatal(err)
	}
	out, _ := run(t, "dcmsend", "-v", "-nh", "-nuc", "+f", "-dn", "+sd", "+r", host, port, corpus.Dir(t, "dicom")) // what it cannot read makes it fail
	m := regexp.MustCompile(`with status SUCCESS\s*:\s*(\d+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("dcmsend says:\n%s", out[max(0, len(out)-2000):])
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("dcmsend: %d files with status success, %d received", n, len(h.all()))
	if n < 300 || n != len(h.all()) {
		t.Errorf("%d files sent, %d received, want at least 300\n%s", n, len(h.all()), out[max(0, len(out)-2000):])
	}
}

// TestCorpusFromSCU: our own SCU sends the corpus and every data set arrives as it lies in its file.
func TestCorpusFromSCU(t *testing.T) {
	h := &hasher{}
	addr := start(t, Config{Storer: h})
	var files []string
	err := filepath.WalkDir(corpus.Dir(t, "dicom"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][32]byte{}
	sum, err := scu.Send(t.Context(), scu.Target{Address: addr, CallingAE: "SCU", CalledAE: "HALONG"}, files, func(r scu.Result) {
		if r.Err == nil {
			want[r.Name] = dataSetSum(t, r.Name)
			return
		}
		t.Logf("%s: %v", filepath.Base(r.Name), r.Err)
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[[32]byte]int{}
	for _, r := range h.all() {
		got[r.sum]++
	}
	for name, s := range want {
		if got[s] == 0 {
			t.Errorf("%s arrived differently", name)
		}
		got[s]--
	}
	t.Logf("%d of %d sent", sum.Sent, len(files))
	if sum.Sent < 306 || len(h.all()) != sum.Sent {
		t.Errorf("%d sent, %d received", sum.Sent, len(h.all()))
	}
}

func dataSetSum(t *testing.T, name string) [32]byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, body, err := dataset.ReadFileHeader(f, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}

// TestManyContexts: more SOP Classes than one association can carry.
func TestManyContexts(t *testing.T) {
	h := &hasher{}
	addr := start(t, Config{Storer: h})
	dir := t.TempDir()
	var files []string
	for i := range 300 {
		class := dicom.UID("2.25." + strconv.Itoa(1000+i))
		b := dataset.AppendFileHeader(nil, class, "1.2.3", dicom.ExplicitVRLittleEndian, "")
		b = append(b, 0x08, 0, 0x60, 0, 'C', 'S', 2, 0, 'C', 'T')
		name := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	sum, err := scu.Send(t.Context(), scu.Target{Address: addr, CallingAE: "SCU", CalledAE: "HALONG"}, files, func(r scu.Result) {
		if r.Err != nil {
			t.Error(r.Err)
		}
	})
	if err != nil || sum != (scu.Summary{Sent: 300}) {
		t.Errorf("%+v, %v", sum, err)
	}
	classes := map[dicom.UID]bool{}
	for _, r := range h.all() {
		classes[r.SOPClass] = true
	}
	if len(classes) != 300 {
		t.Errorf("%d classes", len(classes))
	}
}
