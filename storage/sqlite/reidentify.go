package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"github.com/halong-gateway/halong"
)

// identifiedAtOnce is how many studies one transaction finds a new identity for. The committer has nobody else's work done meanwhile, at about
// 0.4 ms for each. Studies beyond that are noted in study_pending, and are looked at in further transactions.
const identifiedAtOnce = 100

// reidentified is what a transaction did to bring studies and orders in step with their patients.
type reidentified struct {
	studies int  // whose identity it found out anew
	orders  int  // that it changed
	left    bool // it left some of either
}

// receivedWith are the studies that were received with a Patient ID ?1 in a facility ?2, or hold objects that were; of
// those that hold objects of several issuers each more than once.
const receivedWith = `SELECT id FROM study INDEXED BY study_patient WHERE patient = ?1 AND facility = ?2 AND former IS NULL
	UNION ALL SELECT id FROM study INDEXED BY study_former WHERE former = ?1 AND facility = ?2
	UNION ALL SELECT s.id FROM study_bearer b CROSS JOIN study s ON s.id = b.study WHERE b.patient = ?1 AND s.facility = ?2`

// loadPending reads whether studies or orders wait for their identity.
func (db *DB) loadPending(ctx context.Context) error {
	var pending bool
	err := db.conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM study_pending) OR EXISTS (SELECT 1 FROM worklist_pending)`).Scan(&pending)
	db.pending.Store(pending)
	return err
}

// Reidentify finds out anew which identity the studies are served under that were received with a Patient ID: at once if they are few, else in
// ReidentifyMore.
func (db *DB) Reidentify(t halong.Tx, f halong.Facility, id string) error {
	const op = "sqlite.Reidentify"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return err
	}
	return fail(op, "", tx.reidentify(facility, f, id))
}

func (tx *Tx) reidentify(facility int64, f halong.Facility, id string) error {
	x := tx.identifier(facility, f)
	all, err := x.of(id)
	if err != nil {
		return err
	}
	for _, b := range all {
		if tx.db.options.Policy.Served(b.Patient) {
			tx.db.identities.add(facility)
		}
	}
	room := max(0, identifiedAtOnce-tx.identities.studies)
	studies, err := tx.ids(receivedWith+` LIMIT ?3+0`, id, facility, room+1)
	if err != nil {
		return err
	}
	if len(studies) > room {
		tx.identities.left = true
		tx.db.waits()
		_, err := tx.Exec(`INSERT OR IGNORE INTO study_pending (study) `+receivedWith, id, facility)
		return err
	}
	slices.Sort(studies)
	for _, study := range slices.Compact(studies) {
		st := studyIdentity{id: study}
		if err := tx.QueryRow(`SELECT coalesce(received, attributes), identity FROM study WHERE id = ?`, study).Scan(&st.received, &st.identity); err != nil {
			return err
		}
		tx.identities.studies++
		if err := x.study(&st); err != nil {
			return err
		}
	}
	return nil
}

// Deferred tells whether the transaction left something for ReidentifyMore.
func (db *DB) Deferred(t halong.Tx) bool {
	tx, err := db.tx("sqlite.Deferred", t)
	return err == nil && tx.identities.left
}

// Settled lets the transaction do as much as another one: what it left is done.
func (db *DB) Settled(t halong.Tx) error {
	tx, err := db.tx("sqlite.Settled", t)
	if err == nil {
		tx.identities = reidentified{}
	}
	return err
}

// Pending tells whether there may be something to do for ReidentifyMore.
func (db *DB) Pending() bool { return db.pending.Load() }

// ReidentifyMore finds out the identity of some of the studies that wait for that, the newest first. Once it finds neither
// studies nor orders (see DeferOrders) that do, the transaction has left nothing, and when that is committed Pending is false.
func (db *DB) ReidentifyMore(t halong.Tx) error {
	const op = "sqlite.ReidentifyMore"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	return fail(op, "", tx.reidentifyMore())
}

// pendingStudy is a study that waits for its identity.
type pendingStudy struct {
	studyIdentity
	facility sql.NullInt64 // null: the study is gone
	name     halong.Facility
}

func (tx *Tx) reidentifyMore() error {
	all, err := tx.pendingStudies()
	if err != nil {
		return err
	}
	by := map[int64]*identifier{}
	for i := range all {
		st := &all[i]
		if !st.facility.Valid {
			continue
		}
		x := by[st.facility.Int64]
		if x == nil {
			x = tx.identifier(st.facility.Int64, st.name)
			by[st.facility.Int64] = x
		}
		if err := x.study(&st.studyIdentity); err != nil {
			return err
		}
	}
	if len(all) > 0 {
		_, err := tx.Exec(`DELETE FROM study_pending WHERE study >= ?`, all[len(all)-1].id)
		return err
	}
	orders := false
	if err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM worklist_pending)`).Scan(&orders); err != nil {
		return err
	}
	if !orders {
		tx.db.none, tx.identities.left = true, false
	}
	return nil
}

// waits notes that studies or orders may wait for their identity. That none do is said when the group that found it is committed, which
// may be the one that saw to the last of them.
func (db *DB) waits() {
	db.pending.Store(true)
	db.none = false
}

func (tx *Tx) pendingStudies() (all []pendingStudy, err error) {
	rows, err := tx.Query(`SELECT p.study, s.facility, coalesce(f.name, ''), coalesce(s.received, s.attributes), s.identity
		FROM study_pending p LEFT JOIN study s ON s.id = p.study LEFT JOIN facility f ON f.id = s.facility ORDER BY p.study DESC LIMIT ?+0`, identifiedAtOnce)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var st pendingStudy
		if err := rows.Scan(&st.id, &st.facility, &st.name, &st.received, &st.identity); err != nil {
			return nil, err
		}
		all = append(all, st)
	}
	return all, rows.Err()
}
