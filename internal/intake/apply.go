package intake

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/storage"
)

// describe fills in what the index says of a message.
func describe(msg *storage.Message, m *hl7v2.Message) {
	h := m.Segment(0)
	text := func(v hl7v2.Value) string { return strings.TrimSpace(v.Text()) }
	msg.Key = storage.MessageKey{Application: text(h.Field(3)), Facility: text(h.Field(4)), Control: text(h.Field(10))}
	msg.Type = messageType(m)
}

// processing is the version of what is done with messages. It is raised when the table of handlers grows, or when a
// handler understands more: messages that were only kept are then looked at again.
const processing = 1

// apply writes all rows and events of a message that was taken, and completes its answers. It uses the
// record's own time and nothing random, so that replay writes the same.
// acknowledged tells that its sender was told that it is safe: then no failure of its handler costs it.
func (in *Intake) apply(tx halong.Tx, m *storage.Message, h *hl7v2.Message, does handler, acknowledged bool) error {
	m.Version, m.State = in.version, storage.MessageKept
	if does != nil {
		m.State = storage.MessageProcessed
	}
	added, err := in.cfg.Messages.AddMessage(tx, m)
	if err != nil {
		return err
	}
	if added.Duplicate {
		return errDuplicate
	}
	done, err := in.handle(does, tx, m, h, acknowledged)
	if err != nil {
		return err
	}
	if err := in.settle(tx, m, h, done); err != nil {
		return err
	}
	return in.tell(tx, halong.EventMessageStored, m, added.Repeated)
}

// handle gives a message to its handler, if it has one. A defect of the handler must not cost a message: what it
// wrote until then is taken back, and the message only kept.
func (in *Intake) handle(does handler, tx halong.Tx, m *storage.Message, h *hl7v2.Message, acknowledged bool) (done Applied, err error) {
	note := tooMuch(m.Type, h)
	if does == nil || note != "" {
		done.Note = note
		if code, _, _ := strings.Cut(m.Type, "^"); hl7v2.IsQuery(code) {
			done.Answer = unanswered
		}
		return done, nil
	}
	var defect any
	err = in.cfg.Messages.Attempt(tx, func() (err error) {
		defer func() {
			if defect = recover(); defect != nil {
				err = errDefect
			}
		}()
		done, err = does.Handle(tx, m, h)
		return err
	})
	if note, ok := unprocessable(err, acknowledged); ok {
		return Applied{Note: note}, nil
	}
	if defect == nil {
		return done, err
	}
	in.cfg.Log.Error("message kept, not processed: a defect", slog.String("type", m.Type), slog.String("control", m.Key.Control), slog.String("panic", fmt.Sprintf("%T", defect)))
	return Applied{Note: fmt.Sprintf("processing failed with a %T", defect)}, nil
}

// unprocessable tells whether an error means that a message's content cannot be processed, today or on any other
// day, and gives a note without the error's own words, which may hold patient data.
// A message that is not acknowledged yet is better sent again where something of ours failed.
func unprocessable(err error, acknowledged bool) (note string, ok bool) {
	if err == nil || errors.Is(err, errDefect) {
		return "", false
	}
	kind := halong.KindOf(err)
	switch kind {
	case halong.Invalid, halong.Unsupported, halong.NotExist, halong.Conflict, halong.Permission:
		ok = true
	case halong.Transient, halong.Exhausted: // of the store: what it says of one message it says of all
	default:
		ok = acknowledged
	}
	if !ok {
		return "", false
	}
	op := "processing"
	if e := (*halong.Error)(nil); errors.As(err, &e) {
		op = e.Op
	}
	return op + ": " + kind.String(), true
}

// errDefect takes back what a handler wrote that panicked.
var errDefect = errors.New("a handler panicked")

// settle writes what processing found out about a message whose row was written before it.
func (in *Intake) settle(tx halong.Tx, m *storage.Message, h *hl7v2.Message, done Applied) error {
	m.Note = done.Remark
	if done.Note != "" {
		m.State, m.Note = storage.MessageKept, done.Note
	}
	if odd := textRemark(h); odd != "" {
		m.Note = strings.TrimPrefix(m.Note+"; "+odd, "; ")
	}
	if len(m.Note) > maxNote {
		m.Note = strings.ToValidUTF8(m.Note[:maxNote], "")
	}
	if done.Answer != nil {
		m.Answers = answerer{m, h}.accept(done.Answer)
	}
	if m.Note == "" && done.Answer == nil {
		return nil
	}
	return in.cfg.Messages.UpdateMessage(tx, m)
}

// maxNote bounds a note in bytes.
const maxNote = 500

// tell emits the event of a message.
func (in *Intake) tell(tx halong.Tx, t halong.EventType, m *storage.Message, repeated bool) error {
	return in.emit(tx, t, m, messagePayload{
		Message: m.Seq, Type: m.Type, Control: m.Key.Control, State: m.State.String(), Repeated: repeated, Note: m.Note,
	})
}

// applyRefused writes the row and event of bytes that were not taken.
func (in *Intake) applyRefused(tx halong.Tx, m *storage.Message) error {
	if err := in.cfg.Messages.AddRefused(tx, m); err != nil {
		return err
	}
	return in.emit(tx, halong.EventQuarantined, m, messagePayload{Message: m.Seq, State: m.State.String(), Note: m.Reason})
}

// StandIn lists a message in quarantine whose record is damaged.
func (in *Intake) StandIn(tx halong.Tx, m *storage.Message) error {
	m.State = storage.MessageRefused
	return in.applyRefused(tx, m)
}

// Handles tells whether records of a kind are this package's.
func Handles(k storage.RecordKind) bool {
	return k == storage.RecordMessage || k == storage.RecordReprocess
}

// Replay applies one record of a kind that Handles names to the index as it was
// applied when it was written. The error is of kind Corrupt if the record cannot be read.
func (in *Intake) Replay(tx halong.Tx, rec storage.Record) error {
	if rec.Kind == storage.RecordReprocess {
		return in.replayReprocess(tx, rec)
	}
	m, err := storage.ParseMessageRecord(rec.Payload)
	if err != nil {
		return err
	}
	m.Seq, m.Place, m.Digest = rec.Seq, m.RawPlace(rec.Place), sha256.Sum256(m.Raw)
	if m.Reason != "" {
		m.State = storage.MessageRefused
		return in.applyRefused(tx, m)
	}
	parsed, err := hl7v2.Parse(m.Raw, hl7v2.ReadAs(m.Charset)...)
	if err != nil {
		return halong.E("intake.Replay", halong.Corrupt, "", err)
	}
	describe(m, parsed)
	if err := in.apply(tx, m, parsed, in.table[m.Type], true); !errors.Is(err, errDuplicate) {
		return err
	}
	return nil
}
