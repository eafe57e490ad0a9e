package sqlite

import (
	"context"
	"database/sql"
	"iter"
)

// Rows are read in pages that begin after the last key of the page before, so
// that no connection is held while the caller works. Pages grow: a short answer
// costs one small page, a long one few large ones. Statements say "LIMIT ?+0": of a bare parameter SQLite wants to know
// the value while it plans, and so would prepare the statement again at each use.
const (
	firstPage = 64
	lastPage  = 2048
)

// pages gives the rows of one page after another, those after the row last if that is
// not nil. read gives at most limit rows after the row given, from the beginning if that is nil.
func pages[T any](first int, last *T, read func(last *T, limit int) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		last := last
		for limit := first; ; limit = min(4*limit, lastPage) {
			page, err := read(last, limit)
			if err != nil {
				var row T
				yield(row, err)
				return
			}
			for _, row := range page {
				if !yield(row, nil) {
					return
				}
			}
			if len(page) < limit {
				return
			}
			last = &page[len(page)-1]
		}
	}
}

// none gives no row, or only an error.
func none[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err != nil {
			var row T
			yield(row, err)
		}
	}
}

// collect runs a query and reads all of its rows.
func collect[T any](ctx context.Context, r *Reader, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return drain(rows, scan)
}

// drain reads all that is left of rows, and closes them.
func drain[T any](rows *sql.Rows, scan func(*sql.Rows) (T, error)) ([]T, error) {
	defer rows.Close()
	var all []T
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
