package sqlite

import (
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
	"github.com/klauspost/compress/s2"
)

var _ lab.Store = (*DB)(nil)

// AddVersion adds a version of a report.
func (db *DB) AddVersion(t halong.Tx, v *lab.Version) error {
	const op = "sqlite.AddVersion"
	tx, facility, err := db.txOf(op, t, v.Facility)
	if err != nil {
		return err
	}
	content := []byte{} // none: it is read from the message
	if v.Content != nil {
		content = s2.Encode(nil, v.Content)
	}
	_, err = tx.Exec(`INSERT INTO lab_version (id, first, number, late, patient, facility, received, status, sent, service, filler, placer, accession, observed, content)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(v.ID), int64(v.First), v.Number, v.Late, v.Patient, facility, v.Received.UnixMicro(), string(v.Status), v.Sent,
		v.Service, v.Filler, v.Placer, v.Accession, v.Observed, content)
	if err == nil {
		db.patients.add(reportsKey{facility, v.Patient}, &v.Head)
		err = tx.indexLate(v.ID)
	}
	return fail(op, v.ID.String(), err)
}

const (
	headColumns = `id, first, number, late, patient, received, status, sent, service, filler, placer, accession, observed`
	// headsOf are those of v, versionColumns those of a whole version v of facility f.
	headsOf        = `v.id, v.first, v.number, v.late, v.patient, v.received, v.status, v.sent, v.service, v.filler, v.placer, v.accession, v.observed`
	versionColumns = headsOf + `, v.content, f.name`
)

// Heads gives the versions of a patient's reports of one service, in order of arrival.
func (db *DB) Heads(t halong.Tx, f halong.Facility, patient int64, service string) ([]lab.Head, error) {
	const op = "sqlite.Heads"
	tx, facility, err := db.txOf(op, t, f)
	if err != nil {
		return nil, err
	}
	keys := []int64{patient}
	if db.identities.in[facility] { // it may be merged with others
		if keys, err = persons(tx.Query, patient); err != nil {
			return nil, fail(op, "", err)
		}
	}
	var heads []lab.Head
	for _, k := range keys {
		some, err := tx.heads(f, facility, k, service)
		if err != nil {
			return nil, fail(op, "", err)
		}
		heads = append(heads, some...)
	}
	if len(keys) > 1 {
		slices.SortFunc(heads, func(a, b lab.Head) int { return int(max(-1, min(1, a.ID-b.ID))) })
		heads = heads[max(0, len(heads)-lab.MaxHeads):]
	}
	return heads, nil
}

func (tx *Tx) heads(f halong.Facility, facility, patient int64, service string) ([]lab.Head, error) {
	key := reportsKey{facility, patient}
	if heads, ok := tx.db.patients.heads(key, service); ok {
		return heads, nil
	}
	rows, err := tx.Query(`SELECT `+headColumns+` FROM lab_version WHERE patient = ? AND facility = ? AND service = ? ORDER BY id DESC LIMIT ?+0`,
		patient, facility, service, lab.MaxHeads) // in the order of the index, without sorting
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var heads []lab.Head
	for rows.Next() {
		h := lab.Head{Facility: f}
		if err := scanHead(rows, &h); err != nil {
			return nil, err
		}
		heads = append(heads, h)
	}
	slices.Reverse(heads)
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if patient != 0 {
		tx.db.patients.keepHeads(key, service, heads)
	}
	return heads, nil
}

// unpack undoes s2.Encode, whose claim of a length is not trusted. Of no bytes it gives nil.
func unpack(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if n, err := s2.DecodedLen(b); err != nil || n > maxContent {
		return nil, halong.E("sqlite.unpack", halong.Corrupt, "", err)
	}
	out, err := s2.Decode(nil, b)
	if err != nil {
		return nil, halong.E("sqlite.unpack", halong.Corrupt, "", err)
	}
	return out, nil
}

// maxContent bounds a report's JSON in bytes: the largest message, with every byte escaped.
const maxContent = 1 << 30

func scanHead(row scanner, h *lab.Head, more ...any) error {
	var received int64
	dst := append([]any{
		&h.ID, &h.First, &h.Number, &h.Late, &h.Patient, &received, &h.Status, &h.Sent,
		&h.Service, &h.Filler, &h.Placer, &h.Accession, &h.Observed,
	}, more...)
	err := row.Scan(dst...)
	h.Received = time.UnixMicro(received).UTC()
	return err
}
