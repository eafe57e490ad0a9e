package lab

import (
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// Group is what a message tells of one patient.
type Group struct {
	Patient hl7v2.Segment // PID; the zero Segment if there is none
	Reports []*Report
}

// Read takes the reports out of an ORU message (HL7 7.3.1). Every OBX finds its place: those before any OBR make a
// report without a service, those between ORC and OBR belong to that OBR, those after SPM
// to the OBR before it. Several OBR with the same order numbers, service and time are one report.
func Read(m *hl7v2.Message) []Group {
	r := reader{m: m, sent: sentTime(m.At("MSH-7")), sender: text(m.At("MSH-3.1"))}
	for s := range m.Segments() {
		r.take(s)
	}
	r.endPatient()
	return r.groups
}

// reader walks the segments.
type reader struct {
	m            *hl7v2.Message
	sent, sender string
	groups       []Group

	patient hl7v2.Segment
	visit   string
	reports []*Report
	orc     hl7v2.Segment
	report  *Report       // the OBR that OBX belong to
	loose   []Observation // OBX without an OBR so far
	notes   func() *[]string

	fields            hl7v2.Fields // of the segment at hand
	lastRaw, lastTime string       // the time read last
}

func (r *reader) take(s hl7v2.Segment) {
	switch s.Name() {
	case "PID":
		r.endPatient()
		r.patient = s
		r.notes = nil
	case "PV1":
		r.visit = text(s.Field(19).Component(1))
	case "ORC":
		r.endLoose()
		r.orc, r.report, r.notes = s, nil, nil
	case "OBR":
		r.obr(s)
	case "OBX":
		r.obx(s)
	case "NTE":
		r.note(s)
	case "SPM":
		r.specimen(s)
	}
}

func (r *reader) obr(s hl7v2.Segment) {
	if !r.orc.Exists() {
		r.endLoose()
	}
	rep := r.newReport(s)
	if same := r.same(rep); same != nil {
		rep = same
	} else {
		r.reports = append(r.reports, rep)
	}
	rep.Observations = append(rep.Observations, r.loose...)
	r.loose, r.report, r.orc = nil, rep, hl7v2.Segment{}
	r.notes = func() *[]string { return &rep.Notes }
}

// newReport reads OBR, with order numbers from ORC where OBR lacks them.
func (r *reader) newReport(s hl7v2.Segment) *Report {
	rep := &Report{
		Service: coded(s.Field(4)), HL7Status: text(s.Field(25)), Accession: text(s.Field(18).Component(1)),
		Observed: r.when(s.Field(7)), Reported: r.when(s.Field(22)), Section: text(s.Field(24)),
		ParentResult: text(s.Field(26)), ParentOrder: text(s.Field(29)),
		Visit: r.visit, Sent: r.sent, Sender: r.sender,
	}
	rep.Placer = order(s.Field(2), r.orc.Field(2))
	rep.Filler = order(s.Field(3), r.orc.Field(3))
	if t := coded(s.Field(15)); t != (Coded{}) {
		rep.Specimen = &Specimen{Type: t}
	}
	return rep
}

// same finds an earlier report of this patient in this message that is the same order.
func (r *reader) same(rep *Report) *Report {
	if rep.Placer == nil && rep.Filler == nil && rep.Accession == "" && rep.Service == (Coded{}) {
		return nil
	}
	for _, p := range r.reports[max(0, len(r.reports)-lookBack):] {
		if p.Service == rep.Service && equalOrder(p.Placer, rep.Placer) && equalOrder(p.Filler, rep.Filler) &&
			p.Accession == rep.Accession && p.Observed == rep.Observed && p.ParentResult == rep.ParentResult {
			return p
		}
	}
	return nil
}

// lookBack bounds how many reports same compares with.
const lookBack = 1000

func equalOrder(a, b *Order) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

func (r *reader) obx(s hl7v2.Segment) {
	o := r.observation(s)
	list := &r.loose
	if r.report != nil {
		list = &r.report.Observations
	}
	if *list == nil {
		*list = make([]Observation, 0, r.run(s.Index))
	}
	*list = append(*list, o)
	at := len(*list) - 1
	r.notes = func() *[]string { return &(*list)[at].Notes }
}

// run counts the OBX from segment i up to the next OBR or PID.
func (r *reader) run(i int) (n int) {
	for ; i < r.m.Len(); i++ {
		s := r.m.Segment(i)
		if s.Is("OBR") || s.Is("PID") {
			break
		}
		if s.Is("OBX") {
			n++
		}
	}
	return n
}

func (r *reader) note(s hl7v2.Segment) {
	if r.notes == nil {
		return
	}
	for _, v := range s.Field(3).Repetitions() {
		if t := v.Text(); t != "" {
			list := r.notes()
			*list = append(*list, t)
		}
	}
}

func (r *reader) specimen(s hl7v2.Segment) {
	if r.report == nil || r.report.Specimen != nil && r.report.Specimen.ID != "" {
		return
	}
	sp := &Specimen{ID: text(s.Field(2).Component(1)), Type: coded(s.Field(4))}
	if sp.ID == "" {
		sp.ID = text(s.Field(2).Component(2).Sub(1))
	}
	r.report.Specimen = sp
	r.notes = nil
}

// endLoose makes a report of observations that no OBR claims.
func (r *reader) endLoose() {
	if len(r.loose) == 0 {
		return
	}
	rep := r.newReport(hl7v2.Segment{})
	rep.Observations, r.loose = r.loose, nil
	r.reports = append(r.reports, rep)
}

func (r *reader) endPatient() {
	r.endLoose()
	for _, rep := range r.reports {
		rep.finish()
	}
	if len(r.reports) > 0 {
		r.groups = append(r.groups, Group{Patient: r.patient, Reports: r.reports})
	}
	r.reports, r.report, r.orc, r.visit = nil, nil, hl7v2.Segment{}, ""
}

// text gives a value without spaces around it; the HL7 null is empty.
func text(v hl7v2.Value) string {
	if v.Empty() || v.Null() {
		return ""
	}
	return strings.TrimSpace(v.Text())
}

func coded(v hl7v2.Value) Coded {
	c := v.CWE()
	return Coded{Code: c.Code, Text: c.Text, System: c.System}
}

func order(first, second hl7v2.Value) *Order {
	for _, v := range []hl7v2.Value{first, second} {
		if e := v.EI(); e.ID != "" {
			return &Order{ID: e.ID, Namespace: e.Namespace}
		}
	}
	return nil
}

// when gives a time in ISO 8601, or the sender's text. Messages repeat few times often.
func (r *reader) when(v hl7v2.Value) string {
	if v.Empty() {
		return ""
	}
	if string(v.Raw()) == r.lastRaw {
		return r.lastTime
	}
	s := text(v.Component(1))
	if t, ok := hl7v2.ParseTime(s); ok {
		s = t.ISO()
	}
	r.lastRaw, r.lastTime = string(v.Raw()), s
	return s
}

// sentTime gives MSH-7 so that texts compare as times: in UTC if an offset was given.
func sentTime(v hl7v2.Value) string {
	t, ok := hl7v2.ParseTime(text(v.Component(1)))
	if !ok {
		return ""
	}
	return t.Time.UTC().Format("2006-01-02T15:04:05.000000") + zoneMark(t)
}

// zoneMark keeps times with and without offset apart.
func zoneMark(t hl7v2.Time) string {
	if t.Zone {
		return "Z"
	}
	return ""
}
