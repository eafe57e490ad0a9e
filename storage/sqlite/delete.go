package sqlite

import (
	"bytes"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// DeleteInstance removes one version of a SOP Instance and its references. If it
// was the one served, another takes its place: the newest if the newest was
// served, else the oldest. Levels that have become empty go. The error is of kind NotExist
// when there is no such version.
func (db *DB) DeleteInstance(t halong.Tx, id storage.Identity, d halong.Digest) error {
	const op = "sqlite.DeleteInstance"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	facility, err := tx.Facility(id.Facility)
	if err != nil {
		return fail(op, string(id.SOP), err)
	}
	st, se, versions, err := tx.find(facility, id)
	if err != nil {
		return fail(op, string(id.SOP), err)
	}
	for i, v := range versions {
		if bytes.Equal(v.digest, d[:]) {
			rest := append(append([]version(nil), versions[:i]...), versions[i+1:]...)
			return fail(op, string(id.SOP), tx.remove(facility, id, st, se, v, rest))
		}
	}
	gone, err := tx.removeHidden(facility, id, d)
	if !gone && err == nil {
		err = halong.E(op, halong.NotExist, string(id.SOP), nil)
	}
	return fail(op, string(id.SOP), err)
}

// remove removes version v; rest are the others, oldest first.
func (tx *Tx) remove(facility int64, id storage.Identity, st *knownStudy, se *knownSeries, v version, rest []version) error {
	if err := tx.discard(v.id); err != nil {
		return err
	}
	if len(rest) > 0 {
		tx.counts = append(tx.counts, change{study: st.id, series: se.id})
		return tx.promote(v, rest)
	}
	tx.counts = append(tx.counts, change{study: st.id, series: se.id, addInstances: -1})
	return tx.prune(facility, id, st, se)
}

// promote makes another version the served one, if v was. When all that is left is what was
// received of a coerced one, that is served from now on.
func (tx *Tx) promote(v version, rest []version) error {
	if !v.served {
		return nil
	}
	if others := servable(rest); others != nil {
		rest = others
	}
	next := rest[0]
	if last := rest[len(rest)-1]; last.version < v.version {
		next = last
	}
	_, err := tx.Exec(`UPDATE instance SET served = 1, kept = 0 WHERE id = ?`, next.id)
	return err
}

// prune removes series and study if nothing is left in them.
func (tx *Tx) prune(facility int64, id storage.Identity, st *knownStudy, se *knownSeries) error {
	gone, err := tx.deleteIf(`DELETE FROM series WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM instance WHERE series = ?1)`, se.id)
	if !gone || err != nil {
		return err
	}
	tx.db.keys.series.remove(seriesKey{st.id, id.Series})
	gone, err = tx.deleteIf(`DELETE FROM study WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM series WHERE study = ?1)`, st.id)
	if err != nil {
		return err
	}
	if gone {
		tx.db.keys.studies.remove(studyKey{facility, id.Study})
		if _, err = tx.Exec(`DELETE FROM study_bearer WHERE study = ?`, st.id); err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM study_group WHERE study = ?`, st.id)
		return err
	}
	tx.counts = append(tx.counts, change{study: st.id, addSeries: -1})
	return tx.modalities(st.id)
}

func (tx *Tx) deleteIf(query string, id int64) (bool, error) {
	r, err := tx.Exec(query, id)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}
