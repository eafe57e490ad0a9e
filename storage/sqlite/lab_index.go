package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
)

// labGroup is how many versions are indexed in one transaction.
const labGroup = 500

// IndexLab goes on with what is found out about versions after the fact.
func (db *DB) IndexLab(ctx context.Context, limit int) (behind int64, err error) {
	const op = "sqlite.IndexLab"
	for limit > 0 {
		n, err := db.indexLab(ctx, min(limit, labGroup))
		if err != nil {
			return 0, fail(op, "", err)
		}
		if n < min(limit, labGroup) {
			return 0, nil
		}
		limit -= n
	}
	err = db.reader.QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM lab_version WHERE id > (SELECT upto FROM lab_indexed WHERE id = 1) LIMIT 1000000)`).Scan(&behind)
	return behind, fail(op, "", err)
}

// errMoved means that somebody else indexes too.
var errMoved = errors.New("the versions are being indexed")

// indexLab indexes one group and gives how many versions it had.
func (db *DB) indexLab(ctx context.Context, limit int) (int, error) {
	upto, err := db.indexedLab(ctx)
	if err != nil {
		return 0, err
	}
	group, err := db.versions(ctx, `SELECT `+versionColumns+` FROM lab_version v CROSS JOIN facility f ON f.id = v.facility
		WHERE v.id > ? ORDER BY v.id LIMIT ?+0`, upto, limit)
	if len(group) == 0 || err != nil {
		return 0, err
	}
	rows, err := useOf(group)
	if err != nil {
		return 0, err
	}
	last := int64(group[len(group)-1].ID)
	err = db.Update(ctx, func(t halong.Tx) error {
		tx, err := db.tx("sqlite.IndexLab", t)
		if err != nil {
			return err
		}
		r, err := tx.Exec(`UPDATE lab_indexed SET upto = ? WHERE id = 1 AND upto = ?`, last, upto)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); n == 0 || err != nil {
			return errors.Join(err, errMoved)
		}
		var n int
		err = tx.QueryRow(`SELECT count(*) FROM lab_version WHERE id > ? AND id <= ?`, upto, last).Scan(&n)
		if n != len(group) || err != nil { // one of them was added meanwhile, for a message that came long ago
			return errors.Join(err, errMoved)
		}
		db.labIndexed.Store(last)
		return tx.addUse(rows)
	})
	if err != nil {
		err = errors.Join(err, db.loadLabIndexed(ctx))
	}
	if errors.Is(err, errMoved) {
		return limit, nil // it is looked at again
	}
	return len(group), err
}

// use is what versions add to lab_code and lab_number.
type use struct {
	codes   map[codeKey]codeCount
	numbers map[numberKey]struct{}
}

type codeKey struct {
	facility                              halong.Facility
	sender, code, system, text, alt, unit string
}

type codeCount struct{ count, last int64 }

type numberKey struct {
	facility halong.Facility
	number   string
	report   lab.ID
}

// useOf gathers what versions add.
func useOf(group []lab.Version) (*use, error) {
	u := &use{map[codeKey]codeCount{}, map[numberKey]struct{}{}}
	for i := range group {
		v := &group[i]
		var r lab.Report
		if err := json.Unmarshal(v.Content, &r); err != nil {
			return nil, halong.E("sqlite.IndexLab", halong.Corrupt, v.ID.String(), err)
		}
		n := r.Numbers()
		for _, s := range n.All() {
			u.numbers[numberKey{v.Facility, s, v.First}] = struct{}{}
		}
		for o := range r.Each() {
			key := codeKey{facility: v.Facility, sender: r.Sender, code: o.Code.Code, system: o.Code.System, text: o.Code.Text}
			if o.Alternate != nil {
				key.alt = join3(*o.Alternate)
			}
			if o.Units != nil {
				key.unit = join3(*o.Units)
			}
			c := u.codes[key]
			u.codes[key] = codeCount{c.count + 1, int64(v.ID)}
		}
	}
	return u, nil
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

func (tx *Tx) addUse(u *use) error {
	for k, c := range u.codes {
		f, err := tx.Facility(k.facility)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO lab_code (facility, sender, code, system, text, alt, unit, count, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)`,
			f, k.sender, k.code, k.system, k.text, k.alt, k.unit, c.count, c.last)
		if err != nil {
			return err
		}
	}
	for k := range u.numbers {
		f, err := tx.Facility(k.facility)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO lab_number (facility, number, report) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, f, k.number, int64(k.report)); err != nil {
			return err
		}
	}
	return nil
}

// indexLate indexes a version whose message was processed long after it came: the others are past it.
func (tx *Tx) indexLate(v *lab.Version) error {
	if int64(v.ID) > tx.db.labIndexed.Load() {
		return nil
	}
	u, err := useOf([]lab.Version{*v})
	if err != nil {
		return err
	}
	return tx.addUse(u)
}

// loadLabIndexed reads how far versions are indexed.
func (db *DB) loadLabIndexed(ctx context.Context) error {
	upto, err := db.indexedLab(ctx)
	db.labIndexed.Store(upto)
	return err
}

func (db *DB) indexedLab(ctx context.Context) (upto int64, err error) {
	err = db.reader.QueryRow(ctx, `SELECT upto FROM lab_indexed WHERE id = 1`).Scan(&upto)
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
