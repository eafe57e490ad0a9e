package sqlite

import (
	"context"
	"database/sql"
)

// Reader reads committed rows on pooled connections. It may be used by any
// number of goroutines. Statements are prepared once and kept by their text.
type Reader struct {
	pool *sql.DB
	statements
}

// Query runs a statement that gives rows. They must be closed soon: while they
// are open they occupy a connection and keep the write-ahead log from being
// reset. Run no other statement before they are closed: the pool may be waiting for them.
func (r *Reader) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return r.query(ctx, query, args...)
}

// QueryRow runs a statement that gives at most one row and takes microseconds:
// it is not interrupted when ctx ends.
func (r *Reader) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return r.queryRow(context.WithoutCancel(ctx), query, args...)
}
