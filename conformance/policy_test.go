package conformance

import (
	"bytes"
	"testing"
)

// TestQuarantinePolicy sends other bytes under a known SOP Instance UID to a
// gateway that takes no further versions: they are refused and lie in quarantine.
func TestQuarantinePolicy(t *testing.T) {
	c := onLoopback(t.TempDir())
	c.Storage.Versions = "quarantine"
	g := serve(t, c)
	first, other := newObject(3, 1, 40<<10, "BN0001"), newObject(3, 1, 40<<10, "BN9999")
	if status := sendOne(t, g.DICOM, first); status != 0 {
		t.Errorf("first: status %04X", status)
	}
	if status := sendOne(t, g.DICOM, other); status != 0xC000 {
		t.Errorf("other bytes: status %04X, want C000", status)
	}
	if status := sendOne(t, g.DICOM, first); status != 0 {
		t.Errorf("duplicate: status %04X", status)
	}
	checkObject(t, g.URL, &first)
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	all := exported(t, c.Data, "--quarantine")
	for _, b := range all {
		if !bytes.Equal(b, other.data) {
			t.Error("other bytes in quarantine than were sent")
		}
	}
	if len(all) != 1 {
		t.Errorf("%d objects in quarantine, want 1", len(all))
	}
}
