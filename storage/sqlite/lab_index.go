package sqlite

import (
	"context"
	"errors"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
)

// errMoved means that somebody else indexed the versions, or that one was added among them.
var errMoved = errors.New("these are not the versions that come next")

// indexedUpto is how far versions are indexed, but for those in lab_late, which are below.
const indexedUpto = `(SELECT upto FROM lab_indexed WHERE id = 1)`

// Unindexed gives the versions whose use of codes and numbers is to be added next: those that were added late, else those from where it has come to.
func (db *DB) Unindexed(ctx context.Context, limit int) ([]lab.Version, error) {
	const op = "sqlite.Unindexed"
	all, err := db.versions(ctx, `SELECT `+versionColumns+` FROM lab_late l CROSS JOIN lab_version v ON v.id = l.id
		CROSS JOIN facility f ON f.id = v.facility WHERE l.id <= `+indexedUpto+` ORDER BY l.id LIMIT ?+0`, limit)
	if len(all) > 0 || err != nil {
		return all, fail(op, "", err)
	}
	all, err = db.versions(ctx, `SELECT `+versionColumns+` FROM lab_version v CROSS JOIN facility f ON f.id = v.facility
		WHERE v.id > `+indexedUpto+` ORDER BY v.id LIMIT ?+0`, limit)
	return all, fail(op, "", err)
}

// Behind tells how many versions are not indexed, to a million.
func (db *DB) Behind(ctx context.Context) (n int64, err error) {
	err = db.reader.QueryRow(ctx, `SELECT count(*) FROM (SELECT id FROM lab_late WHERE id <= `+indexedUpto+` UNION ALL
		SELECT id FROM lab_version WHERE id > `+indexedUpto+` LIMIT 1000000)`).Scan(&n)
	return n, fail("sqlite.Behind", "", err)
}

// AddUse adds the use of codes and numbers that versions make.
func (db *DB) AddUse(ctx context.Context, versions []lab.Version, u *lab.Use) error {
	const op = "sqlite.AddUse"
	if len(versions) == 0 {
		return nil
	}
	return db.Update(ctx, func(t halong.Tx) error {
		tx, err := db.tx(op, t)
		if err != nil {
			return err
		}
		if err := tx.indexed(versions); err != nil {
			return fail(op, "", err)
		}
		return fail(op, "", tx.addUse(u))
	})
}

// indexed notes that versions are indexed, if they are those that come next. From here on those that are added among them are late.
func (tx *Tx) indexed(versions []lab.Version) error {
	first, last := int64(versions[0].ID), int64(versions[len(versions)-1].ID)
	moved := halong.E("sqlite.AddUse", halong.Conflict, "", errMoved)
	upto, err := tx.indexedTo()
	if err != nil {
		return err
	}
	if first > upto {
		var n int
		err := tx.QueryRow(`SELECT count(*) FROM lab_version WHERE id > ? AND id <= ?`, upto, last).Scan(&n)
		if err == nil && n != len(versions) {
			err = moved
		}
		if err == nil {
			_, err = tx.Exec(`UPDATE lab_indexed SET upto = ? WHERE id = 1`, last)
		}
		if err == nil {
			tx.db.labIndexed = &last
		}
		return err
	}
	for i := range versions {
		r, err := tx.Exec(`DELETE FROM lab_late WHERE id = ?`, int64(versions[i].ID))
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); n == 0 || err != nil {
			return errors.Join(err, moved)
		}
	}
	return nil
}

func (tx *Tx) addUse(u *lab.Use) error {
	for i := range u.Codes {
		c := &u.Codes[i]
		f, err := tx.Facility(c.Facility)
		if err != nil {
			return err
		}
		alt := ""
		if c.Alternate != nil {
			alt = join3(*c.Alternate)
		}
		_, err = tx.Exec(`INSERT INTO lab_code (facility, sender, code, system, text, alt, unit, count, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)`,
			f, c.Sender, c.Code.Code, c.Code.System, c.Code.Text, alt, join3(c.Unit), c.Count, int64(c.Last))
		if err != nil {
			return err
		}
	}
	for _, n := range u.Numbers {
		f, err := tx.Facility(n.Facility)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO lab_number (facility, number, report) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, f, n.Number, int64(n.Report)); err != nil {
			return err
		}
	}
	return nil
}

// indexLate notes a version whose message was processed long after it came: indexing is past it.
func (tx *Tx) indexLate(id lab.ID) error {
	upto, err := tx.indexedTo()
	if int64(id) > upto || err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO lab_late (id) VALUES (?)`, int64(id))
	return err
}

// join3 and split3 write a coded element in one column.
func join3(c lab.Coded) string {
	clean := func(s string) string { return strings.ReplaceAll(s, "\x1f", " ") }
	return clean(c.Code) + "\x1f" + clean(c.Text) + "\x1f" + clean(c.System)
}

func split3(s string) (c lab.Coded) {
	p := strings.Split(s, "\x1f")
	if len(p) == 3 {
		c = lab.Coded{Code: p[0], Text: p[1], System: p[2]}
	}
	return c
}

// indexedTo tells how far versions are indexed, but for late ones.
func (tx *Tx) indexedTo() (upto int64, err error) {
	if known := tx.db.labIndexed; known != nil {
		return *known, nil
	}
	err = tx.QueryRow(`SELECT upto FROM lab_indexed WHERE id = 1`).Scan(&upto)
	if err == nil {
		tx.db.labIndexed = &upto
	}
	return upto, err
}

// Codes gives the codes and units that senders use.
func (db *DB) Codes(ctx context.Context, scope halong.Scope) ([]lab.CodeUse, error) {
	const op = "sqlite.Codes"
	var all []lab.CodeUse
	for _, f := range db.facilities.visible(scope) {
		some, err := db.codesOf(ctx, f)
		if err != nil {
			return nil, fail(op, "", err)
		}
		all = append(all, some...)
	}
	return all, nil
}

func (db *DB) codesOf(ctx context.Context, f facility) ([]lab.CodeUse, error) {
	rows, err := db.reader.Query(ctx, `SELECT sender, code, system, text, alt, unit, count, last FROM lab_code WHERE facility = ?`, f.id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []lab.CodeUse
	for rows.Next() {
		u := lab.CodeUse{Facility: f.name}
		var alt, unit string
		if err := rows.Scan(&u.Sender, &u.Code.Code, &u.Code.System, &u.Code.Text, &alt, &unit, &u.Count, &u.Last); err != nil {
			return nil, err
		}
		if alt != "" {
			c := split3(alt)
			u.Alternate = &c
		}
		u.Unit = split3(unit)
		all = append(all, u)
	}
	return all, rows.Err()
}
