package worklist

import (
	"slices"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/hl7v2"
)

// Request is what a message asks of one order.
type Request struct {
	Control string        // ORC-1
	State   string        // ORC-5
	PID     hl7v2.Segment // of whom; may not exist
	// Detailed tells that there is an OBR or SCH: what was ordered is said anew. Else only the order's state is meant.
	Detailed bool
	Order    Order // numbers, and what is ordered; of its steps those that the message names. ID, Patient and Study UIDs may be missing
	Remarks  []string
	// Reschedule tells that only Start and stations count where the order is known: it is from an appointment.
	Reschedule bool
}

// Read reads the orders of a message: of ORM, OMI, OMG and OML (HL7 4.4), and of SIU (HL7 10.3) the appointment. What is no order for an observation is named
// in the note.
func Read(m *hl7v2.Message, by *Mapping) (list []Request, note string) {
	code := text(m.Segment(0).Field(9).Component(1))
	if m.Len() > maxSegments {
		return nil, "more segments than are processed"
	}
	if code == "SIU" {
		return appointment(m, by)
	}
	all := groups(m)
	if len(all) > maxGroups {
		return nil, "more orders than are processed"
	}
	for _, g := range all {
		if g.other != "" && !g.obr.Exists() {
			note = "an order with " + g.other + " is none for an observation"
			continue
		}
		if g.foreign {
			note = "orders for a second patient (PID) are left out: a message is for one"
			continue
		}
		list = append(list, g.read(by, code))
	}
	if len(list) == 0 && note == "" {
		note = "no ORC and no OBR"
	}
	return join(list), note
}

// read reads one order.
func (g *group) read(by *Mapping, code string) Request {
	none := hl7v2.Segment{}
	r := Request{Control: strings.ToUpper(text(g.orc.Field(1))), State: strings.ToUpper(text(g.orc.Field(5))), PID: g.pid, Detailed: g.obr.Exists()}
	if !g.orc.Exists() {
		r.Control = "NW"
	}
	o := &r.Order
	o.Placer, o.Filler = number(g.orc.Field(2), g.obr.Field(2)), number(g.orc.Field(3), g.obr.Field(3))
	if g.further { // it may have numbers of its own
		o.Placer, o.Filler = number(g.obr.Field(2), g.orc.Field(2)), number(g.obr.Field(3), g.orc.Field(3))
	}
	o.Group = short(g.orc.Field(4).EI().ID)
	o.Specimens = g.specimen
	msh := g.m.Segment(0)
	o.Application, o.Site, o.Version = text(msh.Field(3).Component(1)), text(msh.Field(4).Component(1)), text(msh.Field(12).Component(1))
	o.Control, o.Type = text(msh.Field(10)), strings.TrimSuffix(code+"^"+text(msh.Field(9).Component(2)), "^")
	ipc := none
	if len(g.ipcs) > 0 {
		ipc = g.ipcs[0]
	}
	o.Accession = g.first(by.Accession, ipc)
	if !r.Detailed {
		return r
	}
	o.Service = codeOf(g.find(by.Procedure, ipc))
	o.Priority = by.Priorities[strings.ToUpper(text(g.find(by.Priority, none).Component(1)))]
	o.Kind = g.kind(by, code)
	common := newItem()
	g.patient(common)
	g.visit(common, by)
	g.request(common, by, o)
	common.id(tag.AccessionNumber, dicom.SH, o.Accession)
	if o.Kind != Imaging {
		o.Attributes = common.Set
		return r
	}
	g.steps(&r, by, common.Set)
	return r
}

// number reads an order number from the first of two fields that has one.
func number(fields ...hl7v2.Value) Number {
	for _, f := range fields {
		if x := f.EI(); x.ID != "" {
			return Number{short(x.ID), short(x.Namespace)}
		}
	}
	return Number{}
}

// kind tells what an order is for.
func (g *group) kind(by *Mapping, code string) Kind {
	section := strings.ToUpper(text(g.obr.Field(24).Component(1)))
	switch {
	case code == "OML":
		return Laboratory
	case code == "OMI" || len(g.ipcs) > 0:
		return Imaging
	case by.Sections[section] || len(g.specimen) > 0:
		return Laboratory
	}
	return Imaging
}

// steps reads the Scheduled Procedure Steps: one of each IPC (HL7 4.5.6), else one of the OBR.
func (g *group) steps(r *Request, by *Mapping, common *dataset.Set) {
	ipcs := g.ipcs
	if len(ipcs) == 0 {
		ipcs = []hl7v2.Segment{{}}
	}
	for _, ipc := range ipcs {
		r.addStep(g.step(r, by, common, ipc))
	}
}

// step reads one Scheduled Procedure Step with its item.
func (g *group) step(r *Request, by *Mapping, common *dataset.Set, ipc hl7v2.Segment) Step {
	s := Step{
		ID: g.first(by.StepID, ipc), Procedure: g.first(by.ProcedureID, ipc), Modality: g.modality(by, ipc),
		Study: g.study(r, by, ipc),
	}
	if n := len([]rune(s.Procedure)); n > 16 && s.Procedure == r.Order.Placer.ID {
		s.Procedure = "" // an order number in its place that does not fit
	}
	sps, all := newItem(), item{clone(common)}
	protocol := codeOf(g.find(by.Protocol, ipc))
	sps.put(tag.ScheduledProcedureStepDescription, dicom.LO, orElse(protocol.Meaning, protocol.Value))
	if protocol.Value != "" {
		sps.sequence(tag.ScheduledProtocolCodeSequence, protocol.item())
	}
	said := text(g.find(by.Start, ipc).Component(1))
	if date, clock, ok := when(said); ok {
		s.Start = date + clock
	} else if said != "" {
		r.remark("the scheduled start is no date and time, and is not taken")
	}
	sps.put(tag.ScheduledPerformingPhysicianName, dicom.PN, staff(g.find(by.Performing, ipc)))
	g.place(r, &s, sps, by, ipc, r.Order.Service.Value, protocol.Value)
	all.sequence(tag.ScheduledProcedureStepSequence, sps.Set)
	if a := g.first(by.Accession, ipc); a != "" {
		all.id(tag.AccessionNumber, dicom.SH, a)
	}
	s.Attributes = all.Set
	return s
}

// modality gives the Modality of a step (PS3.3 C.7.3.1.1.1).
func (g *group) modality(by *Mapping, ipc hl7v2.Segment) string {
	v := strings.ToUpper(g.first(by.Modality, ipc))
	if to, ok := by.Modalities[v]; ok {
		return to
	}
	if len(v) > 16 || strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ ") != "" {
		return by.Modalities[""]
	}
	return v
}

// remark notes what is not taken of a request, once.
func (r *Request) remark(text string) {
	if !slices.Contains(r.Remarks, text) {
		r.Remarks = append(r.Remarks, text)
	}
}

// study gives the Study Instance UID, if a valid one was sent.
func (g *group) study(r *Request, by *Mapping, ipc hl7v2.Segment) dicom.UID {
	v := g.first(by.Study, ipc)
	uid := dicom.UID(v)
	switch {
	case v == "":
		return ""
	case !uid.Valid():
		r.remark("Study Instance UID is not a UID: another is used")
		return ""
	}
	return uid
}

// place puts where a step is to be done.
func (g *group) place(r *Request, s *Step, sps item, by *Mapping, ipc hl7v2.Segment, codes ...string) {
	for _, v := range strings.FieldsFunc(text(g.find(by.Station, ipc)), func(r rune) bool { return r == '^' || r == '~' || r == '\\' }) {
		switch v = clean(v, dicom.AE); {
		case v == "":
		case len(v) > 16 || len(s.Stations) == maxStations:
			r.remark("a station is no AE title, or one too many, and is not taken")
		default:
			s.Stations = append(s.Stations, v)
		}
	}
	sps.put(tag.ScheduledStationName, dicom.SH, g.name(by.StationName, ipc))
	sps.put(tag.ScheduledProcedureStepLocation, dicom.SH, g.name(by.Location, ipc))
	if len(s.Stations) > 0 {
		return
	}
	from, sender := location(g.segment("PV1").Field(3)), text(g.m.Segment(0).Field(3).Component(1))
	for i := range by.Assign {
		a := &by.Assign[i]
		if a.fits(s.Modality, from, sender, codes...) {
			s.Stations = slices.Clone(a.Stations)
			s.Modality = orElse(a.As, s.Modality)
			sps.put(tag.ScheduledStationName, dicom.SH, a.Name)
			sps.put(tag.ScheduledProcedureStepLocation, dicom.SH, a.At)
			return
		}
	}
}

// name gives the text of a coded element, else its code.
func (g *group) name(s Source, ipc hl7v2.Segment) string {
	v := g.find(s, ipc)
	return orElse(text(v.Component(2).Sub(1)), text(v.Component(1).Sub(1)))
}

// staff reads the name in an NDL (HL7 2.A.47), whose first component is a CNN, or in an XCN.
func staff(v hl7v2.Value) string {
	if c := v.Component(1); c.Count() > 1 {
		p := func(n int) string { return text(c.Sub(n)) }
		return clean(hl7v2.XPN{Family: p(2), Given: p(3), Middle: p(4), Suffix: p(5), Prefix: p(6)}.DICOM(), dicom.PN)
	}
	return person(v)
}

func clone(s *dataset.Set) *dataset.Set { return &dataset.Set{Elements: slices.Clone(s.Elements)} }

// join makes one order of several that a message names by the same numbers: its OBRs are the protocols of one
// requested procedure (IHE RAD-4), or steps of it.
func join(list []Request) (out []Request) {
	for _, r := range list {
		i := slices.IndexFunc(out, func(o Request) bool { return sameOrder(&o, &r) })
		if i < 0 {
			out = append(out, r)
			continue
		}
		for _, s := range r.Order.Steps {
			out[i].addStep(s)
		}
		out[i].Remarks = append(out[i].Remarks, r.Remarks...)
	}
	return out
}

func sameOrder(a, b *Request) bool {
	x, y := &a.Order, &b.Order
	if !a.Detailed || !b.Detailed || a.Control != b.Control || x.Kind != Imaging || y.Kind != Imaging || x.Accession != y.Accession || x.Filler != y.Filler {
		return false
	}
	if x.Placer.ID == "" || x.Placer != y.Placer {
		return false
	}
	return x.Steps[0].Procedure == y.Steps[0].Procedure && (x.Steps[0].Study == y.Steps[0].Study)
}

// addStep adds a step, or the protocol codes of one that is there.
func (r *Request) addStep(s Step) {
	o := &r.Order
	for i := range o.Steps {
		if s.ID == "" || o.Steps[i].ID != s.ID {
			continue
		}
		have, more := stepItem(o.Steps[i].Attributes), stepItem(s.Attributes)
		e, add := have.Get(tag.ScheduledProtocolCodeSequence), more.Get(tag.ScheduledProtocolCodeSequence)
		switch {
		case add == nil:
		case e == nil:
			have.Put(*add)
		default:
			e.Items = append(slices.Clone(e.Items), add.Items...)
		}
		return
	}
	if len(o.Steps) < maxSteps {
		o.Steps = append(o.Steps, s)
	}
}

// stepItem gives the one item of the Scheduled Procedure Step Sequence, which it makes if it is not there.
func stepItem(s *dataset.Set) *dataset.Set {
	if e := s.Get(tag.ScheduledProcedureStepSequence); e != nil && len(e.Items) > 0 {
		return e.Items[0]
	}
	in := &dataset.Set{}
	s.Put(dataset.Element{Tag: tag.ScheduledProcedureStepSequence, VR: dicom.SQ, Items: []*dataset.Set{in}})
	return in
}
