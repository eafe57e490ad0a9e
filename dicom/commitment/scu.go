package commitment

import (
	"context"
	"errors"

	"github.com/halong-gateway/halong/dicom/dimse"
)

// ErrRequest says that a Request cannot be sent: its Transaction UID is none, or it names no SOP Instance or too many.
var ErrRequest = errors.New("commitment: request without a valid Transaction UID, or not of 1 to 50,000 instances")

// Ask sends an N-ACTION (PS3.4 J.3.2). nil says that the peer will report; until it has, nothing is known of the instances.
// Call Inbox.Expect first: the report may come before Ask returns. A status that is neither success nor warning is a
// *dimse.StatusError, after which the Association can still be used; other errors are ErrRequest, dimse.ErrNoContext
// and those of dimse.Association.Call.
func Ask(ctx context.Context, a *dimse.Association, r Request) error {
	if !r.Transaction.Valid() || len(r.References) == 0 || len(r.References) > MaxReferences {
		return ErrRequest
	}
	action := actionRequest
	return call(ctx, a, &dimse.Command{
		Field: dimse.NActionRQ, RequestedSOPClass: SOPClass, RequestedSOPInstance: SOPInstance, ActionTypeID: &action,
	}, r.Append)
}
