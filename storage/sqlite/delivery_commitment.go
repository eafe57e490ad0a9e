package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/forward"
)

const selectAsked = `SELECT c.id, t.name, c.uid, c.asked, c.due, c.attempts FROM delivery_commitment c CROSS JOIN destination t ON t.id = c.destination `

func scanAsked(rows *sql.Rows) (c forward.Commitment, err error) {
	var asked, due int64
	err = rows.Scan(&c.ID, &c.Destination, &c.Transaction, &asked, &due, &c.Attempts)
	c.Asked, c.Due = moment(asked), moment(due)
	return c, err
}

// AskCommitment implements forward.Commitments. Nothing is written when there is nothing to ask for.
func (db *DB) AskCommitment(ctx context.Context, name string, transaction dicom.UID, now, due time.Time, limit int) (*forward.Commitment, error) {
	const op = "sqlite.AskCommitment"
	id, err := db.destinationID(ctx, op, name)
	if err != nil {
		return nil, err
	}
	const those = `SELECT id FROM delivery INDEXED BY delivery_committing WHERE destination = ? AND commitment = 0 AND state = 3 ORDER BY id LIMIT ?+0`
	var any bool
	if err := db.reader.QueryRow(ctx, `SELECT EXISTS (`+those+`)`, id, 1).Scan(&any); err != nil || !any {
		return nil, fail(op, name, err)
	}
	var c *forward.Commitment
	err = db.within(ctx, op, func(tx *Tx) error {
		c = nil
		r, err := tx.Exec(`INSERT INTO delivery_commitment (destination, uid, asked, due, attempts) VALUES (?, ?, ?, ?, 1)`,
			id, string(transaction), now.UnixMicro(), due.UnixMicro())
		if err != nil {
			return err
		}
		key, err := r.LastInsertId()
		if err != nil {
			return err
		}
		n, err := tx.affected(`UPDATE delivery SET commitment = ? WHERE id IN (`+those+`)`, key, id, limit)
		if err != nil {
			return err
		}
		if n == 0 { // they ended meanwhile
			_, err := tx.Exec(`DELETE FROM delivery_commitment WHERE id = ?`, key)
			return err
		}
		c = &forward.Commitment{ID: key, Destination: name, Transaction: transaction, Asked: now, Due: due, Attempts: 1}
		return nil
	})
	return c, err
}

// SaveCommitmentAsked implements forward.Commitments.
func (db *DB) SaveCommitmentAsked(ctx context.Context, c *forward.Commitment) error {
	return db.within(ctx, "sqlite.SaveCommitmentAsked", func(tx *Tx) error {
		_, err := tx.Exec(`UPDATE delivery_commitment SET uid = ?, due = ?, attempts = ? WHERE id = ?`, string(c.Transaction), c.Due.UnixMicro(), c.Attempts, c.ID)
		return err
	})
}

// CommitmentsDue implements forward.Commitments.
func (db *DB) CommitmentsDue(ctx context.Context, name string, now time.Time) ([]forward.Commitment, error) {
	all, err := collect(ctx, db.reader, scanAsked, selectAsked+`WHERE c.destination = (SELECT id FROM destination WHERE name = ?) AND c.due <= ? ORDER BY c.due, c.id LIMIT 100`, name, now.UnixMicro())
	return all, fail("sqlite.CommitmentsDue", name, err)
}

// CommitmentEntries implements forward.Commitments.
func (db *DB) CommitmentEntries(ctx context.Context, id int64) ([]forward.Entry, error) {
	all, err := collect(ctx, db.reader, scanEntry, `SELECT `+entryColumns+` FROM delivery_commitment c
		CROSS JOIN delivery d INDEXED BY delivery_committing ON d.destination = c.destination AND d.commitment = c.id AND d.state = 3
		CROSS JOIN destination t ON t.id = d.destination CROSS JOIN facility f ON f.id = d.facility WHERE c.id = ? ORDER BY d.id`, id)
	return all, fail("sqlite.CommitmentEntries", "", err)
}

// CommitmentOf implements forward.Commitments.
func (db *DB) CommitmentOf(ctx context.Context, transaction dicom.UID) (forward.Commitment, bool, error) {
	all, err := collect(ctx, db.reader, scanAsked, selectAsked+`WHERE c.uid = ?`, string(transaction))
	if err != nil || len(all) == 0 {
		return forward.Commitment{}, false, fail("sqlite.CommitmentOf", "", err)
	}
	return all[0], true, nil
}

// EndCommitment implements forward.Commitments.
func (db *DB) EndCommitment(ctx context.Context, id int64, now time.Time, results []forward.Result) error {
	return db.within(ctx, "sqlite.EndCommitment", func(tx *Tx) error {
		if err := tx.endDeliveries(forward.Committing, now, results); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM delivery_commitment WHERE id = ?`, id)
		return err
	})
}
