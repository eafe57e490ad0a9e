package sqlite

import (
	"context"

	"github.com/halong-gateway/halong/storage"
)

// saveSegments remembers, in the transaction that is being committed, how far
// segments are durable.
func (db *DB) saveSegments(states []storage.SegmentState) error {
	for _, s := range states {
		_, err := db.writer.exec(`INSERT INTO segment (id, bulk, synced, sealed, next) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET bulk = excluded.bulk, synced = excluded.synced, sealed = excluded.sealed, next = excluded.next`,
			int64(s.ID), s.Bulk, s.Synced, s.Sealed, int64(s.Next))
		if err != nil {
			return err
		}
	}
	return nil
}

// Segments gives the states that were committed last, in ascending order of ID.
func (db *DB) Segments(ctx context.Context) ([]storage.SegmentState, error) {
	const op = "sqlite.Segments"
	rows, err := db.reader.Query(ctx, `SELECT id, bulk, synced, sealed, next FROM segment ORDER BY id`)
	if err != nil {
		return nil, fail(op, "", err)
	}
	defer rows.Close()
	var all []storage.SegmentState
	for rows.Next() {
		var s storage.SegmentState
		var next int64
		if err := rows.Scan(&s.ID, &s.Bulk, &s.Synced, &s.Sealed, &next); err != nil {
			return nil, fail(op, "", err)
		}
		s.Next = uint64(next)
		all = append(all, s)
	}
	return all, fail(op, "", rows.Err())
}
