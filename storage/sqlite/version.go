package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// Version gives one version of an instance, by its identity and digest: what Instances gives with AllVersions, at less cost. The
// error is of kind NotExist when it is not there.
func (db *DB) Version(ctx context.Context, id storage.Identity, d halong.Digest) (*storage.Instance, error) {
	const op = "sqlite.Version"
	facility, ok := db.facilities.get(id.Facility)
	if !ok {
		return nil, halong.E(op, halong.NotExist, id.SOP.Loggable(), nil)
	}
	se := &seriesRow{uid: string(id.Series), study: &studyRow{uid: string(id.Study)}}
	se.study.facility.name = id.Facility
	err := db.reader.QueryRow(ctx, `SELECT e.id, s.identity FROM study s INDEXED BY study_uid CROSS JOIN series e INDEXED BY series_uid
		WHERE s.uid = ? AND s.facility = ? AND e.uid = ? AND e.study = s.id`, string(id.Study), facility, string(id.Series)).Scan(&se.id, &se.study.identity)
	in := &instanceRow{}
	if err == nil {
		row := db.reader.QueryRow(ctx, `SELECT `+retrieveResult+` FROM instance i INDEXED BY instance_sop`+retrieveJoin+
			` WHERE i.series = ? AND i.sop = ? AND i.digest = ?`, se.id, string(id.SOP), d[:])
		err = in.scanRetrieve(row, []*seriesRow{se})
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, halong.E(op, halong.NotExist, id.SOP.Loggable(), nil)
	}
	if err == nil && len(in.instance.Manifest.Bulk) > 1 {
		err = db.fillPlaces(ctx, in.instance.Manifest.Bulk[1:])
	}
	return in.instance, fail(op, id.SOP.Loggable(), err)
}
