package intake

import (
	"encoding/json"

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

// patientPayload is the payload of patient events.
type patientPayload struct {
	Message uint64 `json:"message"`
}

// emit tells of a change that a message made.
func (in *Intake) emit(tx halong.Tx, t halong.EventType, m *storage.Message, payload any) error {
	b, err := json.Marshal(payload)
	if err != nil {
		return halong.E("intake.emit", halong.Internal, m.Key.Control, err)
	}
	return in.cfg.Events.Emit(tx, halong.Event{Type: t, Facility: m.Facility, Time: m.Received, Payload: b})
}
