package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// FindMessages gives messages that the scope sees, the newest first. A page may be short, or empty, and yet have a next one: so many messages are looked at
// for each, and no more.
func (db *DB) FindMessages(ctx context.Context, scope halong.Scope, q storage.MessageQuery) (page storage.MessagePage, err error) {
	const op = "sqlite.FindMessages"
	if q.Limit <= 0 || q.Limit > storage.MaxMessagesFound {
		q.Limit = storage.MaxMessagesFound
	}
	if q.Patient != "" {
		return db.messagesOf(ctx, scope, &q)
	}
	query, bound := selectMessage, int64(storage.MaxMessagesSeen)
	if q.State == storage.MessageRefused.String() {
		query = selectRefused
	}
	before := int64(q.Before)
	if before == 0 {
		before = 1 << 62
	}
	rows, err := db.reader.Query(ctx, query+` WHERE m.seq < ? ORDER BY m.seq DESC LIMIT ?+0`, before, bound)
	if err != nil {
		return page, fail(op, "", err)
	}
	defer rows.Close()
	seen := int64(0)
	for rows.Next() {
		m, err := scanMessage(rows)
		if err != nil {
			return page, fail(op, "", err)
		}
		seen++
		page.Before = m.Seq
		if scope.Sees(m.Facility) && wanted(&q, m) {
			page.Messages = append(page.Messages, m)
		}
		if len(page.Messages) == q.Limit || older(&q, m) {
			break
		}
	}
	if err := rows.Err(); err != nil {
		return page, fail(op, "", err)
	}
	if len(page.Messages) < q.Limit && seen < bound {
		page.Before = 0
	}
	return page, nil
}

// older tells that no message before can be meant: it was received long before the time that is asked for. Clocks may be set back a
// little.
func older(q *storage.MessageQuery, m *storage.Message) bool {
	const slack = 24 * 60 * 60 * 1e6
	return !q.From.IsZero() && m.Received.UnixMicro() < q.From.UnixMicro()-slack
}

func wanted(q *storage.MessageQuery, m *storage.Message) bool {
	code, _, _ := strings.Cut(m.Type, "^")
	switch {
	case q.Control != "" && q.Control != m.Key.Control,
		q.Sender != "" && q.Sender != m.Key.Application && q.Sender != m.Key.Facility,
		q.Type != "" && q.Type != m.Type && q.Type != code,
		q.State != "" && q.State != m.State.String(),
		!q.From.IsZero() && m.Received.Before(q.From),
		!q.To.IsZero() && !m.Received.Before(q.To),
		q.Before != 0 && m.Seq >= q.Before:
		return false
	}
	return true
}

// withPatients are the patients that bear an identifier ?1.
const withPatients = `WITH p (id) AS (SELECT id FROM patient WHERE identifier = ?1 UNION SELECT patient FROM patient_other WHERE identifier = ?1) `

// recordsOf give the journal records before ?2, at most ?3 rows, in which results, orders and changes of patients came, the newest first. The record is
// the part of a report's and of an order's ID above its lower twenty bits.
var recordsOf = [...]string{
	`SELECT v.id >> 20 FROM p CROSS JOIN lab_version v ON v.patient = p.id WHERE v.id < ?2 << 20 ORDER BY v.id DESC LIMIT ?3+0`,
	`SELECT o.id >> 20 FROM p CROSS JOIN patient x ON x.id = p.id CROSS JOIN worklist_order o ON o.facility = x.facility AND o.patient_id = x.identifier
		WHERE o.id < ?2 << 20 ORDER BY o.id DESC LIMIT ?3+0`,
	`SELECT c.record FROM p CROSS JOIN patient_change c ON c.patient = p.id WHERE c.record < ?2 ORDER BY c.record DESC LIMIT ?3+0`,
	`SELECT c.record FROM p CROSS JOIN patient_change c ON c.other = p.id AND c.other <> 0 WHERE c.record < ?2 ORDER BY c.record DESC LIMIT ?3+0`,
}

// recordsAtOnce is how many rows of each of recordsOf are read at first; then four times as many.
const recordsAtOnce = 500

func scanRecord(rows *sql.Rows) (int64, error) {
	var r int64
	err := rows.Scan(&r)
	return r, err
}

// patientRecords gives records before one, the newest first, and whether there may be older ones. At most limit rows of each kind are read.
func (db *DB) patientRecords(ctx context.Context, identifier string, before int64, limit int) (records []int64, more bool, err error) {
	whole := int64(0) // from here on none is missing
	for _, q := range recordsOf {
		some, err := collect(ctx, db.reader, scanRecord, withPatients+q, identifier, before, limit)
		if err != nil {
			return nil, false, err
		}
		if len(some) == limit {
			more, whole = true, max(whole, some[len(some)-1])
		}
		records = append(records, some...)
	}
	slices.SortFunc(records, func(a, b int64) int { return cmp.Compare(b, a) })
	records = slices.Compact(records)
	return slices.DeleteFunc(records, func(r int64) bool { return r < whole }), more, nil
}

// messagesOf is FindMessages for a patient.
func (db *DB) messagesOf(ctx context.Context, scope halong.Scope, q *storage.MessageQuery) (page storage.MessagePage, err error) {
	const op = "sqlite.FindMessages"
	before := int64(1) << 42 // of the ID of a report 20 bits and a sign are left
	if q.Before != 0 && q.Before < uint64(before) {
		before = int64(q.Before)
	}
	for seen, more, limit := 0, true, recordsAtOnce; more; limit = min(4*limit, storage.MaxMessagesSeen) {
		var records []int64
		if records, more, err = db.patientRecords(ctx, q.Patient, before, limit); err != nil {
			return page, fail(op, "", err)
		}
		for len(records) > 0 {
			n := min(len(records), recordsAtOnce)
			if seen += n; seen > storage.MaxMessagesSeen {
				page.Before = uint64(before)
				return page, nil
			}
			full, err := db.addMessages(ctx, scope, q, &page, records[:n])
			if full || err != nil {
				return page, fail(op, "", err)
			}
			before, records = records[n-1], records[n:]
		}
	}
	return page, nil
}

// addMessages adds those of some records to a page that are wanted, and tells whether it is full, or no older ones can be. Other records are an
// operator's decisions.
func (db *DB) addMessages(ctx context.Context, scope halong.Scope, q *storage.MessageQuery, page *storage.MessagePage, records []int64) (full bool, err error) {
	all, err := collect(ctx, db.reader, func(rows *sql.Rows) (*storage.Message, error) { return scanMessage(rows) },
		selectMessage+` WHERE m.seq IN (SELECT value FROM json_each(?)) ORDER BY m.seq DESC`, list(records))
	for _, m := range all {
		if older(q, m) {
			return true, err
		}
		if !scope.Sees(m.Facility) || !wanted(q, m) {
			continue
		}
		page.Messages = append(page.Messages, m)
		if len(page.Messages) == q.Limit {
			page.Before = m.Seq
			return true, err
		}
	}
	return false, err
}
