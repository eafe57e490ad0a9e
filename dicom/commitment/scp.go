package commitment

import (
	"bytes"
	"context"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
)

// ReadAction reads what a peer asks for with an N-ACTION (PS3.4 J.3.2). The error is an *Error, whose Response it is to be given.
func ReadAction(rq *dimse.Request) (*Request, error) {
	c := rq.Command
	switch {
	case c.Field != dimse.NActionRQ:
		return nil, &Error{dimse.UnrecognizedOperation, 0, "not an N-ACTION"}
	case c.RequestedSOPClass != SOPClass:
		return nil, &Error{dimse.NoSuchSOPClass, 0, "not the Storage Commitment Push Model"}
	case c.RequestedSOPInstance != SOPInstance:
		return nil, &Error{dimse.NoSuchSOPInstance, 0, "not the well-known instance"}
	case c.ActionTypeID == nil || *c.ActionTypeID != actionRequest:
		return nil, &Error{dimse.NoSuchActionType, 0, "not action type 1"}
	}
	b, ts, err := read(rq)
	if err != nil {
		return nil, err
	}
	return ParseRequest(b, ts)
}

// Taken answers an N-ACTION with success: the request is kept and a Report will follow.
func Taken(rq *dimse.Request) dimse.Response {
	resp := dimse.Answer(dimse.Success)
	resp.ActionTypeID = rq.Command.ActionTypeID
	return resp
}

// Tell sends an N-EVENT-REPORT (PS3.4 J.3.3) on an Association that may carry it: one that the SCU requested, or one on which it
// was let take the role of the SCU (see Reporter). A status that is neither success nor warning is a *dimse.StatusError, after
// which the Association can still be used; errors else are those of dimse.Association.Call, and dimse.ErrNoContext.
func Tell(ctx context.Context, a *dimse.Association, r *Report) error {
	event := r.event()
	return call(ctx, a, &dimse.Command{
		Field: dimse.NEventReportRQ, AffectedSOPClass: SOPClass, AffectedSOPInstance: SOPInstance, EventTypeID: &event,
	}, r.Append)
}

func call(ctx context.Context, a *dimse.Association, c *dimse.Command, body func([]byte, *dicom.TransferSyntax) []byte) error {
	pc, ok := a.Find(SOPClass, "")
	if !ok {
		return dimse.ErrNoContext
	}
	ts, ok := dicom.LookupTransferSyntax(pc.TransferSyntax)
	if !ok {
		return dimse.ErrNoContext
	}
	resp, err := a.Call(ctx, pc.ID, c, bytes.NewReader(body(nil, ts)), nil)
	if err == nil && !resp.Status.OK() {
		err = &dimse.StatusError{Field: resp.Field, Status: resp.Status, Comment: resp.ErrorComment}
	}
	return err
}
