package dimse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/halong-gateway/halong/dicom/ul"
)

// serve answers the peer's requests until the Association ends. It gives nil
// when it was released in order.
func (a *Association) serve(ctx context.Context) error {
	for {
		if over, err := a.rest(ctx); over || err != nil {
			return a.end(err)
		}
		m, err := a.receive(a.t.Idle)
		switch {
		case errors.Is(err, ul.ErrReleaseRequested):
			return a.released()
		case err == nil:
			err = a.handle(ctx, m)
		}
		if err != nil {
			return a.end(errors.Join(err, a.ops.failure()))
		}
	}
}

// released answers the peer's A-RELEASE-RQ. A peer that asks for it while requests of its own are outstanding is given their
// responses first, which it may get until then (PS3.8 9.2, AR-7).
func (a *Association) released() error {
	if err := a.ops.settle(); err != nil {
		return a.end(err)
	}
	return a.end(a.ul.RespondRelease())
}

// handle deals with a message: a response goes to the call that waits for it, a request is answered.
func (a *Association) handle(ctx context.Context, m *message) error {
	switch {
	case m.Field == CCancelRQ:
		a.ops.cancel(m.RespondedTo)
		return nil
	case m.Field.IsResponse():
		if w := a.waiting(m.RespondedTo); w != nil {
			return a.deliver(w, m)
		}
		return a.protocolError(errUnasked)
	}
	return a.take(ctx, &Request{Association: a, Context: m.context, Command: &m.Command, Data: m.data})
}

// take has a request answered, now or by a goroutine of its own.
func (a *Association) take(ctx context.Context, rq *Request) error {
	op := &operation{id: rq.Command.MessageID}
	if rq.Command.Field.cancellable() {
		ctx, op.cancel = context.WithCancelCause(ctx)
	}
	if err := a.ops.begin(op); err != nil {
		a.ops.end(op)
		return a.protocolError(err)
	}
	rq.cancel = op.cancel
	offer := a.mux.lookup(rq.Context.AbstractSyntax, a.ul.RQ().User.CommonExtended)
	if offer != nil && offer.Concurrent && a.ops.room != nil {
		rq.beside = true
		return a.answerBeside(ctx, rq, offer, op)
	}
	// A C-CANCEL-RQ for what is waited for here is not seen: it comes after this request.
	if err := a.ops.settle(); err != nil {
		a.ops.end(op)
		return err
	}
	return a.answer(ctx, rq, offer, op)
}

// answer lets the service answer a request, drains what it left, and responds.
func (a *Association) answer(ctx context.Context, rq *Request, o *Offer, op *operation) error {
	defer a.ops.end(op)
	begin := time.Now()
	resp := Answer(SOPClassNotSupported)
	if o != nil {
		resp = o.Service.Serve(ctx, rq)
	}
	if rq.Data != nil {
		if err := rq.Data.drain(); err != nil {
			return err
		}
	}
	a.ops.end(op) // before the response, after which the peer may use its Message ID again
	err := rq.respond(&resp)
	if err == nil && a.observe != nil {
		a.observe.Answered(a, rq.Command.Field, resp.Status, time.Since(begin))
	}
	return err
}

// Pending sends a response that others follow.
func (rq *Request) Pending(resp Response) error { return rq.respond(&resp) }

// respond fills in what follows from the request and sends the response.
func (rq *Request) respond(resp *Response) error {
	c, q := &resp.Command, rq.Command
	c.Field, c.RespondedTo = q.Field.Response(), q.MessageID
	if c.AffectedSOPClass == "" {
		c.AffectedSOPClass = either(q.AffectedSOPClass, q.RequestedSOPClass)
	}
	if c.AffectedSOPInstance == "" {
		c.AffectedSOPInstance = either(q.AffectedSOPInstance, q.RequestedSOPInstance)
	}
	var data io.Reader
	if c.HasDataSet = resp.Data != nil; c.HasDataSet {
		data = bytes.NewReader(resp.Data)
	}
	_, err := rq.Association.send(rq.Context.ID, c, data)
	return err
}

func either[T ~string](a, b T) T {
	if a != "" {
		return a
	}
	return b
}
