package dimse

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
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

// TestN3AbstractSyntax: what cannot be a UID is answered "abstract syntax not supported" (PS3.8 table 9-18), whatever rules would take.
func TestN3AbstractSyntax(t *testing.T) {
	m := &Mux{}
	m.HandleFunc(func(dicom.UID) bool { return true }, Offer{Accepts: func(dicom.UID) bool { return true }, Related: func(dicom.UID) bool { return true }, ServiceClass: StorageServiceClass})
	for class, want := range map[dicom.UID]pdu.Result{
		"1.2.840.113619.4.26": pdu.Acceptance, "1.2.003": pdu.Acceptance, "1": pdu.Acceptance,
		"": pdu.AbstractSyntaxNotSupported, ".": pdu.AbstractSyntaxNotSupported, "1..2": pdu.AbstractSyntaxNotSupported, "1.2.": pdu.AbstractSyntaxNotSupported,
		".1": pdu.AbstractSyntaxNotSupported, "1.2.x": pdu.AbstractSyntaxNotSupported, "DOE^JOHN": pdu.AbstractSyntaxNotSupported, "1.2\x00.3": pdu.AbstractSyntaxNotSupported,
		dicom.UID(strings.Repeat("1", 64)): pdu.Acceptance, dicom.UID(strings.Repeat("1", 65)): pdu.AbstractSyntaxNotSupported,
	} {
		rq := &pdu.AssociateRQ{
			Contexts: []pdu.ProposedContext{{ID: 1, AbstractSyntax: class, TransferSyntaxes: []dicom.UID{explicit}}},
			User:     pdu.UserInformation{CommonExtended: []pdu.CommonExtendedNegotiation{{SOPClass: class, ServiceClass: StorageServiceClass}}},
		}
		if got := m.Negotiate(rq)[0].Result; got != want {
			t.Errorf("%q: %v", class, got)
		}
	}
}

// TestCommonExtended: a SOP Class that is not served by itself is negotiated, and served, as its related general SOP Class or others
// of its Service Class are, where their Offer takes it (PS3.7 D.3.3.6).
func TestCommonExtended(t *testing.T) {
	const newStorage, newFind, forbidden dicom.UID = "1.2.840.10008.5.1.4.99.1", "1.2.840.10008.5.1.4.99.2", "1.2.840.10008.5.1.4.99.3"
	m := testMux(nil)
	k := &keeper{}
	takes := func(ts dicom.UID) bool { return ts == explicit || ts == jpegBase }
	m.HandleFunc(func(u dicom.UID) bool { return u == "2.25.1" }, Offer{
		Service: k, Accepts: takes, PeerSCP: true, ServiceClass: StorageServiceClass,
		Related: func(u dicom.UID) bool { return u != forbidden },
	})
	m.Handle(notServed, Offer{Service: k, Accepts: func(ts dicom.UID) bool { return ts == implicit }, Related: func(u dicom.UID) bool { return true }})
	common := []pdu.CommonExtendedNegotiation{
		{SOPClass: newStorage, ServiceClass: StorageServiceClass, RelatedGeneral: []dicom.UID{"1.2.3", ctStorage}}, // the general ones are not served, or not so
		{SOPClass: newFind, ServiceClass: "1.2.840.10008.4.9", RelatedGeneral: []dicom.UID{notServed}},
		{SOPClass: forbidden, ServiceClass: StorageServiceClass},
		{SOPClass: ctStorage, ServiceClass: "1.2.840.10008.4.9"}, // served by itself: what is said of it does not matter
		{SOPClass: "2.25.2"},
	}
	a := dial(t, start(t, &Server{Mux: m}), func(o *Options) {
		o.User.CommonExtended = common
		o.User.Roles = []pdu.RoleSelection{{SOPClass: newStorage, SCP: true}, {SOPClass: forbidden, SCP: true}}
		o.Contexts = nil
		for _, class := range []dicom.UID{newStorage, newFind, forbidden, ctStorage, "2.25.2", "1.2.840.10008.5.1.4.99.4"} {
			o.Contexts = append(o.Contexts, pdu.ProposedContext{AbstractSyntax: class, TransferSyntaxes: []dicom.UID{privateTS, implicit, jpegBase}})
		}
	})
	want := []ul.Context{
		{ID: 1, AbstractSyntax: newStorage, TransferSyntax: jpegBase},
		{ID: 3, AbstractSyntax: newFind, TransferSyntax: implicit},
		{ID: 7, AbstractSyntax: ctStorage, TransferSyntax: jpegBase},
	}
	if d := cmp.Diff(want, a.Contexts()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]pdu.RoleSelection{{SOPClass: newStorage, SCP: true}}, a.Peer().Roles); d != "" {
		t.Error(d)
	}
	if _, err := a.Store(t.Context(), newStorage, "1.2", jpegBase, strings.NewReader("ab")); err != nil {
		t.Error(err)
	}
	var classes []dicom.UID
	for class := range m.Offered {
		classes = append(classes, class)
	}
	if d := cmp.Diff([]dicom.UID{dicom.VerificationSOPClass, getStorage, notServed}, classes); d != "" {
		t.Error(d)
	}
}

// TestN3Contexts: 128 contexts are proposed, accepted and used, the last as well as the first; 129 are not even sent.
func TestN3Contexts(t *testing.T) {
	k := &keeper{}
	addr := start(t, &Server{Mux: testMux(k)})
	many := func(n int) func(*Options) {
		return func(o *Options) {
			o.Contexts = nil
			for i := range n {
				o.Contexts = append(o.Contexts, pdu.ProposedContext{AbstractSyntax: ctStorage, TransferSyntaxes: []dicom.UID{[]dicom.UID{explicit, jpegBase, implicit}[i%3]}})
			}
		}
	}
	a := dial(t, addr, many(128))
	if c := a.Contexts(); len(c) != 128 || c[127] != (ul.Context{ID: 255, AbstractSyntax: ctStorage, TransferSyntax: jpegBase}) {
		t.Errorf("%d contexts: %+v", len(c), c)
	}
	for _, pc := range []uint8{1, 127, 255} {
		resp, err := a.Call(t.Context(), pc, &Command{Field: CStoreRQ, AffectedSOPClass: ctStorage, AffectedSOPInstance: "1.2"}, strings.NewReader("ab"), nil)
		if err != nil || resp.Status != Success {
			t.Errorf("context %d: %+v, %v", pc, resp, err)
		}
	}
	if _, err := tryDial(addr, many(129)); err == nil || !strings.Contains(err.Error(), "128") {
		t.Error(err)
	}
}
