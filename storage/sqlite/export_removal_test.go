package sqlite

import "strings"

// WriterPlans gives SQLite's plan of each query that f lets the committer run, one line each, the parts joined by "; ".
func (db *DB) WriterPlans(f func() error) (plans []string, err error) {
	type statement struct {
		text string
		args []any
	}
	var ran []statement
	db.writer.trace = func(text string, args []any) { ran = append(ran, statement{text, args}) }
	err = f()
	db.writer.trace = nil
	for _, s := range ran {
		rows, err := db.reader.pool.Query("EXPLAIN QUERY PLAN "+s.text, s.args...)
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
