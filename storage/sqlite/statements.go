package sqlite

import (
	"context"
	"database/sql"
	"sync"
)

// runner is what *sql.DB and *sql.Conn have in common.
type runner interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
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

	before func() error                   // run before anything is read; may be nil
	trace  func(query string, args []any) // set by tests; told of what is read
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

// begin comes before a statement that reads.
func (s *statements) begin(query string, args []any) error {
	if s.trace != nil {
		s.trace(query, args)
	}
	if s.before != nil {
		return s.before()
	}
	return nil
}

func (s *statements) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := s.begin(query, args); err != nil {
		return nil, err
	}
	if st := s.get(query); st != nil {
		return st.QueryContext(ctx, args...)
	}
	return s.on.QueryContext(ctx, query, args...)
}

func (s *statements) queryRow(ctx context.Context, query string, args ...any) *sql.Row {
	if err := s.begin(query, args); err != nil {
		over, cancel := context.WithCancel(ctx)
		cancel()
		ctx = over // Scan gives the error
	}
	if st := s.get(query); st != nil {
		return st.QueryRowContext(ctx, args...)
	}
	return s.on.QueryRowContext(ctx, query, args...)
}
