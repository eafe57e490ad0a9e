package dimse

import (
	"errors"

	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// ErrCancelled is the cause of the end of a request's context when its C-CANCEL-RQ arrived
// (PS3.7 9.3.2.3).
var ErrCancelled = errors.New("dimse: cancelled by the peer")

// Watch lets the context given to Serve end as soon as a C-CANCEL-RQ for the request arrives, or the peer
// aborts or is gone, also while the service waits for something else. Call it after the Data Set has been read to
// its end, and stop before Serve returns. Until then nothing may be Called on this Association; Call notices C-CANCEL by itself.
func (rq *Request) Watch() (stop func()) {
	if rq.cancel == nil || rq.beside || rq.Data.unread() { // beside others: the goroutine that receives tells it

		return func() {}
	}
	return rq.Association.ul.Watch(func(t pdu.Type, body []byte, err error) {
		switch {
		case err != nil:
			rq.cancel(err)
		case t == pdu.TypeAbort:
			rq.cancel(ul.ErrAborted)
		case t == pdu.TypeData && rq.cancelledBy(body):
			rq.cancel(ErrCancelled)
		}
	})
}

// cancelledBy tells whether the body of a P-DATA-TF PDU begins with a C-CANCEL-RQ for the request.
func (rq *Request) cancelledBy(body []byte) bool {
	v, err := pdu.ParsePDV(body, uint32(len(body)), 0)
	if err != nil || !v.Command || !v.Last {
		return false
	}
	c, err := ParseCommand(body[pdu.PDVHeaderLength : pdu.PDVHeaderLength+v.Length])
	return err == nil && c.Field == CCancelRQ && c.RespondedTo == rq.Command.MessageID
}

// Cancel asks the peer to stop answering a request that was made with Call; it may be called from Call's
// function for pending responses, which goes on to be given what is still under way, and, once the request's
// Data Set began to be read, by another goroutine until Call returns.
func (a *Association) Cancel(pc uint8, request *Command) error {
	_, err := a.send(pc, &Command{Field: CCancelRQ, RespondedTo: request.MessageID}, nil)
	return err
}
