package dimse

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
)

const (
	ctStorage  dicom.UID = "1.2.840.10008.5.1.4.1.1.2"
	jpegBase   dicom.UID = "1.2.840.10008.1.2.4.50"
	privateTS  dicom.UID = "1.2.840.113619.5.2"
	implicit             = dicom.ImplicitVRLittleEndian
	explicit             = dicom.ExplicitVRLittleEndian
	notServed  dicom.UID = "1.2.840.10008.5.1.4.1.2.2.1"
	getStorage dicom.UID = "1.2.840.10008.5.1.4.1.1.4"
	deflated             = dicom.DeflatedExplicitVRLittleEndian
)

func testMux(s Service) *Mux {
	m := &Mux{}
	takes := func(ts dicom.UID) bool { _, ok := dicom.LookupTransferSyntax(ts); return ok }
	m.Handle(dicom.VerificationSOPClass, Offer{Service: s, Accepts: func(ts dicom.UID) bool { return ts == implicit || ts == explicit }})
	m.Handle(getStorage, Offer{Service: s, Accepts: takes, PeerSCP: true, Extended: func(a []byte) []byte { return append(a, 0xff) }})
	m.HandleFunc(func(u dicom.UID) bool { c, ok := dicom.LookupSOPClass(u); return ok && c.Kind == dicom.Storage }, Offer{Service: s, Accepts: takes})
	return m
}

// TestN5Negotiate: the proposer's first acceptable transfer syntax; implicit only when
// there is no other; each context for itself.
func TestN5Negotiate(t *testing.T) {
	rq := &pdu.AssociateRQ{}
	for i, c := range []struct {
		class dicom.UID
		ts    []dicom.UID
	}{
		{ctStorage, []dicom.UID{explicit, jpegBase}},
		{ctStorage, []dicom.UID{jpegBase, explicit}},
		{ctStorage, []dicom.UID{implicit, explicit, jpegBase}},
		{ctStorage, []dicom.UID{implicit}},
		{ctStorage, []dicom.UID{privateTS, implicit}},
		{ctStorage, []dicom.UID{privateTS, deflated}},
		{ctStorage, []dicom.UID{privateTS}},
		{ctStorage, nil},
		{notServed, []dicom.UID{implicit}},
		{dicom.VerificationSOPClass, []dicom.UID{jpegBase, implicit}},
	} {
		rq.Contexts = append(rq.Contexts, pdu.ProposedContext{ID: uint8(2*i + 1), AbstractSyntax: c.class, TransferSyntaxes: c.ts})
	}
	want := []pdu.ContextResult{
		{ID: 1, TransferSyntax: explicit},
		{ID: 3, TransferSyntax: jpegBase},
		{ID: 5, TransferSyntax: explicit},
		{ID: 7, TransferSyntax: implicit},
		{ID: 9, TransferSyntax: implicit},
		{ID: 11, TransferSyntax: deflated},
		{ID: 13, Result: pdu.TransferSyntaxesNotSupported, TransferSyntax: privateTS},
		{ID: 15, Result: pdu.TransferSyntaxesNotSupported, TransferSyntax: implicit},
		{ID: 17, Result: pdu.AbstractSyntaxNotSupported, TransferSyntax: implicit},
		{ID: 19, TransferSyntax: implicit},
	}
	if d := cmp.Diff(want, testMux(nil).Negotiate(rq)); d != "" {
		t.Error(d)
	}
}

// TestN11Roles: a role is granted only where it is proposed and served; classes
// that are not served get no answer.
func TestN11Roles(t *testing.T) {
	got := testMux(nil).negotiateUser(&pdu.UserInformation{
		Roles: []pdu.RoleSelection{
			{SOPClass: getStorage, SCU: false, SCP: true},
			{SOPClass: getStorage, SCU: true, SCP: false},
			{SOPClass: ctStorage, SCU: true, SCP: true},
			{SOPClass: notServed, SCU: true, SCP: true},
		},
		Extended: []pdu.ExtendedNegotiation{{SOPClass: getStorage, Application: []byte{1}}, {SOPClass: ctStorage, Application: []byte{2}}},
	})
	want := pdu.UserInformation{
		Roles:    []pdu.RoleSelection{{SOPClass: getStorage, SCP: true}, {SOPClass: getStorage, SCU: true}, {SOPClass: ctStorage, SCU: true}},
		Extended: []pdu.ExtendedNegotiation{{SOPClass: getStorage, Application: []byte{1, 0xff}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
