package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

// AddRemoval adds a removal that names nothing yet.
func (db *DB) AddRemoval(t halong.Tx, r *storage.Removal) error {
	const op = "sqlite.AddRemoval"
	tx, facility, err := db.txOf(op, t, r.Facility)
	if err != nil {
		return err
	}
	source, err := tx.Source(r.By)
	if err != nil {
		return fail(op, "", err)
	}
	_, err = tx.Exec(`INSERT INTO removal (id, kind, facility, study, series, sop, code, reason, source, at, again, state, changed, changed_source)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1, ?10, ?9)`, int64(r.ID), int64(r.Kind), facility,
		string(r.Study), string(r.Series), string(r.SOP), r.Code, r.Reason, source, r.At.UnixMicro(), int64(r.Again))
	db.removals.Store(true)
	return fail(op, "", err)
}

// SetRemoval changes the state of a removal.
func (db *DB) SetRemoval(t halong.Tx, removal uint64, s storage.RemovalState, at time.Time, by halong.Source, cause uint64) error {
	const op = "sqlite.SetRemoval"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	source, err := tx.Source(by)
	if err != nil {
		return fail(op, "", err)
	}
	_, err = tx.Exec(`UPDATE removal SET state = ?, changed = ?, changed_source = ?, cause = ? WHERE id = ?`, int64(s), at.UnixMicro(), source, int64(cause), int64(removal))
	return fail(op, "", err)
}

// StateOf gives the state of a removal.
func (db *DB) StateOf(t halong.Tx, removal uint64) (s storage.RemovalState, err error) {
	const op = "sqlite.StateOf"
	tx, err := db.tx(op, t)
	if err == nil {
		err = tx.QueryRow(`SELECT state FROM removal WHERE id = ?`, int64(removal)).Scan(&s)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return 0, halong.E(op, halong.NotExist, "", errNoRemoval)
	}
	return s, fail(op, "", err)
}

// removalRow is what hiding needs to know of a removal.
type removalRow struct {
	id       int64
	kind     storage.RemovalKind
	facility int64
}

var errNoRemoval = errors.New("there is no such removal")

func (tx *Tx) removal(id uint64) (r removalRow, err error) {
	err = tx.QueryRow(`SELECT id, kind, facility FROM removal WHERE id = ?`, int64(id)).Scan(&r.id, &r.kind, &r.facility)
	if errors.Is(err, sql.ErrNoRows) {
		return r, halong.E("sqlite.removal", halong.NotExist, "", errNoRemoval)
	}
	return r, err
}

// RejectionsBy gives the rejections in force whose notes are among the items.
func (db *DB) RejectionsBy(t halong.Tx, f halong.Facility, items []storage.RemovedItem) ([]uint64, error) {
	const op = "sqlite.RejectionsBy"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return nil, err
	}
	named := map[storage.RemovedItem]bool{}
	studies := map[dicom.UID]bool{}
	for _, it := range items {
		named[it], studies[it.Study] = true, true
	}
	var found []uint64
	for study := range studies { // one, as a rule
		notes, err := gather(tx, func(r *sql.Rows) (n note, err error) {
			n.Study = study
			return n, r.Scan(&n.id, &n.Series, &n.SOP)
		}, `SELECT id, series, sop FROM removal INDEXED BY removal_study WHERE study = ? AND facility = ? AND kind = 2 AND state <> 2 ORDER BY id`, string(study), facility)
		if err != nil {
			return nil, fail(op, "", err)
		}
		for _, n := range notes {
			if named[n.RemovedItem] {
				found = append(found, n.id)
			}
		}
	}
	return found, nil
}

// note is the note of a rejection.
type note struct {
	id uint64
	storage.RemovedItem
}

// gather runs a query of the committer and reads all of its rows.
func gather[T any](tx *Tx, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	return drain(rows, scan)
}

// TakenBack gives the rejections that a deletion of their notes took back.
func (db *DB) TakenBack(t halong.Tx, cause uint64) ([]uint64, error) {
	const op = "sqlite.TakenBack"
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, err
	}
	ids, err := gather(tx, func(r *sql.Rows) (id uint64, err error) { return id, r.Scan(&id) },
		`SELECT id FROM removal INDEXED BY removal_cause WHERE cause = ? AND cause <> 0 ORDER BY id`, int64(cause))
	return ids, fail(op, "", err)
}

const (
	selectRemoval = `SELECT r.id, r.kind, f.name, r.study, r.series, r.sop, r.code, r.reason, o.protocol, o.peer, o.address, r.at, r.again, r.state,
		r.changed, c.protocol, c.peer, c.address, r.named, `
	countHidden = `(SELECT count(*) FROM hidden_series h INDEXED BY hidden_series_removal CROSS JOIN instance i INDEXED BY instance_sop WHERE h.removal = r.id AND i.series = -h.id)
		FROM removal r `
	anyHidden   = `EXISTS (SELECT 1 FROM hidden_series h INDEXED BY hidden_series_removal WHERE h.removal = r.id) FROM removal r `
	joinRemoval = ` CROSS JOIN facility f ON f.id = r.facility CROSS JOIN source o ON o.id = r.source CROSS JOIN source c ON c.id = r.changed_source `
)

func scanRemoval(row scanner) (r storage.Removal, err error) {
	var at, changed int64
	err = row.Scan(&r.ID, &r.Kind, &r.Facility, &r.Study, &r.Series, &r.SOP, &r.Code, &r.Reason, &r.By.Protocol, &r.By.Peer, &r.By.Address, &at,
		&r.Again, &r.State, &changed, &r.ChangedBy.Protocol, &r.ChangedBy.Peer, &r.ChangedBy.Address, &r.Named, &r.Hidden)
	r.Meaning, _ = storage.ReasonMeaning(r.Code)
	r.At, r.Changed = time.UnixMicro(at).UTC(), time.UnixMicro(changed).UTC()
	return r, err
}

// Removals gives removals, the newest first.
func (db *DB) Removals(ctx context.Context, scope halong.Scope, f storage.RemovalFilter) ([]storage.Removal, error) {
	w, index := where{}, "NOT INDEXED"
	if f.Study != "" {
		w.and("r.study = ?", string(f.Study))
		index = "INDEXED BY removal_study"
	}
	if f.Before != 0 {
		w.and("r.id < ?", int64(f.Before))
	}
	switch {
	case f.State == storage.RemovalHides && f.Study == "":
		w.and("r.state = 1") // said so, the index can be used
		index = "INDEXED BY removal_hidden"
	case f.State != 0:
		w.and("r.state = ?", int64(f.State))
	}
	if f.Kind != 0 {
		w.and("r.kind = ?", int64(f.Kind))
	}
	if !scope.All {
		w.and("r.facility IN (SELECT value FROM json_each(?))", list(db.seen(scope)))
	}
	if w.text.Len() == 0 {
		w.and("1")
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	count := countHidden
	if f.Uncounted {
		count = anyHidden
	}
	all, err := collect(ctx, db.reader, func(r *sql.Rows) (storage.Removal, error) { return scanRemoval(r) },
		selectRemoval+count+index+joinRemoval+`WHERE `+w.text.String()+` ORDER BY r.id DESC LIMIT ?+0`, append(w.args, limit)...)
	return all, fail("sqlite.Removals", "", err)
}

// Removal gives one removal.
func (db *DB) Removal(ctx context.Context, scope halong.Scope, id uint64) (*storage.Removal, error) {
	const op = "sqlite.Removal"
	r, err := scanRemoval(db.reader.QueryRow(ctx, selectRemoval+countHidden+joinRemoval+`WHERE r.id = ?`, int64(id)))
	if err == nil && !scope.Sees(r.Facility) {
		err = sql.ErrNoRows
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, halong.E(op, halong.NotExist, "", errNoRemoval)
	}
	return &r, fail(op, "", err)
}

// WasDeleted tells whether a deletion in force named what ref names, or what it is part of.
func (db *DB) WasDeleted(ctx context.Context, scope halong.Scope, ref storage.Ref) (bool, error) {
	if !db.removals.Load() {
		return false, nil
	}
	if ref.Facility != "" {
		if !scope.Sees(ref.Facility) {
			return false, nil
		}
		scope = halong.Scope{Own: ref.Facility}
	}
	text := strings.Builder{}
	text.WriteString(`SELECT EXISTS (SELECT 1 FROM removal INDEXED BY removal_study
		WHERE study = ? AND facility IN (SELECT value FROM json_each(?)) AND kind = 1 AND state <> 2`)
	args := []any{string(ref.Study), list(db.seen(scope))}
	for _, part := range []struct {
		column string
		uid    dicom.UID
	}{{"series", ref.Series}, {"sop", ref.SOP}} {
		if part.uid != "" {
			text.WriteString(` AND ` + part.column + ` IN ('', ?)`)
			args = append(args, string(part.uid))
		}
	}
	text.WriteString(`)`)
	var found bool
	err := db.reader.QueryRow(ctx, text.String(), args...).Scan(&found)
	return found, fail("sqlite.WasDeleted", string(ref.Study), err)
}

// Holders gives the visible facilities that have something of the reference's study.
func (db *DB) Holders(ctx context.Context, scope halong.Scope, ref storage.Ref) ([]halong.Facility, error) {
	ids, err := collect(ctx, db.reader, scanID, `SELECT facility FROM study INDEXED BY study_uid WHERE uid = ?1
		UNION SELECT facility FROM removed_study INDEXED BY removed_study_uid WHERE uid = ?1`, string(ref.Study))
	if err != nil {
		return nil, fail("sqlite.Holders", string(ref.Study), err)
	}
	var out []halong.Facility
	for _, f := range db.facilities.visible(scope) {
		if slices.Contains(ids, f.id) && (ref.Facility == "" || ref.Facility == f.name) {
			out = append(out, f.name)
		}
	}
	return out, nil
}
