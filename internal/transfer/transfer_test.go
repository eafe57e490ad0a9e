package transfer

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/corpus"
	"github.com/halong-gateway/halong/storage"
)

// fake remembers what was stored, by content.
type fake struct {
	mu   sync.Mutex
	got  []string
	fail error
}

func (f *fake) Store(_ context.Context, in storage.Inbound) (storage.Receipt, error) {
	b, err := io.ReadAll(in.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err != nil:
		return storage.Receipt{}, err
	case f.fail != nil:
		return storage.Receipt{}, f.fail
	case bytes.HasSuffix(b, []byte("bad")):
		return storage.Receipt{Outcome: storage.Quarantined}, halong.E("fake", halong.Invalid, "", nil)
	}
	f.got = append(f.got, string(b[len(b)-1:]))
	return storage.Receipt{Outcome: storage.Stored}, nil
}

func part10(tail string) []byte {
	b := make([]byte, 128, 256)
	b = append(b, "DICM"...)
	b = append(b, 2, 0, 0, 0, 'U', 'L', 4, 0, 0, 0, 0, 0)
	return append(b, tail...)
}

func put(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func zipped(t *testing.T, files map[string][]byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestImportFolder(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/a", part10("a"))
	put(t, dir+"/deep/er/b.dcm", part10("b"))
	put(t, dir+"/c", []byte("\x08\x00\x05\x00CS\x00\x00 c")) // no preamble, no meta
	put(t, dir+"/readme.txt", []byte("nothing to see here, and long enough to be looked at"))
	put(t, dir+"/empty", nil)
	put(t, dir+"/x.dcm", part10("bad"))
	put(t, dir+"/more.zip", zipped(t, map[string][]byte{"IMG/d": part10("d"), "../evil": part10("e"), "note": []byte("text")}))
	put(t, dir+"/broken.zip", []byte("PK\x03\x04 and no more"))
	if err := os.Symlink(dir+"/nowhere", dir+"/dangling"); err != nil {
		t.Fatal(err)
	}
	f := &fake{}
	var notes []Note
	im := Import{Archive: f, Facility: "BV1", Done: func(n Note, _ int64) { notes = append(notes, n) }}
	sum, err := im.Run(context.Background(), []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	want := Summary{Stored: 5, Skipped: 3, Quarantined: 1, Failed: 2}
	if d := cmp.Diff(want, sum); d != "" {
		t.Error(d, notes)
	}
	sort.Strings(f.got)
	if d := cmp.Diff([]string{"a", "b", "c", "d", "e"}, f.got); d != "" {
		t.Error(d)
	}
	if sum.Complete() {
		t.Error("complete in spite of failures")
	}
}

// A single file that was named is stored whatever it looks like.
func TestImportNamedFile(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/x", []byte("not DICOM at all"))
	f := &fake{}
	sum, err := (&Import{Archive: f}).Run(context.Background(), []string{dir + "/x", dir + "/absent"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Summary{Stored: 1, Failed: 1}, sum); d != "" {
		t.Error(d)
	}
}

// A full disk ends the run at once.
func TestImportStops(t *testing.T) {
	dir := t.TempDir()
	for i := range 100 {
		put(t, filepath.Join(dir, string(rune('a'+i/26))+string(rune('a'+i%26))), part10("x"))
	}
	full := halong.E("disk", halong.Exhausted, "", errors.New("no space"))
	sum, err := (&Import{Archive: &fake{fail: full}}).Run(context.Background(), []string{dir})
	if halong.KindOf(err) != halong.Exhausted || sum[Failed] > 10 {
		t.Errorf("%v after %v", err, sum)
	}
}

// DICOMDIRs are followed, not stored; nothing that lies beside their files is lost.
func TestImportMedia(t *testing.T) {
	dir := corpus.Dir(t, "dicom/pydicom/test_files/dicomdirtests")
	stored := 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasPrefix(d.Name(), "DICOMDIR") {
			stored++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var notes []Note
	im := Import{Archive: &fake{}, Done: func(n Note, _ int64) { notes = append(notes, n) }}
	sum, err := im.Run(context.Background(), []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	if sum[Stored] != stored || sum[Directory] != 8 || sum[Skipped]+sum[Failed] != 0 {
		t.Errorf("%v of %d files: %v", sum, stored, notes)
	}
}

// A file that a DICOMDIR names is stored whatever it looks like, and one that
// is not there is told.
func TestImportFollows(t *testing.T) {
	dir := t.TempDir()
	item := func(parts ...string) *dataset.Set {
		s := &dataset.Set{}
		s.PutString(tag.ReferencedFileID, dicom.CS, parts...)
		return s
	}
	var set dataset.Set
	set.Put(dataset.Element{Tag: tag.DirectoryRecordSequence, VR: dicom.SQ, Items: []*dataset.Set{
		item("IMG", "ONE"), item("IMG", "GONE"), {},
	}})
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	b := dataset.AppendFileHeader(nil, classDirectory, "1.2.3", ts.UID, "")
	put(t, dir+"/dicomdir", set.Append(b, ts))
	put(t, dir+"/img/one", []byte("odd bytes, and not a word of DICOM"))
	put(t, dir+"/img/two", []byte("odd bytes that nobody asked for"))
	sum, err := (&Import{Archive: &fake{}}).Run(context.Background(), []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Summary{Stored: 1, Directory: 1, Missing: 1, Skipped: 1}, sum); d != "" {
		t.Error(d)
	}
}

func TestLooksLikeDICOM(t *testing.T) {
	for _, c := range []struct {
		name string
		b    string
		want bool
	}{
		{"part 10", string(part10("")), true},
		{"explicit little endian", "\x08\x00\x05\x00CS\x0a\x00", true},
		{"implicit little endian", "\x08\x00\x05\x00\x0a\x00\x00\x00", true},
		{"big endian", "\x00\x08\x00\x05CS\x00\x0a", true},
		{"meta without preamble", "\x02\x00\x00\x00UL\x04\x00", true},
		{"text", "hello world, this is text", false},
		{"program", "MZ\x90\x00\x03\x00\x00\x00", false},
		{"short", "\x08\x00", false},
		{"nothing", "", false},
	} {
		if looksLikeDICOM([]byte(c.b)) != c.want {
			t.Errorf("%s: %v", c.name, !c.want)
		}
	}
}

func TestWriteIsWholeOrNot(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a", "b.dcm")
	boom := errors.New("boom")
	if _, err := write(name, func(w io.Writer) error { w.Write([]byte("half")); return boom }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Error("half a file stayed")
	}
	if n, err := write(name, func(w io.Writer) error { _, err := w.Write([]byte("whole")); return err }); err != nil || n != 5 {
		t.Fatal(n, err)
	}
	if _, err := write(name, func(w io.Writer) error { return nil }); !errors.Is(err, os.ErrExist) {
		t.Errorf("a file was replaced: %v", err)
	}
}

// Names come from UIDs and digests; what is neither cannot lead elsewhere.
func TestNames(t *testing.T) {
	in := storage.Instance{Identity: storage.Identity{Facility: "../up", Study: "../../etc", Series: "1.2", SOP: "/passwd"}, Served: true}
	x := Export{}
	name := x.name(&in, &in)
	if !filepath.IsLocal(name) || filepath.Dir(filepath.Dir(name)) != filepath.Join("facility", "study") {
		t.Error(name)
	}
}

// Studies and series whose UIDs cannot name a folder share one; their objects do not share a file.
func TestNamesDiffer(t *testing.T) {
	x := Export{}
	seen := map[string]bool{}
	for i, id := range []storage.Identity{
		{Study: "1.00", Series: "1.2", SOP: "1.3"},
		{Study: "1.01", Series: "1.2", SOP: "1.3"},
		{Study: "1.1", Series: "1.00", SOP: "1.3"},
		{Study: "1.1", Series: "1.01", SOP: "1.3"},
	} {
		id.Facility = "BV1"
		in := &storage.Instance{Identity: id, Digest: halong.Digest{byte(i)}, Served: true}
		name := x.name(in, in)
		if seen[name] {
			t.Errorf("%s twice", name)
		}
		seen[name] = true
	}
}

// Names in zip files are anybody's: they cannot move the cursor or forge a line.
func TestNoteForTerminal(t *testing.T) {
	for want, n := range map[string]Note{
		"ảnh chụp.dcm: failed: broken":                    {Name: "ảnh chụp.dcm", Result: Failed, Err: errors.New("broken")},
		`a\x1b[31m\nb: stored: failed: stat a\x1b[31m\nb`: {Name: "a\x1b[31m\nb: stored", Result: Failed, Err: errors.New("stat a\x1b[31m\nb")},
		"x: stored": {Name: "x", Result: Stored},
	} {
		if got := n.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The DICOMDIR of a medium stands for the medium.
func TestDICOMDIRStandsForItsMedium(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"DICOMDIR", "IM000001", "IM000002"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("not looked at here"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := volumes(filepath.Join(dir, "DICOMDIR"))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || len(all[0].files) != 3 {
		t.Errorf("%d volumes, want 1 with the 3 files of the medium", len(all))
	}
	if err := all[0].closeAll(); err != nil {
		t.Error(err)
	}
}
