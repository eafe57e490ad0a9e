package json_test

import (
	"bytes"
	stdjson "encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/corpus"
)

// corpusFiles calls f with every DICOM file's bytes.
func corpusFiles(t testing.TB, f func(name string, file []byte)) {
	t.Helper()
	root := corpus.Dir(t, "dicom")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil {
			f(strings.TrimPrefix(path, root+"/"), b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func open(file []byte) (*dataset.Reader, error) {
	h, body, err := dataset.ReadFileHeader(bytes.NewReader(file), dataset.Limits{})
	if err != nil {
		return nil, err
	}
	ts, ok := dicom.LookupTransferSyntax(h.TransferSyntax)
	if !ok {
		ts, _ = dicom.LookupTransferSyntax(dicom.ImplicitVRLittleEndian)
	}
	return dataset.NewReader(body, ts), nil
}

// mended are files with values that the standard does not allow, which Decode puts right.
var mended = map[string]string{
	"highdicom/dx_image.dcm":                                                 "fragment of odd length",
	"pydicom/test_files/nested_priv_SQ.dcm":                                  "UN of odd length",
	"pydicom/test_files/meta_missing_tsyntax.dcm":                            "the same data set",
	"ms-dicom-server/src/Tests.Common/TranscodingSamples/JPEGProcess2_4.dcm": "fragment of odd length",
	"ms-dicom-server/src/Tests.Common/ImageSamples/XRJPEGProcess1.dcm":       "DS of more than 16 characters",
}

// Every data set of the corpus that can be read is written as JSON that
// encoding/json takes, that reads back to the same values, and that tokens and
// Set give alike.
func TestCorpusRoundTrip(t *testing.T) {
	read, unreadable := 0, 0
	corpusFiles(t, func(name string, file []byte) {
		r, err := open(file)
		if err != nil {
			unreadable++
			return
		}
		text, err := dicomjson.Append(nil, r, dicomjson.Options{})
		if err != nil {
			unreadable++
			return
		}
		read++
		if !stdjson.Valid(text) {
			t.Errorf("%s: not JSON", name)
			return
		}
		r, err = open(file)
		if err != nil {
			t.Fatal(err)
		}
		set, err := r.ReadSet()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		fromSet := dicomjson.AppendSet(nil, set, dicomjson.Options{})
		if !bytes.Equal(text, fromSet) && ordered(set) {
			t.Errorf("%s: tokens and Set give different JSON", name)
		}
		again, bulk, err := dicomjson.Decode(fromSet, dataset.Limits{})
		if err != nil || len(bulk) > 0 {
			t.Errorf("%s: %v", name, err)
			return
		}
		// only the character set may have to be said
		if set.Get(tag.SpecificCharacterSet) == nil {
			again.Delete(tag.SpecificCharacterSet)
		}
		if back := dicomjson.AppendSet(nil, again, dicomjson.Options{}); !bytes.Equal(fromSet, back) && mended[name] == "" {
			t.Errorf("%s: %s", name, firstDifference(fromSet, back))
		}
	})
	t.Logf("%d data sets, %d unreadable", read, unreadable)
	if read < 300 {
		t.Errorf("only %d data sets were read, %d not", read, unreadable)
	}
}

// ordered tells whether no element was written twice, so that sorting changed nothing that matters.
func ordered(set *dataset.Set) bool {
	for i := 1; i < len(set.Elements); i++ {
		if set.Elements[i].Tag <= set.Elements[i-1].Tag {
			return false
		}
	}
	return true
}

func firstDifference(a, b []byte) string {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			from := max(0, i-60)
			return cmp.Diff(string(a[from:min(len(a), i+60)]), string(b[from:min(len(b), i+60)]))
		}
	}
	return "one is longer"
}

// The samples of pydicom are read; what they hold comes out again.
func TestCorpusSamples(t *testing.T) {
	dir := corpus.Dir(t, "dicom-json/pydicom")
	for _, name := range []string{"test1.json", "test_PN.json"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		set, _, err := dicomjson.Decode(text, dataset.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		out := dicomjson.AppendSet(nil, set, dicomjson.Options{})
		if diff := cmp.Diff(normal(t, text), normal(t, out)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// normal reads JSON with encoding/json and takes out what the samples write
// otherwise than the standard: empty strings and empty groups instead of null or nothing,
// and a null among binary numbers.
func normal(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := stdjson.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return clean(v)
}

func clean(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, m := range v {
			if v[k] = clean(m); v[k] == nil {
				delete(v, k)
			}
		}
		if len(v) == 0 {
			return nil
		}
		return v
	case []any:
		empty := true
		for i := range v {
			v[i] = clean(v[i])
			empty = empty && v[i] == nil
		}
		if empty {
			return nil
		}
		return slices.DeleteFunc(v, func(m any) bool { return m == nil })
	case string:
		if v == "" {
			return nil
		}
	}
	return v
}
