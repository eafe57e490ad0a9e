package sqlite

import (
	"bytes"
	"sync"

	"github.com/halong-gateway/halong"
)

// Bounds of the events that are kept in memory.
const (
	recentEvents      = 4096
	recentEventsBytes = 2 << 20 // of payloads
)

// eventTail holds the latest committed events, in order and without a gap. Consumers that keep up read them here: several
// of them read every event, and rows cost more than all the rest of it.
type eventTail struct {
	mu     sync.RWMutex
	events []halong.Event
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
		t.events, t.bytes = nil, 0
	}
	for i := range events {
		t.bytes += len(events[i].Payload)
	}
	for _, e := range events {
		e.Payload = bytes.Clone(e.Payload) // whoever emitted it may go on with its own
		t.events = append(t.events, e)
	}
	drop := 0
	for len(t.events)-drop > recentEvents || t.bytes > recentEventsBytes {
		t.bytes -= len(t.events[drop].Payload)
		drop++
	}
	if drop > 0 {
		clear(t.events[:drop]) // payloads are given back even where the array stays
		t.events = t.events[drop:]
	}
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
