package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/patient"
)

// asker is what *Reader and *Tx have in common, but for the context.
type asker interface {
	ask(query string, args ...any) (*sql.Rows, error)
}

func (tx *Tx) ask(query string, args ...any) (*sql.Rows, error) { return tx.Query(query, args...) }

// readerAsker asks a reader in a context.
type readerAsker struct {
	ctx context.Context
	*Reader
}

func (r readerAsker) ask(query string, args ...any) (*sql.Rows, error) {
	return r.Query(r.ctx, query, args...)
}

// FindPatients gives patients that the scope sees.
func (db *DB) FindPatients(ctx context.Context, scope halong.Scope, q patient.Query) (patient.Found, error) {
	return db.findPatients(readerAsker{ctx, db.reader}, scope, q)
}

// FindPatientsIn does so within a transaction.
func (db *DB) FindPatientsIn(t halong.Tx, scope halong.Scope, q patient.Query) (patient.Found, error) {
	tx, err := db.tx("sqlite.FindPatients", t)
	if err != nil {
		return patient.Found{}, err
	}
	if q.Identifier == "" { // it may look for words
		if err := db.writeWords(); err != nil {
			return patient.Found{}, fail("sqlite.FindPatients", "", err)
		}
	}
	return db.findPatients(tx, scope, q)
}

// patientPage is how many patients are given at once, unless another number is asked for.
const (
	patientPage  = 100
	patientPages = 1000 // at most
)

var errPatientPage = errors.New("the page begins nowhere in this search")

func (db *DB) findPatients(a asker, scope halong.Scope, q patient.Query) (out patient.Found, err error) {
	const op = "sqlite.FindPatients"
	limit := q.Limit
	if limit <= 0 || limit > patientPages {
		limit = patientPage
	}
	if q.Facility != "" {
		if !scope.Sees(q.Facility) {
			return out, nil
		}
		scope = halong.Scope{Own: q.Facility}
	}
	seen := db.facilities.visible(scope)
	if tx, ok := a.(*Tx); ok && q.Facility != "" { // the transaction may have added it
		id, err := tx.Facility(q.Facility)
		if err != nil {
			return out, fail(op, "", err)
		}
		seen = []facility{{id, q.Facility}}
	}
	if len(seen) == 0 {
		return out, nil
	}
	s, err := newPatientSearch(&q, seen)
	if err != nil {
		return out, halong.E(op, halong.Invalid, "", err)
	}
	rows, err := a.ask(s.text(), append(s.args, limit+1)...)
	if err != nil {
		return out, fail(op, "", err)
	}
	found, marks, err := s.read(rows)
	if err != nil {
		return out, fail(op, "", err)
	}
	if len(found) > limit {
		out.Next, found = marks[limit-1], found[:limit]
	}
	out.Patients, err = survivors(a, found)
	return out, fail(op, "", err)
}

// survivors replaces those that were merged by who survives of them; each comes once.
func survivors(a asker, found []*patient.Patient) (out []*patient.Patient, err error) {
	for _, p := range found {
		all, err := above(a, p)
		if err != nil {
			return nil, err
		}
		if n := len(all); n > 0 {
			p = all[n-1]
		}
		if !slices.ContainsFunc(out, func(o *patient.Patient) bool { return o.Key == p.Key }) {
			out = append(out, p)
		}
	}
	return out, nil
}

func patientBy(a asker, key int64) (*patient.Patient, error) {
	all, err := patientsBy(a, selectPatients+` WHERE p.id = ?`, key)
	if err == nil && len(all) == 0 {
		err = halong.E("sqlite.Patient", halong.NotExist, "", nil)
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func patientsBy(a asker, query string, args ...any) ([]*patient.Patient, error) {
	rows, err := a.ask(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return scanPatients(rows)
}

// patientSearch is a search for patients: it walks along one index, chosen by what is asked for, in that index's order, so that no
// page costs more than its rows and those that the other conditions leave out.
type patientSearch struct {
	from  string // the walk
	mark  string // what names a place in it
	order string
	where where
	args  []any
}

// newPatientSearch plans a search.
func newPatientSearch(q *patient.Query, seen []facility) (*patientSearch, error) {
	s := &patientSearch{mark: "p.id", order: "p.id"}
	words := q.Words()
	mark, after, err := cutMark(q.After)
	if err != nil {
		return nil, err
	}
	switch {
	case q.Identifier != "":
		s.from = `(SELECT id FROM patient INDEXED BY patient_identity WHERE identifier = ? UNION SELECT patient FROM patient_other WHERE identifier = ?) w CROSS JOIN patient p ON p.id = w.id`
		s.args = append(s.args, q.Identifier, q.Identifier)
	case q.Birth != "":
		s.from = `patient_word w CROSS JOIN patient p ON p.id = w.patient`
		s.mark, s.order = "w.patient", "w.patient"
		s.where.and("w.word = ?", birthWord(q.Birth))
	case len(words) > 0:
		s.from = `patient_word w CROSS JOIN patient p ON p.id = w.patient`
		s.mark, s.order = "w.word || '.' || p.id", "w.word, w.patient"
		lo, hi := between(words[0])
		s.where.and("w.word >= ? AND w.word < ?", lo, hi)
		// Of several words of one name that match, the first one stands for it.
		s.where.and("NOT EXISTS (SELECT 1 FROM json_each('[' || replace(json_quote(p.folded), ' ', '\",\"') || ']') j WHERE j.value >= ? AND j.value < w.word)", lo)
		if q.After != "" {
			s.where.and("(w.word, w.patient) > (?, ?)", mark, after)
		}
		words = words[1:]
	default:
		s.from = "patient p"
	}
	if q.After != "" && s.order == s.mark {
		s.where.and(s.order+" > ?", after)
	}
	for _, w := range words {
		s.where.and("instr(' ' || p.folded, ' ' || ?) > 0", w)
	}
	if q.Birth != "" && q.Identifier != "" {
		s.where.and("p.birth = ?", q.Birth)
	}
	if q.Sex != "" {
		s.where.and("p.sex = ?", q.Sex)
	}
	if q.Authority != "" {
		s.where.and(`EXISTS (SELECT 1 FROM json_each(p.identifiers) j WHERE j.value ->> 'id' = ? AND j.value ->> 'authority' = ?)`, q.Identifier, q.Authority)
	}
	s.where.and("p.facility IN (SELECT value FROM json_each(?))", list(keysOf(seen)))
	s.args = append(s.args, s.where.args...)
	return s, nil
}

// between gives the bounds of what begins with a text.
func between(prefix string) (lo, hi string) { return prefix, prefix + "\U0010FFFF" }

// cutMark reads a place in a walk: a word and a key.
func cutMark(s string) (word string, key int64, err error) {
	if s == "" {
		return "", 0, nil
	}
	i := strings.LastIndexByte(s, '.')
	if i > 0 {
		word = s[:i]
	}
	if key, err = strconv.ParseInt(s[i+1:], 10, 64); err != nil {
		err = errPatientPage
	}
	return word, key, err
}

func (s *patientSearch) text() string {
	return "SELECT " + patientColumns + ", f.name, " + s.mark + " FROM " + s.from + " CROSS JOIN facility f ON f.id = p.facility WHERE " +
		s.where.text.String() + " ORDER BY " + s.order + " LIMIT ?+0"
}

func (s *patientSearch) read(rows *sql.Rows) (all []*patient.Patient, marks []string, err error) {
	defer rows.Close()
	for rows.Next() {
		p, mark := &patient.Patient{}, ""
		if err := scanPatient(rows, p, &p.Facility, &mark); err != nil {
			return nil, nil, err
		}
		all, marks = append(all, p), append(marks, mark)
	}
	return all, marks, rows.Err()
}
