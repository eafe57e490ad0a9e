package intake

import (
	"context"
	"runtime"
	"sync"
)

// Bounds of the memory that messages are processed in: several times their own bytes, since what they say is read, written
// and stored.
const (
	roomForAll = 32 << 20  // bytes of messages that are processed at a time; a larger one has it alone
	smallest   = 256 << 10 // bytes; smaller messages do not count
	garbage    = 64 << 20  // bytes of messages after which what they left behind is collected
)

// room bounds how many bytes of large messages are processed at a time. They are let in in the order in which they came.
type room struct {
	mu      sync.Mutex
	used    int
	debt    int // bytes let in since the last collection
	waiting []*guest
}

type guest struct {
	size int
	in   chan struct{}
}

// enter waits until there is room for a message of n bytes; leave gives it back.
func (r *room) enter(ctx context.Context, n int) (leave func(), err error) {
	if n < smallest {
		return func() {}, nil
	}
	g := &guest{size: min(n, roomForAll), in: make(chan struct{})}
	r.mu.Lock()
	r.waiting = append(r.waiting, g)
	r.admit()
	r.mu.Unlock()
	select {
	case <-g.in:
	case <-ctx.Done():
		r.forget(g)
		return nil, ctx.Err()
	}
	r.clean(g.size)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.used -= g.size
		r.admit()
	}, nil
}

// admit lets in whoever comes first, as long as there is room.
func (r *room) admit() {
	for len(r.waiting) > 0 && r.used+r.waiting[0].size <= roomForAll {
		g := r.waiting[0]
		r.waiting = r.waiting[1:]
		r.used += g.size
		close(g.in)
	}
}

// forget takes out a guest that waits no longer, or that was let in meanwhile.
func (r *room) forget(g *guest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, w := range r.waiting {
		if w == g {
			r.waiting = append(r.waiting[:i:i], r.waiting[i+1:]...)
			r.admit()
			return
		}
	}
	r.used -= g.size
	r.admit()
}

// clean collects what large messages left behind. The collector alone waits until the heap is several times of what is alive,
// which are then many such messages.
func (r *room) clean(n int) {
	r.mu.Lock()
	r.debt += n
	due := r.debt > garbage
	if due {
		r.debt = n
	}
	r.mu.Unlock()
	if due {
		runtime.GC()
	}
}
