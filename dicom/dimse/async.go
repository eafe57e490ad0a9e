package dimse

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/halong-gateway/halong/dicom/ul"
)

// Go sends a request as Call does, and does not wait for its response: done is called with that, or with why there will be none,
// by a later Go, Call, Flush, Release, Abort or Close; it must not use the Association. Pending responses are passed over. While as many requests
// are outstanding as the Asynchronous Operations Window allows, responses are waited for first. When Go fails, done is not called; after an
// error other than ErrUnread the Association cannot be used any more.
func (a *Association) Go(ctx context.Context, pc uint8, c *Command, data io.Reader, done func(*Response, error)) error {
	if a.current.unread() {
		return ErrUnread
	}
	defer a.watch(ctx)()
	w := &call{done: done}
	if err := a.invoke(ctx, pc, c, data, w); err != nil {
		a.forget(w)
		return a.lost(ctx, err)
	}
	return nil
}

// Flush waits until every request that was sent with Go is answered. After an error the Association cannot be used any more.
func (a *Association) Flush(ctx context.Context) error {
	if a.outstanding == 0 {
		return nil
	}
	defer a.watch(ctx)()
	for a.outstanding > 0 {
		if err := a.turn(ctx); err != nil {
			return a.lost(ctx, err)
		}
	}
	return nil
}

// invoke sends a request, once there is room for it in the window, and notes who waits for its response.
func (a *Association) invoke(ctx context.Context, pc uint8, c *Command, data io.Reader, w *call) error {
	for a.outstanding >= a.mayInvoke {
		if err := a.turn(ctx); err != nil {
			return err
		}
	}
	w.id = a.newMessageID()
	c.MessageID, c.HasDataSet = w.id, data != nil
	a.calls = append(a.calls, w)
	if w.done != nil {
		a.outstanding++
	}
	readErr, err := a.send(pc, c, data)
	if readErr != nil {
		return &DataError{readErr}
	}
	return err
}

// newMessageID gives a Message ID that no outstanding request has.
func (a *Association) newMessageID() uint16 {
	for {
		a.nextID++
		if a.waiting(a.nextID) == nil {
			return a.nextID
		}
	}
}

// waiting gives who waits for the response to a request; nil when nobody does.
func (a *Association) waiting(id uint16) *call {
	for _, w := range a.calls {
		if w.id == id && w.final == nil {
			return w
		}
	}
	return nil
}

// forget notes that nobody waits for a response any more.
func (a *Association) forget(w *call) {
	i := slices.Index(a.calls, w)
	if i < 0 {
		return
	}
	a.calls = slices.Delete(a.calls, i, i+1)
	if w.done != nil {
		a.outstanding--
	}
}

// lost ends the Association after a failure, or because the peer releases it and so does not wait for what it is asked, and gives why.
func (a *Association) lost(ctx context.Context, err error) error {
	if errors.Is(err, ul.ErrReleaseRequested) {
		err = errors.Join(err, a.ops.settle(), a.ul.RespondRelease())
	}
	return a.end(errors.Join(ctx.Err(), err))
}

// end closes what is left of the Association, and waits for those who still work for it.
func (a *Association) end(err error) error {
	cause := err
	if cause == nil {
		cause = ul.ErrAborted
	}
	a.ops.abandon(cause)
	err = errors.Join(err, a.ul.Close())
	a.ops.beside.Wait()
	for i := len(a.calls) - 1; i >= 0; i-- {
		if w := a.calls[i]; w.done != nil {
			done := w.done
			a.forget(w)
			done(nil, cause)
		}
	}
	return err
}
