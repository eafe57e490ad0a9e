package ul

import (
	"errors"
	"os"
	"time"

	"github.com/halong-gateway/halong/dicom/pdu"
)

// Watch tells of the next PDU as soon as all of it has arrived, without taking it: NextPDV gives
// it later. seen is called at most once, by another goroutine, with the PDU's body if that is not longer than
// a few KiB, else with nil; or with why nothing more will come. Meanwhile the Association may be written to, but
// not read from until stop has returned. Watch does nothing when a part of a PDU is still unread.
func (a *Association) Watch(seen func(t pdu.Type, body []byte, err error)) (stop func()) {
	if a.state != Sta6 || a.pduLeft > 0 || a.pdvLeft > 0 {
		return func() {}
	}
	done := make(chan struct{})
	a.wire.unwatch.Store(false)
	go func() {
		defer close(done)
		if t, body, err := a.wire.peek(); !errors.Is(err, errUnwatched) {
			seen(t, body, err)
		}
	}()
	return func() {
		a.wire.stopWatch()
		<-done
		a.wire.unwatch.Store(false)
		a.wire.readSet = time.Unix(1, 0) // as stopWatch left it
	}
}

// errUnwatched ends a Watch that saw nothing.
var errUnwatched = errors.New("ul: watch was stopped")

// peek waits for a whole PDU and leaves it in the buffer.
func (w *wire) peek() (pdu.Type, []byte, error) {
	b, err := w.await(pdu.HeaderLength)
	if err != nil {
		return 0, nil, err
	}
	h := pdu.ParseHeader(b)
	if h.Length > readBuffer-pdu.HeaderLength {
		return h.Type, nil, nil
	}
	b, err = w.await(pdu.HeaderLength + int(h.Length))
	if err != nil {
		return h.Type, nil, err
	}
	return h.Type, b[pdu.HeaderLength:], nil
}

// await waits until n bytes are in the buffer. The time-out does not count: nobody is waiting for the peer.
func (w *wire) await(n int) ([]byte, error) {
	for {
		b, err := w.r.Peek(n)
		switch {
		case err == nil:
			return b, nil
		case w.unwatch.Load():
			return nil, errUnwatched
		case !errors.Is(err, os.ErrDeadlineExceeded) || w.interrupted.Load():
			return nil, err
		}
	}
}
