package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// blobRow is a blob that a transaction has looked up, or made known.
type blobRow struct {
	id    int64 // 0: has no row so far
	info  storage.BlobInfo
	place storage.Place
}

// digestKey gives the eight bytes by which digests are indexed.
func digestKey(d halong.Digest) int64 { return int64(binary.BigEndian.Uint64(d[:8])) }

const selectBlob = `SELECT digest, size, prefix, segment, offset, length, refs FROM blob `

func scanBlob(scan func(...any) error) (r storage.BlobRow, err error) {
	var digest []byte
	var prefix int64
	err = scan(&digest, &r.Size, &prefix, &r.Place.Segment, &r.Place.Offset, &r.Place.Length, &r.Refs)
	copy(r.Digest[:], digest)
	r.Prefix = uint64(prefix)
	return r, err
}

// Blob gives a live blob's row.
func (db *DB) Blob(ctx context.Context, d halong.Digest) (storage.BlobRow, bool, error) {
	return db.blob("sqlite.Blob", d.String(), db.reader.QueryRow(ctx, selectBlob+`WHERE key = ? AND digest = ? AND deleting = 0`, digestKey(d), d[:]))
}

// BlobByPrefix gives the newest live blob with the fingerprint.
func (db *DB) BlobByPrefix(ctx context.Context, prefix uint64) (storage.BlobRow, bool, error) {
	if prefix == 0 {
		return storage.BlobRow{}, false, nil
	}
	return db.blob("sqlite.BlobByPrefix", "", db.reader.QueryRow(ctx, selectBlob+`WHERE prefix = ? AND prefix <> 0 AND deleting = 0
		ORDER BY id DESC LIMIT 1`, int64(prefix)))
}

func (db *DB) blob(op, ref string, row *sql.Row) (storage.BlobRow, bool, error) {
	r, err := scanBlob(row.Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return storage.BlobRow{}, false, nil
	}
	return r, err == nil, fail(op, ref, err)
}

// AddBlob makes sure that the blob has a live row when the transaction commits. See storage.BlobIndex.
//
// A blob that is marked deleting does not count: a second row is made beside it,
// unless both lie in the file that is named by the digest. Whoever gives that place has the file
// in hold, so it is there and stays, and the row comes back to life.
func (db *DB) AddBlob(t halong.Tx, info storage.BlobInfo, p *storage.Place) (used, found bool, err error) {
	const op = "sqlite.AddBlob"
	tx, err := db.tx(op, t)
	if err != nil {
		return false, false, err
	}
	b, marked, err := tx.lookUp(info.Digest)
	if err != nil {
		return false, false, fail(op, info.Digest.String(), err)
	}
	switch {
	case b != nil:
		return false, true, nil
	case p == nil:
		return false, false, nil
	case marked != 0 && p.Segment == 0:
		_, err := tx.Exec(`UPDATE blob SET deleting = 0, since = ? WHERE id = ?`, tx.db.options.Now().UnixMicro(), marked)
		if err != nil {
			return false, false, fail(op, info.Digest.String(), err)
		}
		tx.blobs = append(tx.blobs, blobRow{id: marked, info: info})
		return true, true, nil
	}
	tx.blobs = append(tx.blobs, blobRow{info: info, place: *p})
	return true, true, nil
}

// lookUp finds a live blob; nil if there is none. marked is the row, if there is one, of a
// blob in a file of its own that is marked deleting.
func (tx *Tx) lookUp(d halong.Digest) (b *blobRow, marked int64, err error) {
	for i := range tx.blobs {
		if tx.blobs[i].info.Digest == d {
			return &tx.blobs[i], 0, nil
		}
	}
	rows, err := tx.Query(`SELECT id, deleting, segment FROM blob WHERE key = ? AND digest = ?`, digestKey(d), d[:])
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, segment int64
		var deleting bool
		if err := rows.Scan(&id, &deleting, &segment); err != nil {
			return nil, 0, err
		}
		if !deleting {
			tx.blobs = append(tx.blobs, blobRow{id: id, info: storage.BlobInfo{Digest: d}})
			b = &tx.blobs[len(tx.blobs)-1]
		} else if segment == 0 {
			marked = id
		}
	}
	return b, marked, rows.Err()
}

var errNoBlob = errors.New("a part has no live blob")

// reference counts a reference to each blob. It gives the row of the first, 0 if there is none.
func (tx *Tx) reference(digests []halong.Digest) (first int64, err error) {
	for i, d := range digests {
		b, _, err := tx.lookUp(d)
		switch {
		case err != nil:
			return 0, err
		case b == nil:
			return 0, halong.E("sqlite.reference", halong.Internal, d.String(), errNoBlob)
		case b.id == 0:
			err = tx.insertBlob(b, 1)
		default:
			_, err = tx.Exec(`UPDATE blob SET refs = refs + 1 WHERE id = ?`, b.id)
		}
		if err != nil {
			return 0, err
		}
		if i == 0 {
			first = b.id
		}
	}
	return first, nil
}

// parts gives the digests of the blobs that an object owns.
func parts(m *storage.Manifest, headApart bool) []halong.Digest {
	digests := make([]halong.Digest, 0, len(m.Bulk)+1)
	for i := range m.Bulk {
		digests = append(digests, m.Bulk[i].Digest)
	}
	if headApart {
		digests = append(digests, m.Head)
	}
	return digests
}

func (tx *Tx) insertBlob(b *blobRow, refs int) error {
	var since int64
	if refs == 0 {
		since = tx.db.options.Now().UnixMicro()
	}
	r, err := tx.Exec(`INSERT INTO blob (key, digest, size, prefix, segment, offset, length, refs, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		digestKey(b.info.Digest), b.info.Digest[:], b.info.Size, int64(b.info.Prefix), b.place.Segment, b.place.Offset, b.place.Length, refs, since)
	if err != nil {
		return err
	}
	b.id, err = r.LastInsertId()
	return err
}

// settle ends a caller's part: blobs it made known and never referenced get their rows.
func (tx *Tx) settle() error {
	for i := range tx.blobs {
		if tx.blobs[i].id == 0 {
			if err := tx.insertBlob(&tx.blobs[i], 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// release takes references back.
func (tx *Tx) release(digests []halong.Digest) error {
	for _, d := range digests {
		_, err := tx.Exec(`UPDATE blob SET since = CASE refs WHEN 1 THEN ? ELSE since END, refs = refs - 1
			WHERE key = ? AND digest = ? AND deleting = 0`, tx.db.options.Now().UnixMicro(), digestKey(d), d[:])
		if err != nil {
			return err
		}
	}
	return nil
}
