package intake

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/storage"
)

// messagePayload is the payload of message events.
type messagePayload struct {
	Message  uint64 `json:"message"`
	Type     string `json:"type,omitempty"`
	Control  string `json:"control,omitempty"`
	State    string `json:"state"`
	Repeated bool   `json:"repeated,omitempty"` // the control ID came before with other bytes
	Note     string `json:"note,omitempty"`
}

func (p messagePayload) json() []byte {
	o := begin(p.Message)
	o.text("type", p.Type)
	o.text("control", p.Control)
	o.must("state", p.State)
	o.flag("repeated", p.Repeated)
	o.text("note", p.Note)
	return o.end()
}

// reportPayload is the payload of EventReportStored.
type reportPayload struct {
	Message      uint64 `json:"message"`
	Report       lab.ID `json:"report"`
	Version      int    `json:"version"`
	Late         bool   `json:"late,omitempty"` // kept, not shown
	Status       string `json:"status"`
	Observations int    `json:"observations"`
	NewPatient   bool   `json:"newPatient,omitempty"` // the first that is known of the patient
}

func (p reportPayload) json() []byte {
	o := begin(p.Message)
	o.must("report", p.Report.String())
	o.number("version", p.Version)
	o.flag("late", p.Late)
	o.must("status", p.Status)
	o.number("observations", p.Observations)
	o.flag("newPatient", p.NewPatient)
	return o.end()
}

// patientPayload is the payload of patient events.
type patientPayload struct {
	Message uint64 `json:"message"`
}

func (p patientPayload) json() []byte {
	o := begin(p.Message)
	return o.end()
}

// emit tells of a change that a message made. The payload is a JSON object.
func (in *Intake) emit(tx halong.Tx, t halong.EventType, m *storage.Message, payload []byte) error {
	return in.cfg.Events.Emit(tx, halong.Event{Type: t, Facility: m.Facility, Time: m.Received, Payload: payload})
}

// object writes a JSON object as encoding/json does, without reflection: every message makes events.
type object struct{ b []byte }

// begin starts the object with the number of the message that it is about.
func begin(message uint64) object {
	const usual = 160 // bytes
	return object{strconv.AppendUint(append(make([]byte, 0, usual), `{"message":`...), message, 10)}
}

func (o *object) end() []byte { return append(o.b, '}') }

func (o *object) name(s string) {
	o.b = append(o.b, ',', '"')
	o.b = append(o.b, s...)
	o.b = append(o.b, '"', ':')
}

func (o *object) number(name string, n int) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, int64(n), 10)
}

// flag writes what is true.
func (o *object) flag(name string, v bool) {
	if v {
		o.name(name)
		o.b = append(o.b, "true"...)
	}
}

// text writes a text that is not empty.
func (o *object) text(name, s string) {
	if s != "" {
		o.must(name, s)
	}
}

func (o *object) must(name, s string) {
	o.name(name)
	if strings.ContainsFunc(s, escaped) {
		quoted, _ := json.Marshal(s) // there is no string that it cannot write
		o.b = append(o.b, quoted...)
		return
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, s...)
	o.b = append(o.b, '"')
}

// escaped tells whether encoding/json may write a character as an escape sequence.
func escaped(r rune) bool {
	return r < ' ' || r >= utf8.RuneSelf || r == '"' || r == '\\' || r == '<' || r == '>' || r == '&'
}
