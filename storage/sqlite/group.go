package sqlite

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// group is one transaction of the file, shared by several callers.
type group struct {
	db      *DB
	start   int // mark of the log before the first caller
	words   int // mark of the words, likewise
	alone   bool
	careful bool       // with a savepoint for each caller
	keep    bool       // the transaction is held open afterwards
	within  bool       // it was held open before
	bytes   int        // that were written before
	callers []*request // whose part succeeded so far
	events  []halong.Event
	counts  []change
}

// attempt runs one group and answers its callers. It returns those that have to be
// run again, because the failure of one took the whole transaction with it: not being careful, also when that
// one had written something, which only a savepoint can take back.
func (db *DB) attempt(requests []*request, careful bool) (again []*request) {
	requests = take(requests)
	if len(requests) == 0 {
		return nil
	}
	db.none = false
	g := &group{db: db, alone: len(requests) == 1, careful: careful, bytes: db.writer.bytes}
	if err := g.begin(requests); err != nil {
		answer(requests, fail("sqlite.Update", "", err))
		return nil
	}
	g.start, g.words = db.log.Mark(), db.words.mark()
	for i, r := range requests {
		if g.run(r) {
			continue
		}
		g.rollback()
		db.log.Rewind(g.start)
		if careful { // it has its answer
			i++
		}
		return append(g.callers, requests[i:]...)
	}
	g.end()
	return nil
}

// begin opens the transaction. If all it writes can be made again from the journal, which is synced before the index is committed,
// the commit waits for no sync of its own: after a power cut it may be gone, and is made again at the next start. Every other
// commit syncs all before it too.
func (g *group) begin(requests []*request) error {
	full := slices.ContainsFunc(requests, func(r *request) bool { return !r.journaled })
	g.keep = !full && g.db.options.Roomy()
	if !g.keep { // nor does it stay held while the disk fills up
		if err := g.db.commitHeld(); err != nil {
			return err
		}
	}
	if err := g.db.whole(); err != nil {
		return err
	}
	if g.within = g.db.held.open(); g.within {
		return g.statement("SAVEPOINT held")
	}
	if full != g.db.full {
		level := "NORMAL"
		if full {
			level = "FULL"
		}
		if err := g.statement("PRAGMA synchronous = " + level); err != nil {
			return err
		}
		g.db.full = full
	}
	return g.statement("BEGIN IMMEDIATE")
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
	_, err := g.db.writer.exec(text)
	return err
}

// run runs one caller's part. A caller that fails is answered and leaves
// no trace. It returns false when the whole transaction has to be rolled back for that, or has been by SQLite; not being
// careful, the caller is not answered then.
func (g *group) run(r *request) bool {
	if err := g.savepoint("SAVEPOINT caller"); err != nil {
		r.answer(fail("sqlite.Update", "", err))
		return false
	}
	mark, words, writes := g.db.log.Mark(), g.db.words.mark(), g.db.writer.writes
	tx := &Tx{db: g.db, careful: g.careful}
	err := call(r.fn, tx)
	if err == nil {
		err = tx.stuck
	}
	if err == nil && !tx.again {
		err = fail("sqlite.Update", "", tx.settle())
	}
	tx.done = true
	if tx.again {
		return false
	}
	if err == nil {
		if err = g.savepoint("RELEASE caller"); err == nil {
			g.callers = append(g.callers, r)
			g.events = append(g.events, tx.events...)
			g.counts = append(g.counts, tx.counts...)
			g.db.facilities.keep(tx.facilities)
			return true
		}
	}
	swift := !g.careful && !g.alone
	if swift && (g.db.writer.writes != writes || !g.db.intact()) {
		return false
	}
	r.answer(err)
	g.db.log.Rewind(mark)
	g.db.words.back(words)
	if swift { // it wrote nothing
		return true
	}
	g.db.forgetKeys()
	return g.alone || g.undo()
}

// savepoint runs the statement if there are to be savepoints, unless the caller has the transaction for itself.
func (g *group) savepoint(text string) error {
	if g.alone || !g.careful {
		return nil
	}
	return g.statement(text)
}

// intact tells whether the transaction is still open: failures as grave as a full disk make SQLite end it.
func (db *DB) intact() bool {
	if db.exec("BEGIN") != nil {
		return true // there is one
	}
	if err := db.exec("ROLLBACK"); err != nil {
		db.options.Failed(fail("sqlite.rollback", "", err))
	}
	return false
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
		if g.db.none {
			g.db.pending.Store(false)
		}
		g.db.tail.add(g.events)
		g.db.notified(len(g.events))
		answer(g.callers, nil)
		g.held()
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
	if !g.keep {
		if err := g.db.writeWords(); err != nil {
			return head{}, g.giveUp(fail(op, "", err))
		}
	}
	states, err := g.db.log.Sync(context.Background())
	if err != nil {
		return head{}, g.abort(err)
	}
	if err := g.commit(states); err != nil {
		return head{}, g.abort(fail(op, "", err))
	}
	g.db.log.Committed()
	return next, nil
}

// commit ends the group's part of the transaction.
func (g *group) commit(states []storage.SegmentState) error {
	if !g.keep {
		if err := g.db.saveSegments(states); err != nil {
			return err
		}
		if err := g.statement("COMMIT"); err != nil {
			return err
		}
		g.db.words.committed()
		return nil
	}
	if g.within {
		if err := g.statement("RELEASE held"); err != nil {
			return err
		}
	}
	g.db.held.add(len(g.callers), g.db.writer.bytes-g.bytes, states)
	return nil
}

// held commits what is held if it has become too much. The callers are answered: nobody waits for it.
func (g *group) held() {
	if g.db.held.full() || len(g.db.words.rows) >= wordRows {
		g.db.commitHeld()
	}
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

// rollback takes everything back. A connection that is still in the transaction afterwards shows at the next BEGIN.
func (g *group) rollback() {
	g.db.forget()
	g.db.words.back(g.words)
	if g.within {
		err := g.statement("ROLLBACK TO held")
		if err == nil {
			err = g.statement("RELEASE held")
		}
		if err != nil {
			g.db.lose(err)
		}
		return
	}
	g.db.rollback()
}

// rollback ends the transaction unless SQLite has.
func (db *DB) rollback() {
	if !db.intact() {
		return
	}
	if err := db.exec("ROLLBACK"); err != nil {
		db.options.Failed(fail("sqlite.rollback", "", err))
	}
}

// forget drops what is remembered of rows that a group may have made in vain.
func (db *DB) forget() {
	db.forgetKeys()
	db.waits() // rows may be back that a caller found to be gone
	db.facilities.forget()
}

// forgetKeys empties the caches, which may hold rows of a caller that failed.
func (db *DB) forgetKeys() {
	db.keys.clear()
	db.sources.clear()
	db.patients.clear()
	db.labIndexed = nil
}
