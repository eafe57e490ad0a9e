package sqlite

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/fold"
	"github.com/halong-gateway/halong/storage"
)

// plan says how the studies of a search are read: over which index, and which
// rows. Conditions never leave out a study that matches; exact tells that they let no
// other through, so that attributes need not be looked at.
//
// The index is named in the statement: SQLite keeps no statistics here, and
// would take an equal facility for as selective as an equal Patient ID.
type plan struct {
	where
	index string // "INDEXED BY …"
	first int    // rows of the first page
	exact bool

	begins []string // first words of names: the studies of each are read beside one another; nil: all together
}

// prefixLimit is how many studies with names that begin as asked for are sorted; if there are
// more, reading studies in the order of answers finds enough of them soon.
const prefixLimit = 200

func (s *search) plan() (*plan, error) {
	if s.planned != nil {
		return s.planned, nil
	}
	if err := s.former(); err != nil {
		return nil, err
	}
	p := &plan{first: firstPage, exact: true}
	s.planned = p
	if s.studies != nil {
		p.in("s.uid", s.studies)
		p.index = "INDEXED BY study_uid"
	}
	for _, k := range s.keys[storage.LevelStudy] {
		if k.Path[0] == tag.ModalitiesInStudy && s.merged {
			p.exact = false // the other copies' modalities count too
		} else if !p.key(k, s.rules.Zone != "") {
			p.exact = false
		}
	}
	if s.merges != nil {
		s.merges.narrow(p)
	}
	for _, k := range s.keys[storage.LevelSeries] { // a series of a modality is only in studies that have it
		if len(k.Path) == 1 && k.Path[0] == tag.Modality && k.Kind() == query.Single && !s.merged {
			p.and(`instr(s.modalities, ?) > 0`, `\`+k.Values[0]+`\`)
		}
	}
	s.facilities(p)
	switch {
	case p.index != "":
	case s.series != nil:
		p.index = "NOT INDEXED"
		p.and("s.id IN (SELECT study FROM series INDEXED BY series_uid WHERE uid IN (SELECT value FROM json_each(?)))", list(s.series))
	case s.sops != nil:
		p.index = "NOT INDEXED"
		p.and(`s.id IN (SELECT e.study FROM instance i INDEXED BY instance_uid CROSS JOIN series e ON e.id = i.series
			WHERE i.sop IN (SELECT value FROM json_each(?)))`, list(s.sops))
	default:
		return p, s.planPrefix(p)
	}
	return p, nil
}

// facilities adds what the caller may see. The zero scope sees nothing.
func (s *search) facilities(p *plan) {
	switch known := len(*s.db.facilities.committed.Load()); {
	case len(s.seen) == 1:
		p.and("s.facility = ?", s.seen[0].id)
	case len(s.seen) < known:
		p.and("s.facility IN (SELECT value FROM json_each(?))", list(keysOf(s.seen)))
	}
}

// key adds the conditions for one key, and chooses the index if it is selective.
// It tells whether the conditions are exact; zoned tells that times are adjusted before they are compared.
func (p *plan) key(k query.Key, zoned bool) bool {
	if len(k.Path) > 1 {
		return false
	}
	kind := k.Kind()
	switch t := k.Path[0]; {
	case t == tag.PatientID && equal(k):
		p.in("s.patient", nfc(k.Values))
		p.use("INDEXED BY study_patient")
		return true
	case t == tag.AccessionNumber && equal(k):
		p.and("s.accession <> ''")
		p.in("s.accession", nfc(k.Values))
		p.use("INDEXED BY study_accession")
		return true
	case t == tag.StudyID && equal(k):
		p.in("s.study_id", nfc(k.Values))
		return true
	case t == tag.StudyDate && k.VR == dicom.DA && (kind == query.Single || kind == query.Range):
		return p.dates("s.date", k, zoned)
	case t == tag.PatientBirthDate && k.VR == dicom.DA && (kind == query.Single || kind == query.Range):
		return p.dates("s.birth", k, zoned)
	case t == tag.PatientName && (kind == query.Single || kind == query.Wildcard):
		p.words("s.name", k)
	case t == tag.ReferringPhysicianName && (kind == query.Single || kind == query.Wildcard):
		p.words("s.referring", k)
	case t == tag.ModalitiesInStudy && kind == query.Single:
		p.and(`instr(s.modalities, ?) > 0`, `\`+k.Values[0]+`\`)
	case t == tag.StudyDescription && (kind == query.Single || kind == query.Wildcard):
		p.like("s.description", k)
	case t == tag.PatientID && kind == query.Wildcard:
		p.like("s.patient", k)
	}
	return false
}

// equal tells whether a key asks for one of some values.
func equal(k query.Key) bool {
	kind := k.Kind()
	return kind == query.Single || kind == query.List && !slices.ContainsFunc(k.Values, wild)
}

// longestPattern bounds what is given to LIKE, in bytes: longer ones are left to
// be matched afterwards. An LO has at most 64 characters (PS3.5 6.2).
const longestPattern = 256

func (p *plan) like(column string, k query.Key) {
	if v := norm.NFC.String(k.Values[0]); len(v) <= longestPattern {
		p.and(column+` LIKE ? ESCAPE '\'`, query.Like(v))
	}
}

func (p *plan) use(index string) {
	if p.index == "" {
		p.index = index
	}
}

// dates narrows to a range of days, with those around it that time zones can be apart.
func (p *plan) dates(column string, k query.Key, zoned bool) bool {
	lo, hi := k.Range()
	if zoned {
		lo, hi = days(lo, -2), days(hi, 2)
	}
	if lo == "" {
		lo = "0" // leaves out what has no date
	}
	p.and(column+" >= ?", lo)
	if hi != "" {
		p.and(column+" <= ?", hi)
	}
	return !zoned
}

// days gives the date that is n days after another; empty if that is.
func days(date string, n int) string {
	t, err := time.Parse("20060102", date)
	if err != nil {
		return date
	}
	return t.AddDate(0, 0, n).Format("20060102")
}

// mostWords bounds the conditions that one name makes.
const mostWords = 4

// words narrows to names that hold the words of the key's first value: name
// columns hold all component groups, folded.
func (p *plan) words(column string, k query.Key) {
	words := literals(k.Values[0])
	for _, w := range words[:min(len(words), mostWords)] {
		p.and("instr("+column+", ?) > 0", w)
	}
}

// literals gives the folded pieces of a name pattern that must all occur in a name.
func literals(pattern string) []string {
	pieces := strings.FieldsFunc(pattern, func(r rune) bool { return strings.ContainsRune("*?=^ ", r) })
	for i := range pieces {
		pieces[i] = fold.Name(pieces[i])
	}
	return strings.Fields(strings.Join(pieces, " "))
}

func wild(v string) bool { return strings.ContainsAny(v, "*?") }

func nfc(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = norm.NFC.String(v)
	}
	return out
}

// planPrefix looks whether the beginning of a name or Patient ID is selective; else
// studies are read in the order of answers.
func (s *search) planPrefix(p *plan) error {
	if lo, hi, _ := s.prefix(tag.PatientID, norm.NFC.String); lo != "" {
		few, err := s.few(`SELECT count(*) FROM (SELECT 1 FROM study INDEXED BY study_patient WHERE patient >= ? AND patient < ? LIMIT ?+0)`, lo, hi, prefixLimit)
		if err != nil {
			return err
		}
		if few {
			p.index = "INDEXED BY study_patient"
			p.and("s.patient >= ? AND s.patient < ?", lo, hi)
			return nil
		}
	}
	if lo, hi, whole := s.prefix(tag.PatientName, fold.Name); lo != "" {
		if done, err := s.planName(p, lo, hi, whole); done || err != nil {
			return err
		}
	}
	if p.index = "INDEXED BY study_date"; len(s.seen) == 1 {
		p.index = "INDEXED BY study_facility"
	}
	return nil
}

func (s *search) few(query string, args ...any) (bool, error) {
	var n int
	err := s.db.reader.QueryRow(s.ctx, query, args...).Scan(&n)
	return n < prefixLimit, err
}

// prefix gives the range of values that begin as the search asks for: from lo on
// and before hi; empty if it does not say. whole tells that nothing may follow.
func (s *search) prefix(t dicom.Tag, form func(string) string) (lo, hi string, whole bool) {
	for _, k := range s.keys[storage.LevelStudy] {
		if len(k.Path) > 1 || k.Path[0] != t || len(k.Values) != 1 {
			continue
		}
		v := k.Values[0]
		if k.VR == dicom.PN && (s.rules.Fuzzy || strings.Contains(v, "=")) {
			continue // the words of the name may stand in any order, or in any group
		}
		i := strings.IndexAny(v, "*?")
		if i >= 0 {
			v = v[:i]
		}
		if lo = form(v); lo != "" {
			return lo, lo + "\U0010ffff", i < 0
		}
	}
	return "", "", false
}
