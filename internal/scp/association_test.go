package scp

import (
	"bytes"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// TestEchoInStorageContext: an operation that the SOP Class of the context does not have is answered "unrecognized operation", and the
// Association goes on.
func TestEchoInStorageContext(t *testing.T) {
	addr := start(t, Config{Storer: &hasher{}})
	a, err := associate(addr, "CT1", "HALONG", pdu.ProposedContext{AbstractSyntax: ctStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, c := range []dimse.Command{
		{Field: dimse.CEchoRQ, AffectedSOPClass: dicom.VerificationSOPClass},
		{Field: dimse.CEchoRQ, AffectedSOPClass: ctStorage},
		{Field: dimse.CFindRQ, AffectedSOPClass: ctStorage},
		{Field: dimse.NCreateRQ, AffectedSOPClass: ctStorage},
	} {
		resp, err := a.Call(t.Context(), 1, &c, bytes.NewReader(make([]byte, 1000)), nil)
		if err != nil || resp.Status != dimse.UnrecognizedOperation {
			t.Errorf("%v: %v, %+v", c.Field, err, resp)
		}
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
}

// TestNewStorageClass: a SOP Class newer than this program is taken where the peer says that it is of the Storage Service Class.
func TestNewStorageClass(t *testing.T) {
	const class dicom.UID = "1.2.840.10008.5.99.1"
	for _, reject := range []bool{false, true} {
		addr := start(t, Config{Storer: &hasher{}, RejectUnknown: reject})
		for _, said := range [][]pdu.CommonExtendedNegotiation{nil, {{SOPClass: class, ServiceClass: dimse.StorageServiceClass}}} {
			a, err := dimse.Dial(t.Context(), addr, dimse.Options{
				CallingAE: "CT1", CalledAE: "HALONG", User: pdu.UserInformation{CommonExtended: said},
				Contexts: []pdu.ProposedContext{{AbstractSyntax: class, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := a.Find(class, ""); ok != (said != nil && !reject) {
				t.Errorf("said %v, unknown ones rejected %t: accepted %t", said, reject, ok)
			}
			if err := a.Release(); err != nil {
				t.Error(err)
			}
		}
	}
}
