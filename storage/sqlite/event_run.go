package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/halong-gateway/halong/internal/forward"
)

// follow takes in that the next event is of a time, in microseconds, and tells whether a run begins with it.
func (h *head) follow(at int64) (begins bool) {
	if begins = !h.run || at < h.latest-forward.RunSlack.Microseconds(); begins {
		h.latest = at
	}
	h.run, h.latest = true, max(h.latest, at)
	return begins
}

// loadChain reads where the events end. The latest of the last run is at most RunSlack later than its last one.
func (db *DB) loadChain(ctx context.Context) error {
	var chain []byte
	h := &db.chain
	err := db.conn.QueryRowContext(ctx, `SELECT seq, time, chain, EXISTS (SELECT 1 FROM event_run) FROM event ORDER BY seq DESC LIMIT 1`).
		Scan(&h.seq, &h.latest, &chain, &h.run)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	h.latest += forward.RunSlack.Microseconds()
	copy(h.chain[:], chain)
	return err
}

// writeRuns notes with which events runs begin.
func (db *DB) writeRuns(first []uint64) error {
	for _, seq := range first {
		if _, err := db.writer.exec(`INSERT INTO event_run (first) VALUES (?)`, int64(seq)); err != nil {
			return err
		}
	}
	return nil
}

// EventRuns gives the numbers of the events with which runs begin, in order. See forward.Ledger.
func (db *DB) EventRuns(ctx context.Context) ([]uint64, error) {
	all, err := collect(ctx, db.reader, func(rows *sql.Rows) (seq uint64, err error) { return seq, rows.Scan(&seq) }, `SELECT first FROM event_run ORDER BY first`)
	return all, fail("sqlite.EventRuns", "", err)
}
