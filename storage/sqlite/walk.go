package sqlite

import (
	"cmp"
	"database/sql"
	"iter"
	"slices"
	"strings"

	"github.com/halong-gateway/halong/storage"
)

// rankOf gives a facility's place among those visible; -1 if it is not.
func (s *search) rankOf(id int64) int {
	return slices.IndexFunc(s.seen, func(f facility) bool { return f.id == id })
}

// studyRows reads studies in order, the first skip of them left out.
func (s *search) studyRows(p *plan, skip int) iter.Seq2[*studyRow, error] {
	copies := "1"
	if s.merged && !s.all {
		copies = "(SELECT count(*) FROM study c INDEXED BY study_uid WHERE c.uid = s.uid)"
	}
	begin := "SELECT " + studyResult + ", " + copies + " FROM study s " + p.index + " WHERE " + p.text.String()
	if p.text.Len() == 0 {
		begin += "1"
	}
	const (
		after = " AND s.date <= ? AND (s.date < ? OR (s.uid, s.facility) > (?, ?))"
		order = " ORDER BY s.date DESC, s.uid, s.facility LIMIT ?+0 OFFSET ?+0"
	)
	return pages(p.first, s.studyBefore(), func(last **studyRow, limit int) ([]*studyRow, error) {
		text, args, skip := begin, slices.Clone(p.args), skip
		if last != nil {
			l := *last
			text, args, skip = text+after, append(args, l.date, l.date, l.uid, l.facility.id), 0
		}
		text, args = p.arms(text, args)
		return collect(s.ctx, s.db.reader, s.scanStudy, text+order, append(args, limit, skip)...)
	})
}

func (s *search) scanStudy(rows *sql.Rows) (*studyRow, error) {
	st := &studyRow{}
	if err := st.scan(rows); err != nil {
		return nil, err
	}
	if st.rank = s.rankOf(st.facility.id); st.rank >= 0 {
		st.facility = s.seen[st.rank]
	}
	return st, nil
}

// eachStudy gives the matching studies in order, each as the list of its visible
// copies that match, the preferred facility's first. A study stands where its first copy does.
func (s *search) eachStudy(skip int) iter.Seq2[[]*studyRow, error] {
	return func(yield func([]*studyRow, error) bool) {
		p, err := s.plan()
		if err != nil {
			yield(nil, err)
			return
		}
		if s.want > 0 { // rows beyond what is wanted would be read in vain; where some do not match, the next pages are larger
			p.first = min(s.want, lastPage)
		}
		for st, err := range s.studyRows(p, skip) {
			var copies []*studyRow
			if err == nil && st.rank >= 0 {
				copies, err = s.studyCopies(p, st)
			}
			if err == nil && len(copies) == 0 {
				continue
			}
			if !yield(copies, err) || err != nil {
				return
			}
		}
	}
}

// studyCopies gives the matching copies of a study; none if st is not the first of them.
func (s *search) studyCopies(p *plan, st *studyRow) ([]*studyRow, error) {
	if s.all || st.copies < 2 {
		if p.exact {
			return []*studyRow{st}, nil
		}
		a, err := st.attributes()
		if err != nil {
			return nil, err
		}
		if found, err := s.studyMatches(st, a); !found || err != nil {
			return nil, err
		}
		return []*studyRow{st}, nil
	}
	copies, err := collect(s.ctx, s.db.reader, s.scanStudy, "SELECT "+studyResult+", 1 FROM study s INDEXED BY study_uid WHERE s.uid = ?", st.uid)
	if err != nil {
		return nil, err
	}
	copies = slices.DeleteFunc(copies, func(c *studyRow) bool { return c.rank < 0 })
	slices.SortFunc(copies, func(a, b *studyRow) int { return cmp.Compare(a.rank, b.rank) })
	if len(copies) > 1 {
		if err := s.total(copies); err != nil {
			return nil, err
		}
	}
	copies, err = keep(copies, func(c *studyRow) (bool, error) {
		a, err := c.attributes()
		if err != nil {
			return false, err
		}
		return s.studyMatches(c, a)
	})
	if err != nil || len(copies) == 0 || copies[0].id != st.id {
		return nil, err
	}
	return copies, nil
}

// keep leaves the rows for which f is true.
func keep[T any](rows []T, f func(T) (bool, error)) ([]T, error) {
	kept := rows[:0]
	for _, r := range rows {
		ok, err := f(r)
		if err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, r)
		}
	}
	return kept, nil
}

// total counts over the merge of a study's copies and puts the counts into each.
func (s *search) total(copies []*studyRow) error {
	ids := make([]int64, len(copies))
	for i, c := range copies {
		ids[i] = c.id
	}
	var series, instances int64
	var modalities string
	err := s.db.reader.QueryRow(s.ctx, `SELECT
		(SELECT count(DISTINCT uid) FROM series WHERE study IN (SELECT value FROM json_each(?1))),
		(SELECT count(*) FROM (SELECT DISTINCT e.uid, i.sop FROM series e CROSS JOIN instance i INDEXED BY instance_sop
			WHERE e.study IN (SELECT value FROM json_each(?1)) AND i.series = e.id)),
		(SELECT coalesce('\' || group_concat(modality, '\') || '\', '') FROM (SELECT DISTINCT modality FROM series
			WHERE study IN (SELECT value FROM json_each(?1)) AND modality <> '' ORDER BY modality))`, list(ids)).Scan(&series, &instances, &modalities)
	for _, c := range copies {
		c.series, c.instances, c.modalities = series, instances, modalities
	}
	return err
}

// eachSeries does for the series of a study what eachStudy does for studies.
func (s *search) eachSeries(of []*studyRow) iter.Seq2[[]*seriesRow, error] {
	from := make([]iter.Seq2[*seriesRow, error], len(of))
	for i := range of {
		from[i] = s.seriesRows(of[i : i+1])
	}
	return func(yield func([]*seriesRow, error) bool) {
		for se, err := range merge(compareSeries, from) {
			var copies []*seriesRow
			if err == nil {
				copies, err = s.seriesCopies(of, se)
			}
			if err == nil && len(copies) == 0 {
				continue
			}
			if !yield(copies, err) || err != nil {
				return
			}
		}
	}
}

func compareSeries(a, b *seriesRow) int {
	return cmp.Or(cmp.Compare(a.number, b.number), strings.Compare(a.uid, b.uid), cmp.Compare(a.study.rank, b.study.rank))
}

// seriesRows reads the series of one study in order.
func (s *search) seriesRows(of []*studyRow) iter.Seq2[*seriesRow, error] {
	w := where{}
	w.and("e.study = ?", of[0].id)
	index := "series_order"
	uids, err := s.seriesIn(of[0].id)
	if err != nil || uids != nil && len(uids) == 0 {
		return none[*seriesRow](err)
	}
	if uids != nil {
		w.in("e.uid", uids)
		index = "series_uid"
	}
	begin := "SELECT " + seriesResult + " FROM series e INDEXED BY " + index + " WHERE " + w.text.String()
	const (
		after = " AND e.number >= ? AND (e.number, e.uid) > (?, ?)"
		order = " ORDER BY e.number, e.uid LIMIT ?+0"
	)
	return pages(firstPage, s.seriesBefore(of[0]), func(last **seriesRow, limit int) ([]*seriesRow, error) {
		text, args := begin+order, append(slices.Clone(w.args), limit)
		if last != nil {
			l := *last
			text, args = begin+after+order, append(slices.Clone(w.args), l.number, l.number, l.uid, limit)
		}
		return collect(s.ctx, s.db.reader, scanSeries(of), text, args...)
	})
}

func scanSeries(of []*studyRow) func(*sql.Rows) (*seriesRow, error) {
	return func(rows *sql.Rows) (*seriesRow, error) {
		se := &seriesRow{}
		return se, se.scan(rows, of)
	}
}

func (s *search) seriesCopies(of []*studyRow, se *seriesRow) ([]*seriesRow, error) {
	copies := []*seriesRow{se}
	if len(of) > 1 {
		ids := make([]int64, len(of))
		for i, st := range of {
			ids[i] = st.id
		}
		var err error
		copies, err = collect(s.ctx, s.db.reader, scanSeries(of), "SELECT "+seriesResult+` FROM series e INDEXED BY series_uid
			WHERE e.uid = ? AND e.study IN (SELECT value FROM json_each(?))`, se.uid, list(ids))
		if err != nil {
			return nil, err
		}
		slices.SortFunc(copies, compareRank)
	}
	if len(copies) > 1 {
		if err := s.totalSeries(copies); err != nil {
			return nil, err
		}
	}
	if len(s.keys[storage.LevelSeries]) > 0 {
		var err error
		if copies, err = keep(copies, s.seriesMatches); err != nil {
			return nil, err
		}
	}
	if len(copies) == 0 || copies[0].id != se.id {
		return nil, nil
	}
	return copies, nil
}

func compareRank(a, b *seriesRow) int { return cmp.Compare(a.study.rank, b.study.rank) }

func (s *search) seriesMatches(se *seriesRow) (bool, error) {
	a, err := se.joined()
	return err == nil && s.matches(storage.LevelSeries, a), err
}

func (s *search) totalSeries(copies []*seriesRow) error {
	var n int64
	err := s.db.reader.QueryRow(s.ctx, `SELECT count(DISTINCT sop) FROM instance WHERE series IN (SELECT value FROM json_each(?))`, seriesList(copies)).Scan(&n)
	for _, c := range copies {
		c.instances = n
	}
	return err
}

func seriesList(of []*seriesRow) string {
	ids := make([]int64, len(of))
	for i, se := range of {
		ids[i] = se.id
	}
	return list(ids)
}
