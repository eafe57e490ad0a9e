package scu

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// PerformedProcedureStep is the Modality Performed Procedure Step SOP Class (PS3.4 F.7).
const PerformedProcedureStep dicom.UID = "1.2.840.10008.3.1.2.3.3"

// Procedure is an N-CREATE or N-SET of a Modality Performed Procedure Step.
type Procedure struct {
	SOP    dicom.UID // SOP Instance UID
	Set    bool      // N-SET; else N-CREATE
	Syntax dicom.UID // Transfer Syntax of Data: Implicit or Explicit VR Little Endian
	Data   []byte    // the Data Set
}

// Perform sends the request and gives what is answered, of any status. The error tells that there was no answer; it is
// dimse.ErrNoContext when the target does not serve the SOP Class.
func Perform(ctx context.Context, t Target, p Procedure) (*dimse.Response, error) {
	a, err := t.associate(ctx, []pdu.ProposedContext{
		{AbstractSyntax: PerformedProcedureStep, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}},
		{AbstractSyntax: PerformedProcedureStep, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}},
	})
	if err != nil {
		return nil, err
	}
	resp, err := perform(ctx, a, &p)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	_ = a.Release() // the answer is what counts
	return resp, nil
}

func perform(ctx context.Context, a *dimse.Association, p *Procedure) (*dimse.Response, error) {
	pc, ok := a.Find(PerformedProcedureStep, p.Syntax)
	if !ok {
		if pc, ok = a.Find(PerformedProcedureStep, ""); !ok {
			return nil, dimse.ErrNoContext
		}
	}
	data, err := reencode(p.Data, p.Syntax, pc.TransferSyntax)
	if err != nil {
		return nil, err
	}
	rq := &dimse.Command{Field: dimse.NCreateRQ, AffectedSOPClass: PerformedProcedureStep, AffectedSOPInstance: p.SOP}
	if p.Set {
		rq = &dimse.Command{Field: dimse.NSetRQ, RequestedSOPClass: PerformedProcedureStep, RequestedSOPInstance: p.SOP}
	}
	return a.Call(ctx, pc.ID, rq, bytes.NewReader(data), nil)
}

// reencode gives a Data Set in another Transfer Syntax.
func reencode(b []byte, from, to dicom.UID) ([]byte, error) {
	if from == to {
		return b, nil
	}
	f, ok := dicom.LookupTransferSyntax(from)
	t, known := dicom.LookupTransferSyntax(to)
	if !ok || !known {
		return nil, fmt.Errorf("unknown transfer syntax %s or %s", from.Loggable(), to.Loggable())
	}
	s, err := dataset.Parse(b, f, dataset.Limits{})
	if err != nil {
		return nil, err
	}
	return s.Append(nil, t), nil
}
