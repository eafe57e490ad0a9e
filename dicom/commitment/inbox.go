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
	expected map[dicom.UID]*Expected
}

// ErrUnknown says that a report is of a transaction that was not asked for.
var ErrUnknown = errors.New("commitment: unknown transaction UID")

// Expected is a report that somebody waits for.
type Expected struct {
	done   chan struct{}
	report *Report
}

// Done gives what is closed when the report has come.
func (e *Expected) Done() <-chan struct{} { return e.done }

// Report gives the report; nil before it has come.
func (e *Expected) Report() *Report {
	select {
	case <-e.done:
		return e.report
	default:
		return nil
	}
}

// Expect keeps the report of a transaction for the caller, until it is told to Forget it. When the report comes once more it is
// answered as before.
func (x *Inbox) Expect(transaction dicom.UID) *Expected {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.expected == nil {
		x.expected = map[dicom.UID]*Expected{}
	}
	e := &Expected{done: make(chan struct{})}
	x.expected[transaction] = e
	return e
}

// Forget ends Expect.
func (x *Inbox) Forget(transaction dicom.UID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.expected, transaction)
}

// keep tells whether somebody expects the report, who has it then.
func (x *Inbox) keep(r *Report) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.expected[r.Transaction]
	if e != nil && e.report == nil {
		e.report = r
		close(e.done)
	}
	return e != nil
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
	if x.keep(r) {
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
