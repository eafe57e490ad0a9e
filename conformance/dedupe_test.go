package conformance

import (
	"bytes"
	"context"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// used gives the bytes that files below the data folder take on the disk: bulk
// values (segments and files of their own), and the journal. Files may be allocated ahead of what
// is written, so blocks count only where they were written.
func used(t *testing.T, data string) (bulk, journal int64) {
	t.Helper()
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		n := info.Size()
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			n = min(n, s.Blocks*512)
		}
		switch rel, _ := filepath.Rel(filepath.Join(data, "store"), path); {
		case strings.HasPrefix(rel, "journal"):
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			journal += int64(len(bytes.TrimRight(b, "\x00"))) // zeros lie ahead of its end
		case strings.HasPrefix(rel, "bulk"), strings.HasPrefix(rel, "blobs"), strings.HasPrefix(rel, "tmp"):
			bulk += n
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return bulk, journal
}

// sendAll sends objects over one association and fails unless all are stored.
func sendAll(t *testing.T, addr, calling string, objects []object) {
	t.Helper()
	ctx := context.Background()
	a, err := dimse.Dial(ctx, addr, dimse.Options{CallingAE: calling, CalledAE: "HALONG", Contexts: []pdu.ProposedContext{{
		AbstractSyntax: ctImageStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range objects {
		resp, err := a.Store(ctx, ctImageStorage, objects[i].sop, dicom.ExplicitVRLittleEndian, bytes.NewReader(objects[i].data))
		if err != nil || resp.Status != dimse.Success {
			t.Fatalf("%s: %v %v", objects[i].sop, resp, err)
		}
	}
	if err := a.Release(); err != nil {
		t.Fatal(err)
	}
}

// study makes n objects of one study, of all the sizes.
func study(number, n int, patient string) []object {
	var all []object
	for i := range n {
		all = append(all, newObject(number, i+1, sizes[1+i%3], patient))
	}
	return all
}

// TestDuplicatesWriteNoBulk sends a study twice, then the same images under
// another Patient ID, and looks at what the data folder grew by; a duplicate is a success to its sender (N19).
func TestDuplicatesWriteNoBulk(t *testing.T) {
	data := t.TempDir()
	p := start(t, data)
	first := study(1, 30, "BN0001")
	var size int64
	for i := range first {
		size += int64(len(first[i].data))
	}
	sendAll(t, p.DICOM, "CT1", first)
	bulk1, journal1 := used(t, data)
	if bulk1 == 0 || journal1 == 0 {
		t.Fatalf("bulk %d and journal %d bytes: the test looks in the wrong place", bulk1, journal1)
	}

	sendAll(t, p.DICOM, "CT1", first)
	bulk2, journal2 := used(t, data)
	if bulk2 != bulk1 || journal2 != journal1 {
		t.Errorf("the same study again wrote %d bytes of bulk and %d of journal", bulk2-bulk1, journal2-journal1)
	}

	other := study(1, 30, "BN9999")
	sendAll(t, p.DICOM, "CT1", other)
	bulk3, journal3 := used(t, data)
	if bulk3 != bulk2 {
		t.Errorf("the same images under another Patient ID wrote %d bytes of bulk", bulk3-bulk2)
	}
	heads := journal3 - journal2
	if heads <= 0 || heads > int64(len(other))*4096 {
		t.Errorf("the same images under another Patient ID wrote %d bytes of heads and records", heads)
	}
	t.Logf("30 objects of %d bytes: first bulk %d journal %d; again 0 and 0; other Patient ID: bulk 0, journal %d", size, bulk1, journal1, heads)

	// Both versions are there; the first is the one served.
	status, body := get(t, p.HTTP+"/dicom-web/studies/"+string(first[0].study)+"/instances", "application/dicom+json")
	if status != http.StatusOK || strings.Count(string(body), `"00080018"`) != 30 {
		t.Errorf("status %d, %d instances", status, strings.Count(string(body), `"00080018"`))
	}
	for i := range first {
		checkObject(t, p.HTTP, &first[i])
	}
	p.stop(t)
	run(t, "verify", "--data", data)
}
