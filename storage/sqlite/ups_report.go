package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/worklist/ups"
)

// Queue implements ups.ReportStore.
func (db *DB) Queue(t halong.Tx, r ups.Report, aes []dicom.AETitle, limit ups.Limit) (dropped int, err error) {
	const op = "sqlite.Queue"
	tx, facility, err := db.txOf(op, t, r.Facility)
	if err != nil {
		return 0, err
	}
	for _, ae := range aes {
		n, err := tx.queue(facility, ae, &r, limit)
		if err != nil {
			return dropped, fail(op, string(r.UID), err)
		}
		dropped += n
	}
	return dropped, nil
}

// queue adds a report for one AE.
func (tx *Tx) queue(facility int64, ae dicom.AETitle, r *ups.Report, limit ups.Limit) (dropped int, err error) {
	_, err = tx.Exec(`INSERT INTO workitem_report (facility, ae, key, type, uid, info, at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		facility, string(ae), int64(r.Key), int64(r.Type), string(r.UID), r.Info, r.At.UnixMicro())
	if err != nil {
		return 0, err
	}
	var reports int
	var bytes int64
	err = tx.QueryRow(`INSERT INTO workitem_waiting (facility, ae, reports, bytes) VALUES (?1, ?2, 1, ?3)
		ON CONFLICT (facility, ae) DO UPDATE SET reports = reports + 1, bytes = bytes + ?3 RETURNING reports, bytes`, facility, string(ae), len(r.Info)).Scan(&reports, &bytes)
	for err == nil && (reports > limit.Reports || bytes > limit.Bytes) && reports > 1 {
		var id, size int64
		err = tx.QueryRow(`SELECT id, length(info) FROM workitem_report INDEXED BY workitem_report_ae WHERE facility = ? AND ae = ? ORDER BY id LIMIT 1`, facility, string(ae)).Scan(&id, &size)
		if err == nil {
			err = tx.unqueue(facility, ae, id, size)
		}
		reports, bytes, dropped = reports-1, bytes-size, dropped+1
	}
	return dropped, err
}

// unqueue removes one report.
func (tx *Tx) unqueue(facility int64, ae dicom.AETitle, id, size int64) error {
	if _, err := tx.Exec(`DELETE FROM workitem_report WHERE id = ?`, id); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE workitem_waiting SET reports = reports - 1, bytes = bytes - ? WHERE facility = ? AND ae = ?`, size, facility, string(ae))
	return err
}

// WaitingReports implements ups.ReportStore.
func (db *DB) WaitingReports(ctx context.Context, f halong.Facility, ae dicom.AETitle, after int64, limit int) ([]ups.Report, error) {
	const op = "sqlite.WaitingReports"
	facility, ok := db.facilities.get(f)
	if !ok {
		return nil, nil
	}
	all, err := collect(ctx, db.reader, func(rows *sql.Rows) (r ups.Report, err error) {
		var key, at int64
		err = rows.Scan(&r.ID, &key, &r.Type, &r.UID, &r.Info, &at)
		r.Facility, r.AE, r.Key, r.At = f, ae, uint64(key), time.UnixMicro(at).UTC()
		return r, err
	}, `SELECT id, key, type, uid, info, at FROM workitem_report INDEXED BY workitem_report_ae WHERE facility = ? AND ae = ? AND id > ? ORDER BY id LIMIT ?+0`,
		facility, string(ae), after, limit)
	return all, fail(op, string(ae), err)
}

// Delivered implements ups.ReportStore.
func (db *DB) Delivered(t halong.Tx, f halong.Facility, ae dicom.AETitle, keys []uint64) error {
	const op = "sqlite.Delivered"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		if _, err = tx.Exec(`DELETE FROM workitem_report WHERE facility = ? AND ae = ?`, facility, string(ae)); err == nil {
			_, err = tx.Exec(`DELETE FROM workitem_waiting WHERE facility = ? AND ae = ?`, facility, string(ae))
		}
		return fail(op, string(ae), err)
	}
	for _, key := range keys {
		var id, size int64
		err := tx.QueryRow(`SELECT id, length(info) FROM workitem_report INDEXED BY workitem_report_key WHERE facility = ? AND ae = ? AND key = ? ORDER BY id LIMIT 1`,
			facility, string(ae), int64(key)).Scan(&id, &size)
		if errors.Is(err, sql.ErrNoRows) {
			continue // dropped meanwhile
		}
		if err == nil {
			err = tx.unqueue(facility, ae, id, size)
		}
		if err != nil {
			return fail(op, string(ae), err)
		}
	}
	return nil
}
