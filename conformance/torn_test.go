package conformance

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/internal/corpus"
)

// torn are files of the corpus that were cut off: in a pixel value, in a
// sequence, in a fragment.
var torn = []string{
	"pydicom/test_files/MR_truncated.dcm",
	"pydicom/test_files/rtplan_truncated.dcm",
	"pydicom-data/emri_small_jpeg_2k_lossless_too_short.dcm",
}

// TestTornFilesAreFiledWithAWarning puts files in that were cut off on their
// medium: they are stored with a warning, readable up to where they end, and given back
// bit for bit.
func TestTornFilesAreFiledWithAWarning(t *testing.T) {
	dir := corpus.Dir(t, "dicom")
	g := serve(t, onLoopback(t.TempDir()))
	for _, name := range torn {
		t.Run(filepath.Base(name), func(t *testing.T) {
			file, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			url := stowWarned(t, g.URL, file)
			if status, body := get(t, url+"/metadata", "application/dicom+json"); status != http.StatusOK || !json.Valid(body) {
				t.Errorf("metadata: status %d: %s", status, body)
			}
			want, err := dataSetDigest(file)
			if err != nil {
				t.Fatal(err)
			}
			status, body := get(t, url, "application/dicom; transfer-syntax=*")
			if got, err := dataSetDigest(body); status != http.StatusOK || err != nil || got != want {
				t.Errorf("as stored: status %d, other bytes than sent (%v)", status, err)
			}
			if status, body := get(t, url, "application/dicom"); status == http.StatusOK {
				if got, err := dataSetDigest(body); err != nil || got != want { // it is another syntax than the stored one
					readable(t, body)
				}
			} else if status != http.StatusNotAcceptable { // compressed
				t.Errorf("in Explicit VR Little Endian: status %d", status)
			}
		})
	}
}

// stowWarned stores a file by STOW-RS, wants the warning, and gives the URL of the instance.
func stowWarned(t *testing.T, base string, file []byte) string {
	t.Helper()
	contentType, body := stowBody(t, file)
	resp, err := http.Post(base+"/dicom-web/studies", contentType, body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Referenced struct {
			Value []map[string]struct{ Value []any }
		} `json:"00081199"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	stored := answer.Referenced.Value
	if resp.StatusCode != http.StatusAccepted || len(stored) != 1 {
		t.Fatalf("status %d, answer %v", resp.StatusCode, answer)
	}
	if reason := stored[0]["00081196"].Value; len(reason) != 1 || reason[0] != float64(0xB007) {
		t.Errorf("warning reason %v, want B007", reason)
	}
	return stored[0]["00081190"].Value[0].(string)
}

// readable reads a Part 10 file to its end.
func readable(t *testing.T, file []byte) {
	t.Helper()
	h, rest, err := dataset.ReadFileHeader(bytes.NewReader(file), dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ts, _ := dicom.LookupTransferSyntax(h.TransferSyntax)
	r := dataset.NewReader(rest, ts)
	for err == nil {
		_, err = r.Next()
	}
	if err != io.EOF {
		t.Errorf("re-encoded: %v", err)
	}
}

// TestTornByCStoreIsRefused sends a data set that is cut off: the sender has the
// whole object still and is told; what came lies in quarantine (N19).
func TestTornByCStoreIsRefused(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	o := newObject(77, 1, 100<<10, "TORN")
	whole := o
	o.data = o.data[:50<<10]
	if status := sendOne(t, g.DICOM, o); status != 0xC000 {
		t.Errorf("status %04X, want C000", status)
	}
	if status := sendOne(t, g.DICOM, whole); status != 0 {
		t.Errorf("the whole object afterwards: status %04X", status)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	for _, b := range exported(t, g.config.Data, "--quarantine") {
		if !bytes.Equal(b, o.data) {
			t.Errorf("%d bytes in quarantine, want the %d sent", len(b), len(o.data))
		}
	}
}
