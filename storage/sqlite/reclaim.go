package sqlite

import (
	"context"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// Unreferenced gives blobs that lost their last reference before the time given, the longest ago
// first, also those a collection that was cut off has marked deleting.
func (db *DB) Unreferenced(ctx context.Context, before time.Time, limit int) ([]storage.BlobRow, error) {
	const op = "sqlite.Unreferenced"
	rows, err := db.reader.Query(ctx, selectBlob+`WHERE refs = 0 AND (since < ? OR deleting = 1) ORDER BY since, id LIMIT ?+0`, before.UnixMicro(), limit)
	if err != nil {
		return nil, fail(op, "", err)
	}
	defer rows.Close()
	var all []storage.BlobRow
	for rows.Next() {
		r, err := scanBlob(rows.Scan)
		if err != nil {
			return nil, fail(op, "", err)
		}
		all = append(all, r)
	}
	return all, fail(op, "", rows.Err())
}

// The row of a blob at a place: several rows may be of one digest, but each has its own place.
const blobAt = ` WHERE key = ? AND digest = ? AND segment = ? AND offset = ?`

// MarkDeleting takes an unreferenced blob out of use. See storage.BlobIndex.
func (db *DB) MarkDeleting(t halong.Tx, d halong.Digest, at storage.Place) (bool, error) {
	const op = "sqlite.MarkDeleting"
	tx, err := db.tx(op, t)
	if err != nil {
		return false, err
	}
	r, err := tx.Exec(`UPDATE blob SET deleting = 1`+blobAt+` AND refs = 0`, digestKey(d), d[:], at.Segment, at.Offset)
	if err != nil {
		return false, fail(op, d.String(), err)
	}
	n, err := r.RowsAffected()
	return n > 0, fail(op, d.String(), err)
}

// ForgetBlob removes a row that is marked deleting.
func (db *DB) ForgetBlob(t halong.Tx, d halong.Digest, at storage.Place) error {
	const op = "sqlite.ForgetBlob"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`DELETE FROM blob`+blobAt+` AND deleting = 1`, digestKey(d), d[:], at.Segment, at.Offset)
	return fail(op, d.String(), err)
}

// BlobAt tells what is known of the blob at a place.
func (db *DB) BlobAt(ctx context.Context, d halong.Digest, at storage.Place) (storage.BlobState, error) {
	const op = "sqlite.BlobAt"
	rows, err := db.reader.Query(ctx, `SELECT deleting FROM blob`+blobAt, digestKey(d), d[:], at.Segment, at.Offset)
	if err != nil {
		return storage.BlobUnknown, fail(op, d.String(), err)
	}
	defer rows.Close()
	state := storage.BlobUnknown
	for rows.Next() {
		var deleting bool
		if err := rows.Scan(&deleting); err != nil {
			return state, fail(op, d.String(), err)
		}
		state = storage.BlobLive
		if deleting {
			state = storage.BlobDeleting
		}
	}
	return state, fail(op, d.String(), rows.Err())
}

// MoveBlob changes the place of a live blob, if it still is from.
func (db *DB) MoveBlob(t halong.Tx, d halong.Digest, from, to storage.Place) error {
	const op = "sqlite.MoveBlob"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE blob SET segment = ?, offset = ?, length = ?`+blobAt+` AND deleting = 0`,
		to.Segment, to.Offset, to.Length, digestKey(d), d[:], from.Segment, from.Offset)
	return fail(op, d.String(), err)
}

// LiveBlobs sums up the live blobs of each segment, from an index over segment and length alone.
func (db *DB) LiveBlobs(ctx context.Context) (map[uint32]storage.LiveBlobs, error) {
	const op = "sqlite.LiveBlobs"
	rows, err := db.reader.Query(ctx, `SELECT segment, count(*), sum(length) FROM blob WHERE segment <> 0 AND deleting = 0 GROUP BY segment`)
	if err != nil {
		return nil, fail(op, "", err)
	}
	defer rows.Close()
	all := map[uint32]storage.LiveBlobs{}
	for rows.Next() {
		var segment uint32
		var l storage.LiveBlobs
		if err := rows.Scan(&segment, &l.Blobs, &l.Bytes); err != nil {
			return nil, fail(op, "", err)
		}
		all[segment] = l
	}
	return all, fail(op, "", rows.Err())
}

// HasLiveBlobs tells whether a segment holds a live blob.
func (db *DB) HasLiveBlobs(ctx context.Context, segment uint32) (bool, error) {
	var n int
	err := db.reader.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM blob WHERE segment = ? AND segment <> 0 AND deleting = 0)`, segment).Scan(&n)
	return n > 0, fail("sqlite.HasLiveBlobs", "", err)
}

// StoreGeneration gives the generation of the blob store that was committed last.
func (db *DB) StoreGeneration(ctx context.Context) (uint64, error) {
	var g int64
	err := db.reader.QueryRow(ctx, `SELECT store FROM generation WHERE id = 1`).Scan(&g)
	return uint64(g), fail("sqlite.StoreGeneration", "", err)
}

// SetStoreGeneration changes it with the transaction.
func (db *DB) SetStoreGeneration(t halong.Tx, g uint64) error {
	const op = "sqlite.SetStoreGeneration"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE generation SET store = ? WHERE id = 1`, int64(g))
	return fail(op, "", err)
}
