package intake

import (
	"context"
	"io"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// results files ORU, OUL and MDM messages (HL7 7.3, 9.5) with the services patient and lab.
type results struct {
	in      *Intake
	groups  []lab.Group // of a message that was prepared
	ready   bool
	deposit *storage.Deposit // its documents; nil: none
}

// Depot writes the documents of reports; *storage.Archive is one.
type Depot interface {
	Deposit(ctx context.Context, parts []*storage.DepositPart) (*storage.Deposit, error)
	// Stored tells, during a replay, where an equal blob lies that no row speaks of yet; Adopt makes a row for it.
	Stored(d halong.Digest) (storage.Place, bool)
	Adopt(tx halong.Tx, info storage.BlobInfo, at storage.Place) error
}

// Prepare reads the message, and writes its documents to the blob store, before the transaction. What it
// leaves undone (a replay does not prepare) Handle does.
func (r results) Prepare(ctx context.Context, h *hl7v2.Message) (handler, func(), error) {
	nothing := func() {}
	r.groups, r.ready = lab.Outline(h), true
	var parts []*storage.DepositPart
	var contents []*lab.Content
	for i := range r.groups {
		for _, c := range r.groups[i].All() {
			parts = append(parts, &storage.DepositPart{Open: func() io.Reader { return c.Reader() }, Size: c.Size()})
			contents = append(contents, c)
		}
	}
	if len(parts) == 0 || r.in.cfg.Depot == nil {
		return r, nothing, nil
	}
	d, err := r.in.cfg.Depot.Deposit(ctx, parts)
	if err != nil {
		return nil, nothing, err
	}
	for i, c := range contents {
		c.Measured(parts[i].Info.Digest, parts[i].Info.Size, parts[i].Err)
	}
	r.deposit = d
	return r, d.Close, nil
}

// Handle writes the patients and reports of a message.
func (r results) Handle(tx halong.Tx, m *storage.Message, h *hl7v2.Message) (Applied, error) {
	if !r.ready {
		r.groups = lab.Outline(h)
		if err := r.adopt(tx); err != nil {
			return Applied{}, err
		}
	}
	reports := 0
	for _, g := range r.groups {
		reports += len(g.Reports)
	}
	switch {
	case reports > maxReports:
		return Applied{Note: "more reports than are processed"}, nil
	case reports == 0:
		return Applied{Remark: "no results: no OBR, OBX or TXA"}, nil
	}
	if r.deposit != nil {
		if err := r.deposit.Claim(tx); err != nil {
			return Applied{}, err
		}
	}
	var f lab.Filing
	for i := range r.groups {
		if err := r.file(tx, m, &r.groups[i], &f); err != nil {
			return Applied{}, err
		}
	}
	return Applied{}, nil
}

// adopt finds the documents of a message that comes again in a replay.
func (r results) adopt(tx halong.Tx) error {
	if r.in.cfg.Depot == nil {
		return nil
	}
	for i := range r.groups {
		for _, c := range r.groups[i].All() {
			d, size, err := c.Measure()
			if err != nil {
				continue
			}
			if at, ok := r.in.cfg.Depot.Stored(d); ok {
				if err := r.in.cfg.Depot.Adopt(tx, storage.BlobInfo{Digest: d, Size: size}, at); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// file writes one patient and the reports on them; f counts the message's reports and documents.
func (r results) file(tx halong.Tx, m *storage.Message, g *lab.Group, f *lab.Filing) error {
	who, err := r.patient(tx, m, g)
	if err != nil {
		return err
	}
	f.Message, f.Facility, f.Received, f.Patient, f.New, f.Contents = m.Seq, m.Facility, m.Received, who.Key, who.New, g.Contents
	heads, err := r.in.cfg.Lab.File(tx, *f, g.Reports)
	if err != nil {
		return err
	}
	f.From += len(heads)
	f.Ordinal += len(g.Contents)
	for i := range heads {
		h := &heads[i]
		err = r.in.emit(tx, halong.EventReportStored, m, reportPayload{
			Message: m.Seq, Report: h.First, Version: h.Number, Late: h.Late, Status: string(h.Status),
			Observations: g.Reports[i].Count(), NewPatient: who.New && i == 0,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// patient makes the patient of a group known; the zero value if it names none.
func (r results) patient(tx halong.Tx, m *storage.Message, g *lab.Group) (patient.Recorded, error) {
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
