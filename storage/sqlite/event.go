package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/halong-gateway/halong"
)

// head is the end of the chain of events.
type head struct {
	seq    uint64
	chain  halong.Digest
	run    bool  // a run has begun, see forward.Ledger
	latest int64 // the latest time of its events, in microseconds since 1970
}

const saltSize = 16

// Emit adds an event to the transaction. Its number and chain are given when the
// group commits; those in e are not looked at. A zero time is now.
func (db *DB) Emit(t halong.Tx, e halong.Event) error {
	tx, err := db.tx("sqlite.Emit", t)
	if err != nil {
		return err
	}
	if e.Time.IsZero() {
		e.Time = db.options.Now()
	}
	tx.events = append(tx.events, e)
	return nil
}

// next gives the chain after one more event. payload is the salted digest.
func (h head) next(e *halong.Event, payload halong.Digest) head {
	b := make([]byte, 0, 256)
	b = append(b, h.chain[:]...)
	b = binary.BigEndian.AppendUint64(b, h.seq+1)
	b = appendText(b, string(e.Type))
	b = appendText(b, string(e.Facility))
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time.UnixMicro()))
	b = append(b, payload[:]...)
	h.seq, h.chain = h.seq+1, sha256.Sum256(b)
	return h
}

// appendText writes a length before the text, so that no two lists of texts look alike.
func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func salted(salt, payload []byte) halong.Digest {
	b := make([]byte, 0, 512) // most payloads are short: it stays on the stack
	return sha256.Sum256(append(append(b, salt...), payload...))
}

// eventsAtOnce is how many events one statement writes: a statement costs more than a row.
const eventsAtOnce = 16

var insertEventTexts = upToRows(eventsAtOnce, `INSERT INTO event (seq, time, type, facility, payload, salt, digest, chain) VALUES `, `(?, ?, ?, ?, ?, ?, ?, ?)`)

// upToRows gives the statements that insert 1, 2, 3 … rows.
func upToRows(most int, insert, row string) []string {
	texts := make([]string, most)
	for i := range texts {
		texts[i] = insert + strings.Repeat(row+", ", i) + row
	}
	return texts
}

// writeEvents numbers and chains a group's events.
func (db *DB) writeEvents(events []halong.Event) (head, error) {
	at := db.chain
	salts := make([]byte, saltSize*len(events))
	db.options.Random(salts)
	args := make([]any, 0, 8*min(len(events), eventsAtOnce))
	var runs []uint64
	for group := range slices.Chunk(events, eventsAtOnce) {
		args = args[:0]
		for i := range group {
			e := &group[i]
			salt := salts[:saltSize:saltSize]
			salts = salts[saltSize:]
			digest := salted(salt, e.Payload)
			at = at.next(e, digest)
			if at.follow(e.Time.UnixMicro()) {
				runs = append(runs, at.seq)
			}
			e.Seq, e.Chain, e.Time = at.seq, at.chain, e.Time.UTC().Truncate(time.Microsecond)
			args = append(args, int64(at.seq), e.Time.UnixMicro(), string(e.Type), string(e.Facility), e.Payload, salt, digest[:], e.Chain[:])
		}
		if _, err := db.writer.exec(insertEventTexts[len(group)-1], args...); err != nil {
			return head{}, err
		}
	}
	return at, db.writeRuns(runs)
}

const selectEvents = `SELECT seq, time, type, facility, payload, salt, digest, chain FROM event WHERE seq > ? ORDER BY seq LIMIT ?+0`

// EventsSince gives committed events with a number greater than seq in their
// order, at most limit. The payload of an erased event is nil.
func (db *DB) EventsSince(ctx context.Context, seq uint64, limit int) ([]halong.Event, error) {
	if events, ok := db.tail.since(seq, limit); ok {
		return events, nil
	}
	var events []halong.Event
	err := db.eachEvent(ctx, seq, limit, func(e *storedEvent) error {
		events = append(events, e.Event)
		return nil
	})
	return events, fail("sqlite.EventsSince", "", err)
}

type storedEvent struct {
	halong.Event
	salt   []byte
	digest []byte
}

func (db *DB) eachEvent(ctx context.Context, seq uint64, limit int, f func(*storedEvent) error) error {
	rows, err := db.reader.Query(ctx, selectEvents, int64(seq), limit)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var e storedEvent
		var number, micros int64
		var chain []byte
		if err := rows.Scan(&number, &micros, &e.Type, &e.Facility, &e.Payload, &e.salt, &e.digest, &chain); err != nil {
			return err
		}
		e.Seq, e.Time = uint64(number), time.UnixMicro(micros).UTC()
		copy(e.Chain[:], chain)
		if err := f(&e); err != nil {
			return err
		}
	}
	return rows.Err()
}

// VerifyEvents checks that the events are numbered without a gap, that the chain
// holds, and that payloads which are still there are the ones it covers. The
// error is of kind Corrupt and names the first event that is wrong.
func (db *DB) VerifyEvents(ctx context.Context) error {
	const op, page = "sqlite.VerifyEvents", 1000
	var at head
	for {
		last := at.seq
		err := db.eachEvent(ctx, at.seq, page, func(e *storedEvent) (err error) {
			at, err = at.check(e)
			return err
		})
		if err != nil {
			return fail(op, "", err)
		}
		if at.seq == last {
			return nil
		}
	}
}

// check verifies the event that should follow h, and goes on to it.
func (h head) check(e *storedEvent) (head, error) {
	next := h.next(&e.Event, halong.Digest(e.digest))
	var err error
	switch {
	case e.Seq != next.seq:
		err = errors.New("is missing")
	case e.Chain != next.chain:
		err = errors.New("breaks the chain")
	case e.salt != nil && salted(e.salt, e.Payload) != halong.Digest(e.digest):
		err = errors.New("has another payload")
	}
	if err != nil {
		return h, halong.E("sqlite.VerifyEvents", halong.Corrupt, fmt.Sprintf("event %d", next.seq), err)
	}
	return next, nil
}
