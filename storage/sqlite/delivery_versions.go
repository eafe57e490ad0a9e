package sqlite

import (
	"context"
	"time"

	"github.com/halong-gateway/halong/storage"
)

// VersionsBetween counts the versions of an instance's identity that came after a time, up to the one given; at most limit.
func (db *DB) VersionsBetween(ctx context.Context, in *storage.Instance, after time.Time, limit int) (n int, err error) {
	err = db.reader.QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM instance me CROSS JOIN instance i INDEXED BY instance_sop
		ON i.series = me.series AND i.sop = me.sop AND i.version BETWEEN me.version - ?3 + 1 AND me.version
		WHERE me.id = ?1 AND i.received > ?2)`, in.ID, after.UnixMicro(), limit).Scan(&n)
	return n, fail("sqlite.VersionsBetween", in.SOP.Loggable(), err)
}
