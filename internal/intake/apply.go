package intake

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// content is what a message says, as far as it is processed.
type content struct {
	processed bool
	note      string // why a message of a processed type is only kept
	groups    []lab.Group
}

// read takes the content out of a message. It depends on nothing else, so that
// replay finds the same. A defect of the reader must not cost a message: then it is kept as it is.
func (in *Intake) read(m *hl7v2.Message) (c *content) {
	defer func() {
		if p := recover(); p != nil {
			c = &content{note: fmt.Sprintf("reading its content failed with a %T", p)}
		}
	}()
	if !isResult(m) {
		return &content{}
	}
	if m.Len() > maxSegments {
		return &content{note: "more segments than are processed"}
	}
	c = &content{processed: true, groups: lab.Read(m)}
	reports := 0
	for _, g := range c.groups {
		reports += len(g.Reports)
	}
	if reports > maxReports {
		return &content{note: "more reports than are processed"}
	}
	return c
}

// Bounds of a message that is processed, and so of the memory and time that takes; larger ones are only kept.
const (
	maxSegments = 100_000
	maxReports  = 2_000
)

// isResult tells whether the message is an ORU (HL7 7.3).
func isResult(m *hl7v2.Message) bool {
	t := m.Segment(0).Field(9)
	if strings.TrimSpace(t.Component(1).Text()) != "ORU" {
		return false
	}
	switch strings.TrimSpace(t.Component(2).Text()) {
	case "", "R01", "R03", "R30", "R31", "R32", "R40":
		return true
	}
	return false
}

// describe fills in what the index says of a message.
func describe(msg *storage.Message, m *hl7v2.Message) {
	h := m.Segment(0)
	text := func(v hl7v2.Value) string { return strings.TrimSpace(v.Text()) }
	msg.Key = storage.MessageKey{Application: text(h.Field(3)), Facility: text(h.Field(4)), Control: text(h.Field(10))}
	msg.Type = text(h.Field(9).Component(1))
	if event := text(h.Field(9).Component(2)); event != "" {
		msg.Type += "^" + event
	}
	const longest = 32 // bytes; real ones have 7
	if len(msg.Type) > longest {
		msg.Type = strings.ToValidUTF8(msg.Type[:longest], "")
	}
}

// apply writes all rows and events of a message that was taken. It uses the
// record's own time and nothing random, so that replay writes the same.
func (in *Intake) apply(tx halong.Tx, m *storage.Message, c *content) error {
	m.State = storage.MessageKept
	if c.processed {
		m.State = storage.MessageProcessed
	}
	added, err := in.cfg.Messages.AddMessage(tx, m)
	if err != nil {
		return err
	}
	if added.Duplicate {
		return errDuplicate
	}
	err = in.emit(tx, halong.EventMessageStored, m, messagePayload{
		Message: m.Seq, Type: m.Type, Control: m.Key.Control, State: m.State.String(), Repeated: added.Repeated, Note: c.note,
	})
	if err != nil {
		return err
	}
	n := 0
	for _, g := range c.groups {
		if err := in.file(tx, m, g, &n); err != nil {
			return err
		}
	}
	return nil
}

// file writes one patient and the reports on them; n counts the message's reports.
func (in *Intake) file(tx halong.Tx, m *storage.Message, g lab.Group, n *int) error {
	who, err := in.patient(tx, m, g)
	if err != nil {
		return err
	}
	heads, err := in.cfg.Lab.File(tx, lab.Filing{
		Message: m.Seq, From: *n, Facility: m.Facility, Patient: who.Key, New: who.New, Received: m.Received,
	}, g.Reports)
	if err != nil {
		return err
	}
	*n += len(heads)
	for i := range heads {
		h := &heads[i]
		err = in.emit(tx, halong.EventReportStored, m, reportPayload{
			Message: m.Seq, Report: h.First, Version: h.Number, Late: h.Late, Status: string(h.Status),
			Observations: len(g.Reports[i].Observations), NewPatient: who.New && i == 0,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// patient makes the patient of a group known; the zero value if it names none.
func (in *Intake) patient(tx halong.Tx, m *storage.Message, g lab.Group) (patient.Recorded, error) {
	p := patient.FromPID(m.Facility, g.Patient, g.Reports[0].Sent)
	if len(p.Identifiers) == 0 {
		return patient.Recorded{}, nil
	}
	who, err := in.cfg.Patients.Record(tx, p)
	if err != nil || who.New || !who.Changed { // a new patient is told of by the first report's event
		return who, err
	}
	return who, in.emit(tx, halong.EventPatientUpdated, m, patientPayload{Message: m.Seq})
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
	if err := in.apply(tx, m, in.read(parsed)); !errors.Is(err, errDuplicate) {
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

type reportPayload struct {
	Message      uint64 `json:"message"`
	Report       lab.ID `json:"report"`
	Version      int    `json:"version"`
	Late         bool   `json:"late,omitempty"` // kept, not shown
	Status       string `json:"status"`
	Observations int    `json:"observations"`
	NewPatient   bool   `json:"newPatient,omitempty"` // the first that is known of the patient
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
