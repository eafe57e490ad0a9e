package worklist

import (
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/hl7v2"
)

// appointments says what the trigger events of SIU ask for (HL7 10.3), in the words of ORC-1 and ORC-5.
var appointments = map[string][2]string{"S12": {"NW", "SC"}, "S13": {"XO", "SC"}, "S14": {"XO", "SC"}, "S15": {"CA", "CA"}}

// appointment reads an SIU: when an order is to be done, and where. Of an order that is not known it makes one, which is for images if a
// rule gives one of its services a station: an appointment does not say what kind of service it is for.
func appointment(m *hl7v2.Message, by *Mapping) ([]Request, string) {
	event := text(m.Segment(0).Field(9).Component(2))
	codes, ok := appointments[event]
	sch := m.First("SCH")
	if !ok || !sch.Exists() {
		return nil, "no SCH"
	}
	msh := m.Segment(0)
	r := Request{Control: codes[0], State: codes[1], PID: m.First("PID"), Detailed: true, Reschedule: true}
	r.Order = Order{
		Placer: number(sch.Field(26)), Filler: number(sch.Field(27)), Kind: Other,
		Application: text(msh.Field(3).Component(1)), Site: text(msh.Field(4).Component(1)), Version: text(msh.Field(12).Component(1)),
		Control: text(msh.Field(10)), Type: "SIU^" + event,
	}
	if r.Order.Placer.ID == "" && r.Order.Filler.ID == "" { // no order is named: it goes by the appointment's own numbers
		r.Order.Placer, r.Order.Filler = number(sch.Field(1)), number(sch.Field(2))
	}
	g := &group{m: m, pid: r.PID}
	common := newItem()
	g.patient(common)
	g.visit(common, by)
	common.id(tag.PlacerOrderNumberImagingServiceRequest, dicom.LO, r.Order.Placer.ID)
	common.id(tag.FillerOrderNumberImagingServiceRequest, dicom.LO, r.Order.Filler.ID)
	all := resourceGroups(m)
	for _, resources := range all {
		if len(r.Order.Steps) < maxSteps {
			g.service(&r, by, common, resources)
		}
	}
	if len(r.Order.Steps) == 0 { // no AIS: only when and where, of an order that is known
		s, at, sps := Step{}, item{clone(common.Set)}, newItem()
		g.appointed(&s, sps, hl7v2.Value{}, slices.Concat(all...))
		at.sequence(tag.ScheduledProcedureStepSequence, sps.Set)
		s.Attributes = at.Set
		r.Detailed, r.Order.Steps = false, []Step{s}
	}
	r.Order.Attributes = common.Set
	return []Request{r}, ""
}

// noStation says of an appointment that no modality sees it.
const noStation = "an appointment of an order that is not known, and no rule of worklist.assign gives its services a station: it is not in the worklist"

// lacks tells what an appointment of an order that was not known does not say, though a modality needs it.
func (r *Request) lacks(by *Mapping) string {
	if !r.Reschedule {
		return ""
	}
	if r.Order.Kind == Other {
		return noStation
	}
	for i := range r.Order.Steps {
		switch s := &r.Order.Steps[i]; {
		case s.Start == "":
			return "the appointment says no time: it is in the worklist for now"
		case s.Modality == by.Modalities[""]:
			return "the appointment names no modality, and neither does the rule of worklist.assign (set_modality): it is in the worklist as " + s.Modality
		}
	}
	return ""
}

// resourceGroups divides the segments from each RGS on; without one they are one group.
func resourceGroups(m *hl7v2.Message) (all [][]hl7v2.Segment) {
	var here []hl7v2.Segment
	for s := range m.Segments() {
		if s.Is("RGS") && len(here) > 0 {
			all, here = append(all, here), nil
		}
		if s.Is("AIS") || s.Is("AIL") || s.Is("AIG") || s.Is("AIP") {
			here = append(here, s)
		}
	}
	return append(all, here)
}

// service adds a step for each AIS of a resource group, with the location and staff of the group.
func (g *group) service(r *Request, by *Mapping, common item, resources []hl7v2.Segment) {
	for _, ais := range resources {
		if !ais.Is("AIS") {
			continue
		}
		all, sps := item{clone(common.Set)}, newItem()
		s := Step{Modality: by.Modalities[""]}
		c := codeOf(ais.Field(3))
		g.appointed(&s, sps, ais.Field(4), resources)
		sps.put(tag.ScheduledProcedureStepDescription, dicom.LO, orElse(c.Meaning, c.Value))
		all.put(tag.RequestedProcedureDescription, dicom.LO, orElse(c.Meaning, c.Value))
		if c.Value != "" {
			sps.sequence(tag.ScheduledProtocolCodeSequence, c.item())
			all.sequence(tag.RequestedProcedureCodeSequence, c.item())
		}
		g.place(r, &s, sps, by, hl7v2.Segment{}, c.Value)
		if len(s.Stations) > 0 {
			r.Order.Kind = Imaging
		}
		if r.Order.Service == (Code{}) {
			r.Order.Service = c
		}
		all.sequence(tag.ScheduledProcedureStepSequence, sps.Set)
		s.Attributes = all.Set
		r.addStep(s)
	}
}

// appointed puts when a step is to be done, where and by whom. start is that of its AIS.
func (g *group) appointed(s *Step, sps item, start hl7v2.Value, resources []hl7v2.Segment) {
	part := func(name string) hl7v2.Segment {
		for _, s := range resources {
			if s.Is(name) {
				return s
			}
		}
		return hl7v2.Segment{}
	}
	start = orValue(start, orValue(g.m.First("TQ1").Field(7), g.m.First("SCH").Field(11).Component(4)))
	if date, clock, ok := when(text(start.Component(1))); ok {
		s.Start = date + clock
	}
	sps.put(tag.ScheduledProcedureStepLocation, dicom.SH, location(part("AIL").Field(3)))
	sps.put(tag.ScheduledPerformingPhysicianName, dicom.PN, person(part("AIP").Field(3)))
}
