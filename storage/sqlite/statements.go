package sqlite

import (
	"context"
	"database/sql"
	"strings"
	"sync"
)

// runner is what *sql.DB and *sql.Conn have in common.
type runner interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// maxStatements bounds the statements that are kept prepared. The code has
// fewer texts; should searches of ever new shapes fill it, further ones are
// prepared each time.
const maxStatements = 512

// statements keeps prepared statements by their text.
type statements struct {
	on runner
	mu sync.RWMutex
	by map[string]*sql.Stmt

	writes int // statements that may have changed rows; the committer's

	trace func(query string, args []any) // set by tests; told of what is read
}

// get gives the prepared statement of a text; nil when it is to be run unprepared.
func (s *statements) get(query string) *sql.Stmt {
	s.mu.RLock()
	st, full := s.by[query], len(s.by) >= maxStatements
	s.mu.RUnlock()
	if st != nil || full {
		return st
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st = s.by[query]; st != nil {
		return st
	}
	st, err := s.on.PrepareContext(context.Background(), query)
	if err != nil {
		return nil // running it unprepared tells the error
	}
	if s.by == nil {
		s.by = make(map[string]*sql.Stmt)
	}
	s.by[query] = st
	return st
}

func (s *statements) exec(ctx context.Context, query string, args ...any) (r sql.Result, err error) {
	if st := s.get(query); st != nil {
		r, err = st.ExecContext(ctx, args...)
	} else {
		r, err = s.on.ExecContext(ctx, query, args...)
	}
	if err != nil {
		return nil, err
	}
	if n, err := r.RowsAffected(); n != 0 || err != nil {
		s.writes++
	}
	return r, nil
}

// reads counts a statement that gives rows as one that writes, unless it is plain that it does not.
func (s *statements) reads(query string) {
	if !strings.HasPrefix(query, "SELECT") {
		s.writes++
	}
}

func (s *statements) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s.trace != nil {
		s.trace(query, args)
	}
	if st := s.get(query); st != nil {
		return st.QueryContext(ctx, args...)
	}
	return s.on.QueryContext(ctx, query, args...)
}

func (s *statements) queryRow(ctx context.Context, query string, args ...any) *sql.Row {
	if s.trace != nil {
		s.trace(query, args)
	}
	if st := s.get(query); st != nil {
		return st.QueryRowContext(ctx, args...)
	}
	return s.on.QueryRowContext(ctx, query, args...)
}
