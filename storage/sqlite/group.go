package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/halong-gateway/halong"
)

// group is one transaction of the file, shared by several callers.
type group struct {
	db      *DB
	start   int // mark of the log before the first caller
	alone   bool
	callers []*request // whose part succeeded so far
	events  []halong.Event
	counts  []change
}

// attempt runs one group and answers its callers. It returns those that have to be
// run again, each alone, because another one's failure took the whole transaction with it.
func (db *DB) attempt(requests []*request) (again []*request) {
	g := &group{db: db, alone: len(requests) == 1}
	requests = take(requests)
	if len(requests) == 0 {
		return nil
	}
	if err := g.statement("BEGIN IMMEDIATE"); err != nil {
		answer(requests, fail("sqlite.Update", "", err))
		return nil
	}
	g.start = db.log.Mark()
	for i, r := range requests {
		if g.run(r) {
			continue
		}
		g.rollback()
		db.log.Rewind(g.start)
		return append(g.callers, requests[i+1:]...)
	}
	g.end()
	return nil
}

// take leaves out those that withdrew.
func take(requests []*request) []*request {
	kept := requests[:0]
	for _, r := range requests {
		if r.state.CompareAndSwap(waiting, taken) || r.state.Load() == taken {
			kept = append(kept, r)
		}
	}
	return kept
}

func answer(requests []*request, err error) {
	for _, r := range requests {
		r.answer(err)
	}
}

func (g *group) statement(text string) error {
	_, err := g.db.writer.exec(context.Background(), text)
	return err
}

// run runs one caller's part. A caller that fails is answered at once and leaves
// no trace. It returns false when SQLite has rolled everything back with it.
func (g *group) run(r *request) bool {
	if err := g.savepoint("SAVEPOINT caller"); err != nil {
		r.answer(fail("sqlite.Update", "", err))
		return false
	}
	mark := g.db.log.Mark()
	tx := &Tx{db: g.db}
	err := call(r.fn, tx)
	if err == nil {
		err = fail("sqlite.Update", "", tx.settle())
	}
	tx.done = true
	if err == nil {
		if err = g.savepoint("RELEASE caller"); err == nil {
			g.callers = append(g.callers, r)
			g.events = append(g.events, tx.events...)
			g.counts = append(g.counts, tx.counts...)
			g.db.facilities.keep(tx.facilities)
			return true
		}
	}
	r.answer(err)
	g.db.log.Rewind(mark)
	g.db.forgetKeys()
	return g.alone || g.undo()
}

// savepoint runs the statement unless the caller has the transaction for itself.
func (g *group) savepoint(text string) error {
	if g.alone {
		return nil
	}
	return g.statement(text)
}

// undo takes one caller's rows back. Failures as grave as a full disk make SQLite
// end the whole transaction; then the savepoint is gone.
func (g *group) undo() bool {
	return g.statement("ROLLBACK TO caller") == nil && g.statement("RELEASE caller") == nil
}

// call runs a caller's function and turns a panic into an error. The panic's
// own text might hold patient data, unless the runtime wrote it.
func call(fn func(halong.Tx) error, tx *Tx) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		cause := fmt.Errorf("panic with a %T%s", p, panickedAt())
		if re, ok := p.(runtime.Error); ok {
			cause = fmt.Errorf("panic: %w%s", re, panickedAt())
		}
		err = halong.E("sqlite.Update", halong.Internal, "", cause)
	}()
	return fn(tx)
}

// panickedAt tells the first place outside of the runtime that the panic came from.
func panickedAt() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)])
	for {
		f, more := frames.Next()
		if f.Function != "" && f.Function != "runtime.gopanic" && f.Function != "runtime.sigpanic" && f.File != "" &&
			!isRuntime(f.Function) {
			return fmt.Sprintf(" at %s:%d", f.Function, f.Line)
		}
		if !more {
			return ""
		}
	}
}

func isRuntime(function string) bool { return len(function) > 8 && function[:8] == "runtime." }

// end makes the group durable and answers those in it.
func (g *group) end() {
	if len(g.callers) == 0 {
		g.rollback()
		return
	}
	next, err := g.finish()
	if err == nil {
		g.db.chain = next
		g.db.facilities.publish()
		g.db.tail.add(g.events)
		g.db.notified(len(g.events))
		answer(g.callers, nil)
		return
	}
	g.db.forget()
	answer(g.callers, err)
}

// finish writes what the callers share, syncs the journal, commits. It
// gives the end of the chain of events to go on from.
func (g *group) finish() (head, error) {
	const op = "sqlite.commit"
	if err := g.db.applyCounts(g.counts); err != nil {
		return head{}, g.giveUp(fail(op, "", err))
	}
	next, err := g.db.writeEvents(g.events)
	if err != nil {
		return head{}, g.giveUp(fail(op, "", err))
	}
	states, err := g.db.log.Sync(context.Background())
	if err != nil {
		return head{}, g.abort(err)
	}
	if err := g.db.saveSegments(states); err != nil {
		return head{}, g.abort(fail(op, "", err))
	}
	if err := g.statement("COMMIT"); err != nil {
		return head{}, g.abort(fail(op, "", err))
	}
	g.db.log.Committed()
	return next, nil
}

// giveUp ends the group before anything of it was synced.
func (g *group) giveUp(err error) error {
	g.rollback()
	g.db.log.Rewind(g.start)
	return err
}

// abort ends the group after its records may have reached the disk.
func (g *group) abort(err error) error {
	g.rollback()
	g.db.log.Aborted()
	return err
}

// rollback takes everything back. SQLite may have done so already; a connection
// that is still in the transaction afterwards shows at the next BEGIN.
func (g *group) rollback() {
	g.db.forget()
	if err := g.statement("ROLLBACK"); err != nil && !errors.Is(err, context.Canceled) {
		g.db.options.Failed(fail("sqlite.rollback", "", err))
	}
}

// forget drops what is remembered of rows that a group may have made in vain.
func (db *DB) forget() {
	db.forgetKeys()
	db.pending.Store(true) // rows may be back that a caller found to be gone
	db.facilities.forget()
}

// forgetKeys empties the caches, which may hold rows of a caller that failed.
func (db *DB) forgetKeys() {
	db.keys.clear()
	db.sources.clear()
}
