package commitment

import (
	"context"
	"errors"
	"sync"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
)

// Inbox takes N-EVENT-REPORTs (PS3.4 J.3.3) and hands each to whoever expects its Transaction UID. It is a dimse.Service for
// dimse.Options.Mux of an Association that asks, and for a Server on which the peer may report later. The zero Inbox is
// ready for use, by many goroutines.
type Inbox struct {
	// Else is given reports that nobody expects; the association tells who sent them. The peer is answered with success when it
	// gives nil, so what must be kept is to be durable by then. ErrUnknown says that there is no such transaction; after other errors the
	// peer may report again. nil: there is none.
	Else func(ctx context.Context, a *dimse.Association, r *Report) error

	mu       sync.Mutex
	expected map[dicom.UID]func(*Report)
}

// ErrUnknown says that a report is of a transaction that was not asked for.
var ErrUnknown = errors.New("commitment: unknown transaction UID")

// Expect makes the report of a transaction come out of the channel, once; call forget when it is waited for no longer. A
// report that comes again goes to Else.
func (x *Inbox) Expect(transaction dicom.UID) (report <-chan *Report, forget func()) {
	c := make(chan *Report, 1)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.expected == nil {
		x.expected = map[dicom.UID]func(*Report){}
	}
	x.expected[transaction] = func(r *Report) { c <- r }
	return c, func() { x.take(transaction) }
}

// take gives who expects a transaction, who does no longer then.
func (x *Inbox) take(transaction dicom.UID) func(*Report) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f := x.expected[transaction]
	delete(x.expected, transaction)
	return f
}

// Serve implements dimse.Service.
func (x *Inbox) Serve(ctx context.Context, rq *dimse.Request) dimse.Response {
	r, err := ReadEvent(rq)
	if err == nil {
		err = x.deliver(ctx, rq.Association, r)
	}
	var e *Error
	switch {
	case err == nil:
		resp := dimse.Answer(dimse.Success)
		resp.EventTypeID = rq.Command.EventTypeID
		return resp
	case errors.Is(err, ErrUnknown):
		e = &Error{dimse.InvalidArgumentValue, 0, "unknown transaction UID"}
	case !errors.As(err, &e):
		e = &Error{dimse.ProcessingFailure, 0, "internal failure"}
	}
	return e.Response()
}

func (x *Inbox) deliver(ctx context.Context, a *dimse.Association, r *Report) error {
	if f := x.take(r.Transaction); f != nil {
		f(r)
		return nil
	}
	if x.Else == nil {
		return ErrUnknown
	}
	return x.Else(ctx, a, r)
}

// ReadEvent reads what a peer tells with an N-EVENT-REPORT. The error is an *Error, whose Response it is to be given.
func ReadEvent(rq *dimse.Request) (*Report, error) {
	c := rq.Command
	switch {
	case c.Field != dimse.NEventReportRQ:
		return nil, &Error{dimse.UnrecognizedOperation, 0, "not an N-EVENT-REPORT"}
	case c.AffectedSOPClass != SOPClass:
		return nil, &Error{dimse.NoSuchSOPClass, 0, "not the Storage Commitment Push Model"}
	case c.AffectedSOPInstance != SOPInstance:
		return nil, &Error{dimse.NoSuchSOPInstance, 0, "not the well-known instance"}
	case c.EventTypeID == nil || *c.EventTypeID != eventComplete && *c.EventTypeID != eventFailures:
		return nil, &Error{noSuchEventType, 0, "not event type 1 or 2"}
	}
	b, ts, err := read(rq)
	if err != nil {
		return nil, err
	}
	return ParseReport(b, ts)
}
