package worklist

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// revise takes over what a message says of an order: what it leaves out stays, as HL7 2.6 has it.
func (o *Order) revise(r *Request, from Origin, fresh bool) {
	x := &r.Order
	for _, n := range []struct{ to, by *Number }{{&o.Placer, &x.Placer}, {&o.Filler, &x.Filler}} {
		if n.by.ID != "" && (n.to.ID != n.by.ID || n.to.Authority == "") {
			*n.to = *n.by
		}
	}
	for _, t := range []struct{ to, by *string }{
		{&o.Accession, &x.Accession}, {&o.Group, &x.Group}, {&o.Priority, &x.Priority}, {&o.Version, &x.Version},
	} {
		*t.to = orElse(*t.by, *t.to)
	}
	another := from.Patient != 0 && from.Patient != o.Patient
	if another {
		o.Patient = from.Patient
	}
	if len(x.Specimens) > 0 {
		o.Specimens = x.Specimens
	}
	if found := o.Kind == Other && x.Kind == Imaging; r.Reschedule && !fresh && !found { // found: its services have got a station
		if another {
			o.Sent = identityOf(x.Item())
		}
		o.reschedule(x.Steps)
		return
	}
	if x.Service != (Code{}) {
		o.Service = x.Service
	}
	if r.PID.Exists() {
		o.Sent = identityOf(x.Item())
	}
	o.Kind = x.Kind
	if x.Kind != Imaging {
		o.Attributes = merged(o.Attributes, x.Attributes)
	} else {
		o.reviseSteps(x.Steps, r)
	}
}

// reviseSteps takes over the steps of a message. They are told apart by their IDs, else by their place. Steps that an OMI does not
// name any more are cancelled: it says all that is to be done.
func (o *Order) reviseSteps(steps []Step, r *Request) {
	named := make([]bool, len(o.Steps), len(o.Steps)+len(steps))
	for i := range steps {
		x := &steps[i]
		at := o.step(x, i, named)
		if at < 0 {
			if len(o.Steps) >= maxSteps {
				continue
			}
			o.Steps, named = append(o.Steps, *x), append(named, true)
			continue
		}
		named[at] = true
		o.Steps[at].take(x)
	}
	if strings.HasPrefix(r.Order.Type, "OMI") && r.Control != "NW" {
		for i := range o.Steps {
			if s := &o.Steps[i]; !named[i] && !s.Status.begun() {
				s.Status = Cancelled
			}
		}
	}
}

// step finds the step that a message means; -1 for a new one.
func (o *Order) step(x *Step, place int, named []bool) int {
	if x.ID != "" {
		if i := slices.IndexFunc(o.Steps, func(s Step) bool { return s.ID == x.ID }); i >= 0 {
			return i
		}
		if place < len(o.Steps) && o.Steps[place].ID == o.stepID(place) && !named[place] {
			return place // it had an ID of ours till now
		}
		return -1
	}
	if place < len(o.Steps) && !named[place] {
		return place
	}
	return -1
}

// take takes over what a message says of a step. One that was called off is ordered again. Once work has begun its study stays: images have it.
func (s *Step) take(x *Step) {
	if s.Status == Cancelled {
		s.Status = "" // what is asked for: see sum
	}
	s.ID, s.Procedure, s.Start = orElse(x.ID, s.ID), orElse(x.Procedure, s.Procedure), orElse(x.Start, s.Start)
	if x.Modality != "" {
		s.Modality = x.Modality
	}
	if len(x.Stations) > 0 {
		s.Stations = x.Stations
	}
	if x.Study != "" && (s.Study == "" || !s.Status.begun()) {
		s.Study = x.Study
	}
	s.Attributes = merged(s.Attributes, x.Attributes)
}

// reschedule takes over when and where the steps of an appointment are: of one for all steps that have not begun.
func (o *Order) reschedule(steps []Step) {
	for i := range o.Steps {
		s := &o.Steps[i]
		x := &steps[min(i, len(steps)-1)]
		if s.Status.begun() {
			continue
		}
		s.Start = orElse(x.Start, s.Start)
		if len(x.Stations) > 0 {
			s.Stations = x.Stations
		}
		to, by := stepItem(s.Attributes), stepItem(x.Attributes)
		for _, t := range []dicom.Tag{tag.ScheduledStationName, tag.ScheduledProcedureStepLocation, tag.ScheduledPerformingPhysicianName} {
			if e := by.Get(t); e != nil {
				to.Put(*e)
			}
		}
	}
}

// merged puts the elements of by over those of to.
func merged(to, by *dataset.Set) *dataset.Set {
	switch {
	case to == nil:
		return by
	case by == nil:
		return to
	}
	for _, e := range by.Elements {
		if e.Tag != tag.ScheduledProcedureStepSequence || to.Get(e.Tag) == nil || len(e.Items) != 1 {
			to.Put(e)
			continue
		}
		sps := stepItem(to)
		for _, in := range e.Items[0].Elements {
			sps.Put(in)
		}
	}
	return to
}

// fill completes what was left out, and brings the items in step with the fields. at is when the order came, for steps that nobody gave a time:
// they are to be done now.
func (o *Order) fill(at time.Time) {
	studies := map[string]dicom.UID{}
	for i := range o.Steps {
		s := &o.Steps[i]
		s.Procedure = orElse(s.Procedure, o.procedureID())
		if s.Study != "" {
			studies[s.Procedure] = s.Study
		}
	}
	for i := range o.Steps {
		s := &o.Steps[i]
		s.Order, s.Index, s.Facility, s.Accession, s.Patient = o.ID, i, o.Facility, o.Accession, o.Patient
		s.ID = orElse(s.ID, o.stepID(i))
		if s.Study == "" {
			s.Study = studies[s.Procedure]
		}
		if s.Study == "" {
			s.Study = o.studyUID(s.Procedure)
			studies[s.Procedure] = s.Study
		}
		if s.Start == "" {
			s.Start = at.Local().Format("20060102150405")
		}
		s.fill()
	}
}

// short writes the order's ID in few characters.
func (o *Order) short() string { return strings.ToUpper(strconv.FormatInt(o.ID, 36)) }

func (o *Order) procedureID() string { return "P" + o.short() }

func (o *Order) stepID(i int) string { return "S" + o.short() + "-" + strconv.Itoa(i+1) }

// studyUID makes the Study Instance UID of a requested procedure for which none was sent: of what identifies it, so that it is the same when the
// order is read again from the journal.
func (o *Order) studyUID(procedure string) dicom.UID {
	return uuidUID(strings.Join([]string{"halong study", string(o.Facility), o.short(), procedure}, "\x00"))
}

// fill brings the item of a step in step with its fields.
func (s *Step) fill() {
	all, sps := item{s.Attributes}, item{stepItem(s.Attributes)}
	all.PutString(tag.StudyInstanceUID, dicom.UI, string(s.Study))
	all.id(tag.RequestedProcedureID, dicom.SH, s.Procedure)
	if all.String(tag.AccessionNumber) == "" {
		all.id(tag.AccessionNumber, dicom.SH, s.Accession)
	}
	sps.id(tag.ScheduledProcedureStepID, dicom.SH, s.ID)
	sps.id(tag.Modality, dicom.CS, s.Modality)
	if len(s.Stations) > 0 {
		sps.PutString(tag.ScheduledStationAETitle, dicom.AE, s.Stations...)
	}
	date, clock := s.Start, "000000"
	if len(date) > 8 {
		date, clock = date[:8], date[8:]
	}
	sps.PutString(tag.ScheduledProcedureStepStartDate, dicom.DA, date)
	sps.PutString(tag.ScheduledProcedureStepStartTime, dicom.TM, clock)
	sps.PutString(tag.ScheduledProcedureStepStatus, dicom.CS, strings.ToUpper(string(s.Status)))
}
