package conformance

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/internal/corpus"
)

// peer is what PEERS.tsv says of one file of the corpus.
type peer struct{ dcmdump, orthanc string }

func peers(t *testing.T) map[string]peer {
	t.Helper()
	f, err := os.Open(corpus.Dir(t, "PEERS.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	all := map[string]peer{}
	for _, row := range rows[1:] {
		all[row[0]] = peer{row[column["dcmdump_rc"]], row[column["orthanc_cstore_unknown_sop_ok"]]}
	}
	return all
}

// files gives every file below dir with its bytes.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestCorpusByCStore sends every file of the corpus with DCMTK's dcmsend, as
// PEERS.tsv was made, imports what DCMTK cannot send, and takes everything out again.
func TestCorpusByCStore(t *testing.T) {
	t.Parallel()
	needTool(t, "dcmsend")
	needTool(t, "dcmdump")
	expect := peers(t)
	root := filepath.Dir(corpus.Dir(t, "PEERS.tsv"))
	data := t.TempDir()
	p := start(t, data)
	w := newWire(t, p.DICOM)
	accepted, lost := 0, []string{}
	for name, e := range expect {
		if dcmsend(t, w.addr, filepath.Join(root, name)) {
			accepted++
		} else if e.orthanc == "Success" {
			lost = append(lost, name)
		}
	}
	p.stop(t)
	t.Logf("C-STORE: %d of %d accepted", accepted, len(expect))
	if accepted < 306 {
		t.Errorf("C-STORE: %d accepted, want at least 306; Orthanc takes but we do not: %v", accepted, lost)
	}
	checkWire(t, data, w)

	out, _ := exec.Command(program(t), "import", "--data", data, filepath.Join(root, "dicom")).CombinedOutput() // exit 3: some are quarantined
	stored := checkEveryFile(t, data, filepath.Join(root, "dicom"))
	t.Logf("C-STORE and import: %d of %d files stored, the rest in quarantine\n%s", stored, len(expect), lastLines(string(out), 3))
	if stored < 316 {
		t.Errorf("%d files stored, want at least 316", stored)
	}
	checkDump(t, data, expect, root)
	t.Log(run(t, "verify", "--data", data))
}

// dcmsend sends one file in its own transfer syntax and tells whether it was stored.
func dcmsend(t *testing.T, addr, file string) bool {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.txt")
	cmd := exec.Command("dcmsend", "-nuc", "+f", "-dn", "-aec", "HALONG", "+crf", report, host, port, file)
	cmd.Env = append(os.Environ(), "TCP_NODELAY=1") // DCMTK's own switch; saves 44 ms a file
	out, err := cmd.CombinedOutput()
	if err != nil {
		return false
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Contains(string(text), "* with status SUCCESS  : 1") || strings.Contains(string(text), "* with status WARNING  : 1")
}

// exported exports into a new folder and gives the files.
func exported(t *testing.T, data string, args ...string) map[string][]byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	run(t, append([]string{"export", "--quiet", "--data", data, "--out", out}, args...)...)
	return files(t, out)
}

// checkWire compares all versions and the quarantine with what passed the wire.
func checkWire(t *testing.T, data string, w *wire) {
	t.Helper()
	have := map[[32]byte]bool{}
	for name, b := range exported(t, data, "--all-versions") {
		d, err := dataSetDigest(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		have[d] = true
	}
	for _, b := range exported(t, data, "--quarantine") {
		have[sha256.Sum256(b)] = true
	}
	missing := 0
	for d := range w.seen {
		if !have[d] {
			missing++
		}
	}
	t.Logf("%d different data sets passed the wire", len(w.seen))
	if missing > 0 {
		t.Errorf("%d of them are not given back bit for bit", missing)
	}
}

// checkEveryFile tells how many files of the folder are stored. Every other one must be
// in quarantine with a reason; both are compared bit for bit.
func checkEveryFile(t *testing.T, data, dir string) int {
	t.Helper()
	stored, quarantined := map[[32]byte]bool{}, map[[32]byte]bool{}
	for name, b := range exported(t, data, "--all-versions") {
		d, err := dataSetDigest(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		stored[d] = true
	}
	for _, b := range exported(t, data, "--all-versions", "--as-received") {
		stored[sha256.Sum256(b)] = true // deflated data sets end with a pad byte, which the digest of theirs leaves out
	}
	for _, b := range exported(t, data, "--quarantine") {
		quarantined[sha256.Sum256(b)] = true
	}
	n := 0
	for name, b := range files(t, dir) {
		d, err := dataSetDigest(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		switch {
		case stored[d] || stored[sha256.Sum256(b)]:
			n++
		case !quarantined[sha256.Sum256(b)] && isObjectFile(name):
			t.Errorf("%s is neither stored nor in quarantine, bit for bit", name)
		}
	}
	checkReasons(t, data, len(quarantined))
	return n
}

// isObjectFile leaves out the notes that lie beside the objects, and media
// directories, which import reads as such.
func isObjectFile(name string) bool {
	if strings.HasPrefix(filepath.Base(name), "DICOMDIR") {
		return false
	}
	switch filepath.Ext(name) {
	case ".md", ".txt", ".dump", ".json", ".tsv":
		return false
	}
	return true
}

// checkReasons wants a reason for each entry.
func checkReasons(t *testing.T, data string, n int) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(run(t, "quarantine", "list", "--json", "--data", data)), "\n")
	if len(lines) < n {
		t.Errorf("%d entries listed for %d different files", len(lines), n)
	}
	for _, line := range lines {
		var e struct{ Reason string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Reason == "" {
			t.Errorf("no reason in %q (%v)", line, err)
		}
	}
}

// checkDump lets dcmdump read every export of a file that it can read itself.
func checkDump(t *testing.T, data string, expect map[string]peer, root string) {
	t.Helper()
	readable := map[[32]byte]bool{}
	for name, e := range expect {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if d, err := dataSetDigest(b); err == nil && e.dcmdump == "0" {
			readable[d] = true
		}
	}
	args := []string{"-q", "+L"}
	for name, b := range exported(t, data, "--all-versions") {
		if d, err := dataSetDigest(b); err == nil && readable[d] {
			args = append(args, name)
		}
	}
	n := len(args) - 2
	t.Logf("dcmdump reads %d exports", n)
	if n == 0 {
		t.Fatal("no export was compared")
	}
	var said bytes.Buffer
	cmd := exec.Command("dcmdump", args...) // of many files as of one, but its dictionary is read once
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		t.Errorf("dcmdump: %v: %s", err, said.String())
	}
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
