package worklist

import (
	"strconv"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/hl7v2"
)

// patient puts the attributes of the patient modules in PS3.4 table K.6-1.
func (g *group) patient(i item) {
	p := g.pid
	ids := g.identifiers()
	if len(ids) > 0 {
		i.id(tag.PatientID, dicom.LO, ids[0].ID)
		i.put(tag.IssuerOfPatientID, dicom.LO, ids[0].Authority)
		var others []*dataset.Set
		for _, x := range ids[1:] {
			o := newItem()
			o.id(tag.PatientID, dicom.LO, x.ID)
			o.put(tag.IssuerOfPatientID, dicom.LO, x.Authority)
			o.put(tag.TypeOfPatientID, dicom.CS, "TEXT")
			others = append(others, o.Set)
		}
		i.sequence(tag.OtherPatientIDsSequence, others...)
	}
	i.put(tag.PatientName, dicom.PN, clean(patientName(p.Field(5)), dicom.PN))
	i.put(tag.PatientBirthDate, dicom.DA, day(text(p.Field(7).Component(1))))
	i.put(tag.PatientSex, dicom.CS, sexes[hl7v2.AdministrativeSex(p.Field(8).Component(1).Text())])
	i.put(tag.PatientMotherBirthName, dicom.PN, clean(patientName(p.Field(6)), dicom.PN))
	i.put(tag.PatientAddress, dicom.LO, address(p.Field(11).Repetition(1)))
	i.value(tag.PatientTelephoneNumbers, dicom.SH, p.Field(13))
	i.value(tag.EthnicGroup, dicom.SH, p.Field(22))
	g.condition(i)
}

var sexes = map[string]string{"F": "F", "M": "M", "O": "O", "A": "O", "N": "O"} // table 0001; U is unknown: nothing

// maxIdentifiers bounds how many of a patient's numbers go into an item.
const maxIdentifiers = 16

// identifiers gives the patient's numbers, the first one the Patient ID.
func (g *group) identifiers() (list []hl7v2.CX) {
	for _, n := range []int{3, 2, 4} {
		for _, v := range g.pid.Field(n).Repetitions() {
			if x := v.CX(); x.ID != "" && len(list) < maxIdentifiers && (n == 3 || len(list) == 0) {
				list = append(list, x)
			}
		}
	}
	return list
}

// representations are the component groups of a person's name (PS3.5 6.2.1.1) by what XPN.8 says of a repetition (table 0465); the others are alphabetic.
var representations = map[string]int{"I": 1, "P": 2}

// patientName gives the legal name of PID-5, else the first one, of each representation. Where none is alphabetic, the first one stands for it, so that
// everybody sees a name.
func patientName(f hl7v2.Value) string {
	var groups [3]string
	var legal [3]bool
	first := ""
	for _, v := range f.Repetitions() {
		x := v.XPN()
		n, g := x.DICOM(), representations[strings.ToUpper(text(v.Component(8)))]
		if n != "" && (groups[g] == "" || x.Type == "L" && !legal[g]) {
			groups[g], legal[g] = n, x.Type == "L"
		}
		first = orElse(first, n)
	}
	groups[0] = orElse(groups[0], first)
	return strings.TrimRight(strings.Join(groups[:], "="), "=")
}

func address(v hl7v2.Value) string {
	var parts []string
	for n := 1; n <= 6; n++ {
		if s := text(v.Component(n).Sub(1)); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}

// condition puts what is to be known of the patient before an examination: allergies, state, pregnancy, weight and size.
func (g *group) condition(i item) {
	var allergies []string
	for s := range g.common() {
		if s.Is("AL1") && len(allergies) < maxIdentifiers {
			c := codeOf(s.Field(3))
			if t := orElse(c.Meaning, c.Value); t != "" {
				allergies = append(allergies, t)
			}
		}
	}
	i.put(tag.Allergies, dicom.LO, strings.Join(allergies, ", "))
	pv1 := g.segment("PV1")
	for _, v := range pv1.Field(15).Repetitions() { // ambulatory status, table 0009
		if text(v) == "B6" {
			i.PutInt(tag.PregnancyStatus, dicom.US, 3)
		}
	}
	for _, o := range g.all("OBX") {
		g.measure(i, o)
	}
}

// What one of a unit is in kg, or in m. Without a unit a weight is in kg, a height in m or, where nobody is so tall, in cm.
var (
	weights = map[string]float64{"": 1, "kg": 1, "g": 0.001, "lb": 0.45359237, "lbs": 0.45359237, "[lb_av]": 0.45359237}
	heights = map[string]float64{"": 1, "m": 1, "cm": 0.01, "mm": 0.001, "in": 0.0254, "[in_i]": 0.0254, "[in_us]": 0.0254}
)

// tallest is the height in m beyond which a number without a unit is one of cm.
const tallest = 3

// measure puts body weight in kg and body height in m, by the names that dcm4chee takes and by LOINC. In a unit that is not known they are not put: doses are
// reckoned by them.
func (g *group) measure(i item, obx hl7v2.Segment) {
	c := codeOf(obx.Field(3))
	said := text(obx.Field(5).Component(1))
	if _, after, comma := strings.Cut(said, ","); comma && len(after) == 3 {
		return // 3,200 may be three or three thousand
	}
	f, err := strconv.ParseFloat(strings.Replace(said, ",", ".", 1), 64)
	if err != nil || !(f > 0 && f < 1e6) { // nor NaN
		return
	}
	unit := strings.ToLower(text(obx.Field(6).Component(1)))
	name := strings.ToUpper(orElse(c.Meaning, c.Value))
	put := func(t dicom.Tag, by float64) {
		if by > 0 {
			i.put(t, dicom.DS, strconv.FormatFloat(f*by, 'f', -1, 32))
		}
	}
	switch {
	case strings.Contains(name, "BODY WEIGHT") || c.Value == "29463-7" || c.Value == "3141-9":
		put(tag.PatientWeight, weights[unit])
	case strings.Contains(name, "BODY HEIGHT") || c.Value == "8302-2":
		if unit == "" && f > tallest {
			unit = "cm"
		}
		put(tag.PatientSize, heights[unit])
	}
}

// visit puts the attributes of the visit modules.
func (g *group) visit(i item, m *Mapping) {
	pv1 := g.segment("PV1")
	none := hl7v2.Segment{}
	i.id(tag.AdmissionID, dicom.LO, g.first(m.Admission, none))
	i.put(tag.CurrentPatientLocation, dicom.LO, location(pv1.Field(3)))
	i.put(tag.ReferringPhysicianName, dicom.PN, person(g.find(m.Referring, none)))
	i.value(tag.ConfidentialityConstraintOnPatientDataDescription, dicom.LO, pv1.Field(16))
	i.value(tag.PatientState, dicom.LO, g.coded(g.obr.Field(12)))
	i.value(tag.MedicalAlerts, dicom.LO, g.obr.Field(13))
}

// coded gives the text of a coded element, else its code.
func (g *group) coded(v hl7v2.Value) hl7v2.Value {
	if t := v.Component(2); text(t) != "" {
		return t
	}
	return v
}

func location(v hl7v2.Value) string {
	var parts []string
	for n := 1; n <= 4; n++ {
		parts = append(parts, text(v.Component(n).Sub(1)))
	}
	return strings.TrimRight(strings.Join(parts, "^"), "^")
}

// request puts the attributes of the imaging service request and of the requested procedure that the order has as a whole.
func (g *group) request(i item, m *Mapping, o *Order) {
	none := hl7v2.Segment{}
	i.put(tag.RequestingPhysician, dicom.PN, person(g.find(m.Requesting, none)))
	i.value(tag.RequestingService, dicom.LO, g.coded(g.orc.Field(17)))
	i.id(tag.PlacerOrderNumberImagingServiceRequest, dicom.LO, o.Placer.ID)
	i.id(tag.FillerOrderNumberImagingServiceRequest, dicom.LO, o.Filler.ID)
	for n, t := range map[int]dicom.Tag{2: tag.OrderPlacerIdentifierSequence, 3: tag.OrderFillerIdentifierSequence} {
		number := o.Placer
		if n == 3 {
			number = o.Filler
		}
		if number.ID != "" && number.Authority != "" {
			x := newItem()
			x.put(tag.LocalNamespaceEntityID, dicom.UT, number.Authority)
			i.sequence(t, x.Set)
		}
	}
	i.put(tag.OrderEnteredBy, dicom.PN, person(g.orc.Field(10)))
	i.value(tag.OrderEntererLocation, dicom.SH, g.orc.Field(13))
	i.value(tag.OrderCallbackPhoneNumber, dicom.SH, orValue(g.obr.Field(17), g.orc.Field(14)))
	if date, clock, ok := when(text(orValue(g.orc.Field(9), g.orc.Field(15)).Component(1))); ok {
		i.put(tag.IssueDateOfImagingServiceRequest, dicom.DA, date)
		i.put(tag.IssueTimeOfImagingServiceRequest, dicom.TM, clock)
	}
	i.put(tag.RequestedProcedurePriority, dicom.SH, o.Priority)
	i.value(tag.PatientTransportArrangements, dicom.LO, g.obr.Field(30))
	i.value(tag.ReasonForTheRequestedProcedure, dicom.LO, g.coded(g.obr.Field(31)))
	if c := codeOf(g.obr.Field(31)); c.Value != "" {
		i.sequence(tag.ReasonForRequestedProcedureCodeSequence, c.item())
	}
	if v := person(g.obr.Field(28)); v != "" {
		i.put(tag.NamesOfIntendedRecipientsOfResults, dicom.PN, v)
	}
	var notes []string
	for _, n := range g.all("NTE") {
		if t := text(n.Field(3)); t != "" {
			notes = append(notes, t)
		}
	}
	i.put(tag.RequestedProcedureComments, dicom.LT, strings.Join(notes, "\n"))
	if c := o.Service; c != (Code{}) {
		i.put(tag.RequestedProcedureDescription, dicom.LO, orElse(c.Meaning, c.Value))
		if c.Value != "" {
			i.sequence(tag.RequestedProcedureCodeSequence, c.item())
		}
	}
}

func orValue(a, b hl7v2.Value) hl7v2.Value {
	if text(a) != "" || a.Null() {
		return a
	}
	return b
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
