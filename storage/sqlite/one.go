package sqlite

import (
	"database/sql"
	"slices"

	"github.com/halong-gateway/halong/storage"
)

// one reads a SOP Instance whose study, series and UID are all given: one statement instead of
// one for each level, because images are asked for so, one after the other.
func (s *search) one() ([]*instanceRow, error) {
	const text = `SELECT s.id, s.facility, s.uid, s.date, s.identity, e.id, e.uid, e.number, ` + retrieveResult + `
		FROM study s INDEXED BY study_uid CROSS JOIN series e INDEXED BY series_uid CROSS JOIN instance i INDEXED BY instance_sop` + retrieveJoin + `
		WHERE s.uid = ? AND e.uid = ? AND e.study = s.id AND i.series = e.id AND i.sop = ? AND i.served = 1`
	found, err := collect(s.ctx, s.db.reader, s.scanOne, text, s.studies[0], s.series[0], s.sops[0])
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(in *instanceRow) bool { return in.series.study.rank < 0 })
	if len(found) > 1 { // several facilities have it: the preferred one's
		first := slices.MinFunc(found, func(a, b *instanceRow) int { return compareRank(a.series, b.series) })
		found = []*instanceRow{first}
	}
	return found, nil
}

// scanOne reads a row of one.
func (s *search) scanOne(rows *sql.Rows) (*instanceRow, error) {
	st := &studyRow{}
	se := &seriesRow{study: st}
	in := &instanceRow{}
	err := in.scanRetrieve(leading{rows, []any{&st.id, &st.facility.id, &st.uid, &st.date, &st.identity, &se.id, &se.uid, &se.number}, func() {
		if st.rank = s.rankOf(st.facility.id); st.rank >= 0 {
			st.facility = s.seen[st.rank]
		}
	}}, []*seriesRow{se})
	return in, err
}

// leading is a row whose first columns go elsewhere.
type leading struct {
	rows  scanner
	first []any
	then  func() // after they are read
}

// Scan reads the row.
func (l leading) Scan(rest ...any) error {
	err := l.rows.Scan(append(l.first, rest...)...)
	l.then()
	return err
}

// named tells whether all of an instance's UIDs are given, and nothing else.
func (s *search) named() bool {
	return s.retrieve && !s.all && len(s.studies) == 1 && len(s.series) == 1 && len(s.sops) == 1 && s.deepest < storage.LevelStudy
}
