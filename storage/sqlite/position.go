package sqlite

import (
	"math"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

func (st *studyRow) position() storage.Position {
	return storage.Position{Date: st.date, Study: dicom.UID(st.uid)}
}

// seriesAt gives the place of a series, by the first copy of its study and its own first: the others
// may bear other dates and numbers.
func seriesAt(studies []*studyRow, series []*seriesRow) storage.Position {
	p := studies[0].position()
	p.Series = storage.NumberedUID{Number: series[0].number, UID: dicom.UID(series[0].uid)}
	return p
}

func (in *instanceRow) below(p storage.Position) storage.Position {
	p.Instance = storage.NumberedUID{Number: in.number, UID: dicom.UID(in.sop)}
	return p
}

// studyBefore gives a row that stands right before the first study to be read: behind all
// copies of the study of the position, or before them when the search goes on inside it.
func (s *search) studyBefore() **studyRow {
	if s.after == nil {
		return nil
	}
	st := &studyRow{uid: string(s.after.Study), date: s.after.Date}
	if st.facility.id = -1; s.level == storage.LevelStudy {
		st.facility.id = math.MaxInt64
	}
	return &st
}

// seriesBefore does the same for the series of a study. Where the search goes on inside a series,
// others of the same number may come again: see beyond.
func (s *search) seriesBefore(st *studyRow) **seriesRow {
	if s.after == nil || st.uid != string(s.after.Study) {
		return nil
	}
	se := &seriesRow{number: s.after.Series.Number}
	if s.level == storage.LevelSeries {
		se.uid = string(s.after.Series.UID)
	}
	return &se
}

// beyond tells whether a series is not before the one that the search goes on in.
func (s *search) beyond(se *seriesRow) bool {
	return s.after == nil || se.study.uid != string(s.after.Study) || se.number > s.after.Series.Number || se.uid >= string(s.after.Series.UID)
}

func (s *search) instanceBefore(se *seriesRow) **instanceRow {
	if s.after == nil || se.study.uid != string(s.after.Study) || se.uid != string(s.after.Series.UID) {
		return nil
	}
	in := &instanceRow{number: s.after.Instance.Number, sop: string(s.after.Instance.UID), version: math.MaxInt}
	return &in
}
