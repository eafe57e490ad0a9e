package scp

import (
	"errors"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// TestReports: on one SOP Class the same server takes requests as its SCP and reports as an SCU, whichever roles the peer
// takes.
func TestReports(t *testing.T) {
	w := newCommitWorld(t)
	good := put(t, w.archive, "default", 1, 1, "AN")
	inbox := &commitment.Inbox{}
	c := w.config()
	c.Reports = inbox
	addr := start(t, c)
	for name, role := range map[string]*pdu.RoleSelection{
		"reporter alone": {SOPClass: commitment.SOPClass, SCP: true},
		"both":           {SOPClass: commitment.SOPClass, SCU: true, SCP: true},
		"says nothing":   nil,
	} {
		t.Run(name, func(t *testing.T) {
			expected := inbox.Expect("2.25.7")
			m := newModality()
			o := dimse.Options{CallingAE: "PACS", CalledAE: "HALONG", Mux: m.mux(), Contexts: []pdu.ProposedContext{commitment.Context(), {
				AbstractSyntax: dicom.VerificationSOPClass, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian},
			}}}
			if role != nil {
				o.User.Roles = []pdu.RoleSelection{*role}
			}
			a, err := dimse.Dial(t.Context(), addr, o)
			if err != nil {
				t.Fatal(err)
			}
			defer release(a)
			if err := commitment.MayTell(a); err != nil {
				t.Fatal(err)
			}
			r := &commitment.Report{Transaction: "2.25.7", Committed: []commitment.Reference{{SOPClass: ctStorage, SOPInstance: good}}}
			if err := commitment.Tell(t.Context(), a, r); err != nil {
				t.Fatal(err)
			}
			if got := expected.Report(); got == nil || len(got.Committed) != 1 || got.Committed[0].SOPInstance != good {
				t.Errorf("%+v", got)
			}
			if err := commitment.Tell(t.Context(), a, r); err != nil {
				t.Errorf("told again: %v", err)
			}
			inbox.Forget("2.25.7")
			var status *dimse.StatusError
			if err := commitment.Tell(t.Context(), a, r); !errors.As(err, &status) || status.Status != dimse.InvalidArgumentValue {
				t.Errorf("a report that nobody expects: %v", err)
			}
			if role != nil && !role.SCU {
				return
			}
			if err := commitment.Ask(t.Context(), a, commitment.Request{Transaction: "2.25.8", References: r.Committed}); err != nil {
				t.Fatal(err)
			}
			diff(t, listenFor(t, a, m), reported{event: 1, instance: commitment.SOPInstance, transaction: "2.25.8", good: []dicom.UID{good}})
		})
	}
}

// TestNoReports: without a taker of reports the peer does not get the SCP role, and is told that the operation is unknown.
func TestNoReports(t *testing.T) {
	a, err := dimse.Dial(t.Context(), start(t, newCommitWorld(t).config()), dimse.Options{
		CallingAE: "PACS", CalledAE: "HALONG", Contexts: []pdu.ProposedContext{commitment.Context()},
		User: pdu.UserInformation{Roles: []pdu.RoleSelection{commitment.Reporter()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer release(a)
	if err := commitment.MayTell(a); !errors.Is(err, commitment.ErrRole) {
		t.Error(err)
	}
	var status *dimse.StatusError
	err = commitment.Tell(t.Context(), a, &commitment.Report{Transaction: "2.25.7"})
	if !errors.As(err, &status) || status.Status != dimse.UnrecognizedOperation {
		t.Error(err)
	}
}
