package scp

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/scu"
	"github.com/halong-gateway/halong/storage"
)

// manyClasses stores one study of so many objects, each of a SOP Class of its own.
func manyClasses(t *testing.T, n int) *storage.Archive {
	t.Helper()
	a := realArchive(t)
	for i := range n {
		putSet(t, a, 1, i+1, keys("SOPClassUID", fmt.Sprintf("2.25.%d", 1000+i)))
	}
	return a
}

// TestMoveManyClasses: a C-MOVE of more SOP Classes than an Association has Presentation Contexts for takes several, one after another.
func TestMoveManyClasses(t *testing.T) {
	const classes = 150 // two contexts each: as stored, and the other uncompressed syntax
	a := manyClasses(t, classes)
	d := newSink(t, &sink{}, "", 1)
	addr := start(t, Config{Storer: a, Archive: a, AE: "HALONG", Destinations: []Destination{{AE: "DEST", Address: d.addr}}})
	moveStudy(t, addr, "1.2.1", scu.Counts{Completed: classes})
	if got := d.counts(); got[0] != 3 || got[2] != classes {
		t.Errorf("associations and objects: %v", got)
	}
}

// TestGetManyClasses: a C-GET of more SOP Classes than the peer has Presentation Contexts for brings what it can, and lists the rest.
func TestGetManyClasses(t *testing.T) {
	const classes, proposed = 140, pdu.MaxContexts - 1
	addr := start(t, Config{Storer: &hasher{}, Archive: manyClasses(t, classes), AE: "HALONG"})
	explicit := []dicom.UID{dicom.ExplicitVRLittleEndian}
	o := dimse.Options{CallingAE: "ANY", CalledAE: "HALONG", Mux: &dimse.Mux{}, Contexts: []pdu.ProposedContext{{AbstractSyntax: models[1].get, TransferSyntaxes: explicit}}}
	for i := range proposed {
		class := dicom.UID(fmt.Sprintf("2.25.%d", 1000+i))
		o.Contexts = append(o.Contexts, pdu.ProposedContext{AbstractSyntax: class, TransferSyntaxes: explicit})
		o.User.Roles = append(o.User.Roles, pdu.RoleSelection{SOPClass: class, SCP: true})
	}
	got := &sink{}
	o.Mux.HandleFunc(func(dicom.UID) bool { return true }, dimse.Offer{Service: got, Accepts: nativeSyntax})
	c, err := dimse.Dial(t.Context(), addr, o)
	if err != nil {
		t.Fatal(err)
	}
	id := keys("QueryRetrieveLevel", "STUDY", "StudyInstanceUID", "1.2.1").Append(nil, explicitVR())
	resp, err := c.Call(t.Context(), 1, &dimse.Command{Field: dimse.CGetRQ, AffectedSOPClass: models[1].get}, bytes.NewReader(id), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := dataset.Parse(resp.Data, explicitVR(), dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Strings(tag.FailedSOPInstanceUIDList)); resp.Status != dimse.SubOperationsIncomplete || n != classes-proposed || len(got.instances) != proposed {
		t.Errorf("%+v: %d listed, %d received", resp.Command, n, len(got.instances))
	}
	if *resp.Completed != proposed || *resp.Failed != classes-proposed {
		t.Errorf("completed %d, failed %d", *resp.Completed, *resp.Failed)
	}
	if err := c.Release(); err != nil {
		t.Error(err)
	}
}
