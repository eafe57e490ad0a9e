package intake

import (
	"context"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
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
	bytes *semaphore.Weighted
	debt  atomic.Int64 // bytes let in since the last collection
}

func newRoom() *room { return &room{bytes: semaphore.NewWeighted(roomForAll)} }

// enter waits until there is room for a message of n bytes; leave gives it back.
func (r *room) enter(ctx context.Context, n int) (leave func(), err error) {
	if n < smallest {
		return func() {}, nil
	}
	size := int64(min(n, roomForAll))
	if err := r.bytes.Acquire(ctx, size); err != nil {
		return nil, err
	}
	r.clean(size)
	return func() { r.bytes.Release(size) }, nil
}

// clean collects what large messages left behind. The collector alone waits until the heap is several times of what is alive,
// which are then many such messages.
func (r *room) clean(n int64) {
	if debt := r.debt.Add(n); debt > garbage && r.debt.CompareAndSwap(debt, n) {
		runtime.GC()
	}
}
