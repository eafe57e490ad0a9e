package intake

import (
	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// results files ORU messages (HL7 7.3) with the services patient and lab.
type results struct{ in *Intake }

// Bounds of a message that is processed, and so of the memory and time that takes; larger ones are only kept.
const (
	maxSegments = 100_000
	maxReports  = 2_000
)

// Handle writes the patients and reports of a message.
func (r results) Handle(tx halong.Tx, m *storage.Message, h *hl7v2.Message) (Applied, error) {
	if h.Len() > maxSegments {
		return Applied{Note: "more segments than are processed"}, nil
	}
	groups := lab.Read(h)
	reports := 0
	for _, g := range groups {
		reports += len(g.Reports)
	}
	if reports > maxReports {
		return Applied{Note: "more reports than are processed"}, nil
	}
	n := 0
	for _, g := range groups {
		if err := r.file(tx, m, g, &n); err != nil {
			return Applied{}, err
		}
	}
	return Applied{}, nil
}

// file writes one patient and the reports on them; n counts the message's reports.
func (r results) file(tx halong.Tx, m *storage.Message, g lab.Group, n *int) error {
	who, err := r.patient(tx, m, g)
	if err != nil {
		return err
	}
	heads, err := r.in.cfg.Lab.File(tx, lab.Filing{
		Message: m.Seq, From: *n, Facility: m.Facility, Patient: who.Key, New: who.New, Received: m.Received,
	}, g.Reports)
	if err != nil {
		return err
	}
	*n += len(heads)
	for i := range heads {
		h := &heads[i]
		err = r.in.emit(tx, halong.EventReportStored, m, reportPayload{
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
func (r results) patient(tx halong.Tx, m *storage.Message, g lab.Group) (patient.Recorded, error) {
	p := patient.FromPID(m.Facility, g.Patient, g.Reports[0].Sent)
	if len(p.Identifiers) == 0 {
		return patient.Recorded{}, nil
	}
	who, err := r.in.cfg.Patients.Record(tx, p)
	if err != nil || who.New || !who.Changed { // a new patient is told of by the first report's event
		return who, err
	}
	return who, r.in.emit(tx, halong.EventPatientUpdated, m, patientPayload{Message: m.Seq})
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
