package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

var _ storage.CommitmentIndex = (*DB)(nil)

const commitmentColumns = `c.id, f.name, c.peer, c.uid, c.received, c.due, c.attempts, c.state`

const commitmentFrom = ` FROM commitment c JOIN facility f ON f.id = c.facility `

// errOtherItems says that a Transaction UID was used twice.
var errOtherItems = errors.New("the transaction UID is in use for other instances")

// AddCommitment implements storage.CommitmentIndex.
func (db *DB) AddCommitment(ctx context.Context, c *storage.Commitment) error {
	const op = "sqlite.AddCommitment"
	items, err := json.Marshal(c.Items)
	if err != nil {
		return halong.E(op, halong.Internal, string(c.Transaction), err)
	}
	err = db.Update(ctx, func(t halong.Tx) error {
		tx, err := db.tx(op, t)
		if err != nil {
			return err
		}
		facility, err := tx.Facility(c.Facility)
		if err != nil {
			return err
		}
		known, err := tx.commitment(`WHERE c.peer = ? AND c.facility = ? AND c.uid = ?`, c.Peer, facility, string(c.Transaction))
		if err == nil {
			return tx.repeated(c, known)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		r, err := tx.Exec(`INSERT INTO commitment (facility, peer, uid, received, due, attempts, state, items) VALUES (?, ?, ?, ?, ?, 0, 0, ?)`,
			facility, c.Peer, string(c.Transaction), c.Received.UnixMicro(), c.Due.UnixMicro(), items)
		if err != nil {
			return err
		}
		c.ID, err = r.LastInsertId()
		return err
	})
	return fail(op, string(c.Transaction), err)
}

// repeated answers a request that is known.
func (tx *Tx) repeated(c, known *storage.Commitment) error {
	same := func(a, b storage.CommitmentItem) bool {
		return a.SOPClass == b.SOPClass && a.SOPInstance == b.SOPInstance
	}
	if !slices.EqualFunc(c.Items, known.Items, same) {
		return halong.E("sqlite.AddCommitment", halong.Conflict, string(c.Transaction), errOtherItems)
	}
	c.ID = known.ID
	if known.State != storage.CommitmentDone {
		_, err := tx.Exec(`UPDATE commitment SET due = ? WHERE id = ?`, c.Due.UnixMicro(), c.ID) // the peer is there again
		return err
	}
	_, err := tx.Exec(`UPDATE commitment SET received = ?, due = ?, attempts = 0, state = 0 WHERE id = ?`, c.Received.UnixMicro(), c.Due.UnixMicro(), c.ID)
	return err
}

func (tx *Tx) commitment(where string, args ...any) (*storage.Commitment, error) {
	return scanCommitment(tx.QueryRow(`SELECT `+commitmentColumns+`, c.items`+commitmentFrom+where, args...))
}

func scanCommitment(row scanner) (*storage.Commitment, error) {
	c := &storage.Commitment{}
	var items []byte
	if err := scanCommitmentHead(row, c, &items); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(items, &c.Items); err != nil {
		return nil, halong.E("sqlite.Commitment", halong.Corrupt, string(c.Transaction), err)
	}
	return c, nil
}

func scanCommitmentHead(row scanner, c *storage.Commitment, more ...any) error {
	var received, due int64
	err := row.Scan(append([]any{&c.ID, &c.Facility, &c.Peer, &c.Transaction, &received, &due, &c.Attempts, &c.State}, more...)...)
	c.Received, c.Due = time.UnixMicro(received).UTC(), time.UnixMicro(due).UTC()
	return err
}

// SaveCommitment implements storage.CommitmentIndex.
func (db *DB) SaveCommitment(ctx context.Context, c *storage.Commitment) error {
	const op = "sqlite.SaveCommitment"
	items, err := json.Marshal(c.Items)
	if err != nil {
		return halong.E(op, halong.Internal, string(c.Transaction), err)
	}
	return fail(op, string(c.Transaction), db.Update(ctx, func(t halong.Tx) error {
		tx, err := db.tx(op, t)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE commitment SET due = ?, attempts = ?, state = ?, items = ? WHERE id = ?`,
			c.Due.UnixMicro(), c.Attempts, int64(c.State), items, c.ID)
		return err
	}))
}

// Commitment implements storage.CommitmentIndex.
func (db *DB) Commitment(ctx context.Context, id int64) (*storage.Commitment, error) {
	const op = "sqlite.Commitment"
	c, err := scanCommitment(db.reader.QueryRow(ctx, `SELECT `+commitmentColumns+`, c.items`+commitmentFrom+`WHERE c.id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, halong.E(op, halong.NotExist, "", nil)
	}
	return c, fail(op, "", err)
}

// OpenCommitments implements storage.CommitmentIndex.
func (db *DB) OpenCommitments(ctx context.Context) ([]storage.Commitment, error) {
	all, err := collect(ctx, db.reader, func(rows *sql.Rows) (storage.Commitment, error) {
		c := &storage.Commitment{}
		err := scanCommitmentHead(rows, c)
		return *c, err
	}, `SELECT `+commitmentColumns+commitmentFrom+`WHERE c.state < 2 ORDER BY c.id`)
	return all, fail("sqlite.OpenCommitments", "", err)
}

// ForgetCommitments implements storage.CommitmentIndex.
func (db *DB) ForgetCommitments(ctx context.Context, before time.Time) error {
	const op = "sqlite.ForgetCommitments"
	var old bool // as a rule there is none, and nothing is to be synced for that
	err := db.reader.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM commitment WHERE received < ?)`, before.UnixMicro()).Scan(&old)
	if err != nil || !old {
		return fail(op, "", err)
	}
	return fail(op, "", db.Update(ctx, func(t halong.Tx) error {
		tx, err := db.tx(op, t)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM commitment WHERE received < ?`, before.UnixMicro())
		return err
	}))
}

// locatePage is how many series are looked through in one statement.
const locatePage = 256

// seriesPlace is what Locate knows of a series.
type seriesPlace struct {
	id, instances int64
	study, series dicom.UID
}

// Locate implements storage.CommitmentIndex.
//
// There is no index by SOP Instance UID alone: it would be one of random keys, and every object stored would pay for it. Who
// asks for commitment has just stored, so series are looked through from the newest on until all is found. What is nowhere
// costs a look into each series of the facility: one seek for each UID, or reading the series' UIDs where that is less.
func (db *DB) Locate(ctx context.Context, f halong.Facility, sops []dicom.UID) (map[dicom.UID]storage.Identity, error) {
	const op = "sqlite.Locate"
	found := make(map[dicom.UID]storage.Identity, len(sops))
	facility, ok := db.facilities.get(f)
	if !ok {
		return found, nil
	}
	rest := make(map[string]struct{}, len(sops))
	for _, u := range sops {
		rest[string(u)] = struct{}{}
	}
	for before := int64(1<<63 - 1); len(rest) > 0; {
		page, err := collect(ctx, db.reader, func(rows *sql.Rows) (k seriesPlace, err error) {
			return k, rows.Scan(&k.id, &k.instances, &k.study, &k.series)
		}, `SELECT e.id, e.instances, s.uid, e.uid FROM series e NOT INDEXED CROSS JOIN study s
			WHERE e.id < ? AND s.id = e.study AND s.facility = ? ORDER BY e.id DESC LIMIT ?+0`, before, facility, locatePage)
		if err != nil {
			return nil, fail(op, "", err)
		}
		if len(page) == 0 {
			break
		}
		before = page[len(page)-1].id
		if err := db.locateIn(ctx, f, page, rest, found); err != nil {
			return nil, fail(op, "", err)
		}
	}
	return found, nil
}

// locateIn looks through some series, and moves what it finds from rest to found.
func (db *DB) locateIn(ctx context.Context, f halong.Facility, page []seriesPlace, rest map[string]struct{}, found map[dicom.UID]storage.Identity) error {
	ids, by, instances := make([]int64, len(page)), make(map[int64]seriesPlace, len(page)), int64(0)
	for i, k := range page {
		ids[i], by[k.id] = k.id, k
		instances += k.instances
	}
	text := `SELECT i.series, i.sop FROM instance i INDEXED BY instance_sop WHERE i.series IN (SELECT value FROM json_each(?))`
	args := []any{list(ids)}
	if int64(len(rest)*len(page)) < instances {
		var wanted []string
		for u := range rest {
			wanted = append(wanted, u)
		}
		text += ` AND i.sop IN (SELECT value FROM json_each(?))`
		args = append(args, list(wanted))
	}
	rows, err := db.reader.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	newest := make(map[string]int64)
	for rows.Next() {
		var series int64
		var sop string
		if err := rows.Scan(&series, &sop); err != nil {
			return err
		}
		if _, wanted := rest[sop]; wanted {
			newest[sop] = max(newest[sop], series)
		}
	}
	for sop, id := range newest {
		delete(rest, sop)
		found[dicom.UID(sop)] = storage.Identity{Facility: f, Study: by[id].study, Series: by[id].series, SOP: dicom.UID(sop)}
	}
	return rows.Err()
}
