package ul

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// readBuffer is the size in bytes of what an idle Association holds: enough for
// a Command Set and a small Data Set in one read. Larger reads go around it,
// straight into the caller's memory.
const readBuffer = 8 << 10

// wire is the transport connection with its time-outs.
type wire struct {
	conn        net.Conn
	prompt      func() // see promptly; may be nil
	r           *bufio.Reader
	deadline    time.Time     // ARTIM: absolute; zero when stopped
	timeout     time.Duration // otherwise: longest silence while reading; 0 for ever
	borne       func() bool   // tells, when that has passed, whether to wait on; may be nil
	interrupted atomic.Bool
	unwatch     atomic.Bool // ends Watch

	writeTimeout      time.Duration // longest time for a write; 0 for ever
	readSet, writeSet time.Time     // the deadlines the connection has now
	closed            bool
}

func newWire(conn net.Conn) *wire {
	w := &wire{conn: conn}
	w.r = bufio.NewReaderSize(readerFunc(w.read), readBuffer)
	if t, ok := conn.(interface{ SetNoDelay(bool) error }); ok {
		_ = t.SetNoDelay(true) // a response must not wait for the peer's delayed ACK; only speed is lost if it fails
	}
	return w
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// read reads from the connection once the deadline is right.
func (w *wire) read(p []byte) (int, error) {
	for {
		if err := w.setReadDeadline(); err != nil {
			return 0, err
		}
		if w.interrupted.Load() {
			return 0, ErrInterrupted
		}
		if w.unwatch.Load() {
			return 0, errUnwatched
		}
		if w.prompt != nil && len(p) <= readBuffer {
			w.prompt()
		}
		n, err := w.conn.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !w.bears() {
			return n, err
		}
		w.readSet = time.Time{} // what is set has passed
	}
}

// bears tells whether a silence as long as the time-out is borne.
func (w *wire) bears() bool {
	return w.borne != nil && w.deadline.IsZero() && !w.interrupted.Load() && !w.unwatch.Load() && w.borne()
}

func (w *wire) setReadDeadline() error {
	want, slack := w.deadline, time.Duration(0)
	if want.IsZero() && w.timeout > 0 {
		want, slack = time.Now().Add(w.timeout), w.timeout/8
	}
	if !stale(w.readSet, want, slack) {
		return nil
	}
	w.readSet = want
	return w.conn.SetReadDeadline(want)
}

// body reads n bytes. The buffer grows with what arrives, not with what is claimed, and never beyond that: whoever connects can have one.
func (w *wire) body(n int) ([]byte, error) {
	b := make([]byte, 0, min(n, readBuffer))
	for {
		k, err := io.ReadFull(w.r, b[len(b):cap(b)])
		if b = b[:len(b)+k]; err != nil || len(b) == n {
			return b, err
		}
		b = append(make([]byte, 0, min(n, 2*cap(b))), b...)
	}
}

// stopWatch makes a Watch that waits for the connection stop.
func (w *wire) stopWatch() {
	w.unwatch.Store(true)
	_ = w.conn.SetReadDeadline(time.Unix(1, 0)) // fails only when the connection is closed already
}

// stale tells whether the deadline that is set must be moved. Setting one costs
// about as much as a small read, so it is let be while it is early by no more
// than slack.
func stale(set, want time.Time, slack time.Duration) bool {
	if set.IsZero() || want.IsZero() {
		return !set.Equal(want)
	}
	d := want.Sub(set)
	return d < 0 || d > slack
}

// write writes b whole.
func (w *wire) write(b []byte) error {
	if w.writeTimeout > 0 && !w.interrupted.Load() {
		if want := time.Now().Add(w.writeTimeout); stale(w.writeSet, want, w.writeTimeout/8) {
			if err := w.conn.SetWriteDeadline(want); err != nil {
				return err
			}
			w.writeSet = want
		}
	}
	_, err := w.conn.Write(b)
	return err
}

func (w *wire) close() {
	if !w.closed {
		w.closed = true
		_ = w.conn.Close() // nothing can be done about it, and nothing depends on it
	}
}

// lastWords is how long an interrupted Association may take to send its A-ABORT.
const lastWords = time.Second

// interrupt makes reads fail from now on, and writes soon. It may be called from any goroutine.
func (w *wire) interrupt() {
	w.interrupted.Store(true)
	// Both fail only when the connection is closed already.
	_ = w.conn.SetReadDeadline(time.Unix(1, 0))
	_ = w.conn.SetWriteDeadline(time.Now().Add(lastWords))
}
