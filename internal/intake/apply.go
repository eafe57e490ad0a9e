package intake

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/storage"
)

// handle gives a message to its handler. A defect of the handler must not cost a message.
func handle(does handler, tx halong.Tx, m *storage.Message, h *hl7v2.Message) (done Applied, err error) {
	defer func() {
		if p := recover(); p != nil {
			done, err = Applied{}, errDefect{fmt.Sprintf("processing failed with a %T", p)}
		}
	}()
	return does.Handle(tx, m, h)
}

// errDefect is what a handler that panicked ends a transaction with.
type errDefect struct{ note string }

func (e errDefect) Error() string { return e.note }

// conclude notes what became of a message that is in the index.
func (in *Intake) conclude(tx halong.Tx, m *storage.Message, h *hl7v2.Message, done Applied, repeated bool) error {
	if done.Note != "" {
		m.State = storage.MessageKept
	}
	return in.emit(tx, halong.EventMessageStored, m, messagePayload{
		Message: m.Seq, Type: m.Type, Control: m.Key.Control, State: m.State.String(), Repeated: repeated, Note: done.Note,
	})
}

// describe fills in what the index says of a message.
func describe(msg *storage.Message, m *hl7v2.Message) {
	h := m.Segment(0)
	text := func(v hl7v2.Value) string { return strings.TrimSpace(v.Text()) }
	msg.Key = storage.MessageKey{Application: text(h.Field(3)), Facility: text(h.Field(4)), Control: text(h.Field(10))}
	msg.Type = messageType(m)
	const longest = 32 // bytes; real ones have 7
	if len(msg.Type) > longest {
		msg.Type = strings.ToValidUTF8(msg.Type[:longest], "")
	}
}

// apply writes all rows and events of a message that was taken, and completes its answers. It uses the
// record's own time and nothing random, so that replay writes the same. With a defect the message is kept without its handler.
func (in *Intake) apply(tx halong.Tx, m *storage.Message, h *hl7v2.Message, defect string) error {
	does := in.handler(h)
	if defect != "" {
		does = nil
	}
	m.State = storage.MessageKept
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
	done := Applied{Note: defect}
	if does != nil {
		if done, err = handle(does, tx, m, h); err != nil {
			return err
		}
	}
	return in.conclude(tx, m, h, done, added.Repeated)
}

// applyRefused writes the row and event of bytes that were not taken.
func (in *Intake) applyRefused(tx halong.Tx, m *storage.Message) error {
	if err := in.cfg.Messages.AddRefused(tx, m); err != nil {
		return err
	}
	return in.emit(tx, halong.EventQuarantined, m, messagePayload{Message: m.Seq, State: m.State.String(), Note: m.Reason})
}

// Replay applies one record of kind RecordMessage to the index as it was
// applied when it was written. The error is of kind Corrupt if the record cannot be read.
func (in *Intake) Replay(tx halong.Tx, rec storage.Record) error {
	m, err := storage.ParseMessageRecord(rec.Payload)
	if err != nil {
		return err
	}
	m.Seq, m.Place, m.Digest = rec.Seq, m.RawPlace(rec.Place), sha256.Sum256(m.Raw)
	if m.Reason != "" {
		m.State = storage.MessageRefused
		return in.applyRefused(tx, m)
	}
	parsed, err := hl7v2.Parse(m.Raw, charset(m.Charset)...)
	if err != nil {
		return halong.E("intake.Replay", halong.Corrupt, "", err)
	}
	describe(m, parsed)
	if err := in.apply(tx, m, parsed, ""); !errors.Is(err, errDuplicate) {
		return err
	}
	return nil
}

// messagePayload is the payload of message events.
type messagePayload struct {
	Message  uint64 `json:"message"`
	Type     string `json:"type,omitempty"`
	Control  string `json:"control,omitempty"`
	State    string `json:"state"`
	Repeated bool   `json:"repeated,omitempty"` // the control ID came before with other bytes
	Note     string `json:"note,omitempty"`
}

type patientPayload struct {
	Message uint64 `json:"message"`
}

func (in *Intake) emit(tx halong.Tx, t halong.EventType, m *storage.Message, payload any) error {
	b, err := json.Marshal(payload)
	if err != nil {
		return halong.E("intake.emit", halong.Internal, m.Key.Control, err)
	}
	return in.cfg.Events.Emit(tx, halong.Event{Type: t, Facility: m.Facility, Time: m.Received, Payload: b})
}
