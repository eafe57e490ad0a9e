package sqlite

import (
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// studyFor gives the study an instance belongs to: st, brought up to date if the
// instance fills what was absent, or a new row if st is nil.
func (tx *Tx) studyFor(st *knownStudy, facility int64, n *storage.NewInstance) (*knownStudy, error) {
	if st != nil {
		more := n.StudyAttributes
		if e := more.Get(tag.PatientID); e != nil && string(e.Value) != st.patient {
			if err := tx.addBearer(st, facility, n); err != nil {
				return nil, err
			}
			more = notOfOther(more, st.patient)
		}
		if !adds(more, st.filled) {
			return st, nil
		}
		return st, tx.fillStudy(st, facility, n.Facility, more)
	}
	c := columnsOf(n.StudyAttributes)
	r, err := tx.Exec(`INSERT INTO study (facility, uid, date, patient, name, birth, accession, study_id, referring, description, attributes)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, append([]any{facility, string(n.Study)}, c.values()...)...)
	if err != nil {
		return nil, err
	}
	st = &knownStudy{filled: filled(n.StudyAttributes), patient: encodedPatient(n.StudyAttributes)}
	if st.id, err = r.LastInsertId(); err != nil {
		return nil, err
	}
	if err := tx.addGroups(st.id, c.name); err != nil {
		return nil, err
	}
	tx.db.keys.studies.n = rememberedStudies
	tx.db.keys.studies.put(studyKey{facility, n.Study}, st)
	return st, tx.identifyNew(st.id, facility, n)
}

func (tx *Tx) fillStudy(st *knownStudy, facility int64, f halong.Facility, more *dataset.Set) error {
	s, err := tx.received(st.id)
	if err != nil {
		return err
	}
	fill(s, more)
	st.filled, st.patient = filled(s), encodedPatient(s)
	return tx.refill(st.id, facility, f, s)
}

// addGroups adds rows for the second and further component groups of a name.
func (tx *Tx) addGroups(study int64, name string) error {
	_, more, ok := strings.Cut(name, "=")
	if !ok {
		return nil
	}
	for g := range strings.SplitSeq(more, "=") {
		if _, err := tx.Exec(`INSERT INTO study_group (name, study) VALUES (?, ?) ON CONFLICT DO NOTHING`, g, study); err != nil {
			return err
		}
	}
	return nil
}

// seriesFor does for the series what studyFor does for the study.
func (tx *Tx) seriesFor(se *knownSeries, study int64, n *storage.NewInstance) (*knownSeries, error) {
	a := n.SeriesAttributes
	if se != nil {
		if !adds(a, se.filled) {
			return se, nil
		}
		return se, tx.fillSeries(se, study, a)
	}
	r, err := tx.Exec(`INSERT INTO series (study, uid, number, modality, attributes) VALUES (?, ?, ?, ?, ?)`,
		study, string(n.Series), number(a, tag.SeriesNumber), a.String(tag.Modality), encode(a))
	if err != nil {
		return nil, err
	}
	se = &knownSeries{filled: filled(a)}
	if se.id, err = r.LastInsertId(); err != nil {
		return nil, err
	}
	tx.db.keys.series.n = rememberedSeries
	tx.db.keys.series.put(seriesKey{study, n.Series}, se)
	tx.counts = append(tx.counts, change{study: study, addSeries: 1})
	return se, tx.modalities(study)
}

func (tx *Tx) fillSeries(se *knownSeries, study int64, more *dataset.Set) error {
	s, err := tx.attributes(`SELECT attributes FROM series WHERE id = ?`, se.id)
	if err != nil {
		return err
	}
	fill(s, more)
	return tx.putSeries(se, study, s)
}

// putSeries replaces the attributes of a series.
func (tx *Tx) putSeries(se *knownSeries, study int64, s *dataset.Set) error {
	_, err := tx.Exec(`UPDATE series SET number = ?, modality = ?, attributes = ? WHERE id = ?`,
		number(s, tag.SeriesNumber), s.String(tag.Modality), encode(s), se.id)
	if err != nil {
		return err
	}
	se.filled = filled(s)
	return tx.modalities(study)
}

func (tx *Tx) attributes(query string, id int64) (*dataset.Set, error) {
	var b []byte
	if err := tx.QueryRow(query, id).Scan(&b); err != nil {
		return nil, err
	}
	return decode(b)
}

// modalities brings Modalities in Study (0008,0061) up to date.
func (tx *Tx) modalities(study int64) error {
	_, err := tx.Exec(`UPDATE study SET modalities = (
			SELECT coalesce('\' || group_concat(modality, '\') || '\', '') FROM
			(SELECT DISTINCT modality FROM series WHERE study = ?1 AND modality <> '' ORDER BY modality))
		WHERE id = ?1`, study)
	return err
}

// change is what one instance changes in the counts of the levels above. One that changes none of them, as a further version
// does, still counts as a change of both.
type change struct {
	study, series           int64 // series 0: none
	addSeries, addInstances int
	all                     bool // every series of the study that there is when the group ends
}

// applyCounts applies a group's changes, one statement for each row that changes.
// Keys of studies and series are never used again, so a row that was deleted meanwhile does no harm.
func (db *DB) applyCounts(changes []change) error {
	studies, series := make(map[int64]*change), make(map[int64]*change)
	for i := range changes {
		c := &changes[i]
		sum(studies, c.study, c)
		if c.series != 0 {
			sum(series, c.series, c)
		}
	}
	for id, c := range studies {
		if err := db.exec(`UPDATE study SET series = series + ?, instances = instances + ?, changed = changed + 1 WHERE id = ?`, c.addSeries, c.addInstances, id); err != nil {
			return err
		}
		if c.all {
			if err := db.exec(`UPDATE series SET changed = changed + 1 WHERE study = ?`, id); err != nil {
				return err
			}
		}
	}
	for id, c := range series {
		if err := db.exec(`UPDATE series SET instances = instances + ?, changed = changed + 1 WHERE id = ?`, c.addInstances, id); err != nil {
			return err
		}
	}
	return nil
}

func sum(by map[int64]*change, id int64, c *change) {
	s := by[id]
	if s == nil {
		s = &change{}
		by[id] = s
	}
	s.addSeries += c.addSeries
	s.addInstances += c.addInstances
	s.all = s.all || c.all
}
