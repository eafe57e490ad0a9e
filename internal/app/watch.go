package app

import (
	"sync"
	"time"
)

// watch cuts one of the requests of a connection of HTTP/2 when that waits for its peer and nothing moves on the whole connection for a
// time. While others move it is their turn: on slow lines, a request among many can wait long for its own.
type watch struct {
	stall time.Duration
	moved func() int64          // bytes on the connection so far
	cut   func(time.Time) error // sets the request's deadline

	mu    sync.Mutex
	timer *time.Timer
	waits bool
	since time.Time // since when moved gives seen
	seen  int64
}

// begin says that the peer is waited for.
func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waits, w.since, w.seen = true, time.Now(), w.moved()
	if w.timer == nil {
		w.timer = time.AfterFunc(w.stall, w.look)
		return
	}
	w.timer.Reset(w.stall)
}

// end says that it is not. Nothing is cut from now on.
func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waits = false
	w.timer.Stop()
}

func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.waits {
		return
	}
	if n := w.moved(); n != w.seen {
		w.seen, w.since = n, time.Now()
	}
	if rest := w.stall - time.Since(w.since); rest > 0 { // it moved, or this is a late call of a wait that is over
		w.timer.Reset(rest)
		return
	}
	_ = w.cut(time.Unix(1, 0)) // HTTP/2 has deadlines, and setting one does not fail
}
