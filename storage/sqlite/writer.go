package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
)

// writer runs the committer's statements. Those that give no rows go to the driver itself: package database/sql does the same with two
// locks, a further copy of the arguments and several allocations more, which is a tenth of what a row costs.
type writer struct {
	statements                                   // that give rows
	conn       driver.ConnPrepareContext         // below statements.on
	prepared   map[string]driver.StmtExecContext // by their texts
	args       []driver.NamedValue               // of the statement that is run
	writes     int                               // statements that may have changed rows
	bytes      int                               // of texts and blobs that were written
}

func newWriter(conn *sql.Conn) (*writer, error) {
	w := &writer{statements: statements{on: conn}, prepared: map[string]driver.StmtExecContext{}}
	err := conn.Raw(func(c any) error { // it is pinned: what is below stays the same
		var ok bool
		if w.conn, ok = c.(driver.ConnPrepareContext); !ok {
			return fmt.Errorf("a %T prepares no statements", c)
		}
		return nil
	})
	return w, err
}

// close lets go of the prepared statements, before the connection is closed.
func (w *writer) close() error {
	var errs []error
	for _, st := range w.prepared {
		errs = append(errs, st.(driver.Stmt).Close())
	}
	clear(w.prepared)
	return errors.Join(errs...)
}

// statement gives the prepared statement of a text. done is to be called when it was run.
func (w *writer) statement(query string) (st driver.StmtExecContext, done func() error, err error) {
	if st = w.prepared[query]; st != nil {
		return st, nil, nil
	}
	s, err := w.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, nil, err
	}
	st, ok := s.(driver.StmtExecContext)
	if !ok {
		return nil, nil, errors.Join(fmt.Errorf("a %T is not executed", s), s.Close())
	}
	if len(w.prepared) >= maxStatements {
		return st, s.Close, nil
	}
	w.prepared[query] = st
	return st, nil, nil
}

// exec runs a statement that gives no rows.
func (w *writer) exec(query string, args ...any) (r sql.Result, err error) {
	st, done, err := w.statement(query)
	if err != nil {
		return nil, err
	}
	if err = w.bind(args); err == nil {
		r, err = st.ExecContext(context.Background(), w.args)
	}
	clear(w.args) // large values are not kept
	if done != nil {
		err = errors.Join(err, done())
	}
	if err != nil {
		return nil, err
	}
	if n, err := r.RowsAffected(); n != 0 || err != nil {
		w.writes++
	}
	return r, nil
}

// reads counts a statement that gives rows as one that writes, unless it is plain that it does not.
func (w *writer) reads(query string) {
	if !strings.HasPrefix(query, "SELECT") {
		w.writes++
	}
}

// bind turns arguments into values of the driver.
func (w *writer) bind(args []any) error {
	w.args = w.args[:0]
	for i, a := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(a)
		if err != nil {
			return fmt.Errorf("argument %d: %w", i+1, err)
		}
		switch v := v.(type) {
		case string:
			w.bytes += len(v)
		case []byte:
			w.bytes += len(v)
		}
		w.args = append(w.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return nil
}
