package dimse

import (
	"context"
	"errors"
	"time"

	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// Wait waits until done is closed, and tells whether it was. It gives up when the peer sends something, which is
// then still there to be received, is gone, or is silent for the time-out Idle, and when ctx ends or the
// Association is interrupted.
func (a *Association) Wait(ctx context.Context, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
	}
	if a.ul.Partial() {
		return false
	}
	heard := make(chan struct{})
	defer a.ul.Watch(func(pdu.Type, []byte, error) { close(heard) })()
	patience := time.NewTimer(a.t.Idle)
	defer patience.Stop()
	select {
	case <-done:
		return true
	case <-heard:
	case <-ctx.Done():
	case <-patience.C:
	}
	return false
}

// rest gives the Server's Idle its turn; over tells that the Association has ended in order.
func (a *Association) rest(ctx context.Context) (over bool, err error) {
	a.idleSince.Store(time.Now().UnixNano())
	if a.idle == nil {
		return false, nil
	}
	err = a.idle(ctx, a)
	a.idleSince.Store(time.Now().UnixNano())
	if errors.Is(err, ul.ErrReleaseRequested) {
		return true, nil
	}
	return false, err
}
