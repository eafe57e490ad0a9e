package sqlite

import (
	"encoding/json"
	"strings"
)

// where gathers the conditions of one query, with their values.
type where struct {
	text strings.Builder
	args []any
}

func (w *where) and(condition string, args ...any) {
	if w.text.Len() > 0 {
		w.text.WriteString(" AND ")
	}
	w.text.WriteString(condition)
	w.args = append(w.args, args...)
}

// in adds that a column has one of the values. Lists of any length make one
// text, so that the prepared statement can be used again.
func (w *where) in(column string, values []string) {
	if len(values) == 1 {
		w.and(column+" = ?", values[0])
		return
	}
	w.and(column+" IN (SELECT value FROM json_each(?))", list(values))
}

// list writes values for json_each.
func list[T any](values []T) string {
	b, err := json.Marshal(values)
	if err != nil {
		return "[]" // cannot be: values are strings and numbers
	}
	return string(b)
}
