package conformance

import (
	"testing"
)

// TestOrthancStarts: placeholder
func TestOrthancStarts(t *testing.T) {
	interop(t, peerOrthanc, "C-ECHO", asSCU, "halong echo")
	o := startOrthanc(t)
	run(t, "echo", o.DICOM, "--call", o.AE)
}
