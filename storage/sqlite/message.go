package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

var _ storage.MessageIndex = (*DB)(nil)

// maxSender bounds the text of a message key in bytes; longer ones are hashed.
const maxSender = 255

// senderOf writes a key as the column sender holds it. Messages without a control
// ID are told apart by their bytes.
func senderOf(k storage.MessageKey, d halong.Digest) string {
	control := k.Control
	if control == "" {
		control = "\x02" + hex.EncodeToString(d[:])
	}
	parts := []string{k.Application, k.Facility, control}
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(p, "\x1f", " ")
	}
	s := strings.Join(parts, "\x1f")
	if len(s) > maxSender {
		sum := sha256.Sum256([]byte(s))
		return "\x01" + hex.EncodeToString(sum[:])
	}
	return s
}

// afterSender is greater than a sender with any seq after it.
func afterSender(sender string) string { return sender + "\x20" }

const insertMessage = `INSERT INTO message (seq, facility, sender, repeated, type, state, digest, received, source, segment, offset, length, charset, answers, note, version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (facility, sender) DO NOTHING`

// AddMessage adds a row for a message that was taken, unless the same bytes came
// from the same sender with the same control ID.
func (db *DB) AddMessage(t halong.Tx, m *storage.Message) (storage.MessageAdded, error) {
	const op = "sqlite.AddMessage"
	tx, err := db.tx(op, t)
	if err != nil {
		return storage.MessageAdded{}, err
	}
	added, err := tx.addMessage(m)
	return added, fail(op, m.Key.Control, err)
}

func (tx *Tx) addMessage(m *storage.Message) (added storage.MessageAdded, err error) {
	facility, err := tx.Facility(m.Facility)
	if err != nil {
		return added, err
	}
	source, err := tx.Source(m.Source)
	if err != nil {
		return added, err
	}
	insert := func(sender string, repeated bool) (int64, error) {
		r, err := tx.Exec(insertMessage, int64(m.Seq), facility, sender, repeated, m.Type, int64(m.State), m.Digest[:], m.Received.UnixMicro(), source,
			int64(m.Place.Segment), m.Place.Offset, m.Place.Length, m.Charset, storage.AppendAnswers(nil, m.Answers), m.Note, m.Version)
		if err != nil {
			return 0, err
		}
		return r.RowsAffected()
	}
	sender := senderOf(m.Key, m.Digest)
	if n, err := insert(sender, false); n > 0 || err != nil {
		return added, err
	}
	var known int
	err = tx.QueryRow(`SELECT count(*) FROM message WHERE facility = ? AND sender >= ? AND sender < ? AND digest = ?`,
		facility, sender, afterSender(sender), m.Digest[:]).Scan(&known)
	if known > 0 || err != nil {
		return storage.MessageAdded{Duplicate: true}, err
	}
	_, err = insert(sender+"\x1f"+strconv.FormatUint(m.Seq, 10), true)
	return storage.MessageAdded{Repeated: true}, err
}

// Answers gives the number of a committed message and what was answered to it.
func (db *DB) Answers(ctx context.Context, f halong.Facility, k storage.MessageKey, d halong.Digest) (seq uint64, answers [][]byte, ok bool, err error) {
	const op = "sqlite.Answers"
	facility, ok := db.facilities.get(f)
	if !ok {
		return 0, nil, false, nil
	}
	var number int64
	var b []byte
	sender := senderOf(k, d)
	err = db.reader.QueryRow(ctx, `SELECT seq, answers FROM message WHERE facility = ? AND sender >= ? AND sender < ? AND digest = ?`,
		facility, sender, afterSender(sender), d[:]).Scan(&number, &b)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, false, nil
	}
	if err == nil {
		answers, err = storage.ParseAnswers(b)
	}
	return uint64(number), answers, err == nil, fail(op, k.Control, err)
}

// AddRefused adds a message to the quarantine of messages.
func (db *DB) AddRefused(t halong.Tx, m *storage.Message) error {
	const op = "sqlite.AddRefused"
	tx, facility, err := db.txOf(op, t, m.Facility)
	if err != nil {
		return err
	}
	source, err := tx.Source(m.Source)
	if err != nil {
		return fail(op, "", err)
	}
	_, err = tx.Exec(`INSERT INTO message_refused (seq, facility, reason, digest, received, source, segment, offset, length, answers) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(m.Seq), facility, m.Reason, m.Digest[:], m.Received.UnixMicro(), source,
		int64(m.Place.Segment), m.Place.Offset, m.Place.Length, storage.AppendAnswers(nil, m.Answers))
	return fail(op, "", err)
}

// HasRefused tells whether the same bytes lie in the quarantine of messages.
func (db *DB) HasRefused(ctx context.Context, f halong.Facility, d halong.Digest) (bool, error) {
	facility, ok := db.facilities.get(f)
	if !ok {
		return false, nil
	}
	var n int
	err := db.reader.QueryRow(ctx, `SELECT count(*) FROM message_refused WHERE facility = ? AND digest = ?`, facility, d[:]).Scan(&n)
	return n > 0, fail("sqlite.HasRefused", "", err)
}

const selectMessage = `SELECT m.seq, f.name, m.sender, m.repeated, m.type, m.state, '', m.digest, m.received, s.protocol, s.peer, s.address,
	m.segment, m.offset, m.length, m.charset, m.answers, m.note, m.version
	FROM message m JOIN facility f ON f.id = m.facility JOIN source s ON s.id = m.source`

const selectRefused = `SELECT m.seq, f.name, '', 0, '', 2, m.reason, m.digest, m.received, s.protocol, s.peer, s.address,
	m.segment, m.offset, m.length, '', m.answers, '', 0
	FROM message_refused m JOIN facility f ON f.id = m.facility JOIN source s ON s.id = m.source`

// Message gives a message, taken or refused, by its number.
func (db *DB) Message(ctx context.Context, scope halong.Scope, seq uint64) (*storage.Message, error) {
	const op = "sqlite.Message"
	ref := strconv.FormatUint(seq, 10)
	for _, q := range []string{selectMessage + ` WHERE m.seq = ?`, selectRefused + ` WHERE m.seq = ?`} {
		m, err := scanMessage(db.reader.QueryRow(ctx, q, int64(seq)))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err == nil && !scope.Sees(m.Facility) {
			break
		}
		return m, fail(op, ref, err)
	}
	return nil, halong.E(op, halong.NotExist, ref, nil)
}

// Refused gives the quarantine of messages in order of arrival.
func (db *DB) Refused(ctx context.Context, scope halong.Scope) iter.Seq2[*storage.Message, error] {
	return db.messages(ctx, "sqlite.Refused", selectRefused, scope)
}

// Messages gives the messages that were taken in order of arrival.
func (db *DB) Messages(ctx context.Context, scope halong.Scope) iter.Seq2[*storage.Message, error] {
	return db.messages(ctx, "sqlite.Messages", selectMessage, scope)
}

func (db *DB) messages(ctx context.Context, op, query string, scope halong.Scope) iter.Seq2[*storage.Message, error] {
	return func(yield func(*storage.Message, error) bool) {
		rows, err := db.reader.Query(ctx, query+` ORDER BY m.seq`)
		if err != nil {
			yield(nil, fail(op, "", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			m, err := scanMessage(rows)
			if err == nil && !scope.Sees(m.Facility) {
				continue
			}
			if !yield(m, fail(op, "", err)) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, fail(op, "", err))
		}
	}
}

func scanMessage(row scanner) (*storage.Message, error) {
	m := &storage.Message{}
	var seq, state, received, segment int64
	var sender string
	var digest, answers []byte
	err := row.Scan(&seq, &m.Facility, &sender, &m.Repeated, &m.Type, &state, &m.Reason, &digest, &received,
		&m.Source.Protocol, &m.Source.Peer, &m.Source.Address, &segment, &m.Place.Offset, &m.Place.Length, &m.Charset, &answers, &m.Note, &m.Version)
	if err != nil {
		return nil, err
	}
	m.Seq, m.State, m.Received, m.Place.Segment = uint64(seq), storage.MessageState(state), time.UnixMicro(received).UTC(), uint32(segment)
	copy(m.Digest[:], digest)
	if parts := strings.Split(sender, "\x1f"); len(parts) >= 3 {
		m.Key = storage.MessageKey{Application: parts[0], Facility: parts[1], Control: parts[2]}
		if strings.HasPrefix(m.Key.Control, "\x02") {
			m.Key.Control = ""
		}
	}
	m.Answers, err = storage.ParseAnswers(answers)
	return m, err
}
