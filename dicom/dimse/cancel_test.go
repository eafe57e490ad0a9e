package dimse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// until is a C-FIND service that has nothing to say until it is cancelled.
type until struct {
	pending int
	cause   chan error
}

func (u *until) Serve(ctx context.Context, rq *Request) Response {
	if _, err := io.ReadAll(rq.Data); err != nil {
		return Answer(ProcessingFailure)
	}
	stop := rq.Watch()
	defer stop()
	for range u.pending {
		if err := rq.Pending(Response{Command: Command{Status: Pending}, Data: []byte("xx")}); err != nil {
			return Answer(ProcessingFailure)
		}
	}
	select {
	case <-ctx.Done():
		u.cause <- context.Cause(ctx)
		return Answer(Cancelled)
	case <-time.After(time.Minute):
		u.cause <- nil
		return Answer(Success)
	}
}

const findClass dicom.UID = "1.2.840.10008.5.1.4.1.2.2.1"

func serveUntil(t *testing.T, u *until) *Association {
	t.Helper()
	m := &Mux{}
	m.Handle(findClass, Offer{Service: u, Accepts: func(ts dicom.UID) bool { return ts == dicom.ImplicitVRLittleEndian }})
	addr := start(t, &Server{Mux: m, Timeouts: Timeouts{Network: 3 * time.Second}}) // silence while it works does not count
	return dial(t, addr, func(o *Options) {
		o.Contexts = []pdu.ProposedContext{{AbstractSyntax: findClass, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}}}
	})
}

// TestN14Cancel: a C-CANCEL-RQ reaches a service that is busy, and the Association goes on.
func TestN14Cancel(t *testing.T) {
	t.Parallel()
	u := &until{pending: 3, cause: make(chan error, 1)}
	a := serveUntil(t, u)
	for round := range 2 {
		rq := &Command{Field: CFindRQ, AffectedSOPClass: findClass}
		n := 0
		resp, err := a.Call(t.Context(), 1, rq, bytes.NewReader([]byte("query!")), func(*Response) error {
			if n++; n < 3 {
				return nil
			}
			time.Sleep(time.Duration(round) * 3500 * time.Millisecond) // longer than the time-out
			return a.Cancel(1, rq)
		})
		if err != nil || resp.Status != Cancelled || n != 3 {
			t.Fatalf("%v, %+v, %d pending", err, resp, n)
		}
		if got := <-u.cause; !errors.Is(got, ErrCancelled) {
			t.Fatalf("cause %v", got)
		}
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
}

// TestPeerGone: a service that is busy learns that nobody waits for its answer.
func TestPeerGone(t *testing.T) {
	u := &until{pending: 1, cause: make(chan error, 1)}
	a := serveUntil(t, u)
	_, err := a.Call(t.Context(), 1, &Command{Field: CFindRQ, AffectedSOPClass: findClass}, bytes.NewReader([]byte("query!")), func(*Response) error {
		return a.Abort()
	})
	if err == nil {
		t.Error("no error after abort")
	}
	if got := <-u.cause; got == nil || errors.Is(got, ErrCancelled) {
		t.Errorf("cause %v", got)
	}
}
