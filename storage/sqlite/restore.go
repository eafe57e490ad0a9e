package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

// hiddenPlace is a hidden series.
type hiddenPlace struct {
	key      int64 // negative
	about    int64 // row of removed_study
	uid      dicom.UID
	study    dicom.UID
	facility halong.Facility
	above    [2][]byte // attributes of study and series
	shown    bool      // the study has been told whose objects it gets
}

// Restore shows what a removal hides. See storage.RemovalIndex.
func (db *DB) Restore(t halong.Tx, removal uint64, n int) ([]storage.HiddenVersion, bool, error) {
	const op = "sqlite.Restore"
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, false, err
	}
	if n <= 0 {
		n = 1<<31 - 1
	}
	var back []storage.HiddenVersion
	for left := n; ; {
		place, err := tx.nextHidden(int64(removal))
		if place == nil || err != nil {
			return back, false, fail(op, "", err)
		}
		if left == 0 {
			return back, true, nil
		}
		sops, err := gather(tx, func(r *sql.Rows) (sop string, err error) { return sop, r.Scan(&sop) },
			`SELECT DISTINCT sop FROM instance INDEXED BY instance_sop WHERE series = ? ORDER BY sop LIMIT ?+0`, place.key, left)
		if err != nil {
			return nil, false, fail(op, "", err)
		}
		for _, sop := range sops {
			shown, err := tx.restore(int64(removal), place, sop)
			if err != nil {
				return nil, false, fail(op, sop, err)
			}
			back = append(back, shown...)
		}
		left -= len(sops)
		if err := tx.dropHidden(place.key); err != nil {
			return nil, false, fail(op, "", err)
		}
	}
}

// nextHidden gives the first hidden series of a removal; nil if there is none.
func (tx *Tx) nextHidden(removal int64) (*hiddenPlace, error) {
	p := &hiddenPlace{}
	err := tx.QueryRow(`SELECT -h.id, h.study, h.uid, s.uid, f.name, h.study_attributes, h.attributes FROM hidden_series h INDEXED BY hidden_series_removal
		CROSS JOIN removed_study s ON s.id = h.study CROSS JOIN facility f ON f.id = s.facility WHERE h.removal = ? ORDER BY h.id LIMIT 1`,
		removal).Scan(&p.key, &p.about, &p.uid, &p.study, &p.facility, &p.above[0], &p.above[1])
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return p, err
}

// restore shows one instance again, or hands it to another removal in force that names it.
func (tx *Tx) restore(removal int64, p *hiddenPlace, sop string) ([]storage.HiddenVersion, error) {
	all, err := tx.versions(p.key, sop)
	if err != nil {
		return nil, err
	}
	other, err := tx.claim(p.about, p.uid, sop, removal)
	if err != nil {
		return nil, err
	}
	if other != 0 {
		to, err := tx.hiddenSeriesLike(other, p.key)
		if err != nil {
			return nil, err
		}
		if _, err := tx.Exec(`UPDATE removal SET state = 1 WHERE id = ? AND state = 3`, other); err != nil { // it hides again
			return nil, err
		}
		return nil, tx.hang(to, sop, all)
	}
	st, se, err := tx.show(p)
	if err != nil {
		return nil, err
	}
	there, err := tx.versions(se.id, sop)
	if err != nil {
		return nil, err
	}
	if err := tx.hang(se.id, sop, all); err != nil {
		return nil, err
	}
	c := change{study: st.id, series: se.id}
	if len(there) == 0 {
		c.addInstances = 1
	}
	tx.counts = append(tx.counts, c)
	told, err := tx.describe(se.id, sop)
	for i := range told {
		told[i].Facility, told[i].Study, told[i].Series = p.facility, p.study, p.uid
	}
	return told[min(len(there), len(told)):], err
}

// claim gives another removal in force that names an instance, a deletion before a rejection; 0 if there is none.
func (tx *Tx) claim(about int64, series dicom.UID, sop string, but int64) (id int64, err error) {
	err = tx.QueryRow(`SELECT r.id FROM removed_item x CROSS JOIN removal r ON r.id = x.removal
		WHERE x.study = ? AND x.sop = ? AND x.series = ? AND r.state <> 2 AND r.id <> ? ORDER BY r.kind, r.id LIMIT 1`, about, sop, string(series), but).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// show gives the visible study and series that a hidden series belongs to, and makes them if they are not there.
func (tx *Tx) show(p *hiddenPlace) (*knownStudy, *knownSeries, error) {
	facility, err := tx.Facility(p.facility)
	if err != nil {
		return nil, nil, err
	}
	n := &storage.NewInstance{}
	n.Identity = storage.Identity{Facility: p.facility, Study: p.study, Series: p.uid}
	if n.StudyAttributes, err = decode(p.above[0]); err != nil {
		return nil, nil, err
	}
	if n.SeriesAttributes, err = decode(p.above[1]); err != nil {
		return nil, nil, err
	}
	st, err := tx.study(facility, p.study)
	if err == nil {
		st, err = tx.studyFor(st, facility, n)
	}
	if err == nil && !p.shown {
		p.shown, err = true, tx.showBearers(p.about, facility, st, n)
	}
	if err != nil {
		return nil, nil, err
	}
	se, err := tx.seriesOf(st.id, p.uid)
	if err == nil {
		se, err = tx.seriesFor(se, st.id, n)
	}
	return st, se, err
}

// Restored tells what became of what a removal names. See storage.RemovalIndex.
func (db *DB) Restored(ctx context.Context, removal uint64, n int) (*storage.Restored, error) {
	const (
		op      = "sqlite.Restored"
		visible = `EXISTS (SELECT 1 FROM study v INDEXED BY study_uid CROSS JOIN series e INDEXED BY series_uid CROSS JOIN instance i INDEXED BY instance_sop
			WHERE v.uid = s.uid AND v.facility = s.facility AND e.uid = x.series AND e.study = v.id AND i.series = e.id AND i.sop = x.sop)`
		hidden = `EXISTS (SELECT 1 FROM hidden_series h INDEXED BY hidden_series_uid CROSS JOIN instance i INDEXED BY instance_sop
			WHERE h.study = x.study AND h.uid = x.series AND i.series = -h.id AND i.sop = x.sop)`
		named = ` FROM removed_item x INDEXED BY removed_item_removal CROSS JOIN removed_study s ON s.id = x.study WHERE x.removal = ?`
	)
	out := &storage.Restored{}
	err := db.reader.QueryRow(ctx, `SELECT coalesce(sum(state = 2), 0), coalesce(sum(state = 1), 0), coalesce(sum(state = 0), 0)
		FROM (SELECT CASE WHEN `+visible+` THEN 2 WHEN `+hidden+` THEN 1 ELSE 0 END AS state`+named+`)`, int64(removal)).Scan(&out.Visible, &out.Hidden, &out.Gone)
	if err != nil || out.Gone == 0 {
		return out, fail(op, "", err)
	}
	out.Instances, err = collect(ctx, db.reader, func(r *sql.Rows) (it storage.RemovedItem, err error) {
		return it, r.Scan(&it.Study, &it.Series, &it.SOP)
	},
		`SELECT s.uid, x.series, x.sop`+named+` AND NOT `+visible+` AND NOT `+hidden+` ORDER BY s.uid, x.series, x.sop LIMIT ?+0`, int64(removal), n)
	return out, fail(op, "", err)
}

// Purge removes rows that a removal hides, and their references.
func (db *DB) Purge(t halong.Tx, removal uint64, n int) (int, bool, error) {
	const op = "sqlite.Purge"
	tx, err := db.tx(op, t)
	if err != nil {
		return 0, false, err
	}
	for left := n; ; {
		place, err := tx.nextHidden(int64(removal))
		if place == nil || left == 0 || err != nil {
			return n - left, place != nil, fail(op, "", err)
		}
		ids, err := gather(tx, scanID, `SELECT id FROM instance INDEXED BY instance_sop WHERE series = ? ORDER BY sop, version LIMIT ?+0`, place.key, left)
		if err != nil {
			return 0, false, fail(op, "", err)
		}
		for _, id := range ids {
			if err := tx.discard(id); err != nil {
				return 0, false, fail(op, "", err)
			}
		}
		left -= len(ids)
		if err := tx.dropHidden(place.key); err != nil {
			return 0, false, fail(op, "", err)
		}
	}
}

// discard removes the row of a version, and its references.
func (tx *Tx) discard(id int64) error {
	var manifest []byte
	var segment int64
	if err := tx.QueryRow(`DELETE FROM instance WHERE id = ? RETURNING manifest, head_segment`, id).Scan(&manifest, &segment); err != nil {
		return err
	}
	m, err := storage.ParseManifest(manifest)
	if err != nil {
		return err
	}
	return tx.release(parts(&m, segment == 0))
}
