package scu

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// grace is how long what is under way may take to end in order once it is to end.
const grace = 5 * time.Second

// outlive gives a context that outlives ctx by the grace. Call the function when done.
func outlive(ctx context.Context) (context.Context, func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() { stop(); cancel() }
}

// lost tells whether an error says that the Association or the connection went away, or never came.
func lost(err error) bool {
	var abort *pdu.Abort
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &abort), errors.Is(err, ul.ErrTransportClosed), errors.Is(err, ul.ErrTimeout), errors.Is(err, ul.ErrReleaseRequested):
		return true
	case errors.As(err, &op):
		return op.Op == "dial" || op.Op == "read" || op.Op == "write" // not "remote error": an alert of TLS
	}
	return false
}
