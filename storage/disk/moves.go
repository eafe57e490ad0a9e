package disk

import (
	"sync"
	"time"

	"github.com/halong-gateway/halong/storage"
)

// moves remembers where compaction put what readers may still ask for at the
// old place: for moveMemory at least, twice that at most.
type moves struct {
	mu     sync.RWMutex
	latest map[storage.Place]storage.Place
	before map[storage.Place]storage.Place
	since  time.Time // when latest was begun
}

// moveMemory is longer than anybody goes on with places that were read from the index.
const moveMemory = time.Hour

func (m *moves) add(all []storage.Move, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.latest == nil || now.Sub(m.since) > moveMemory {
		m.before, m.latest, m.since = m.latest, map[storage.Place]storage.Place{}, now
	}
	for _, v := range all {
		m.latest[v.From] = v.To
	}
}

// get follows one move.
func (m *moves) get(p storage.Place) (storage.Place, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	to, ok := m.latest[p]
	if !ok {
		to, ok = m.before[p]
	}
	return to, ok
}
