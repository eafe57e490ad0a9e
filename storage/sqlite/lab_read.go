package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
)

var _ lab.Reader = (*DB)(nil)

// person gives the keys of a patient and of all that are merged with it: those above it, and all below the last of them.
const person = `WITH RECURSIVE
	up (id, survivor) AS (
		SELECT id, survivor FROM patient WHERE id = ?1
		UNION SELECT p.id, p.survivor FROM up CROSS JOIN patient p ON p.id = up.survivor),
	down (id) AS (
		SELECT id FROM up WHERE survivor = 0
		UNION SELECT p.id FROM down CROSS JOIN patient p INDEXED BY patient_survivor ON p.survivor = down.id AND p.survivor <> 0)
	SELECT id FROM down`

// rowQuery runs a query, in a transaction or outside.
type rowQuery func(query string, args ...any) (*sql.Rows, error)

func persons(query rowQuery, key int64) ([]int64, error) {
	if key == 0 {
		return []int64{0}, nil
	}
	rows, err := query(person, key)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []int64
	for rows.Next() {
		var k int64
		if err := rows.Scan(&k); err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		keys = []int64{key}
	}
	slices.Sort(keys)
	return keys, rows.Err()
}

func (db *DB) readQuery(ctx context.Context) rowQuery {
	return func(query string, args ...any) (*sql.Rows, error) { return db.reader.Query(ctx, query, args...) }
}

// Person gives the patient that a patient's results are given out with: the survivor of what was merged.
func (db *DB) Person(ctx context.Context, key int64) (*patient.Patient, error) {
	p, err := onePatient("sqlite.Person", db.reader.QueryRow(ctx, `WITH RECURSIVE up (id, survivor) AS (
		SELECT id, survivor FROM patient WHERE id = ?1
		UNION SELECT p.id, p.survivor FROM up CROSS JOIN patient p ON p.id = up.survivor)
		SELECT `+patientColumns+`, f.name FROM up CROSS JOIN patient p ON p.id = up.id CROSS JOIN facility f ON f.id = p.facility WHERE up.survivor = 0`, key))
	return p, err
}

// ReportsOf gives the reports that a message brought versions of, in its order.
func (db *DB) ReportsOf(ctx context.Context, message uint64) ([]lab.ID, error) {
	const op = "sqlite.ReportsOf"
	rows, err := db.reader.Query(ctx, `SELECT first FROM lab_version WHERE id >= ? AND id < ? ORDER BY id`, int64(lab.NewID(message, 0)), int64(lab.NewID(message+1, 0)))
	if err != nil {
		return nil, fail(op, "", err)
	}
	defer rows.Close()
	var all []lab.ID
	for rows.Next() {
		var id lab.ID
		if err := rows.Scan(&id); err != nil {
			return nil, fail(op, "", err)
		}
		all = append(all, id)
	}
	return all, fail(op, "", rows.Err())
}

// Versions gives all versions of the reports of one patient, and of those merged with it, in order of arrival; of
// patient 0 those whose messages named none.
func (db *DB) Versions(ctx context.Context, f halong.Facility, key int64) ([]lab.Version, error) {
	const op = "sqlite.Versions"
	facility, ok := db.facilities.get(f)
	if !ok {
		return nil, nil
	}
	keys, err := persons(db.readQuery(ctx), key)
	if err != nil {
		return nil, fail(op, "", err)
	}
	var all []lab.Version
	for _, k := range keys {
		some, err := db.versions(ctx, `SELECT `+headColumns+`, content, ? FROM lab_version INDEXED BY lab_version_patient
			WHERE patient = ? AND facility = ?`, string(f), k, facility)
		if err != nil {
			return nil, fail(op, "", err)
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b lab.Version) int { return int(max(-1, min(1, a.ID-b.ID))) })
	return all, nil
}

// versions reads what a query for headColumns, content and facility gives.
func (db *DB) versions(ctx context.Context, query string, args ...any) ([]lab.Version, error) {
	rows, err := db.reader.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []lab.Version
	for rows.Next() {
		var v lab.Version
		var packed []byte
		if err := scanHead(rows, &v.Head, &packed, &v.Facility); err != nil {
			return nil, err
		}
		if v.Content, err = unpack(packed); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// Report gives all versions of one report.
func (db *DB) Report(ctx context.Context, scope halong.Scope, id lab.ID) ([]lab.Version, error) {
	const op = "sqlite.Report"
	all, err := db.versions(ctx, `SELECT `+versionColumns+` FROM lab_version v JOIN facility f ON f.id = v.facility
		WHERE v.id = ?1 AND v.first = ?1
		UNION ALL SELECT `+versionColumns+` FROM lab_version v INDEXED BY lab_version_first JOIN facility f ON f.id = v.facility
		WHERE v.first = ?1 AND v.number > 1`, int64(id))
	if err == nil && (len(all) == 0 || !scope.Sees(all[0].Facility)) {
		return nil, halong.E(op, halong.NotExist, id.String(), nil)
	}
	slices.SortFunc(all, func(a, b lab.Version) int { return int(max(-1, min(1, a.ID-b.ID))) })
	return all, fail(op, id.String(), err)
}

// recentWindow bounds how many versions one step of Recent looks at.
const recentWindow = 5000

// Recent gives the newest versions of reports, the newest first.
func (db *DB) Recent(ctx context.Context, scope halong.Scope, before lab.ID, limit int) ([]lab.Head, lab.ID, error) {
	const op = "sqlite.Recent"
	if before == 0 {
		before = 1<<63 - 1
	}
	var last sql.NullInt64
	err := db.reader.QueryRow(ctx, `SELECT min(id) FROM (SELECT id FROM lab_version WHERE id < ? ORDER BY id DESC LIMIT ?+0)`, int64(before), recentWindow).Scan(&last)
	if err != nil || !last.Valid {
		return nil, 0, fail(op, "", err)
	}
	all, err := collect(ctx, db.reader, func(rows *sql.Rows) (h lab.Head, err error) {
		err = scanHead(rows, &h, &h.Facility)
		return h, err
	}, `SELECT `+headsOf+`, f.name FROM lab_version v CROSS JOIN facility f ON f.id = v.facility
		WHERE v.id < ? AND v.id >= ? AND v.facility IN (SELECT value FROM json_each(?))
		AND NOT EXISTS (SELECT 1 FROM lab_version w INDEXED BY lab_version_first WHERE w.first = v.first AND w.number > 1 AND w.id > v.id)
		ORDER BY v.id DESC LIMIT ?+0`, int64(before), last.Int64, list(db.seen(scope)), limit)
	if err != nil {
		return nil, 0, fail(op, "", err)
	}
	next := lab.ID(last.Int64)
	if len(all) == limit {
		next = all[limit-1].ID
	}
	var more bool
	err = db.reader.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM lab_version WHERE id < ?)`, int64(next)).Scan(&more)
	if !more {
		next = 0
	}
	return all, next, fail(op, "", err)
}

// Numbered gives the reports that bear a number of an order or specimen, the newest first.
func (db *DB) Numbered(ctx context.Context, scope halong.Scope, number string) ([]lab.ID, error) {
	const op = "sqlite.Numbered"
	var all []lab.ID
	for _, f := range db.facilities.visible(scope) {
		rows, err := db.reader.Query(ctx, `SELECT report FROM lab_number WHERE facility = ? AND number = ? ORDER BY report DESC LIMIT ?+0`, f.id, number, lab.MaxHeads)
		if err != nil {
			return nil, fail(op, "", err)
		}
		for rows.Next() {
			var id lab.ID
			if err = rows.Scan(&id); err != nil {
				break
			}
			all = append(all, id)
		}
		if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
			return nil, fail(op, "", err)
		}
	}
	return all, nil
}
