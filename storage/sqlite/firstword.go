package sqlite

import (
	"database/sql"
	"slices"
	"strings"
)

// mostFirst is how many first words of names one statement reads. A beginning that more
// words have is a short one, and names that have it stand close together in any order.
const mostFirst = 8

// firstWords gives the first words of names that are as asked for: from lo on and before hi, or lo. It gives none if there are too many, or
// more than one facility is in sight, or another component group of a name may be meant.
func (s *search) firstWords(lo, hi string, whole bool) ([]string, error) {
	if len(s.seen) != 1 {
		return nil, nil
	}
	if whole {
		hi = lo + "\x00"
	}
	from, _, more := strings.Cut(lo, " ")
	to := hi
	if more {
		to = from + "\x00"
	}
	const first = `SELECT first FROM study INDEXED BY study_first WHERE facility = ?1 AND first `
	words, err := collect(s.ctx, s.db.reader, func(r *sql.Rows) (w string, err error) { return w, r.Scan(&w) },
		`WITH RECURSIVE w (v) AS (SELECT (`+first+`>= ?2 AND first < ?3 ORDER BY first LIMIT 1)
			UNION ALL SELECT (`+first+`> w.v AND first < ?3 ORDER BY first LIMIT 1) FROM w WHERE w.v IS NOT NULL LIMIT ?4+0)
		SELECT v FROM w WHERE v IS NOT NULL UNION ALL SELECT '' WHERE EXISTS (SELECT 1 FROM study_group WHERE name >= ?5 AND name < ?6)`,
		s.seen[0].id, from, to, mostFirst+1, lo, hi)
	if err != nil || len(words) > mostFirst || slices.Contains(words, "") {
		return nil, err
	}
	return words, nil
}

// arms repeats a statement for each of the first words. What each gives comes
// in the order of answers, so SQLite only merges them.
func (p *plan) arms(text string, args []any) (string, []any) {
	if len(p.begins) == 0 {
		return text, args
	}
	one := text + " AND s.first = ?"
	all := make([]any, 0, len(p.begins)*(len(args)+1)+2)
	for _, w := range p.begins {
		all = append(append(all, args...), w)
	}
	return one + strings.Repeat(" UNION ALL "+one, len(p.begins)-1), all
}
