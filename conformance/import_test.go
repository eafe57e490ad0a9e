package conformance

import (
	"bufio"
	"context"
	"crypto/sha256"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/corpus"
	"github.com/halong-gateway/halong/internal/transfer"
	"github.com/halong-gateway/halong/storage"
)

// openData opens a data folder without listeners.
func openData(t testing.TB, dir string) *app.Data {
	t.Helper()
	d, err := app.OpenData(context.Background(), onLoopback(dir), quiet())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func closeData(t testing.TB, d *app.Data) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// importAll imports paths and gives what became of each file.
func importAll(t testing.TB, d *app.Data, paths ...string) map[string]transfer.Note {
	t.Helper()
	notes := map[string]transfer.Note{}
	im := transfer.Import{
		Archive: d.Archive, Facility: halong.DefaultFacility,
		Done: func(n transfer.Note, _ int64) { notes[n.Name] = n },
	}
	sum, err := im.Run(context.Background(), paths)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(sum)
	return notes
}

// hashes gives the SHA-256 of every file below a folder.
func hashes(t testing.TB, dir string) map[[32]byte]string {
	t.Helper()
	out := map[[32]byte]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		out[sha256.Sum256(b)] = name
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// export writes everything: as Part 10, as received, and the quarantine.
func export(t testing.TB, d *app.Data, asReceived bool) string {
	t.Helper()
	out := t.TempDir()
	x := transfer.Export{Archive: d.Archive, Scope: halong.Everything(), Out: out, AsReceived: asReceived}
	if _, err := x.Instances(context.Background(), storage.Ref{AllVersions: true}); err != nil {
		t.Error(err)
	}
	if _, err := x.Quarantine(context.Background()); err != nil {
		t.Error(err)
	}
	return out
}

// Every file of the corpus is imported and comes out again bit for bit: every
// version, and what lies in quarantine.
func TestImportExportIsBitExact(t *testing.T) {
	t.Parallel()
	dir := corpus.Dir(t, "dicom")
	d := openData(t, t.TempDir())
	defer closeData(t, d)
	notes := importAll(t, d, dir)

	var filed, quarantined int
	received := hashes(t, export(t, d, true))
	for name, n := range notes {
		switch n.Result {
		case transfer.Stored, transfer.Version:
			filed++
		case transfer.Duplicate:
			filed++
			continue // the Data Set is there; what was around it may differ
		case transfer.Quarantined:
			quarantined++
			if n.Err == nil {
				t.Errorf("%s: in quarantine without a reason", name)
			}
		case transfer.Directory, transfer.Skipped:
			continue
		default:
			t.Errorf("%s: %s: %v", name, n.Result, n.Err)
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := received[sha256.Sum256(b)]; !ok {
			t.Errorf("%s (%s) did not come out as it went in", name, n.Result)
		}
	}
	t.Logf("%d filed, %d in quarantine", filed, quarantined)
	// Of 344 files 8 are DICOMDIRs and 20 lack UIDs.
	if filed < 316 {
		t.Errorf("only %d objects were filed, want at least 316", filed)
	}
	listed := 0
	for e, err := range d.Archive.QuarantineList(context.Background(), halong.Everything()) {
		if err != nil {
			t.Fatal(err)
		}
		if listed++; e.Reason == "" {
			t.Errorf("quarantine entry %d has no reason", e.Seq)
		}
	}
	if listed == 0 || listed != quarantined {
		t.Errorf("%d entries are listed, %d files were quarantined", listed, quarantined)
	}
	report, err := d.Verify(context.Background(), nil)
	if err != nil || len(report.Damage) > 0 {
		t.Errorf("verify: %v, %v", report.Damage, err)
	}

	checkDataSets(t, notes, export(t, d, false))
	again := importAll(t, d, dir)
	for name, n := range again {
		switch n.Result {
		case transfer.Duplicate, transfer.Quarantined, transfer.Directory, transfer.Skipped:
		default:
			t.Errorf("a second time, %s is %s: %v", name, n.Result, n.Err)
		}
	}
}

// dataSet gives the bytes after preamble and File Meta Information.
func dataSet(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	h, _, err := dataset.ReadFileHeader(strings.NewReader(string(b)), dataset.Limits{})
	if err != nil {
		return nil
	}
	return b[len(h.Raw):]
}

// checkDataSets compares the Data Sets of exported Part 10 files with those of
// the files that went in, and lets dcmdump read those that it could read before.
func checkDataSets(t *testing.T, notes map[string]transfer.Note, out string) {
	exported := map[[32]byte]string{}
	err := filepath.WalkDir(out, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			exported[sha256.Sum256(dataSet(t, name))] = name
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	needTool(t, "dcmdump")
	readable, read := dumpable(t), 0
	for name, n := range notes {
		if n.Result != transfer.Stored && n.Result != transfer.Version && n.Result != transfer.Duplicate {
			continue
		}
		copy, ok := exported[sha256.Sum256(dataSet(t, name))]
		if !ok {
			// Bytes after the end of the Data Set are not part of it: a prefix must be there.
			if !hasPrefix(t, dataSet(t, name), exported) {
				t.Errorf("%s (%s): no exported file has its Data Set", name, n.Result)
			}
			continue
		}
		if !readable[name] {
			continue
		}
		read++
		if b, err := exec.Command("dcmdump", "-q", copy).CombinedOutput(); err != nil {
			t.Errorf("dcmdump read %s, but not its export: %v\n%.500s", name, err, b)
		}
	}
	t.Logf("dcmdump read %d exports", read)
}

// hasPrefix tells whether an exported Data Set is the beginning of b.
func hasPrefix(t testing.TB, b []byte, exported map[[32]byte]string) bool {
	for _, name := range exported {
		if d := dataSet(t, name); len(d) > 0 && len(b)-len(d) < 4096 && strings.HasPrefix(string(b), string(d)) {
			return true
		}
	}
	return false
}

// dumpable tells which files of the corpus dcmdump reads without an error.
func dumpable(t testing.TB) map[string]bool {
	t.Helper()
	f, err := os.Open(corpus.Dir(t, "PEERS.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	root := corpus.Dir(t, "")
	out := map[string]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		columns := strings.Split(lines.Text(), "\t")
		if len(columns) > 3 && columns[3] == "0" {
			out[filepath.Join(root, columns[0])] = true
		}
	}
	return out
}
