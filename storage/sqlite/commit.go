package sqlite

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"

	"github.com/halong-gateway/halong"
)

// request is one caller waiting for the committer.
type request struct {
	fn        func(halong.Tx) error
	journaled bool // all it writes can be made again from the journal
	state     atomic.Int32
	done      chan error // gets exactly one answer, unless the caller withdrew
}

const (
	waiting int32 = iota
	taken         // by the committer: the caller gets its answer from it
	withdrawn
)

func (r *request) answer(err error) { r.done <- err }

var errClosed = errors.New("the index is closed")

// Update runs fn in a transaction that it shares with whoever waits at the same
// time. A ctx that ends while the caller waits withdraws it; once fn runs, the
// answer is waited for. The error of fn is given back as it is; the error is of kind Transient when
// ctx ended or the index is closed. fn must not call Update.
func (db *DB) Update(ctx context.Context, fn func(halong.Tx) error) error {
	return db.update(ctx, &request{fn: fn, done: make(chan error, 1)})
}

// UpdateJournaled is Update for a transaction that writes nothing but what its own journal records say. See halong.JournalUpdater.
func (db *DB) UpdateJournaled(ctx context.Context, fn func(halong.Tx) error) error {
	return db.update(ctx, &request{fn: fn, journaled: true, done: make(chan error, 1)})
}

func (db *DB) update(ctx context.Context, r *request) error {
	if err := db.enqueue(ctx, r); err != nil {
		return halong.E("sqlite.Update", halong.Transient, "", err)
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.state.CompareAndSwap(waiting, withdrawn) {
			return halong.E("sqlite.Update", halong.Transient, "", ctx.Err())
		}
		return <-r.done
	}
}

func (db *DB) enqueue(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.closing.RLock()
	defer db.closing.RUnlock()
	if db.closed {
		return errClosed
	}
	select {
	case db.queue <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// commitLoop is the committer: the only goroutine that writes.
func (db *DB) commitLoop() {
	defer close(db.stopped)
	var group []*request
	for r := range db.queue {
		group = db.gather(append(group[:0], r))
		db.commit(group)
		db.checkpoint.poke()
	}
}

// gather takes what else is waiting. Those answered a moment ago get the chance
// to come back first; there is no timer.
func (db *DB) gather(group []*request) []*request {
	runtime.Gosched()
	for len(group) < cap(db.queue) {
		select {
		case r, ok := <-db.queue:
			if !ok {
				return group
			}
			group = append(group, r)
		default:
			return group
		}
	}
	return group
}

// commit commits the requests as one transaction, at first without savepoints, which cost more than what hardly ever fails. Should a
// failure of one make SQLite roll all of it back, each of the others gets a transaction of its own.
func (db *DB) commit(requests []*request) {
	db.writing.Lock()
	defer db.writing.Unlock()
	again := db.attempt(requests, false)
	if len(again) > 0 {
		again = db.attempt(again, true)
	}
	for _, r := range again {
		db.attempt([]*request{r}, true)
	}
}
