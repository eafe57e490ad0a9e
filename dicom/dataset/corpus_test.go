package dataset

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/corpus"
)

var update = flag.Bool("update", false, "write the golden files anew")

// corpusFiles lists the DICOM files of the shared corpus, as paths below it.
func corpusFiles(t testing.TB) (root string, files []string) {
	t.Helper()
	root = filepath.Dir(corpus.Dir(t, "dicom"))
	peers, err := os.ReadFile(filepath.Join(root, "PEERS.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(peers)), "\n")[1:] {
		files = append(files, strings.Split(line, "\t")[0])
	}
	if len(files) != 344 {
		t.Fatalf("PEERS.tsv lists %d files, want 344", len(files))
	}
	return root, files
}

// openCorpus reads a file and its header. A transfer syntax that is not
// registered is taken for Explicit VR Little Endian.
func openCorpus(t testing.TB, root, file string) (data []byte, h *FileHeader, ts *dicom.TransferSyntax, err error) {
	t.Helper()
	data, rerr := os.ReadFile(filepath.Join(root, file))
	if rerr != nil {
		t.Fatal(rerr)
	}
	h, rest, err := ReadFileHeader(bytes.NewReader(data), Limits{})
	left, rerr := io.ReadAll(rest)
	if rerr != nil {
		t.Fatal(rerr)
	}
	if !bytes.Equal(append(h.Raw[:len(h.Raw):len(h.Raw)], left...), data) {
		t.Fatalf("%s: header and rest are not the file", file)
	}
	ts, ok := dicom.LookupTransferSyntax(h.TransferSyntax)
	if !ok {
		ts, _ = dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	}
	return left, h, ts, err
}

// drainTokens reads to the end.
func drainTokens(r *Reader) (n int, err error) {
	for {
		_, err := r.Next()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		n++
	}
}

func TestCorpusReads(t *testing.T) {
	root, files := corpusFiles(t)
	clean := dcmdumpClean(t, root)
	var got strings.Builder
	for _, file := range files {
		body, h, ts, err := openCorpus(t, root, file)
		var r *Reader
		if err == nil {
			r = NewReader(bytes.NewReader(body), ts)
			_, err = drainTokens(r)
		}
		if err != nil {
			fmt.Fprintf(&got, "%s: %v\n", file, err)
			if clean[file] {
				t.Errorf("%s: dcmdump reads it, we: %v", file, err)
			}
			continue
		}
		if r.SyntaxUsed() != ts {
			fmt.Fprintf(&got, "%s: said %s, is %s\n", file, h.TransferSyntax, r.SyntaxUsed().UID)
		}
		if r.Trailing() > 0 {
			fmt.Fprintf(&got, "%s: %d trailing bytes\n", file, r.Trailing())
		}
	}
	golden(t, "corpus.golden", got.String())
}

func dcmdumpClean(t testing.TB, root string) map[string]bool {
	peers, err := os.ReadFile(filepath.Join(root, "PEERS.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	clean := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(peers)), "\n")[1:] {
		f := strings.Split(line, "\t")
		clean[f[0]] = f[3] == "0" && f[5] == "0"
	}
	return clean
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
