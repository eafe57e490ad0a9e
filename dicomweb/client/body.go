package client

import (
	"io"
	"sync"
	"time"
)

// body is a request's body whose watchdog sleeps while bytes are waited for, and watches while the server takes them.
type body struct {
	*io.PipeReader
	dog           *watchdog
	stall, answer time.Duration
}

// Read implements io.Reader. It is called when the bytes before have been taken.
func (b *body) Read(p []byte) (int, error) {
	b.dog.arm(0)
	n, err := b.PipeReader.Read(p)
	if err != nil {
		b.dog.arm(b.answer)
	} else {
		b.dog.arm(b.stall)
	}
	return n, err
}

// watchdog calls bite when it was not armed anew in time.
type watchdog struct {
	bite  func()
	mu    sync.Mutex
	timer *time.Timer
	over  bool
}

// arm makes it wait for so long, for ever if that is 0.
func (w *watchdog) arm(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
	if !w.over && d > 0 {
		w.timer = time.AfterFunc(d, w.bite)
	}
}

// stop makes it bite no more.
func (w *watchdog) stop() {
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	w.arm(0)
}
