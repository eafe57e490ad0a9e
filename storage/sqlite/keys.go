package sqlite

import (
	"database/sql"
	"errors"

	"github.com/halong-gateway/halong/dicom"
)

// keys remembers studies and series, so that a further instance of a known
// series costs few statements. It is the committer's, and is emptied whenever
// something is taken back.
type keys struct {
	studies recent[studyKey, *knownStudy]
	series  recent[seriesKey, *knownSeries]
	removed recent[studyKey, int64] // rows of removed_study; 0: none
}

const (
	rememberedStudies = 4096
	rememberedSeries  = 8192
)

type studyKey struct {
	facility int64
	uid      dicom.UID
}

type seriesKey struct {
	study int64
	uid   dicom.UID
}

// known is what is remembered of a row: its key, and which attributes have values.
type known struct {
	id      int64
	filled  []dicom.Tag
	patient string // of a study: the value of Patient ID as received, as it is encoded
}

type (
	knownStudy  known
	knownSeries known
)

func (k *keys) clear() {
	k.studies.clear()
	k.series.clear()
	k.removed.clear()
}

// study finds a study; nil if there is none.
func (tx *Tx) study(facility int64, uid dicom.UID) (*knownStudy, error) {
	cache, key := &tx.db.keys.studies, studyKey{facility, uid}
	if st, ok := cache.get(key); ok {
		return st, nil
	}
	k, err := tx.known(`SELECT id, coalesce(received, attributes) FROM study WHERE uid = ? AND facility = ?`, string(uid), facility)
	if k == nil || err != nil {
		return nil, err
	}
	st := (*knownStudy)(k)
	cache.n = rememberedStudies
	cache.put(key, st)
	return st, nil
}

// seriesOf finds a series of a study; nil if there is none.
func (tx *Tx) seriesOf(study int64, uid dicom.UID) (*knownSeries, error) {
	cache, key := &tx.db.keys.series, seriesKey{study, uid}
	if se, ok := cache.get(key); ok {
		return se, nil
	}
	k, err := tx.known(`SELECT id, attributes FROM series WHERE uid = ? AND study = ?`, string(uid), study)
	if k == nil || err != nil {
		return nil, err
	}
	se := (*knownSeries)(k)
	cache.n = rememberedSeries
	cache.put(key, se)
	return se, nil
}

func (tx *Tx) known(query string, args ...any) (*known, error) {
	k := &known{}
	var b []byte
	err := tx.QueryRow(query, args...).Scan(&k.id, &b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := decode(b)
	if err != nil {
		return nil, err
	}
	k.filled, k.patient = filled(s), encodedPatient(s)
	return k, nil
}
