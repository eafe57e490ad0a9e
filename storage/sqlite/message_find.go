package sqlite

import (
	"context"
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

// recordsOf gives the journal records in which results, orders and changes of patients with an identifier came. The record is the part of
// a report's and of an order's ID above its lower twenty bits.
const recordsOf = `SELECT v.id >> 20 FROM p CROSS JOIN lab_version v ON v.patient = p.id
	UNION SELECT o.id >> 20 FROM p CROSS JOIN patient x ON x.id = p.id CROSS JOIN worklist_order o ON o.facility = x.facility AND o.patient_id = x.identifier
	UNION SELECT c.record FROM p CROSS JOIN patient_change c ON c.patient = p.id
	UNION SELECT c.record FROM p CROSS JOIN patient_change c ON c.other = p.id AND c.other <> 0`

// messagesOf is FindMessages for a patient.
func (db *DB) messagesOf(ctx context.Context, scope halong.Scope, q *storage.MessageQuery) (page storage.MessagePage, err error) {
	const op = "sqlite.FindMessages"
	rows, err := db.reader.Query(ctx, `WITH p (id) AS (SELECT id FROM patient WHERE identifier = ?1 UNION SELECT patient FROM patient_other WHERE identifier = ?1) `+recordsOf, q.Patient)
	if err != nil {
		return page, fail(op, "", err)
	}
	defer rows.Close()
	var records []int64
	for rows.Next() {
		var r int64
		if err := rows.Scan(&r); err != nil {
			return page, fail(op, "", err)
		}
		records = append(records, r)
	}
	if err := rows.Err(); err != nil {
		return page, fail(op, "", err)
	}
	slices.Sort(records)
	for _, r := range slices.Backward(records) {
		if q.Before != 0 && uint64(r) >= q.Before {
			continue
		}
		m, err := db.Message(ctx, scope, uint64(r))
		if halong.KindOf(err) == halong.NotExist { // an operator's decision, or of a facility that is not seen
			continue
		}
		if err != nil {
			return page, err
		}
		if wanted(q, m) {
			page.Messages = append(page.Messages, m)
		}
		if len(page.Messages) == q.Limit {
			page.Before = m.Seq
			break
		}
	}
	return page, nil
}
