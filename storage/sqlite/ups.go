package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/worklist/ups"
)

var _ ups.Store = (*DB)(nil)

const workitemColumns = `w.uid, w.state, w.secret, w.revision, w.created, w.changed, w.attributes`

// scanWorkitem reads a workitem of a facility.
func scanWorkitem(row scanner, f halong.Facility) (*ups.Item, error) {
	it := &ups.Item{Facility: f}
	var created, changed, revision int64
	var raw []byte
	if err := row.Scan(&it.UID, &it.State, &it.Transaction, &revision, &created, &changed, &raw); err != nil {
		return nil, err
	}
	it.Revision, it.Created, it.Changed = uint64(revision), time.UnixMicro(created).UTC(), time.UnixMicro(changed).UTC()
	if it.State == ups.Deleted {
		return it, nil
	}
	var err error
	it.Attributes, err = ups.ParseAttributes(raw)
	return it, err
}

const selectWorkitem = `SELECT ` + workitemColumns + ` FROM workitem w WHERE w.uid = ? AND w.facility = ?`

// noWorkitem makes a missing row no error.
func noWorkitem(op string, uid dicom.UID, it *ups.Item, err error) (*ups.Item, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return it, fail(op, string(uid), err)
}

// ItemTx implements ups.ItemStore.
func (db *DB) ItemTx(t halong.Tx, f halong.Facility, uid dicom.UID) (*ups.Item, error) {
	const op = "sqlite.ItemTx"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return nil, err
	}
	it, err := scanWorkitem(tx.QueryRow(selectWorkitem, string(uid), facility), f)
	return noWorkitem(op, uid, it, err)
}

// Item implements ups.ItemStore.
func (db *DB) Item(ctx context.Context, f halong.Facility, uid dicom.UID) (*ups.Item, error) {
	const op = "sqlite.Item"
	facility, ok := db.facilities.get(f)
	if !ok {
		return nil, nil
	}
	it, err := scanWorkitem(db.reader.QueryRow(ctx, selectWorkitem, string(uid), facility), f)
	return noWorkitem(op, uid, it, err)
}

// SaveItem implements ups.ItemStore.
func (db *DB) SaveItem(t halong.Tx, it *ups.Item) error {
	const op = "sqlite.SaveItem"
	tx, facility, err := db.txOf(op, t, it.Facility)
	if err != nil {
		return err
	}
	var was sql.NullInt64
	err = tx.QueryRow(`SELECT state FROM workitem WHERE uid = ? AND facility = ?`, string(it.UID), facility).Scan(&was)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fail(op, string(it.UID), err)
	}
	var starts, patient string
	raw := []byte{}
	if it.Attributes != nil {
		starts, patient = it.Position().Starts, norm.NFC.String(it.Attributes.String(tag.PatientID))
		raw = ups.AppendAttributes(raw, it.Attributes)
	}
	_, err = tx.Exec(`INSERT INTO workitem (facility, uid, state, secret, revision, created, changed, starts, patient, attributes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (uid, facility) DO UPDATE SET state = excluded.state, secret = excluded.secret, revision = excluded.revision, created = excluded.created,
		changed = excluded.changed, starts = excluded.starts, patient = excluded.patient, attributes = excluded.attributes`,
		facility, string(it.UID), int64(it.State), string(it.Transaction), int64(it.Revision), it.Created.UnixMicro(), it.Changed.UnixMicro(), starts, patient, raw)
	before := was.Valid && ups.State(was.Int64) != ups.Deleted
	if after := it.State != ups.Deleted; err == nil && before != after {
		n := -1
		if after {
			n = 1
		}
		_, err = tx.Exec(`INSERT INTO workitem_count (facility, items) VALUES (?1, ?2) ON CONFLICT (facility) DO UPDATE SET items = items + ?2`, facility, n)
	}
	return fail(op, string(it.UID), err)
}

// ForgetItem implements ups.ItemStore.
func (db *DB) ForgetItem(t halong.Tx, f halong.Facility, uid dicom.UID) error {
	const op = "sqlite.ForgetItem"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`DELETE FROM workitem WHERE uid = ? AND facility = ? AND state = 4`, string(uid), facility)
	return fail(op, string(uid), err)
}

// CountItems implements ups.ItemStore.
func (db *DB) CountItems(t halong.Tx, f halong.Facility) (n int, err error) {
	const op = "sqlite.CountItems"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRow(`SELECT items FROM workitem_count WHERE facility = ?`, facility).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return n, fail(op, string(f), err)
}

// ItemsAfter implements ups.ItemStore.
func (db *DB) ItemsAfter(t halong.Tx, f halong.Facility, after dicom.UID, limit int) ([]*ups.Item, error) {
	const op = "sqlite.ItemsAfter"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(`SELECT `+workitemColumns+` FROM workitem w INDEXED BY workitem_uid WHERE w.uid > ? AND w.facility = ? AND w.state < 4 ORDER BY w.uid LIMIT ?+0`,
		string(after), facility, limit)
	if err != nil {
		return nil, fail(op, string(f), err)
	}
	items, err := workitemRows(rows, f)
	return items, fail(op, string(f), err)
}

// workitemRows reads all rows.
func workitemRows(rows *sql.Rows, f halong.Facility) (list []*ups.Item, err error) {
	defer rows.Close()
	for rows.Next() {
		it, err := scanWorkitem(rows, f)
		if err != nil {
			return nil, err
		}
		list = append(list, it)
	}
	return list, rows.Err()
}

// Items implements ups.ItemStore.
func (db *DB) Items(ctx context.Context, f halong.Facility, n ups.Narrow, after ups.Position, limit int) ([]*ups.Item, error) {
	const op = "sqlite.Items"
	facility, ok := db.facilities.get(f)
	if !ok {
		return nil, nil
	}
	text, args := selectWorkitems(facility, n, after, limit)
	rows, err := db.reader.Query(ctx, text, args...)
	if err != nil {
		return nil, fail(op, string(f), err)
	}
	found, err := workitemRows(rows, f)
	return found, fail(op, string(f), err)
}

// selectWorkitems gives the statement for a page of workitems. The index that leaves the fewest rows is named: SQLite knows nothing
// of how states are distributed.
func selectWorkitems(facility int64, n ups.Narrow, after ups.Position, limit int) (text string, args []any) {
	where, args := []string{"w.facility = ?", "w.state < 4"}, []any{facility}
	and := func(text string, values ...any) { where, args = append(where, text), append(args, values...) }
	index := "workitem_order"
	if n.Patient != "" {
		index = "workitem_patient"
		and("w.patient = ?", norm.NFC.String(n.Patient))
	}
	switch {
	case len(n.States) == 1 && n.Patient == "":
		index = "workitem_state"
		and("w.state = ?", int64(n.States[0]))
	case len(n.States) > 0:
		and("w.state IN (SELECT value FROM json_each(?))", list(workitemStates(n.States)))
	}
	if len(n.UIDs) > 0 {
		index = "workitem_uid"
		and("w.uid IN (SELECT value FROM json_each(?))", list(n.UIDs))
	}
	if n.From != "" {
		and("w.starts >= ?", n.From)
	}
	if n.To != "" {
		and("w.starts <= ?", n.To)
	}
	if after != (ups.Position{}) {
		and("(w.starts, w.uid) > (?, ?)", after.Starts, string(after.UID))
	}
	return `SELECT ` + workitemColumns + ` FROM workitem w INDEXED BY ` + index + ` WHERE ` + strings.Join(where, " AND ") +
		` ORDER BY w.starts, w.uid LIMIT ?+0`, append(args, limit)
}

func workitemStates(states []ups.State) []int64 {
	out := make([]int64, len(states))
	for i, s := range states {
		out[i] = int64(s)
	}
	return out
}

// Old implements ups.ItemStore.
func (db *DB) Old(ctx context.Context, deleted bool, before time.Time, limit int) ([]ups.Ref, error) {
	text := `SELECT f.name, w.uid FROM workitem w INDEXED BY workitem_old CROSS JOIN facility f ON f.id = w.facility
		WHERE w.state >= 2 AND w.state IN (2, 3) AND w.changed < ? AND NOT EXISTS (SELECT 1 FROM workitem_subscription s WHERE s.uid = w.uid AND s.facility = w.facility AND s.lock = 1) LIMIT ?+0`
	if deleted {
		text = `SELECT f.name, w.uid FROM workitem w INDEXED BY workitem_old CROSS JOIN facility f ON f.id = w.facility WHERE w.state >= 2 AND w.state = 4 AND w.changed < ? LIMIT ?+0`
	}
	refs, err := collect(ctx, db.reader, func(rows *sql.Rows) (r ups.Ref, err error) { return r, rows.Scan(&r.Facility, &r.UID) }, text, before.UnixMicro(), limit)
	return refs, fail("sqlite.Old", "", err)
}

// Facilities implements ups.ItemStore.
func (db *DB) Facilities(scope halong.Scope) (names []halong.Facility) {
	for _, f := range db.facilities.visible(scope) {
		names = append(names, f.name)
	}
	return names
}
