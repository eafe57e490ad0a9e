package dimse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/halong-gateway/halong/dicom/ul"
)

// serving is a request of the peer that a C-CANCEL-RQ may still refer to.
type serving struct {
	id     uint16
	cancel context.CancelCauseFunc
}

// serve answers the peer's requests until the Association ends. It gives nil
// when it was released in order.
func (a *Association) serve(ctx context.Context) error {
	for {
		if over, err := a.rest(ctx); over || err != nil {
			return errors.Join(err, a.ul.Close())
		}
		m, err := a.receive(a.t.Idle)
		switch {
		case errors.Is(err, ul.ErrReleaseRequested):
			return a.ul.RespondRelease()
		case err != nil:
			return errors.Join(err, a.ul.Close())
		}
		if err := a.handle(ctx, m); err != nil {
			return errors.Join(err, a.ul.Close())
		}
	}
}

// handle deals with a message that is not the response waited for.
func (a *Association) handle(ctx context.Context, m *message) error {
	switch {
	case m.Field == CCancelRQ:
		for _, s := range a.serving {
			if s.id == m.RespondedTo {
				s.cancel(ErrCancelled)
			}
		}
		return nil // to a request answered already: it came too late (PS3.7 9.3.2.3)
	case m.Field.IsResponse():
		return a.protocolError(errUnasked)
	}
	return a.answer(ctx, m)
}

// answer lets the service answer a request, drains what it left, and responds.
func (a *Association) answer(ctx context.Context, m *message) error {
	begin := time.Now()
	rq := &Request{Association: a, Context: m.context, Command: &m.Command, Data: m.data}
	resp := a.ask(ctx, rq)
	if m.data != nil {
		if err := m.data.drain(); err != nil {
			return err
		}
	}
	err := rq.respond(&resp)
	if err == nil && a.observe != nil {
		a.observe.Answered(a, m.Field, resp.Status, time.Since(begin))
	}
	return err
}

// ask finds the service and asks it.
func (a *Association) ask(ctx context.Context, rq *Request) Response {
	offer := a.mux.Lookup(rq.Context.AbstractSyntax)
	if offer == nil {
		return Answer(SOPClassNotSupported)
	}
	if rq.Command.Field.cancellable() {
		cancellable, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		rq.cancel = cancel
		a.serving = append(a.serving, serving{rq.Command.MessageID, cancel})
		defer func() { a.serving = a.serving[:len(a.serving)-1] }()
		ctx = cancellable
	}
	return offer.Service.Serve(ctx, rq)
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
