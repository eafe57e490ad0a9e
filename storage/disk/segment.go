package disk

import (
	"errors"
	"sync"
	"time"

	"github.com/halong-gateway/halong/storage"
)

// segment is one file of records.
type segment struct {
	id   uint32
	bulk bool
	name string
	fs   FS

	syncing sync.Mutex // held from beginSync to endSync; taken before mu

	mu        sync.Mutex
	file      File // nil until first used
	direct    File // bulk segments being written; nil when the file system cannot
	readers   int
	dropped   bool
	tail      int64 // where the next record goes
	ahead     int64 // journal: zeros are written up to here
	synced    int64 // complete and durable below
	next      uint64
	looked    bool // synced is right; false until Recover has looked
	sealed    bool
	failed    bool // an fdatasync failed: what was not synced before is lost
	sealedAt  time.Time
	dirty     bool
	holes     int            // failed writes; they stay in writing
	writing   map[int64]*pin // by offset
	unsynced  map[*pin]struct{}
	garbage   int64
	committed storage.SegmentState // what the index knows
}

// pin is one blob record on its way to durability.
type pin struct {
	seg    *segment
	offset int64
	last   int64 // end of the record
	state  pinState
}

type pinState uint8

const (
	pinWriting pinState = iota
	pinWritten
	pinSynced
	pinLost // written, but its segment's fdatasync failed
)

func (g *segment) align() int64 {
	if g.bulk {
		return bulkAlign
	}
	return journalAlign
}

// state gives what the index should remember.
func (g *segment) state() storage.SegmentState {
	g.mu.Lock()
	defer g.mu.Unlock()
	settled := len(g.writing) == g.holes && !g.dirty && len(g.unsynced) == 0
	return storage.SegmentState{ID: g.id, Bulk: g.bulk, Synced: g.synced, Sealed: g.sealed && (settled || g.failed), Next: g.next}
}

func (g *segment) seal(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.sealed {
		g.sealed, g.sealedAt = true, now
	}
}

// acquire opens the segment for a reader; release must follow.
func (g *segment) acquire() (File, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.dropped {
		return nil, errMissing
	}
	if err := g.openLocked(); err != nil {
		return nil, err
	}
	g.readers++
	return g.file, nil
}

func (g *segment) openLocked() error {
	if g.file != nil {
		return nil
	}
	f, err := g.fs.Open(g.name, false)
	if err != nil {
		return err
	}
	g.file = f
	return nil
}

func (g *segment) release() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.readers--
	return g.closeUnused()
}

// drop removes the file; its bytes stay readable until the last reader is done.
func (g *segment) drop() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dropped = true
	return errors.Join(g.fs.Remove(g.name), g.closeUnused())
}

func (g *segment) closeUnused() error {
	if !g.dropped || g.readers > 0 {
		return nil
	}
	return g.closeLocked()
}

func (g *segment) closeLocked() error {
	var errs []error
	for _, f := range []File{g.file, g.direct} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	g.file, g.direct = nil, nil
	return errors.Join(errs...)
}

func (g *segment) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closeLocked()
}

// reserve claims n bytes at the tail for one record; nil when the segment takes no more.
func (g *segment) reserve(n, limit int64) *pin {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.sealed || g.tail > 0 && g.tail+n > limit {
		return nil
	}
	p := &pin{seg: g, offset: g.tail, last: g.tail + n}
	g.writing[p.offset] = p
	g.tail += n
	return p
}

// written ends a write. A failed one seals the segment and leaves a hole; what was
// written before it stays good.
func (g *segment) written(p *pin, err error, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.holes++
		if !g.sealed {
			g.sealed, g.sealedAt = true, now
		}
		return err
	}
	delete(g.writing, p.offset)
	if g.failed {
		return errSealed
	}
	p.state, g.dirty = pinWritten, true
	g.unsynced[p] = struct{}{}
	return nil
}

// sync makes what is written so far durable. It tells how many pins of open
// writers were lost when it fails.
func (g *segment) sync(now time.Time) (lost int, err error) {
	g.syncing.Lock()
	defer g.syncing.Unlock()
	mark, pins := g.beginSync()
	if pins == nil {
		return 0, nil
	}
	if err := g.file.Sync(); err != nil {
		return g.lose(now), err
	}
	g.endSync(mark, pins)
	return 0, nil
}

// beginSync tells up to where every record is written, and which records the
// coming fdatasync covers; nil when there is nothing to sync.
func (g *segment) beginSync() (mark int64, pins []*pin) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.dirty || g.failed {
		return 0, nil
	}
	g.dirty = false
	mark = g.tail
	for off := range g.writing {
		mark = min(mark, off)
	}
	pins = make([]*pin, 0, len(g.unsynced))
	for p := range g.unsynced {
		pins = append(pins, p)
	}
	return mark, pins
}

func (g *segment) endSync(mark int64, pins []*pin) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range pins {
		p.state = pinSynced
		delete(g.unsynced, p)
	}
	g.synced = max(g.synced, mark)
}

// lose seals the segment after a failed fdatasync: the kernel may have dropped
// whatever was not synced before, and would not say so again.
func (g *segment) lose(now time.Time) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(g.unsynced)
	for p := range g.unsynced {
		p.state = pinLost
	}
	clear(g.unsynced)
	g.failed, g.dirty = true, false
	if !g.sealed {
		g.sealed, g.sealedAt = true, now
	}
	return n
}

func (g *segment) pinState(p *pin) pinState {
	g.mu.Lock()
	defer g.mu.Unlock()
	return p.state
}
