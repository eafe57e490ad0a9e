package sqlite

import (
	"context"
	"strings"

	"github.com/halong-gateway/halong"
)

// PlansIn gives SQLite's plan of each query that f runs in a transaction, as Plans does.
func (db *DB) PlansIn(f func(halong.Tx) error) (plans []string, err error) {
	var texts []string
	var values [][]any
	err = db.Update(context.Background(), func(tx halong.Tx) error {
		db.writer.trace = func(text string, args []any) { texts, values = append(texts, text), append(values, args) }
		defer func() { db.writer.trace = nil }()
		return f(tx)
	})
	for i, text := range texts {
		rows, err := db.reader.pool.Query("EXPLAIN QUERY PLAN "+text, values[i]...)
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
	return plans, err
}
