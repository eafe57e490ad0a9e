package sqlite

import (
	"context"
	"iter"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// AddQuarantine adds an entry, and a reference for each blob it owns.
func (db *DB) AddQuarantine(t halong.Tx, e *storage.QuarantineEntry) error {
	const op = "sqlite.AddQuarantine"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	return fail(op, "", tx.addQuarantine(e))
}

func (tx *Tx) addQuarantine(e *storage.QuarantineEntry) error {
	facility, err := tx.Facility(e.Facility)
	if err != nil {
		return err
	}
	source, err := tx.Source(e.Source)
	if err != nil {
		return err
	}
	if _, err := tx.reference(parts(&e.Manifest, e.HeadApart)); err != nil {
		return err
	}
	digest := e.Manifest.Digest()
	_, err = tx.Exec(`INSERT INTO quarantine (seq, facility, source, received, reason, digest, manifest,
			head_segment, head_offset, head_length, env_segment, env_offset, env_length, env_tail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(e.Seq), facility, source, e.Received.UnixMicro(), e.Reason, digest[:], e.Manifest.Append(nil),
		e.Head.Segment, e.Head.Offset, e.Head.Length, e.Envelope.Segment, e.Envelope.Offset, e.Envelope.Length, e.EnvelopeTail)
	return err
}

// HasQuarantine tells whether an object with the manifest digest is in quarantine.
func (db *DB) HasQuarantine(ctx context.Context, f halong.Facility, manifest halong.Digest) (bool, error) {
	facility, ok := db.facilities.get(f)
	if !ok {
		return false, nil
	}
	var n int
	err := db.reader.QueryRow(ctx, `SELECT count(*) FROM quarantine WHERE facility = ? AND digest = ?`, facility, manifest[:]).Scan(&n)
	return n > 0, fail("sqlite.HasQuarantine", "", err)
}

const selectQuarantine = `SELECT q.seq, f.name, s.protocol, s.peer, s.address, q.received, q.reason, q.manifest,
		q.head_segment, q.head_offset, q.head_length, q.env_segment, q.env_offset, q.env_length, q.env_tail
	FROM quarantine q JOIN facility f ON f.id = q.facility JOIN source s ON s.id = q.source
	WHERE q.seq > ? ORDER BY q.seq LIMIT ?+0`

// Quarantine gives the entries that the scope sees, in order of arrival. They are
// read page by page: no transaction stays open while the caller works.
func (db *DB) Quarantine(ctx context.Context, scope halong.Scope) iter.Seq2[*storage.QuarantineEntry, error] {
	const op = "sqlite.Quarantine"
	return func(yield func(*storage.QuarantineEntry, error) bool) {
		var last uint64
		for {
			page, err := db.quarantinePage(ctx, last)
			if err != nil {
				yield(nil, fail(op, "", err))
				return
			}
			for _, e := range page {
				last = e.Seq
				if !scope.Sees(e.Facility) {
					continue
				}
				if err := db.fillPlaces(ctx, e.Manifest.Bulk); err != nil {
					yield(nil, fail(op, "", err))
					return
				}
				if !yield(e, nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}

func (db *DB) quarantinePage(ctx context.Context, after uint64) ([]*storage.QuarantineEntry, error) {
	rows, err := db.reader.Query(ctx, selectQuarantine, int64(after), pageSize)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []*storage.QuarantineEntry
	for rows.Next() {
		e := &storage.QuarantineEntry{}
		var seq, received int64
		var manifest []byte
		if err := rows.Scan(&seq, &e.Facility, &e.Source.Protocol, &e.Source.Peer, &e.Source.Address, &received, &e.Reason, &manifest,
			&e.Head.Segment, &e.Head.Offset, &e.Head.Length, &e.Envelope.Segment, &e.Envelope.Offset, &e.Envelope.Length, &e.EnvelopeTail); err != nil {
			return nil, err
		}
		e.Seq, e.Received, e.HeadApart = uint64(seq), time.UnixMicro(received).UTC(), e.Head.Segment == 0
		if e.Manifest, err = storage.ParseManifest(manifest); err != nil {
			return nil, err
		}
		page = append(page, e)
	}
	return page, rows.Err()
}

// fillPlaces looks up where bulk values lie.
func (db *DB) fillPlaces(ctx context.Context, bulk []storage.Bulk) error {
	for i := range bulk {
		b := &bulk[i]
		row, ok, err := db.Blob(ctx, b.Digest)
		if err != nil {
			return err
		}
		if !ok {
			return halong.E("sqlite.fillPlaces", halong.Corrupt, b.Digest.String(), errNoBlob)
		}
		b.Place = row.Place
	}
	return nil
}

// pageSize is how many rows are read at a time from a pooled connection, so that
// it is given back before the caller works on them.
const pageSize = 256
