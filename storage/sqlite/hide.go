package sqlite

import (
	"cmp"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

// Removable gives what a deletion would hide. See storage.RemovalIndex.
func (db *DB) Removable(t halong.Tx, ref storage.Ref, n int) ([]storage.RemovedItem, error) {
	const op = "sqlite.Removable"
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, err
	}
	facility, err := tx.Facility(ref.Facility)
	if err != nil {
		return nil, fail(op, string(ref.Study), err)
	}
	// A series of the index, or, with a negative key, a hidden one that rejections only hide.
	series, err := gather(tx, func(r *sql.Rows) (k seriesPlace, err error) { return k, r.Scan(&k.id, &k.series) },
		`SELECT e.id, e.uid FROM study s INDEXED BY study_uid CROSS JOIN series e INDEXED BY series_order
			WHERE s.uid = ?1 AND s.facility = ?2 AND e.study = s.id AND ?3 IN ('', e.uid)
		UNION ALL SELECT -h.id, h.uid FROM removed_study s INDEXED BY removed_study_uid CROSS JOIN hidden_series h INDEXED BY hidden_series_uid
			CROSS JOIN removal r ON r.id = h.removal
			WHERE s.uid = ?1 AND s.facility = ?2 AND h.study = s.id AND ?3 IN ('', h.uid) AND r.kind = 2`,
		string(ref.Study), facility, string(ref.Series))
	if err != nil {
		return nil, fail(op, string(ref.Study), err)
	}
	slices.SortStableFunc(series, func(a, b seriesPlace) int { return strings.Compare(string(a.series), string(b.series)) })
	var all []storage.RemovedItem
	for i, se := range series {
		if len(all) >= n && se.series != series[i-1].series {
			break
		}
		text, args := `SELECT DISTINCT sop FROM instance INDEXED BY instance_sop WHERE series = ? ORDER BY sop LIMIT ?+0`, []any{se.id, n}
		if ref.SOP != "" {
			text, args = `SELECT DISTINCT sop FROM instance INDEXED BY instance_sop WHERE series = ? AND sop = ?`, []any{se.id, string(ref.SOP)}
		}
		some, err := gather(tx, func(r *sql.Rows) (it storage.RemovedItem, err error) {
			it.Study, it.Series = ref.Study, se.series
			return it, r.Scan(&it.SOP)
		}, text, args...)
		if err != nil {
			return nil, fail(op, string(ref.Study), err)
		}
		all = append(all, some...)
	}
	sortItems(all)
	all = slices.Compact(all)
	return all[:min(n, len(all))], nil
}

func sortItems(all []storage.RemovedItem) {
	slices.SortFunc(all, func(a, b storage.RemovedItem) int {
		return cmp.Or(strings.Compare(string(a.Study), string(b.Study)), strings.Compare(string(a.Series), string(b.Series)), strings.Compare(string(a.SOP), string(b.SOP)))
	})
}

// Hide lets a removal name instances, and hides what is stored of them.
func (db *DB) Hide(t halong.Tx, removal uint64, items []storage.RemovedItem) ([]storage.HiddenVersion, error) {
	const op = "sqlite.Hide"
	tx, r, err := db.txHiding(op, t, removal)
	if err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	sortItems(items)
	items = slices.Compact(items)
	hidden, err := tx.hideAll(r, items)
	if err == nil {
		_, err = tx.Exec(`UPDATE removal SET named = named + ? WHERE id = ?`, len(items), r.id)
	}
	return hidden, fail(op, "", err)
}

// Renew hides again what a rejection that was taken back names.
func (db *DB) Renew(t halong.Tx, removal uint64) ([]storage.HiddenVersion, error) {
	const op = "sqlite.Renew"
	tx, r, err := db.txHiding(op, t, removal)
	if err != nil {
		return nil, err
	}
	items, err := gather(tx, func(r *sql.Rows) (it storage.RemovedItem, err error) {
		return it, r.Scan(&it.Study, &it.Series, &it.SOP)
	},
		`SELECT s.uid, x.series, x.sop FROM removed_item x INDEXED BY removed_item_removal CROSS JOIN removed_study s ON s.id = x.study WHERE x.removal = ?`, r.id)
	if err != nil {
		return nil, fail(op, "", err)
	}
	sortItems(items)
	hidden, err := tx.hideAll(r, items)
	return hidden, fail(op, "", err)
}

// txHiding gives the adapter's own transaction behind a handle, with a removal.
func (db *DB) txHiding(op string, t halong.Tx, removal uint64) (*Tx, removalRow, error) {
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, removalRow{}, err
	}
	r, err := tx.removal(removal)
	return tx, r, fail(op, "", err)
}

// hideAll hides sorted items, one series after the other.
func (tx *Tx) hideAll(r removalRow, items []storage.RemovedItem) (hidden []storage.HiddenVersion, err error) {
	for len(items) > 0 {
		n := 1
		for n < len(items) && items[n].Study == items[0].Study && items[n].Series == items[0].Series {
			n++
		}
		h := hiding{tx: tx, removal: r, study: items[0].Study, series: items[0].Series}
		if err := h.run(items[:n]); err != nil {
			return nil, err
		}
		hidden, items = append(hidden, h.hidden...), items[n:]
	}
	return hidden, nil
}

// hiding hides instances of one series.
type hiding struct {
	tx            *Tx
	removal       removalRow
	study, series dicom.UID

	about  int64        // row of removed_study
	st     *knownStudy  // nil: nothing of it is visible
	se     *knownSeries // the same
	to     int64        // where hidden rows of the removal hang; 0 until it is needed
	hidden []storage.HiddenVersion
}

func (h *hiding) run(items []storage.RemovedItem) (err error) {
	tx, facility := h.tx, h.removal.facility
	if h.about, err = tx.aboutStudy(facility, h.study); err != nil {
		return err
	}
	if h.st, err = tx.study(facility, h.study); err != nil {
		return err
	}
	if h.st != nil {
		if h.se, err = tx.seriesOf(h.st.id, h.series); err != nil {
			return err
		}
	}
	for _, it := range items {
		if _, err := tx.Exec(`INSERT INTO removed_item (study, sop, series, removal) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			h.about, string(it.SOP), string(it.Series), h.removal.id); err != nil {
			return err
		}
		if err := h.one(string(it.SOP)); err != nil {
			return err
		}
	}
	if len(h.hidden) == 0 {
		return nil
	}
	return tx.prune(facility, storage.Identity{Study: h.study, Series: h.series}, h.st, h.se)
}

// one hides what is stored of one instance.
func (h *hiding) one(sop string) error {
	if h.se != nil {
		all, err := h.tx.versions(h.se.id, sop)
		if err != nil {
			return err
		}
		if len(all) > 0 {
			if err := h.take(h.se.id, sop, all); err != nil {
				return err
			}
			h.tx.counts = append(h.tx.counts, change{study: h.st.id, series: h.se.id, addInstances: -1})
		}
	}
	if h.removal.kind != storage.Deleted {
		return nil
	}
	// What rejections hide is the deletion's from now on.
	others, err := gather(h.tx, scanID, `SELECT -h.id FROM hidden_series h INDEXED BY hidden_series_uid CROSS JOIN removal r ON r.id = h.removal
		WHERE h.study = ? AND h.uid = ? AND r.kind = 2 ORDER BY h.id`, h.about, string(h.series))
	if err != nil {
		return err
	}
	for _, from := range others {
		if err := h.adopt(from, sop); err != nil {
			return err
		}
	}
	return nil
}

func scanID(r *sql.Rows) (id int64, err error) { return id, r.Scan(&id) }

// take hides visible versions.
func (h *hiding) take(from int64, sop string, all []version) (err error) {
	if h.to == 0 {
		if h.to, err = h.tx.hiddenSeries(h.removal.id, h.about, h.series, h.st.id, h.se.id); err != nil {
			return err
		}
		if err := h.tx.keepBearers(h.about, h.st.id); err != nil {
			return err
		}
	}
	told, err := h.tx.describe(from, sop)
	if err != nil {
		return err
	}
	for _, v := range told {
		v.Study, v.Series = h.study, h.series
		h.hidden = append(h.hidden, v)
	}
	return h.tx.hang(h.to, sop, all)
}

// adopt takes versions over that another removal hides.
func (h *hiding) adopt(from int64, sop string) error {
	all, err := h.tx.versions(from, sop)
	if len(all) == 0 || err != nil {
		return err
	}
	if h.to == 0 {
		if h.to, err = h.tx.hiddenSeriesLike(h.removal.id, from); err != nil {
			return err
		}
	}
	if err := h.tx.hang(h.to, sop, all); err != nil {
		return err
	}
	return h.tx.dropHidden(from)
}

// describe tells of the versions of an instance what events say of them.
func (tx *Tx) describe(series int64, sop string) ([]storage.HiddenVersion, error) {
	return gather(tx, func(r *sql.Rows) (v storage.HiddenVersion, err error) {
		var digest, manifest []byte
		if err := r.Scan(&v.Version, &v.Served, &v.Kept, &digest, &manifest); err != nil {
			return v, err
		}
		m, err := storage.ParseManifest(manifest)
		if err != nil {
			return v, err
		}
		v.SOP, v.SOPClass = dicom.UID(sop), m.SOPClass
		copy(v.Digest[:], digest)
		return v, nil
	}, `SELECT version, served, kept, digest, manifest FROM instance WHERE series = ? AND sop = ? ORDER BY version`, series, sop)
}

// hang moves versions of an instance below another series. Where there are versions of it already, these stay what they
// are, and the ones that come are further ones that are not served.
func (tx *Tx) hang(series int64, sop string, all []version) error {
	there, err := tx.versions(series, sop)
	if err != nil {
		return err
	}
	last := 0
	if len(there) > 0 {
		last = there[len(there)-1].version
	}
	for _, v := range all {
		number, served := v.version, v.served
		if last > 0 {
			last++
			number, served = last, false
		}
		if _, err := tx.Exec(`UPDATE instance SET series = ?, version = ?, served = ? WHERE id = ?`, series, number, served, v.id); err != nil {
			return err
		}
	}
	return nil
}

// aboutStudy gives the row that removals know a study by, and adds it if there is none.
func (tx *Tx) aboutStudy(facility int64, uid dicom.UID) (int64, error) {
	id, err := tx.removedStudy(facility, uid)
	if id != 0 || err != nil {
		return id, err
	}
	r, err := tx.Exec(`INSERT INTO removed_study (uid, facility) VALUES (?, ?)`, string(uid), facility)
	if err != nil {
		return 0, err
	}
	if id, err = r.LastInsertId(); err == nil {
		tx.db.keys.removed.n = rememberedStudies
		tx.db.keys.removed.put(studyKey{facility, uid}, id)
	}
	return id, err
}

// removedStudy gives the row that removals know a study by; 0 if they know none.
func (tx *Tx) removedStudy(facility int64, uid dicom.UID) (id int64, err error) {
	if !tx.db.removals.Load() {
		return 0, nil
	}
	cache, key := &tx.db.keys.removed, studyKey{facility, uid}
	if id, ok := cache.get(key); ok {
		return id, nil
	}
	err = tx.QueryRow(`SELECT id FROM removed_study INDEXED BY removed_study_uid WHERE uid = ? AND facility = ?`, string(uid), facility).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	if err == nil {
		cache.n = rememberedStudies
		cache.put(key, id)
	}
	return id, err
}

// hiddenSeries gives the key below which rows of a removal hang, and makes it of a visible series if there is none.
func (tx *Tx) hiddenSeries(removal, about int64, uid dicom.UID, study, series int64) (int64, error) {
	return tx.hiddenSeriesOf(removal, about, uid, `SELECT coalesce(s.received, s.attributes), e.attributes FROM study s CROSS JOIN series e WHERE s.id = ? AND e.id = ?`, study, series)
}

// hiddenSeriesLike does so with another hidden series.
func (tx *Tx) hiddenSeriesLike(removal, key int64) (int64, error) {
	var about int64
	var uid dicom.UID
	if err := tx.QueryRow(`SELECT study, uid FROM hidden_series WHERE id = ?`, -key).Scan(&about, &uid); err != nil {
		return 0, err
	}
	return tx.hiddenSeriesOf(removal, about, uid, `SELECT study_attributes, attributes FROM hidden_series WHERE id = ?`, -key)
}

func (tx *Tx) hiddenSeriesOf(removal, about int64, uid dicom.UID, attributes string, args ...any) (id int64, err error) {
	if id, err = tx.findHiddenSeries(removal, about, uid); id != 0 || err != nil {
		return id, err
	}
	var study, series []byte
	if err := tx.QueryRow(attributes, args...).Scan(&study, &series); err != nil {
		return 0, err
	}
	return tx.addHiddenSeries(removal, about, uid, study, series)
}

func (tx *Tx) findHiddenSeries(removal, about int64, uid dicom.UID) (id int64, err error) {
	err = tx.QueryRow(`SELECT -id FROM hidden_series INDEXED BY hidden_series_uid WHERE study = ? AND uid = ? AND removal = ?`, about, string(uid), removal).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

func (tx *Tx) addHiddenSeries(removal, about int64, uid dicom.UID, study, series []byte) (int64, error) {
	r, err := tx.Exec(`INSERT INTO hidden_series (removal, study, uid, study_attributes, attributes) VALUES (?, ?, ?, ?, ?)`, removal, about, string(uid), study, series)
	if err != nil {
		return 0, err
	}
	id, err := r.LastInsertId()
	return -id, err
}

// dropHidden removes a hidden series in which nothing is left.
func (tx *Tx) dropHidden(key int64) error {
	_, err := tx.Exec(`DELETE FROM hidden_series WHERE id = -?1 AND NOT EXISTS (SELECT 1 FROM instance WHERE series = ?1)`, key)
	return err
}
