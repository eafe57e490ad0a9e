package sqlite

import "strings"

// planName plans for names from lo on and before hi, or such that are lo: where only the first word is asked for, by that; otherwise by
// all that is, if that is selective. It tells whether there is a better way than to read all studies.
func (s *search) planName(p *plan, lo, hi string, whole bool) (done bool, err error) {
	words, err := s.firstWords(lo, hi, whole)
	if err != nil {
		return false, err
	}
	if words == nil || whole || strings.Contains(lo, " ") {
		ids, args := named(lo, hi, whole)
		few, err := s.few("SELECT count(*) FROM ("+ids+" LIMIT ?+0)", append(args, prefixLimit)...)
		if err != nil {
			return false, err
		}
		if few {
			p.index = "NOT INDEXED"
			p.and("s.id IN ("+ids+")", args...)
			return true, nil
		}
	}
	if words == nil {
		return false, nil
	}
	if whole {
		p.and("(s.name = ? OR s.name >= ? AND s.name < ?)", lo, lo+"=", lo+">")
	}
	p.begins, p.index = words, "INDEXED BY study_first"
	return true, nil
}

// named selects the studies of names from lo on and before hi, or of those that are lo, in any of their component groups.
func named(lo, hi string, whole bool) (text string, args []any) {
	if !whole {
		return `SELECT id FROM study INDEXED BY study_name WHERE name >= ? AND name < ? UNION ALL SELECT study FROM study_group WHERE name >= ? AND name < ?`, []any{lo, hi, lo, hi}
	}
	return `SELECT id FROM study INDEXED BY study_name WHERE name = ? UNION ALL SELECT id FROM study INDEXED BY study_name WHERE name >= ? AND name < ?
		UNION ALL SELECT study FROM study_group WHERE name = ?`, []any{lo, lo + "=", lo + ">", lo}
}
