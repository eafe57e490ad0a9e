package conformance

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
)

// The SOP Classes of MPPS (PS3.4 F.7, F.8).
const (
	mppsClass    dicom.UID = "1.2.840.10008.3.1.2.3.3"
	mppsRetrieve dicom.UID = "1.2.840.10008.3.1.2.3.4"
)

// begunStep are the attributes of an N-CREATE.
func begunStep() *dataset.Set {
	s, scheduled := &dataset.Set{}, &dataset.Set{}
	for t, v := range map[dicom.Tag]string{
		tag.PatientName: "LE^AN", tag.PatientID: "P1", tag.PerformedProcedureStepID: "PPS1", tag.PerformedStationAETitle: "CT1", tag.PerformedProcedureStepStartDate: "20261122",
		tag.PerformedProcedureStepStartTime: "093500", tag.PerformedProcedureStepStatus: "IN PROGRESS", tag.Modality: "CT",
	} {
		s.PutString(t, dicom.VROf(t), v)
	}
	scheduled.PutString(tag.StudyInstanceUID, dicom.UI, "2.25.1")
	s.Put(dataset.Element{Tag: tag.ScheduledStepAttributesSequence, VR: dicom.SQ, Items: []*dataset.Set{scheduled}})
	return s
}

// with gives a Data Set of texts.
func with(k keys) *dataset.Set {
	s := &dataset.Set{}
	for t, v := range k {
		s.PutString(t, dicom.VROf(t), v)
	}
	return s
}

// TestPerformedStatuses: each status of PS3.4 F.7.2 and F.8.2 that a modality can earn, with the attributes that it is about.
func TestPerformedStatuses(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	a, err := dimse.Dial(t.Context(), g.DICOM, dimse.Options{CallingAE: "CT1", CalledAE: "HALONG", Contexts: []pdu.ProposedContext{
		{AbstractSyntax: mppsClass, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}},
		{AbstractSyntax: mppsRetrieve, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Release()
	ts, _ := dicom.LookupTransferSyntax(dicom.ImplicitVRLittleEndian)
	create := func(class, sop dicom.UID) *dimse.Command {
		return &dimse.Command{Field: dimse.NCreateRQ, AffectedSOPClass: class, AffectedSOPInstance: sop}
	}
	set := func(sop dicom.UID) *dimse.Command {
		return &dimse.Command{Field: dimse.NSetRQ, RequestedSOPClass: mppsClass, RequestedSOPInstance: sop}
	}
	get := func(sop dicom.UID, asked ...dicom.Tag) *dimse.Command {
		return &dimse.Command{Field: dimse.NGetRQ, RequestedSOPClass: mppsClass, RequestedSOPInstance: sop, AttributeIdentifiers: asked}
	}
	without, wrongValue := begunStep(), begunStep()
	without.Delete(tag.Modality)
	wrongValue.PutString(tag.PerformedProcedureStepStatus, dicom.CS, "COMPLETED")
	moved := &dataset.Set{Elements: []dataset.Element{{Tag: tag.ScheduledStepAttributesSequence, VR: dicom.SQ, Items: []*dataset.Set{with(keys{tag.StudyInstanceUID: "2.25.2"})}}}}
	over := with(keys{tag.PerformedProcedureStepStatus: "DISCONTINUED", tag.PerformedProcedureStepEndDate: "20261122", tag.PerformedProcedureStepEndTime: "0945"})
	tags := func(list ...dicom.Tag) []dicom.Tag { return list }
	for _, c := range []struct {
		what   string
		rq     *dimse.Command
		data   *dataset.Set
		status dimse.Status
		about  []dicom.Tag
	}{
		{"of another class", create("1.2.840.10008.3.1.2.3.1", "2.25.1"), begunStep(), dimse.NoSuchSOPClass, nil},
		{"no UID", create(mppsClass, "2.25.0x"), begunStep(), dimse.InvalidSOPInstance, nil},
		{"without a data set", create(mppsClass, "2.25.1"), nil, dimse.MissingAttribute, nil},
		{"without type 1", create(mppsClass, "2.25.1"), without, dimse.MissingAttribute, tags(tag.Modality)},
		{"completed at once", create(mppsClass, "2.25.1"), wrongValue, dimse.InvalidAttributeValue, tags(tag.PerformedProcedureStepStatus)},
		{"an operation of others", &dimse.Command{Field: dimse.NActionRQ, RequestedSOPClass: mppsClass, RequestedSOPInstance: "2.25.1"}, nil, dimse.UnrecognizedOperation, nil},
		{"unknown", set("2.25.1"), over, dimse.NoSuchSOPInstance, nil},
		{"created", create(mppsClass, "2.25.1"), begunStep(), dimse.Success, nil},
		{"twice", create(mppsClass, "2.25.1"), begunStep(), dimse.DuplicateSOPInstance, nil},
		{"another step", set("2.25.1"), moved, 0x0107, tags(tag.ScheduledStepAttributesSequence)},
		{"all of it again", set("2.25.1"), begunStep(), dimse.Success, nil},
		{"no such status", set("2.25.1"), with(keys{tag.PerformedProcedureStepStatus: "DONE"}), dimse.InvalidAttributeValue, tags(tag.PerformedProcedureStepStatus)},
		{"completed without an end", set("2.25.1"), with(keys{tag.PerformedProcedureStepStatus: "COMPLETED"}), dimse.MissingAttribute, tags(tag.PerformedProcedureStepEndDate)},
		{"discontinued", set("2.25.1"), over, dimse.Success, nil},
		{"after its end", set("2.25.1"), over, dimse.ProcessingFailure, nil},
		{"asked for", get("2.25.1", tag.PatientID, tag.StudyID, tag.PerformedProcedureStepStatus), nil, dimse.Success, nil},
		{"asked for, unknown", get("2.25.7"), nil, dimse.NoSuchSOPInstance, nil},
	} {
		class, data := mppsClass, bytes.NewReader(nil)
		if c.rq.Field == dimse.NGetRQ {
			class = mppsRetrieve
		}
		pc, ok := a.Find(class, "")
		if !ok {
			t.Fatal("no presentation context")
		}
		var resp *dimse.Response
		if c.data == nil {
			resp, err = a.Call(t.Context(), pc.ID, c.rq, nil, nil)
		} else {
			data.Reset(c.data.Append(nil, ts))
			resp, err = a.Call(t.Context(), pc.ID, c.rq, data, nil)
		}
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if d := cmp.Diff(c.about, resp.AttributeIdentifiers); resp.Status != c.status || d != "" {
			t.Errorf("%s: %v (%s) %s", c.what, resp.Status, resp.ErrorComment, d)
		}
		switch {
		case c.what == "after its end" && (resp.ErrorID == nil || *resp.ErrorID != 0xA710):
			t.Errorf("%s: error ID %v", c.what, resp.ErrorID)
		case c.what == "asked for":
			s, err := dataset.Parse(slices.Clone(resp.Data), ts, dataset.Limits{})
			if err != nil || len(s.Elements) != 3 || s.String(tag.PatientID) != "P1" || s.Get(tag.StudyID) == nil || s.String(tag.PerformedProcedureStepStatus) != "DISCONTINUED" {
				t.Errorf("%s: %v %+v", c.what, err, s)
			}
		}
	}
}
