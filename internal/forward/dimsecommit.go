package forward

import (
	"context"
	"errors"
	"time"

	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// hearTime is how long an Association on which storage commitment was asked for is kept open for the report. It may come later, on
// one that the peer opens.
const hearTime = 10 * time.Second

// commit implements committer.
func (d *DIMSE) commit(ctx context.Context, rq commitment.Request, inbox dimse.Service, reported <-chan struct{}) error {
	o := d.options()
	o.Contexts = []pdu.ProposedContext{commitment.Context()}
	o.Mux = &dimse.Mux{}
	o.Mux.Handle(commitment.SOPClass, dimse.Offer{Service: inbox})
	a, err := dimse.Dial(ctx, d.Address, o)
	if err != nil {
		return err
	}
	if err := commitment.Ask(ctx, a, rq); err != nil {
		return errors.Join(err, a.Close())
	}
	hear, stop := context.WithTimeout(ctx, hearTime)
	defer stop()
	if err := a.Hear(hear, reported); err != nil && hear.Err() == nil {
		return nil // the peer ended it; it will report on another
	}
	if a.Release() != nil {
		_ = a.Close() // the request was answered: nothing is lost with the release
	}
	return nil
}
