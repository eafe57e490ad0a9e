package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"strconv"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// UpdateMessage writes what became of a message.
func (db *DB) UpdateMessage(t halong.Tx, m *storage.Message) error {
	const op = "sqlite.UpdateMessage"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	r, err := tx.Exec(`UPDATE message SET state = ?, note = ?, version = ?, answers = ? WHERE seq = ?`,
		int64(m.State), m.Note, m.Version, storage.AppendAnswers(nil, m.Answers), int64(m.Seq))
	if err != nil {
		return fail(op, m.Key.Control, err)
	}
	if n, err := r.RowsAffected(); n == 0 || err != nil {
		return halong.E(op, halong.NotExist, strconv.FormatUint(m.Seq, 10), err)
	}
	return nil
}

// MessageIn gives a message that was taken as the transaction sees it.
func (db *DB) MessageIn(t halong.Tx, seq uint64) (*storage.Message, error) {
	const op = "sqlite.MessageIn"
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, err
	}
	m, err := scanMessage(tx.QueryRow(selectMessage+` WHERE m.seq = ?`, int64(seq)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, halong.E(op, halong.NotExist, strconv.FormatUint(seq, 10), nil)
	}
	return m, fail(op, "", err)
}

// unprocessed finds its rows in the index of kept messages, version by version.
const unprocessed = selectMessage + ` WHERE m.state = 0 AND m.version < ? AND m.seq > ? ORDER BY m.seq LIMIT ?+0`

// Unprocessed gives messages that were only kept by an earlier processing.
func (db *DB) Unprocessed(ctx context.Context, version int, after uint64, limit int) (all []*storage.Message, err error) {
	const op = "sqlite.Unprocessed"
	rows, err := db.reader.Query(ctx, unprocessed, version, int64(after), limit)
	if err != nil {
		return nil, fail(op, "", err)
	}
	defer rows.Close()
	for rows.Next() {
		m, err := scanMessage(rows)
		if err != nil {
			return nil, fail(op, "", err)
		}
		all = append(all, m)
	}
	return all, fail(op, "", rows.Err())
}

// Attempt runs fn and takes back what it wrote if it fails: by a savepoint of its own, or, in a transaction that goes on without
// savepoints until one is needed, by having all of it done again with them.
func (db *DB) Attempt(t halong.Tx, fn func() error) error {
	const op = "sqlite.Attempt"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	if tx.careful {
		if _, err := tx.Exec("SAVEPOINT attempt"); err != nil {
			return fail(op, "", err)
		}
	}
	before, mark, words, writes := *tx, db.log.Mark(), db.words.mark(), db.writer.writes
	before.facilities = maps.Clone(tx.facilities)
	failed := call(func(halong.Tx) error { return fn() }, tx)
	if failed == nil {
		if tx.careful {
			_, err = tx.Exec("RELEASE attempt")
		}
		return fail(op, "", err)
	}
	db.log.Rewind(mark)
	db.words.back(words)
	again := tx.again || !tx.careful && (db.writer.writes != writes || !db.intact())
	*tx = before
	if tx.again = again; again || !tx.careful {
		return failed
	}
	db.forgetKeys()
	_, err = tx.Exec("ROLLBACK TO attempt")
	if err == nil {
		_, err = tx.Exec("RELEASE attempt")
	}
	tx.stuck = fail(op, "", err)
	return errors.Join(failed, tx.stuck)
}
