package storage_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/corpus"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// newArchive makes an archive on a disk of its own.
func newArchive(t *testing.T, change func(*storage.Config)) (*storage.Archive, *sqlite.DB) {
	t.Helper()
	store, err := disk.Open(filepath.Join(t.TempDir(), "store"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	index, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "index.db"), store, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(index.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	c := storage.Config{Index: index, Blobs: store, Journal: store}
	if change != nil {
		change(&c)
	}
	return storage.NewArchive(c), index
}

// stored puts a file in and gives its served version.
func stored(t *testing.T, a *storage.Archive, file []byte) *storage.Instance {
	t.Helper()
	r, err := a.Store(t.Context(), storage.Inbound{Facility: "A", Part10: true, Body: bytes.NewReader(file)})
	if err != nil {
		t.Fatal(err)
	}
	return served(t, a, r.SOP)
}

func served(t *testing.T, a *storage.Archive, sop dicom.UID) *storage.Instance {
	t.Helper()
	for in, err := range a.Instances(t.Context(), halong.Everything(), storage.Ref{SOP: sop}) {
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	t.Fatalf("%s is not served", sop)
	return nil
}

func readAll(t *testing.T, r io.ReadCloser, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

func syntax(uid dicom.UID) *dicom.TransferSyntax {
	ts, _ := dicom.LookupTransferSyntax(uid)
	return ts
}

// normal writes a data set in its own syntax as Transcode does, from elements in order.
func normal(b []byte, ts *dicom.TransferSyntax) ([]byte, error) {
	set, err := dataset.NewReader(bytes.NewReader(b), ts).ReadSet()
	if err != nil {
		return nil, err
	}
	out := *ts
	out.Deflated = false
	if ts.Deflated {
		out = *syntax(dicom.ExplicitVRLittleEndian)
	}
	return set.Append(nil, &out), nil
}

// eachFile gives every real file to f.
func eachFile(t *testing.T, f func(name string, file []byte)) {
	t.Helper()
	root := corpus.Dir(t, "dicom")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		file, err := os.ReadFile(name)
		if err == nil {
			f(strings.TrimPrefix(name, root), file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// An edit that changes nothing gives the same data set, for every real file and every syntax it can be had in.
func TestEditedIdentity(t *testing.T) {
	if testing.Short() {
		t.Skip("long under the race detector, and one goroutine: make unit runs it")
	}
	a, _ := newArchive(t, nil)
	n := 0
	eachFile(t, func(name string, file []byte) {
		r, err := a.Store(t.Context(), storage.Inbound{Facility: "A", Part10: true, Body: bytes.NewReader(file)})
		if err != nil {
			return // in quarantine, or no DICOM at all
		}
		for in, err := range a.Instances(t.Context(), halong.Everything(), storage.Ref{SOP: r.SOP, AllVersions: true}) {
			if err != nil {
				t.Fatal(err)
			}
			if in.Digest == r.Digest && in.Torn == 0 {
				identity(t, a, in, name)
				n++
			}
		}
	})
	if n < 300 {
		t.Fatalf("only %d objects", n)
	}
}

func identity(t *testing.T, a *storage.Archive, in *storage.Instance, name string) {
	t.Helper()
	o, err := a.Open(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	received, err := io.ReadAll(o.DataSet())
	if err != nil {
		t.Fatal(err)
	}
	ts := o.TransferSyntax()
	want, err := normal(received, ts)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	r, err := o.Edited(func(*dataset.Set) error { return nil }, nil)
	got, err := normal(readAll(t, r, err), ts)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s (%s): another data set after an edit that changes nothing (%v)", name, ts.Name, err)
	}
	for _, uid := range []dicom.UID{dicom.ImplicitVRLittleEndian, dicom.ExplicitVRLittleEndian, dicom.ExplicitVRBigEndian, dicom.DeflatedExplicitVRLittleEndian} {
		if uid != ts.UID { // one real file has fragments in a native syntax
			converted(t, o, received, syntax(uid), name)
		}
	}
}

// converted compares Edited in another syntax with Transcode.
func converted(t *testing.T, o *storage.Object, received []byte, to *dicom.TransferSyntax, name string) {
	t.Helper()
	var b bytes.Buffer
	terr := dataset.Transcode(&b, dataset.NewReader(bytes.NewReader(received), o.TransferSyntax()), to)
	r, err := o.Edited(nil, to)
	if err != nil {
		if !errors.Is(terr, dataset.ErrEncapsulated) || halong.KindOf(err) != halong.Unsupported {
			t.Errorf("%s to %s: %v, but %v", name, to.Name, err, terr)
		}
		return
	}
	raw := readAll(t, r, nil)
	if terr == nil && bytes.Equal(raw, b.Bytes()) {
		return
	}
	got, err := normal(raw, to)
	if err != nil {
		t.Errorf("%s to %s: %v", name, to.Name, err)
		return
	}
	want, err := normal(b.Bytes(), to)
	if err != nil || terr != nil {
		t.Errorf("%s to %s: %v, %v", name, to.Name, err, terr)
		return
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s to %s: another data set", name, to.Name)
	}
}

// image gives a Part 10 file with pixels of n bytes.
func image(ts dicom.UID, n int) []byte {
	s := &dataset.Set{}
	s.PutString(tag.SOPClassUID, dicom.UI, "1.2.840.10008.5.1.4.1.1.7")
	s.PutString(tag.SOPInstanceUID, dicom.UI, "1.2.3.4")
	s.PutString(tag.StudyInstanceUID, dicom.UI, "1.2.3")
	s.PutString(tag.SeriesInstanceUID, dicom.UI, "1.2.3.1")
	s.PutString(tag.PatientID, dicom.LO, "P1")
	s.PutInt(tag.BitsAllocated, dicom.US, 16)
	pixels := make([]byte, n)
	for i := range pixels {
		pixels[i] = byte(i ^ i>>8)
	}
	s.Put(dataset.Element{Tag: tag.PixelData, VR: dicom.OW, Value: pixels})
	b := dataset.AppendFileHeader(nil, s.UID(tag.SOPClassUID), s.UID(tag.SOPInstanceUID), ts, "")
	return s.Append(b, syntax(ts))
}

// Bulk values stay, go, or are replaced, whatever syntax they are stored in.
func TestEditedBulk(t *testing.T) {
	for _, ts := range []dicom.UID{dicom.ImplicitVRLittleEndian, dicom.ExplicitVRLittleEndian, dicom.ExplicitVRBigEndian, dicom.DeflatedExplicitVRLittleEndian} {
		a, _ := newArchive(t, nil)
		o, err := a.Open(t.Context(), stored(t, a, image(ts, 40<<10)))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name string
			edit storage.Edit
			want int // length of Pixel Data in bytes, -1 if there is none
		}{
			{"kept", func(s *dataset.Set) error { s.PutString(tag.PatientID, dicom.LO, "another one"); return nil }, 40 << 10},
			{"deleted", func(s *dataset.Set) error { s.Delete(tag.PixelData); return nil }, -1},
			{"put anew", func(s *dataset.Set) error {
				s.Put(dataset.Element{Tag: tag.PixelData, VR: dicom.OW, Value: []byte{1, 2}})
				return nil
			}, 2},
			{"emptied", func(s *dataset.Set) error {
				s.Put(dataset.Element{Tag: tag.PixelData, VR: dicom.OW})
				return nil
			}, 0},
		} {
			r, err := o.Edited(c.edit, nil)
			s, err := dataset.Parse(readAll(t, r, err), o.TransferSyntax(), dataset.Limits{})
			if err != nil {
				t.Fatalf("%s %s: %v", ts, c.name, err)
			}
			got := -1
			if e := s.Get(tag.PixelData); e != nil {
				got = len(e.Value)
			}
			if got != c.want {
				t.Errorf("%s %s: pixel data of %d bytes", ts, c.name, got)
			}
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The error of an edit comes back as it is, and a reader that is closed early leaves nothing running.
func TestEditedFailures(t *testing.T) {
	a, _ := newArchive(t, nil)
	o, err := a.Open(t.Context(), stored(t, a, image(dicom.ExplicitVRLittleEndian, 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	mine := errors.New("no")
	if _, err := o.Edited(func(*dataset.Set) error { return mine }, nil); !errors.Is(err, mine) {
		t.Error(err)
	}
	r, err := o.Edited(nil, syntax(dicom.ExplicitVRBigEndian))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 10)); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := o.Edited(nil, syntax("1.2.840.10008.1.2.4.50")); halong.KindOf(err) != halong.Unsupported {
		t.Errorf("native pixels as JPEG: %v", err)
	}
}
