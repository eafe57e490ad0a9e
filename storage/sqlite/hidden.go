package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"iter"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/storage"
)

// hold is a removal in force that says what becomes of an instance that arrives.
type hold struct {
	removal int64
	again   storage.Again
}

// ownNote tells that removal r is a rejection whose note is the instance x itself. Such a note stays hidden whenever it comes: it has nothing more to say.
const ownNote = `(r.kind = 2 AND r.sop = x.sop AND r.series = x.series)`

// holds gives the removals in force that name an instance, deletions first.
func (tx *Tx) holds(about int64, id storage.Identity) ([]hold, error) {
	return gather(tx, func(r *sql.Rows) (h hold, err error) { return h, r.Scan(&h.removal, &h.again) },
		`SELECT r.id, CASE WHEN `+ownNote+` THEN 2 ELSE r.again END FROM removed_item x CROSS JOIN removal r ON r.id = x.removal
			WHERE x.study = ? AND x.sop = ? AND x.series = ? AND r.state <> 2 ORDER BY r.kind, r.id`, about, string(id.SOP), string(id.Series))
}

// hiddenRow is a hidden version of an instance.
type hiddenRow struct {
	version
	series int64 // negative
}

// hiddenVersions gives the hidden versions of an instance, of all removals.
func (tx *Tx) hiddenVersions(about int64, id storage.Identity) ([]hiddenRow, error) {
	return gather(tx, func(r *sql.Rows) (h hiddenRow, err error) {
		return h, r.Scan(&h.id, &h.version.version, &h.served, &h.kept, &h.digest, &h.series)
	}, `SELECT i.id, i.version, i.served, i.kept, i.digest, i.series FROM hidden_series h INDEXED BY hidden_series_uid CROSS JOIN instance i INDEXED BY instance_sop
		WHERE h.study = ? AND h.uid = ? AND i.series = -h.id AND i.sop = ? ORDER BY h.id, i.version`, about, string(id.Series), string(id.SOP))
}

// arrives decides about an instance that arrives in a study that removals know. done tells that nothing is left to do.
func (tx *Tx) arrives(about int64, n *storage.NewInstance, policy storage.VersionPolicy) (added storage.Added, done bool, err error) {
	holds, err := tx.holds(about, n.Identity)
	if err != nil {
		return added, false, err
	}
	keeps := slices.IndexFunc(holds, func(h hold) bool { return h.again != storage.AgainStored })
	if keeps < 0 {
		return added, false, nil
	}
	if holds[keeps].again == storage.AgainRefused {
		return storage.Added{Refused: true}, true, nil
	}
	hidden, err := tx.hiddenVersions(about, n.Identity)
	if err != nil {
		return added, false, err
	}
	for _, h := range hidden {
		if bytes.Equal(h.digest, n.Digest[:]) {
			return storage.Added{Outcome: storage.Duplicate, ID: h.id, Version: h.version.version, Hidden: true}, true, nil
		}
	}
	added, err = tx.addHidden(holds[keeps].removal, about, n, policy)
	return added, true, err
}

// addHidden adds a version that nobody sees.
func (tx *Tx) addHidden(removal, about int64, n *storage.NewInstance, policy storage.VersionPolicy) (storage.Added, error) {
	key, err := tx.hiddenSeriesFor(removal, about, n)
	if err != nil {
		return storage.Added{}, err
	}
	if _, err := tx.Exec(`UPDATE removal SET state = 1 WHERE id = ? AND state = 3`, removal); err != nil { // it hides again
		return storage.Added{}, err
	}
	there, err := tx.versions(key, string(n.SOP))
	if err != nil {
		return storage.Added{}, err
	}
	added := storage.Added{Outcome: storage.Stored, Version: 1, Served: !n.Kept, Hidden: true}
	if len(there) > 0 {
		added.Version = there[len(there)-1].version + 1
	}
	if servable(there) != nil && !n.Kept {
		added.Outcome, added.Served = storage.Version, policy == storage.ServeLast
		if added.Served {
			if _, err := tx.Exec(`UPDATE instance SET served = 0 WHERE series = ? AND sop = ? AND served = 1`, key, string(n.SOP)); err != nil {
				return storage.Added{}, err
			}
		}
	}
	added.ID, err = tx.insert(key, n, &added)
	return added, err
}

// hiddenSeriesFor gives the hidden series that an arriving instance belongs to; what the instance tells of study and series is added.
func (tx *Tx) hiddenSeriesFor(removal, about int64, n *storage.NewInstance) (int64, error) {
	key, err := tx.findHiddenSeries(removal, about, n.Series)
	if err == nil {
		err = tx.keepBearer(about, n.StudyAttributes)
	}
	if err != nil {
		return 0, err
	}
	if key == 0 {
		return tx.addHiddenSeries(removal, about, n.Series, encode(n.StudyAttributes), encode(n.SeriesAttributes))
	}
	for _, level := range []struct {
		column string
		more   *dataset.Set
	}{{"study_attributes", n.StudyAttributes}, {"attributes", n.SeriesAttributes}} {
		s, err := tx.attributes(`SELECT `+level.column+` FROM hidden_series WHERE id = ?`, -key)
		if err != nil {
			return 0, err
		}
		more := notOfOther(level.more, encodedPatient(s))
		if !adds(more, filled(s)) {
			continue
		}
		fill(s, more)
		if _, err := tx.Exec(`UPDATE hidden_series SET `+level.column+` = ? WHERE id = ?`, encode(s), -key); err != nil {
			return 0, err
		}
	}
	return key, nil
}

// cameBack notes that an instance is stored again that removals name which let it: they concern it no more. The very version,
// if it is hidden, is superfluous; other ones stay with their removal.
func (tx *Tx) cameBack(about int64, n *storage.NewInstance) error {
	holds, err := tx.holds(about, n.Identity)
	if err != nil {
		return err
	}
	for _, h := range holds {
		if _, err := tx.Exec(`DELETE FROM removed_item WHERE study = ? AND sop = ? AND series = ? AND removal = ?`, about, string(n.SOP), string(n.Series), h.removal); err != nil {
			return err
		}
	}
	hidden, err := tx.hiddenVersions(about, n.Identity)
	if err != nil {
		return err
	}
	for _, h := range hidden {
		if bytes.Equal(h.digest, n.Digest[:]) {
			if err := tx.dropVersion(h); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropVersion removes a hidden version; if it would have been served, another one will.
func (tx *Tx) dropVersion(h hiddenRow) error {
	var sop string
	if err := tx.QueryRow(`SELECT sop FROM instance WHERE id = ?`, h.id).Scan(&sop); err != nil {
		return err
	}
	if err := tx.discard(h.id); err != nil {
		return err
	}
	rest, err := tx.versions(h.series, sop)
	if err == nil && len(rest) > 0 {
		return tx.promote(h.version, rest)
	}
	if err == nil {
		err = tx.dropHidden(h.series)
	}
	return err
}

// removeHidden removes a hidden version by its digest; false when there is none.
func (tx *Tx) removeHidden(facility int64, id storage.Identity, d halong.Digest) (bool, error) {
	about, err := tx.removedStudy(facility, id.Study)
	if about == 0 || err != nil {
		return false, err
	}
	hidden, err := tx.hiddenVersions(about, id)
	if err != nil {
		return false, err
	}
	for _, h := range hidden {
		if bytes.Equal(h.digest, d[:]) {
			return true, tx.dropVersion(h)
		}
	}
	return false, nil
}

const isHidden = `SELECT EXISTS (SELECT 1 FROM removed_study s INDEXED BY removed_study_uid CROSS JOIN hidden_series h INDEXED BY hidden_series_uid
	CROSS JOIN instance i INDEXED BY instance_sop
	WHERE s.uid = ?1 AND s.facility = ?2 AND h.study = s.id AND h.uid = ?3 AND i.series = -h.id AND i.sop = ?4 AND i.digest = ?5)`

// IsHidden tells whether a version is hidden.
func (db *DB) IsHidden(ctx context.Context, id storage.Identity, d halong.Digest) (bool, error) {
	return db.hidden(ctx, isHidden, id, d)
}

// staysHidden tells whether a version is hidden and would be hidden again if it arrived.
func (db *DB) staysHidden(ctx context.Context, id storage.Identity, d halong.Digest) (bool, error) {
	return db.hidden(ctx, isHidden+` AND EXISTS (SELECT 1 FROM removed_study s INDEXED BY removed_study_uid CROSS JOIN removed_item x CROSS JOIN removal r ON r.id = x.removal
		WHERE s.uid = ?1 AND s.facility = ?2 AND x.study = s.id AND x.sop = ?4 AND x.series = ?3 AND r.state <> 2 AND (r.again = 2 OR `+ownNote+`))`, id, d)
}

func (db *DB) hidden(ctx context.Context, text string, id storage.Identity, d halong.Digest) (found bool, err error) {
	facility, ok := db.facilities.get(id.Facility)
	if !ok || !db.removals.Load() {
		return false, nil
	}
	err = db.reader.QueryRow(ctx, text, string(id.Study), facility, string(id.Series), string(id.SOP), d[:]).Scan(&found)
	return found, fail("sqlite.IsHidden", string(id.SOP), err)
}

// HiddenInstances gives every hidden version, series by series.
func (db *DB) HiddenInstances(ctx context.Context) iter.Seq2[*storage.Instance, error] {
	const op = "sqlite.HiddenInstances"
	return func(yield func(*storage.Instance, error) bool) {
		for last := int64(0); ; {
			se := &seriesRow{study: &studyRow{}}
			st := se.study
			err := db.reader.QueryRow(ctx, `SELECT -h.id, h.uid, s.uid, f.name FROM hidden_series h CROSS JOIN removed_study s ON s.id = h.study
				CROSS JOIN facility f ON f.id = s.facility WHERE h.id > ? ORDER BY h.id LIMIT 1`, last).Scan(&se.id, &se.uid, &st.uid, &st.facility.name)
			if errors.Is(err, sql.ErrNoRows) {
				return
			}
			if err != nil {
				yield(nil, fail(op, "", err))
				return
			}
			last = -se.id
			s := &search{db: db, ctx: ctx, retrieve: true, all: true, level: storage.LevelInstance}
			if !s.give(op, s.instanceRows([]*seriesRow{se}), yield) {
				return
			}
		}
	}
}

// Elsewhere gives the first item that a facility does not have and another one does.
func (db *DB) Elsewhere(ctx context.Context, f halong.Facility, items []storage.RemovedItem) (*storage.RemovedItem, error) {
	const op = "sqlite.Elsewhere"
	if len(*db.facilities.committed.Load()) < 2 {
		return nil, nil
	}
	own, ok := db.facilities.get(f)
	if !ok {
		own = -1
	}
	for i := range items {
		it := &items[i]
		var foreign bool
		err := db.reader.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM study s INDEXED BY study_uid CROSS JOIN series e INDEXED BY series_uid CROSS JOIN instance i INDEXED BY instance_sop
				WHERE s.uid = ?1 AND s.facility <> ?2 AND e.uid = ?3 AND e.study = s.id AND i.series = e.id AND i.sop = ?4)
			AND NOT EXISTS (SELECT 1 FROM study s INDEXED BY study_uid CROSS JOIN series e INDEXED BY series_uid CROSS JOIN instance i INDEXED BY instance_sop
				WHERE s.uid = ?1 AND s.facility = ?2 AND e.uid = ?3 AND e.study = s.id AND i.series = e.id AND i.sop = ?4)
			AND NOT EXISTS (SELECT 1 FROM removed_study s INDEXED BY removed_study_uid CROSS JOIN removed_item x
				WHERE s.uid = ?1 AND s.facility = ?2 AND x.study = s.id AND x.sop = ?4 AND x.series = ?3)`,
			string(it.Study), own, string(it.Series), string(it.SOP)).Scan(&foreign)
		if err != nil {
			return nil, fail(op, "", err)
		}
		if foreign {
			return it, nil
		}
	}
	return nil, nil
}
