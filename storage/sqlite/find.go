package sqlite

import (
	"context"
	"iter"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/storage"
)

// Find gives the matches: studies by date, the newest first and those without
// one last, then by UID; series and instances by number, those without one last, then by UID.
//
// With several facilities in scope a study, series or instance is given once: from
// the first facility, in the scope's order, whose copy matches; counts and
// Modalities in Study are those of all visible copies together. A key of a lower level than asked
// for finds what has such a series or instance. A key that the index does not keep matches nothing.
func (db *DB) Find(ctx context.Context, scope halong.Scope, q storage.Query) iter.Seq2[storage.Row, error] {
	const op = "sqlite.Find"
	return func(yield func(storage.Row, error) bool) {
		s := db.newSearch(ctx, scope, q.Level)
		s.rules, s.after, s.apart = q.Rules, q.After, q.Apart
		s.put(q.Keys)
		if len(s.seen) == 0 {
			return
		}
		skip, left := q.Offset, q.Limit
		for row, err := range s.rows(&skip, q.Limit) {
			if err != nil {
				yield(storage.Row{}, fail(op, "", err))
				return
			}
			if skip > 0 {
				skip--
				continue
			}
			if !yield(row, nil) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

// rows gives the matches. It may skip some by itself, and then says so in skip.
func (s *search) rows(skip *int, limit int) iter.Seq2[storage.Row, error] {
	return func(yield func(storage.Row, error) bool) {
		offset, err := s.skipInSQL(skip, limit)
		if err != nil {
			yield(storage.Row{}, err)
			return
		}
		for studies, err := range s.eachStudy(offset) {
			ok := true
			switch {
			case err != nil:
				yield(storage.Row{}, err)
				return
			case s.level == storage.LevelStudy:
				ok = s.yieldStudy(studies, yield)
			default:
				ok = s.yieldSeries(studies, yield)
			}
			if !ok {
				return
			}
		}
	}
}

// skipInSQL lets the query of studies skip rows where every row of it is an answer.
func (s *search) skipInSQL(skip *int, limit int) (offset int, err error) {
	if s.level != storage.LevelStudy || s.deepest > storage.LevelStudy {
		return 0, nil
	}
	s.want = limit
	if s.merged {
		s.want += *skip
		return 0, nil
	}
	p, err := s.plan()
	if err == nil && p.exact {
		offset, *skip = *skip, 0
	}
	return offset, err
}

func (s *search) yieldStudy(copies []*studyRow, yield func(storage.Row, error) bool) bool {
	if s.deepest > storage.LevelStudy {
		found, err := s.holds(copies)
		if err != nil {
			yield(storage.Row{}, err)
			return false
		}
		if !found {
			return true
		}
	}
	st := copies[0]
	a, err := st.attributes()
	row := storage.Row{Identity: storage.Identity{Facility: st.facility.name, Study: dicom.UID(st.uid)}, Attributes: a, Position: st.position()}
	return yield(row, err) && err == nil
}

// holds tells whether the study has a series, and that an instance, if the keys ask for it, that match.
func (s *search) holds(copies []*studyRow) (bool, error) {
	for series, err := range s.eachSeries(copies) {
		if err != nil {
			return false, err
		}
		if s.deepest == storage.LevelSeries {
			return true, nil
		}
		if found, err := s.holdsInstance(series); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

func (s *search) holdsInstance(series []*seriesRow) (bool, error) {
	for _, err := range s.eachInstance(series) {
		return err == nil, err
	}
	return false, nil
}

func (s *search) yieldSeries(studies []*studyRow, yield func(storage.Row, error) bool) bool {
	for series, err := range s.eachSeries(studies) {
		if err != nil {
			yield(storage.Row{}, err)
			return false
		}
		if s.level == storage.LevelInstance {
			if s.beyond(series[0]) && !s.yieldInstances(series, seriesAt(studies, series), yield) {
				return false
			}
			continue
		}
		if s.deepest == storage.LevelInstance {
			found, err := s.holdsInstance(series)
			if err != nil {
				yield(storage.Row{}, err)
				return false
			}
			if !found {
				continue
			}
		}
		se := series[0]
		a, above, err := s.split(se.attributes, se.study.attributes, se.joined)
		id := storage.Identity{Facility: se.study.facility.name, Study: dicom.UID(se.study.uid), Series: dicom.UID(se.uid)}
		if !yield(storage.Row{Identity: id, Attributes: a, Above: above, Position: seriesAt(studies, series)}, err) || err != nil {
			return false
		}
	}
	return true
}

func (s *search) yieldInstances(series []*seriesRow, at storage.Position, yield func(storage.Row, error) bool) bool {
	for in, err := range s.eachInstance(series) {
		if err != nil {
			yield(storage.Row{}, err)
			return false
		}
		a, above, err := s.split(in.attributes, in.series.joined, in.joined)
		if !yield(storage.Row{Identity: in.identity(), Attributes: a, Above: above, Position: in.below(at)}, err) || err != nil {
			return false
		}
	}
	return true
}

// split gives the attributes of a row: its own and those above apart, or all in one.
func (s *search) split(own, above, joined func() (*dataset.Set, error)) (a, b *dataset.Set, err error) {
	if !s.apart {
		a, err = joined()
		return a, nil, err
	}
	if a, err = own(); err == nil {
		b, err = above()
	}
	return a, b, err
}
