package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"time"

	"github.com/halong-gateway/halong"
)

// MessageState says what became of a message.
type MessageState uint8

// The states. The numbers are in the index.
const (
	MessageKept      MessageState = iota // kept as it came: its type is not processed (yet)
	MessageProcessed                     // its content is in rows of other services
	MessageRefused                       // not readable: in quarantine with a reason
)

// String gives the state in one lower-case word, as the API shows it.
func (s MessageState) String() string {
	switch s {
	case MessageKept:
		return "kept"
	case MessageProcessed:
		return "processed"
	case MessageRefused:
		return "refused"
	}
	return "unknown"
}

// MessageKey is what tells a message from others of the same facility: who sent
// it and the control ID it was given. Analyzers start their numbers again every day,
// so a key is not unique.
type MessageKey struct {
	Application string // MSH-3
	Facility    string // MSH-4
	Control     string // MSH-10
}

// Message is one HL7v2 message as it is kept: the bytes, where they came from,
// and what was answered. The fields up to Raw are the payload of RecordMessage,
// the others are derived from them.
type Message struct {
	Facility halong.Facility
	Source   halong.Source
	Received time.Time // UTC, microseconds
	Charset  string    // the character set configured for the peer, used instead of MSH-18; empty: MSH-18
	Reason   string    // why it was refused, for operators; empty for messages that were taken
	Answers  [][]byte  // the acknowledgements, without block characters; sent again for a duplicate
	Reply    Reply     // how acknowledgements are made that processing completes; not in the index
	Raw      []byte    // as received; nil when read from the index, see Place

	Seq      uint64 // journal record; names the message, stable across reindex
	Digest   halong.Digest
	Key      MessageKey
	Type     string // MSH-9 as "ORU^R01"
	State    MessageState
	Note     string // why it was only kept, or what is odd about it; empty: nothing
	Version  int    // of the processing that last looked at it
	Repeated bool   // the same key came before with other bytes
	Place    Place  // of Raw
}

// Why tells why a message was only kept, or what is odd about it; empty: nothing.
func (m *Message) Why() string {
	if m.State == MessageKept && m.Note == "" {
		return "messages of this type are not processed"
	}
	return m.Note
}

// Reply is what an acknowledgement depends on beside the message, so that replay makes the same one.
type Reply struct {
	Application string // MSH-3 where the message names no receiver
	Plain       bool   // ACK, also where the paired type has a name of its own
	Part        int    // of a batch, from 0
}

// The versions of the encoding: the second has Reply too.
const (
	firstMessageRecord   = 1
	messageRecordVersion = 2
)

// Record gives the payload of the journal record in parts, the last of which is Raw.
func (m *Message) Record() [][]byte {
	b := make([]byte, 0, 512)
	b = append(b, messageRecordVersion)
	b = appendBytes(b, m.Facility)
	b = appendSource(b, m.Source)
	b = appendTime(b, m.Received)
	b = appendBytes(b, m.Charset)
	b = appendBytes(b, m.Reason)
	b = AppendAnswers(b, m.Answers)
	b = appendBytes(b, m.Reply.Application)
	b = binary.AppendUvarint(b, uint64(m.Reply.Part)<<1|bit(m.Reply.Plain))
	return [][]byte{b, m.Raw}
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// RawPlace tells where the message's bytes lie in a record whose payload is at p.
func (m *Message) RawPlace(p Place) Place {
	n := int64(len(m.Raw))
	return Place{Segment: p.Segment, Offset: p.Offset + p.Length - n, Length: n}
}

// ParseMessageRecord reads what Record wrote; slices point into b. The error is of kind Corrupt.
func ParseMessageRecord(b []byte) (*Message, error) {
	d := decoder{b: b}
	version := d.byte()
	if version != firstMessageRecord && version != messageRecordVersion && d.err == nil {
		d.err = errors.New("message record of an unknown version")
	}
	m := &Message{Facility: halong.Facility(d.string()), Source: d.source(), Received: d.time()}
	m.Charset = d.string()
	m.Reason = d.string()
	m.Answers = d.answers()
	if version == messageRecordVersion {
		m.Reply.Application = d.string()
		n := d.uvarint()
		m.Reply.Plain, m.Reply.Part = n&1 == 1, int(n>>1&0xffffffff)
	}
	m.Raw = d.b
	if d.err != nil {
		return nil, halong.E("storage.ParseMessageRecord", halong.Corrupt, "", d.err)
	}
	return m, nil
}

// AppendAnswers adds the encoding of acknowledgements to b: their number, then each with its length.
func AppendAnswers(b []byte, answers [][]byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(answers)))
	for _, a := range answers {
		b = appendBytes(b, a)
	}
	return b
}

// ParseAnswers reads what AppendAnswers wrote. The error is of kind Corrupt.
func ParseAnswers(b []byte) ([][]byte, error) {
	d := decoder{b: b}
	a := d.answers()
	if d.err != nil || len(d.b) > 0 {
		return nil, halong.E("storage.ParseAnswers", halong.Corrupt, "", errShort)
	}
	return a, nil
}

func (d *decoder) answers() (answers [][]byte) {
	n := d.uvarint()
	if n > uint64(len(d.b)) { // each has at least its length byte
		d.err = errShort
	}
	for ; n > 0 && d.err == nil; n-- {
		answers = append(answers, d.bytes())
	}
	return answers
}

// MessageAdded is what AddMessage did.
type MessageAdded struct {
	Duplicate bool // the same key with the same digest is there: nothing was added
	Repeated  bool // the same key is there with another digest: added, and flagged
}

// MessageIndex holds the kept messages and those refused.
type MessageIndex interface {
	// AddMessage adds a row for a message that was taken, unless it is a duplicate.
	AddMessage(tx halong.Tx, m *Message) (MessageAdded, error)
	// Answers gives the number of the committed message with that facility, key and digest, and what
	// was answered to it; ok is false if there is none.
	Answers(ctx context.Context, f halong.Facility, k MessageKey, d halong.Digest) (seq uint64, answers [][]byte, ok bool, err error)
	// UpdateMessage writes State, Note, Version and Answers of a message that was taken, found by its Seq.
	UpdateMessage(tx halong.Tx, m *Message) error
	// MessageIn gives a message that was taken as the transaction sees it. The error is of kind NotExist if there is none.
	MessageIn(tx halong.Tx, seq uint64) (*Message, error)
	// Unprocessed gives messages that were only kept and looked at by a processing before version, in order of
	// arrival from number after on, at most limit.
	Unprocessed(ctx context.Context, version int, after uint64, limit int) ([]*Message, error)
	// Attempt runs fn within the transaction. What fn wrote is taken back when it fails or panics; the
	// transaction goes on. It gives fn's error; that of a panic is of kind Internal.
	Attempt(tx halong.Tx, fn func() error) error
	// AddRefused adds a message to the quarantine of messages.
	AddRefused(tx halong.Tx, m *Message) error
	// HasRefused tells whether the same bytes of that facility lie in the quarantine of messages.
	HasRefused(ctx context.Context, f halong.Facility, d halong.Digest) (bool, error)
	// Message gives a message, taken or refused, by its number. The error is of kind NotExist if
	// there is none that the scope sees.
	Message(ctx context.Context, scope halong.Scope, seq uint64) (*Message, error)
	// Refused gives the quarantine of messages in order of arrival.
	Refused(ctx context.Context, scope halong.Scope) iter.Seq2[*Message, error]
}
