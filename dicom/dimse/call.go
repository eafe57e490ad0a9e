package dimse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/ul"
)

// call is an own request that waits for its response.
type call struct {
	id      uint16
	pending func(*Response) error
	done    func(*Response, error) // of Go
	final   *Response
}

// maxReply bounds in bytes the Data Set of a response, which is taken into memory.
const maxReply = 16 << 20

// ErrUnread says that a service called its peer before it had read the Data Set
// of the request it serves. Nothing was sent.
var ErrUnread = errors.New("dimse: the data set of the request being served must be read first")

// ErrNoContext says that the peer accepted no Presentation Context that fits.
var ErrNoContext = errors.New("dimse: no accepted presentation context")

// DataError says that the Data Set to be sent could not be read; the
// Association was aborted, since half of a message was sent.
type DataError struct{ Err error }

// Error gives the cause.
func (e *DataError) Error() string { return "dimse: reading the data set to send: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *DataError) Unwrap() error { return e.Err }

// Call sends a request in a Presentation Context and waits for its final
// response; pending ones are given to the function pending, if there is one. The Message ID
// is filled in. While it waits, requests of the peer are served. A response of any status
// is no error; after an error other than ErrUnread the Association cannot be used any more. The error is
// ul.ErrReleaseRequested when the peer released it before it answered.
func (a *Association) Call(ctx context.Context, pc uint8, c *Command, data io.Reader, pending func(*Response) error) (*Response, error) {
	if a.current.unread() {
		return nil, ErrUnread
	}
	defer a.watch(ctx)()
	w := &call{pending: pending}
	err := a.invoke(ctx, pc, c, data, w)
	defer a.forget(w)
	for err == nil && w.final == nil {
		err = a.turn(ctx)
	}
	if err != nil {
		return nil, a.lost(ctx, err)
	}
	return w.final, nil
}

// turn receives one message and deals with it.
func (a *Association) turn(ctx context.Context) error {
	m, err := a.receive(a.t.Response)
	if err != nil {
		return err
	}
	return a.handle(ctx, m)
}

// deliver takes a response's Data Set into memory and hands it on.
func (a *Association) deliver(w *call, m *message) error {
	resp := &Response{Command: m.Command}
	if m.data != nil {
		var b bytes.Buffer
		n, err := io.Copy(&b, io.LimitReader(m.data, maxReply+1))
		if err != nil {
			return err
		}
		if n > maxReply {
			return a.protocolError(fmt.Errorf("data set of a response is longer than %d bytes", maxReply))
		}
		resp.Data = b.Bytes()
	}
	if m.Status.IsPending() {
		if w.pending != nil {
			return w.pending(resp)
		}
		return nil
	}
	w.final = resp
	if w.done != nil {
		a.forget(w)
		w.done(resp, nil)
	}
	return nil
}

// Find gives the accepted Presentation Context for an Abstract and a Transfer
// Syntax; an empty Transfer Syntax stands for any.
func (a *Association) Find(class, syntax dicom.UID) (ul.Context, bool) {
	for _, c := range a.ul.Contexts() {
		if c.AbstractSyntax == class && (syntax == "" || c.TransferSyntax == syntax) {
			return c, true
		}
	}
	return ul.Context{}, false
}

// Echo is C-ECHO (PS3.7 9.1.5). A status other than success is a *StatusError.
func (a *Association) Echo(ctx context.Context) error {
	pc, ok := a.Find(dicom.VerificationSOPClass, "")
	if !ok {
		return ErrNoContext
	}
	resp, err := a.Call(ctx, pc.ID, &Command{Field: CEchoRQ, AffectedSOPClass: dicom.VerificationSOPClass}, nil, nil)
	if err != nil {
		return err
	}
	return resp.err()
}

// Store is C-STORE (PS3.7 9.1.1) of a Data Set that is encoded in the given
// Transfer Syntax; it is sent as it is. A status that is neither success nor
// warning is a *StatusError, after which the Association can still be used.
func (a *Association) Store(ctx context.Context, class, instance, syntax dicom.UID, data io.Reader) (*Response, error) {
	pc, ok := a.Find(class, syntax)
	if !ok {
		return nil, ErrNoContext
	}
	resp, err := a.Call(ctx, pc.ID, &Command{Field: CStoreRQ, AffectedSOPClass: class, AffectedSOPInstance: instance}, data, nil)
	if err != nil {
		return nil, err
	}
	return resp, resp.err()
}

func (r *Response) err() error {
	if r.Status.OK() {
		return nil
	}
	return &StatusError{r.Field, r.Status, r.ErrorComment}
}
