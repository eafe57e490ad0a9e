package disk

import (
	"context"
	"sync"
	"time"
	"unsafe"
)

// Buffers come in these sizes: a page more than a power of two, so that a value of just
// that length lands in one buffer with room for its header in front.
var classes = [...]int64{16 << 10, 64<<10 + 4096, 256<<10 + 4096, 512<<10 + 4096, 1<<20 + 4096}

const (
	tinyClass  = 0 // for blobs that announce themselves as small
	firstClass = 1 // what Create waits for
	spoolClass = 2 // large blobs on their way to disk; two each when there are
)

// leanSize is the buffer of a writer that got nothing from the budget: it is
// not counted, and bounded by the number of writers.
const leanSize = 8 << 10

// buffer is memory for arriving bytes, aligned to a page.
type buffer struct {
	b     []byte
	class int // -1: not from the budget
}

func alignedBuffer(n int64) []byte {
	b := make([]byte, n+bulkAlign)
	skip := int64(-uintptr(unsafe.Pointer(&b[0])) & (bulkAlign - 1))
	return b[skip : skip+n : skip+n]
}

func leanBuffer() *buffer { return &buffer{b: alignedBuffer(leanSize), class: -1} }

// budget hands out buffers up to a limit and keeps returned ones for reuse;
// both together never exceed the limit.
type budget struct {
	mu      sync.Mutex
	limit   int64
	used    int64 // handed out
	kept    int64 // in free
	free    [len(classes)][]*buffer
	waiting []*waiter // in order of arrival
}

type waiter struct {
	class int
	got   chan *buffer
}

func newBudget(limit int64) *budget { return &budget{limit: limit} }

// try gives a buffer if there is room and nobody waits. An eighth of the
// budget is left to those who begin.
func (b *budget) try(class int) *buffer {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) > 0 || b.used+classes[class] > b.limit-b.limit/8 {
		return nil
	}
	return b.take(class)
}

// get gives a buffer as soon as there is room, or nil after patience. The
// error is ctx's.
func (b *budget) get(ctx context.Context, class int, patience time.Duration) (*buffer, error) {
	b.mu.Lock()
	if len(b.waiting) == 0 && b.used+classes[class] <= b.limit {
		defer b.mu.Unlock()
		return b.take(class), nil
	}
	w := &waiter{class: class, got: make(chan *buffer, 1)}
	b.waiting = append(b.waiting, w)
	b.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case buf := <-w.got:
		return buf, nil
	case <-timer.C:
		return b.giveUp(w), nil
	case <-ctx.Done():
		if buf := b.giveUp(w); buf != nil {
			b.put(buf)
		}
		return nil, ctx.Err()
	}
}

// giveUp ends the waiting; a buffer that came at the last moment is returned.
func (b *budget) giveUp(w *waiter) *buffer {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, o := range b.waiting {
		if o == w {
			b.waiting = append(b.waiting[:i], b.waiting[i+1:]...)
			b.serve()
			return nil
		}
	}
	return <-w.got
}

// take makes or reuses a buffer; b.mu is held and there is room.
func (b *budget) take(class int) *buffer {
	n := classes[class]
	b.used += n
	if k := len(b.free[class]); k > 0 {
		buf := b.free[class][k-1]
		b.free[class] = b.free[class][:k-1]
		b.kept -= n
		return buf
	}
	for c := range b.free { // room for the new one is taken from kept ones of other sizes
		for b.used+b.kept > b.limit && len(b.free[c]) > 0 {
			k := len(b.free[c]) - 1
			b.free[c][k] = nil
			b.free[c] = b.free[c][:k]
			b.kept -= classes[c]
		}
	}
	return &buffer{b: alignedBuffer(n), class: class}
}

// put takes a buffer back.
func (b *budget) put(buf *buffer) {
	if buf == nil || buf.class < 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := classes[buf.class]
	b.used -= n
	if b.used+b.kept+n <= b.limit {
		b.free[buf.class] = append(b.free[buf.class], buf)
		b.kept += n
	}
	b.serve()
}

// serve hands buffers to those who wait, in order; b.mu is held.
func (b *budget) serve() {
	for len(b.waiting) > 0 && b.used+classes[b.waiting[0].class] <= b.limit {
		w := b.waiting[0]
		b.waiting = b.waiting[1:]
		w.got <- b.take(w.class)
	}
}
