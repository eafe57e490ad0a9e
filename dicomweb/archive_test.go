package dicomweb

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/corpus"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// realArchive is the archive that the program runs, in a folder of the test.
func realArchive(t testing.TB) *storage.Archive {
	t.Helper()
	dir := t.TempDir()
	store, err := disk.Open(filepath.Join(dir, "store"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	index, err := sqlite.Open(context.Background(), filepath.Join(dir, "index.db"), store, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := index.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return storage.NewArchive(storage.Config{Index: index, Blobs: store, Journal: store})
}

func serveReal(t testing.TB) *server {
	a := realArchive(t)
	return serve(t, func(c *Config) { c.Archive = FromStorage(a) })
}

// corpusFile is a stored file of the corpus.
type corpusFile struct {
	name   string
	header *dataset.FileHeader
	data   []byte // data set
	path   string // of the instance
}

// storeCorpus puts the corpus through STOW-RS and gives the files whose bytes
// are served: several share a UID with other bytes, of which the first is.
func storeCorpus(t *testing.T, s *server) (stored []corpusFile, refused int) {
	seen := map[string]bool{}
	root := corpus.Dir(t, "dicom")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil || len(b) > 40<<20 {
			return err
		}
		short, _ := filepath.Rel(root, name)
		w := s.do(http.MethodPost, "/studies", bytes.NewReader(b), "Content-Type: application/dicom")
		if w.Code == http.StatusConflict {
			refused++
			return nil
		}
		if w.Code == http.StatusAccepted && strings.Contains(w.Body.String(), `"00081196"`) {
			w.Code = http.StatusOK // cut off, and stored with a warning: see TestTornFilesAreFiledWithAWarning
		}
		s.want(w, 200)
		var answer map[string]struct {
			Value []map[string]struct{ Value []any }
		}
		var raw map[string]json.RawMessage
		if err := json.Unmarshal(w.Body.Bytes(), &raw); err != nil {
			return err
		}
		only, _ := json.Marshal(map[string]json.RawMessage{"00081199": raw["00081199"]})
		if err := json.Unmarshal(only, &answer); err != nil {
			return err
		}
		path := strings.TrimPrefix(answer["00081199"].Value[0]["00081190"].Value[0].(string), "http://pacs.test/dicom-web")
		if seen[path] {
			return nil
		}
		seen[path] = true
		h, r, err := dataset.ReadFileHeader(bytes.NewReader(b), dataset.Limits{})
		if err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		stored = append(stored, corpusFile{short, h, data, path})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return stored, refused
}

// Every file of the corpus that can be stored comes back by every way there is.
func TestCorpusThroughTheRealArchive(t *testing.T) {
	s := serveReal(t)
	files, refused := storeCorpus(t, s)
	t.Logf("%d stored, %d refused", len(files), refused)
	if len(files) < 217 || refused > 34 { // of 344 files; the others share a UID with one of them
		t.Errorf("only %d SOP Instances of the corpus were stored, %d refused", len(files), refused)
	}
	counts := map[string]int{}
	for _, f := range files {
		counts[checkAsStored(t, s, f)]++
		counts[checkExplicit(t, s, f)]++
		counts[checkMetadata(t, s, f)]++
		counts[checkFrame(t, s, f)]++
	}
	t.Log(counts)
	checkSearches(t, s, len(files))
}

func checkAsStored(t *testing.T, s *server, f corpusFile) string {
	w := s.get(f.path, "Accept: application/dicom; transfer-syntax=*")
	if w.Code != 200 {
		t.Errorf("%s: as stored: %d %.200s", f.name, w.Code, w.Body)
		return "as stored: failed"
	}
	h, r, err := dataset.ReadFileHeader(bytes.NewReader(w.Body.Bytes()), dataset.Limits{})
	if err != nil {
		t.Errorf("%s: %v", f.name, err)
		return "as stored: failed"
	}
	data, _ := io.ReadAll(r)
	// What came after the end of the data set is not part of it.
	if !bytes.HasPrefix(f.data, data) || len(f.data)-len(data) > 8 {
		t.Errorf("%s: as stored: %d bytes of %s, sent %d of %s", f.name, len(data), h.TransferSyntax, len(f.data), f.header.TransferSyntax)
	}
	return "as stored"
}

func checkExplicit(t *testing.T, s *server, f corpusFile) string {
	w := s.get(f.path, `Accept: multipart/related; type="application/dicom"`)
	if w.Code == http.StatusNotAcceptable {
		if native(f.header.TransferSyntax) && !errors.Is(s.o[len(s.o)-1].Err, dataset.ErrEncapsulated) {
			t.Errorf("%s: %s cannot be re-encoded", f.name, f.header.TransferSyntax)
		}
		return "explicit: 406"
	}
	if w.Code != 200 {
		t.Errorf("%s: explicit: %d %v", f.name, w.Code, s.o[len(s.o)-1].Err)
		return "explicit: failed"
	}
	_, b, _ := strings.Cut(parts(t, w)[0], "|")
	h, r, err := dataset.ReadFileHeader(strings.NewReader(b), dataset.Limits{})
	if err != nil {
		t.Errorf("%s: %v", f.name, err)
		return "explicit: failed"
	}
	if h.TransferSyntax != explicitLE {
		return "explicit: lossy as stored"
	}
	data, _ := io.ReadAll(r)
	ts, _ := dicom.LookupTransferSyntax(explicitLE)
	set, err := dataset.Parse(data, ts, dataset.Limits{})
	if err != nil {
		t.Errorf("%s: explicit: %v", f.name, err)
		return "explicit: failed"
	}
	before, err := dataset.Parse(f.data, mustLookup(f.header.TransferSyntax), dataset.Limits{})
	if err != nil {
		t.Errorf("%s: %v", f.name, err)
		return "explicit: failed"
	}
	for _, px := range []dicom.Tag{tag.PixelData, tag.FloatPixelData, tag.SOPInstanceUID} {
		a, b := before.Get(px), set.Get(px)
		if (a == nil) != (b == nil) || a != nil && !bytes.Equal(a.Value, b.Value) {
			t.Errorf("%s: %v differs after re-encoding", f.name, px)
		}
	}
	return "explicit"
}

func mustLookup(u dicom.UID) *dicom.TransferSyntax {
	if ts, ok := dicom.LookupTransferSyntax(u); ok {
		return ts
	}
	return &dicom.TransferSyntax{UID: u, ExplicitVR: true, Encapsulated: true}
}

func checkMetadata(t *testing.T, s *server, f corpusFile) string {
	w := s.get(f.path+"/metadata", "Accept: application/dicom+json")
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != 200 || len(list) != 1 {
		t.Errorf("%s: metadata: %d %v", f.name, w.Code, err)
		return "metadata: failed"
	}
	for _, want := range []string{"00080016", "00080018", "0020000D", "0020000E"} {
		if list[0][want] == nil {
			t.Errorf("%s: metadata without %s", f.name, want)
		}
	}
	followURIs(t, s, f, list[0])
	return "metadata"
}

// followURIs asks for every BulkDataURI of the metadata.
func followURIs(t *testing.T, s *server, f corpusFile, object map[string]json.RawMessage) {
	for tag, raw := range object {
		var e struct {
			BulkDataURI string
			Value       []json.RawMessage
			VR          string `json:"vr"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Errorf("%s: %s: %v", f.name, tag, err)
			continue
		}
		if e.BulkDataURI != "" {
			w := s.get(strings.TrimPrefix(e.BulkDataURI, "http://pacs.test/dicom-web"))
			// The frames of a video, or of broken Pixel Data, cannot be told apart.
			if w.Code != 200 && !(w.Code == 404 && strings.HasPrefix(tag, "7FE000")) && !mislabelled(f) {
				t.Errorf("%s: %s: %d %.200s", f.name, e.BulkDataURI, w.Code, w.Body)
			}
		}
		if e.VR == "SQ" {
			for _, v := range e.Value {
				var item map[string]json.RawMessage
				if err := json.Unmarshal(v, &item); err == nil {
					followURIs(t, s, f, item)
				}
			}
		}
	}
}

func checkFrame(t *testing.T, s *server, f corpusFile) string {
	w := s.get(f.path+"/frames/1", "Accept: multipart/related; type=application/octet-stream; transfer-syntax=*")
	switch {
	case w.Code == 404:
		return "frame: none"
	case w.Code == 406 && mislabelled(f):
		return "frame: compressed under a native transfer syntax"
	case w.Code != 200:
		t.Errorf("%s: frame: %d %.200s", f.name, w.Code, w.Body)
		return "frame: failed"
	}
	list := parts(t, w)
	contentType, px, _ := strings.Cut(list[0], "|")
	if len(list) != 1 || px == "" {
		t.Errorf("%s: frame: %d parts", f.name, len(list))
	}
	if !strings.HasPrefix(contentType, "application/octet-stream") {
		return "frame: " + contentType
	}
	set, err := dataset.Parse(f.data, mustLookup(f.header.TransferSyntax), dataset.Limits{})
	if err != nil {
		t.Errorf("%s: %v", f.name, err)
		return "frame: failed"
	}
	for _, pt := range []dicom.Tag{tag.PixelData, tag.FloatPixelData, tag.DoubleFloatPixelData} {
		bits, _ := set.Int(tag.BitsAllocated)
		if e := set.Get(pt); e != nil && e.Fragments == nil && bits != 1 && !bytes.HasPrefix(e.Value, []byte(px)) {
			t.Errorf("%s: first frame is not the beginning of the pixels", f.name)
		}
	}
	return "frame"
}

// mislabelled is an object that says JPEG, is encoded as Implicit VR and kept as
// that: how its pixels are compressed is not known any more, so they are not given out.
func mislabelled(f corpusFile) bool { return filepath.Base(f.name) == "SC_rgb_jpeg.dcm" }

func checkSearches(t *testing.T, s *server, want int) {
	for _, path := range []string{"/studies", "/series", "/instances"} {
		w := s.get(path+"?includefield=all", "Accept: application/dicom+json")
		list := results(t, s.want(w, 200))
		if path == "/instances" && len(list) != want {
			t.Errorf("%d instances found, %d stored", len(list), want)
		}
		for _, o := range list {
			checkFound(t, s, path, o)
		}
	}
}

// checkFound: each result can be found again by its UID, below it are results, and its RetrieveURL works.
func checkFound(t *testing.T, s *server, path string, o object) {
	u := strings.TrimPrefix(o["00081190"].Value[0].(string), "http://pacs.test/dicom-web")
	if w := s.do(http.MethodHead, u, nil, "Accept: */*"); w.Code != 200 {
		t.Errorf("HEAD %s: %d", u, w.Code)
	}
	uidTag := map[string]string{"/studies": "0020000D", "/series": "0020000E", "/instances": "00080018"}[path]
	w := s.get(path + "?" + uidTag + "=" + o[uidTag].Value[0].(string))
	if list := results(t, s.want(w, 200)); len(list) == 0 {
		t.Errorf("%s is not found by its UID", u)
	}
	if path != "/instances" {
		below := s.get(u+"/instances", "Accept: application/json")
		if len(results(t, s.want(below, 200))) == 0 {
			t.Errorf("%s: nothing below", u)
		}
	}
}

// A study comes back whole and in bounded memory over a real connection.
func TestLargeStudyOverHTTP(t *testing.T) {
	s := serveReal(t)
	const n = keepWhole + 50
	var all [][]byte
	for i := range n {
		all = append(all, file("1.2.3.5."+string(rune('0'+i%10))+"."+strings.Repeat("1", i/10+1), patient("A")))
	}
	s.want(s.do(http.MethodPost, "/studies", body(all...), stowType), 200)
	srv := httptest.NewServer(s.h)
	defer srv.Close()
	for path, accept := range map[string]string{study1: "", series1: `multipart/related; type="application/dicom"`, study1 + "/metadata": ""} {
		r, err := http.NewRequest(http.MethodGet, srv.URL+"/dicom-web"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %d %v", path, resp.StatusCode, err)
		}
		w := &httptest.ResponseRecorder{Code: 200, HeaderMap: resp.Header, Body: bytes.NewBuffer(b)}
		if strings.HasSuffix(path, "metadata") {
			if got := len(results2(t, b)); got != n {
				t.Errorf("%s: %d instances", path, got)
			}
		} else if got := len(parts(t, w)); got != n {
			t.Errorf("%s: %d parts", path, got)
		}
	}
}

func results2(t testing.TB, b []byte) (list []map[string]json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	return list
}
