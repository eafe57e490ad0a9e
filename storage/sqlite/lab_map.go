package sqlite

import (
	"context"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

var _ storage.MapVersions = (*DB)(nil)

// AddMapVersion adds a row for a map that was loaded.
func (db *DB) AddMapVersion(t halong.Tx, m *storage.MapVersion) error {
	const op = "sqlite.AddMapVersion"
	tx, err := db.tx(op, t)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO lab_map (seq, name, version, digest, loaded, codes, units, segment, offset, length) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(m.Seq), m.Name, m.Version, m.Digest[:], m.Loaded.UnixMicro(), m.Codes, m.Units, int64(m.Place.Segment), m.Place.Offset, m.Place.Length)
	return fail(op, m.Name, err)
}

const mapVersions = `SELECT seq, name, version, digest, loaded, codes, units, segment, offset, length FROM lab_map ORDER BY seq DESC LIMIT ?+0`

// MapVersions gives the maps that were loaded last.
func (db *DB) MapVersions(ctx context.Context, limit int) ([]storage.MapVersion, error) {
	const op = "sqlite.MapVersions"
	rows, err := db.reader.Query(ctx, mapVersions, limit)
	if err != nil {
		return nil, fail(op, "", err)
	}
	defer rows.Close()
	var all []storage.MapVersion
	for rows.Next() {
		var m storage.MapVersion
		var digest []byte
		var loaded int64
		if err := rows.Scan(&m.Seq, &m.Name, &m.Version, &digest, &loaded, &m.Codes, &m.Units, &m.Place.Segment, &m.Place.Offset, &m.Place.Length); err != nil {
			return nil, fail(op, "", err)
		}
		m.Loaded = time.UnixMicro(loaded).UTC()
		if copy(m.Digest[:], digest) != len(m.Digest) {
			return nil, halong.E(op, halong.Corrupt, m.Name, nil)
		}
		all = append(all, m)
	}
	return all, fail(op, "", rows.Err())
}
