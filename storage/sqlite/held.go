package sqlite

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// held is a transaction that stays open after its callers were answered. All of them are journaled: their records are durable, the next
// start would make the rows again. One commit for many groups writes the pages that they share once. Nobody sees that it is open:
// whoever reads commits it first, so does a group of other callers, and the checkpointer when nothing comes for a moment.
//
// Should it be lost, which takes a disk that fails or fills up within moments, then the index lacks what was acknowledged. It refuses
// everything from there on, and has to be opened anew.
type held struct {
	callers atomic.Int64                    // whose rows are not committed; written by whoever holds DB.writing
	bytes   int                             // of their values
	states  map[uint32]storage.SegmentState // that are to be remembered with them
	lost    atomic.Pointer[halong.Error]    // why everything is refused
}

// Bounds of what is held.
const (
	heldCallers = 256
	heldBytes   = 4 << 20
)

// open tells whether anything is held.
func (h *held) open() bool { return h.callers.Load() > 0 }

func (h *held) full() bool { return h.callers.Load() >= heldCallers || h.bytes >= heldBytes }

// add takes in the callers of a group, before they are answered.
func (h *held) add(callers, bytes int, states []storage.SegmentState) {
	h.bytes += bytes
	for _, s := range states {
		h.states[s.ID] = s
	}
	h.callers.Add(int64(callers))
}

var errLost = errors.New("the index lacks rows that were acknowledged; they are in the journal, and the next start brings them back")

// settle makes readers see everything that was acknowledged.
func (db *DB) settle() error {
	if db.held.open() {
		db.writing.Lock()
		defer db.writing.Unlock()
		if err := db.commitHeld(); err != nil {
			return err
		}
	}
	return db.whole()
}

// whole tells whether the index has everything that was acknowledged.
func (db *DB) whole() error {
	if e := db.held.lost.Load(); e != nil {
		return e
	}
	return nil
}

// commitHeld commits what is held. DB.writing must be locked.
func (db *DB) commitHeld() error {
	if !db.held.open() {
		return db.whole()
	}
	err := db.writeWords()
	if err == nil {
		err = db.saveSegments(slices.Collect(maps.Values(db.held.states)))
	}
	if err == nil {
		err = db.exec("COMMIT")
	}
	if err != nil {
		return db.lose(err)
	}
	db.words.committed()
	db.release()
	db.checkpoint.poke()
	return nil
}

func (db *DB) release() {
	db.held.bytes = 0
	clear(db.held.states)
	db.held.callers.Store(0)
}

// lose notes that what was held is gone.
func (db *DB) lose(cause error) error {
	e := &halong.Error{Op: "sqlite.commit", Kind: halong.Internal, Err: fmt.Errorf("%w: %w", errLost, cause)}
	db.held.lost.Store(e)
	db.words = words{}
	db.release()
	db.rollback()
	db.options.Lost(e)
	return e
}
