package sqlite

import (
	"sync"

	"github.com/halong-gateway/halong"
)

// Bounds of the events that are kept in memory.
const (
	recentEvents      = 16384
	recentEventsBytes = 2 << 20 // of payloads
)

// eventTail holds the latest committed events, in order and without a gap. Consumers that keep up read them here: several
// of them read every event, and rows cost more than all the rest of it.
type eventTail struct {
	mu     sync.RWMutex
	array  []halong.Event
	events []halong.Event // the rest of array; those before are dropped
	bytes  int
}

// add appends events that were just committed.
func (t *eventTail) add(events []halong.Event) {
	if len(events) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.events); n > 0 && t.events[n-1].Seq+1 != events[0].Seq {
		t.array, t.events, t.bytes = nil, nil, 0
	}
	size := 0
	for i := range events {
		size += len(events[i].Payload)
	}
	payloads := make([]byte, 0, size) // whoever emitted them may go on with its own
	dropped := len(t.array) - len(t.events)
	for _, e := range events {
		at := len(payloads)
		payloads = append(payloads, e.Payload...)
		if e.Payload != nil {
			e.Payload = payloads[at:len(payloads):len(payloads)]
		}
		t.array = append(t.array, e)
	}
	t.events, t.bytes = t.array[dropped:], t.bytes+size
	t.drop()
}

// drop lets go of events that are too many. What is left is moved only when half of the array is free.
func (t *eventTail) drop() {
	n := 0
	for len(t.events)-n > recentEvents || t.bytes > recentEventsBytes {
		t.bytes -= len(t.events[n].Payload)
		n++
	}
	clear(t.events[:n]) // payloads are given back even where the array stays
	t.events = t.events[n:]
	if len(t.events) > len(t.array)/2 {
		return
	}
	n = copy(t.array, t.events)
	clear(t.array[n:])
	t.array = t.array[:n]
	t.events = t.array
}

// since gives events with a number greater than seq, at most limit; ok is false when some of them are older than what is kept.
func (t *eventTail) since(seq uint64, limit int) (events []halong.Event, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.events) == 0 || seq+1 < t.events[0].Seq {
		return nil, false
	}
	from := min(seq+1-t.events[0].Seq, uint64(len(t.events)))
	rest := t.events[from:]
	return append([]halong.Event(nil), rest[:min(len(rest), max(limit, 0))]...), true
}
