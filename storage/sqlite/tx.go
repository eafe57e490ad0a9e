package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/halong-gateway/halong"
)

// Tx is one caller's part of a transaction: a halong.Tx. It is valid, on the
// goroutine that runs the caller's function, until that function returns.
type Tx struct {
	db      *DB
	done    bool
	again   bool // what it did cannot be taken back without a savepoint: all of it is to be done again, carefully
	careful bool
	stuck   error // why a part that failed could not be taken back: all of it fails, also if the caller says otherwise
	events  []halong.Event
	counts  []change  // what instances were added to or taken from series
	blobs   []blobRow // that were looked up, or made known by AddBlob

	facilities map[halong.Facility]int64 // that it added
	identities reidentified
}

// HalongTx marks Tx as a halong.Tx.
func (*Tx) HalongTx() {}

var errForeignTx = errors.New("the transaction is over, or another adapter's")

var errAgain = errors.New("the transaction is to be done again")

// tx gives the adapter's own transaction behind a handle.
func (db *DB) tx(op string, t halong.Tx) (*Tx, error) {
	tx, ok := t.(*Tx)
	if !ok || tx == nil || tx.db != db || tx.done {
		return nil, halong.E(op, halong.Internal, "", errForeignTx)
	}
	return tx, nil
}

// txOf gives it with the key of a facility.
func (db *DB) txOf(op string, t halong.Tx, f halong.Facility) (*Tx, int64, error) {
	tx, err := db.tx(op, t)
	if err != nil {
		return nil, 0, err
	}
	key, err := tx.Facility(f)
	return tx, key, fail(op, string(f), err)
}

// Exec runs a statement that gives no rows. Statements are prepared once and
// kept by their text, so texts are constants and values go into args.
func (tx *Tx) Exec(query string, args ...any) (sql.Result, error) {
	if tx.again {
		return nil, errAgain
	}
	return tx.db.writer.exec(query, args...)
}

// Query runs a statement that gives rows. They must be closed before the
// transaction's function returns.
func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	if tx.again {
		return nil, errAgain
	}
	tx.db.writer.reads(query)
	return tx.db.writer.query(context.Background(), query, args...)
}

// QueryRow runs a statement that gives at most one row.
func (tx *Tx) QueryRow(query string, args ...any) *sql.Row {
	ctx := context.Background()
	if tx.again {
		over, cancel := context.WithCancel(ctx)
		cancel()
		ctx = over // Scan gives the error
	}
	tx.db.writer.reads(query)
	return tx.db.writer.queryRow(ctx, query, args...)
}

// Facility gives the key that rows of this file bear for a facility, and adds
// the facility if it is new.
func (tx *Tx) Facility(f halong.Facility) (int64, error) { return tx.db.facilities.add(tx, f) }
