package sqlite

import (
	"context"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// Break makes the committer's statement with the text fail, until mend is called.
func (db *DB) Break(text string) (mend func(), err error) {
	db.writing.Lock()
	defer db.writing.Unlock()
	bad, _, err := db.writer.statement("SELECT abs(-9223372036854775808)") // overflows
	if err != nil {
		return nil, err
	}
	good, _, err := db.writer.statement(text)
	if err != nil {
		return nil, err
	}
	db.writer.prepared[text] = bad
	return func() {
		db.writing.Lock()
		defer db.writing.Unlock()
		db.writer.prepared[text] = good
	}, nil
}

// Statement is a query that was run.
type Statement struct {
	Text string
	Args []any
}

// Statements gives the queries that f runs.
func (db *DB) Statements(f func() error) (ran []Statement, err error) {
	db.reader.trace = func(text string, args []any) { ran = append(ran, Statement{text, args}) }
	err = f()
	db.reader.trace = nil
	return ran, err
}

// writtenBy gives the queries that f lets the committer run.
func (db *DB) writtenBy(f func() error) (ran []Statement, err error) {
	db.writer.trace = func(text string, args []any) { ran = append(ran, Statement{text, args}) }
	defer func() { db.writer.trace = nil }()
	return ran, f()
}

// Plans gives SQLite's plan of each query that f runs, one line each, the parts joined by "; ".
func (db *DB) Plans(f func() error) ([]string, error) { return db.plans(db.Statements(f)) }

// WriterPlans does so with the queries that f lets the committer run.
func (db *DB) WriterPlans(f func() error) ([]string, error) { return db.plans(db.writtenBy(f)) }

// PlansIn does so with the queries that f runs in a transaction.
func (db *DB) PlansIn(f func(halong.Tx) error) ([]string, error) {
	var ran []Statement
	err := db.Update(context.Background(), func(tx halong.Tx) (err error) {
		ran, err = db.writtenBy(func() error { return f(tx) })
		return err
	})
	return db.plans(ran, err)
}

func (db *DB) plans(ran []Statement, ranErr error) (plans []string, err error) {
	for _, s := range ran {
		rows, err := db.reader.pool.Query("EXPLAIN QUERY PLAN "+s.Text, s.Args...)
		if err != nil {
			return nil, err
		}
		var parts []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				return nil, err
			}
			parts = append(parts, detail)
		}
		if err := rows.Close(); err != nil {
			return nil, err
		}
		plans = append(plans, strings.Join(parts, "; "))
	}
	return plans, ranErr
}

// Searched runs a search to its end.
func (db *DB) Searched(scope halong.Scope, q storage.Query) error {
	for _, err := range db.Find(context.Background(), scope, q) {
		if err != nil {
			return err
		}
	}
	return nil
}

// Touch raises the change numbers of a study, or of one series of it.
func (db *DB) Touch(t halong.Tx, id storage.Identity) error {
	tx, err := db.tx("sqlite.Touch", t)
	if err != nil {
		return err
	}
	facility, err := tx.Facility(id.Facility)
	if err != nil {
		return err
	}
	st, se, _, err := tx.find(facility, id)
	switch {
	case err != nil:
		return err
	case se != nil:
		tx.counts = append(tx.counts, change{study: st.id, series: se.id})
	default:
		tx.touchStudy(st.id)
	}
	return nil
}

// HeldCallers is how many may be held.
const HeldCallers = heldCallers

// Held tells how many callers were answered whose rows are not committed.
func (db *DB) Held() int {
	db.writing.Lock()
	defer db.writing.Unlock()
	return int(db.held.callers.Load())
}

// HeldOpen tells whether something is held, without waiting for anybody.
func (db *DB) HeldOpen() bool { return db.held.open() }

// WordRows is how many words make what is held be committed.
const WordRows = wordRows

// WordsWaiting tells how many changes of words are remembered, while nobody writes.
func (db *DB) WordsWaiting() int { return len(db.words.rows) }
