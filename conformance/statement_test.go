package conformance

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// negotiated proposes Presentation Contexts to a gateway and gives the answers, 128 an Association.
func negotiated(t *testing.T, address string, contexts []pdu.ProposedContext) (accepted []bool) {
	t.Helper()
	for part := range slices.Chunk(contexts, pdu.MaxContexts-1) {
		// One more that is always accepted, so that there is an Association to release.
		proposal := append(slices.Clone(part), pdu.ProposedContext{
			AbstractSyntax: dicom.VerificationSOPClass, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian},
		})
		a, err := dimse.Dial(t.Context(), address, dimse.Options{CallingAE: "READER", CalledAE: "HALONG", Contexts: proposal})
		if err != nil {
			t.Fatal(err)
		}
		for i := range part {
			id := uint8(2*i + 1)
			accepted = append(accepted, slices.ContainsFunc(a.Contexts(), func(c ul.Context) bool { return c.ID == id }))
		}
		if err := a.Release(); err != nil {
			t.Error(err)
		}
	}
	return accepted
}

// TestStatementIsTrue reads the conformance statement as an integrator does and proposes to a gateway, on the wire, every SOP Class and
// every Transfer Syntax of its tables, and some that are not there.
func TestStatementIsTrue(t *testing.T) {
	page, err := os.ReadFile("../docs/conformance-dicom.md")
	if err != nil {
		t.Fatal(err)
	}
	g := serve(t, onLoopback(t.TempDir()))
	var contexts []pdu.ProposedContext
	var want []bool
	propose := func(class, syntax string, accepted bool) {
		contexts = append(contexts, pdu.ProposedContext{AbstractSyntax: dicom.UID(class), TransferSyntaxes: []dicom.UID{dicom.UID(syntax)}})
		want = append(want, accepted)
	}
	classes, syntaxes := 0, 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		uid := func(s string) bool { return strings.HasPrefix(s, "1.2.840.10008.") }
		switch {
		case len(cells) < 3 || !uid(cells[1]):
		case len(cells) == 4: // 8.2: name, UID, Storage, other SOP Classes
			syntaxes++
			propose(string(ctImageStorage), cells[1], cells[2] == "yes")
			propose(string(dicom.VerificationSOPClass), cells[1], cells[3] == "yes")
		default: // 4.2.2 and 8.1
			classes++
			propose(cells[1], string(dicom.ExplicitVRLittleEndian), true)
		}
	}
	if classes < 200 || syntaxes < 40 {
		t.Fatalf("%d SOP Classes and %d Transfer Syntaxes read", classes, syntaxes)
	}
	propose("1.2.840.10008.5.1.4.1.1.66.99999", string(dicom.ExplicitVRLittleEndian), true) // of a later edition
	propose("1.2.840.10008.1.3.10", string(dicom.ExplicitVRLittleEndian), false)            // Media Storage Directory
	propose("1.2.840.10008.5.1.1.9", string(dicom.ExplicitVRLittleEndian), false)           // print
	propose(string(ctImageStorage), "1.2.840.10008.1.2.4.94", false)                        // JPIP Referenced
	propose(string(ctImageStorage), "1.2.3.4", false)
	accepted := negotiated(t, g.DICOM, contexts)
	for i, c := range contexts {
		if accepted[i] != want[i] {
			t.Errorf("%s in %s: accepted %v, stated %v", c.AbstractSyntax, c.TransferSyntaxes[0], accepted[i], want[i])
		}
	}
}
