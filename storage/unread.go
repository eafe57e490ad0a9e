package storage

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/halong-gateway/halong/dicom"
)

// Quarantine keeps in.Body as it is, unread, with a reason that holds no patient data: what came with Inbound.Unkept set and could not be understood.
func (a *Archive) Quarantine(ctx context.Context, in Inbound, reason string) (Receipt, error) {
	if err := a.acquire(ctx); err != nil {
		return Receipt{}, err
	}
	defer a.release()
	arr, err := a.receiveUnread(ctx, in, errors.New(reason))
	if err != nil {
		return Receipt{}, errors.Join(err, arr.close())
	}
	rcpt, err := a.quarantine(ctx, arr)
	if rcpt.Outcome == Quarantined {
		err = nil // it says that the object is none
	}
	return rcpt, errors.Join(err, arr.close())
}

// receiveUnread takes bytes in. The arrival is never nil and must be closed.
func (a *Archive) receiveUnread(ctx context.Context, in Inbound, why error) (*arrival, error) {
	arr := &arrival{splitter: splitter{ctx: ctx, blobs: a.blobs}}
	head, err := a.blobs.Create(ctx, BlobHint{Size: headHint})
	if err != nil {
		return arr, err
	}
	arr.head = head
	arr.rec.Facility, arr.rec.Source = in.Facility, in.Source
	arr.rec.Received = a.now().UTC().Truncate(time.Microsecond)
	if _, err := io.Copy(head, in.Body); err != nil {
		return arr, err
	}
	if err := arr.describe(in, syntaxOf(dicom.ImplicitVRLittleEndian), why); err != nil {
		return arr, err
	}
	arr.refuse(why)
	return arr, nil
}
