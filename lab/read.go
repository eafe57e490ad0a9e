package lab

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// Group is what a message tells of one patient.
type Group struct {
	Patient  hl7v2.Segment // PID; the zero Segment if there is none
	Reports  []*Report
	Contents map[*Attachment]*Content // data of the reports' attachments; nil if there are none
}

// Read takes the reports out of an ORU, OUL or MDM message (HL7 7.3.1, 7.3.7, 9.5). Every OBX finds its place: those before any OBR
// make a report without a service, those between ORC and OBR belong to that OBR, those after SPM to
// the OBR before it; where specimens come first (OUL^R22, R23), those between SPM and OBR to the specimen. Several OBR with the
// same order numbers, service and time are one report. A document (TXA) with all its OBX is one report.
func Read(m *hl7v2.Message) []Group {
	r := reader{m: m, shelves: newShelves(m)}
	return r.read()
}

// form is the order that a message's segments stand in.
type form uint8

const (
	resultForm   form = iota // ORU, OUL^R21: order, then results and specimens
	orderForm                // OUL^R24: as ORU, but ORC stands after OBR
	specimenForm             // OUL^R22, R23: a specimen, then its orders (ORC after OBR) and results
	documentForm             // MDM
)

func formOf(m *hl7v2.Message) (f form, event string) {
	t := m.Segment(0).Field(9)
	code, event := text(t.Component(1)), text(t.Component(2))
	if event == "" {
		_, event, _ = strings.Cut(text(t.Component(3)), "_")
	}
	switch {
	case code == "MDM":
		return documentForm, event
	case code == "OUL" && (event == "R22" || event == "R23"):
		return specimenForm, event
	case code == "OUL" && event == "R24":
		return orderForm, event
	}
	return resultForm, event
}

// reader walks the segments.
type reader struct {
	m            *hl7v2.Message
	outline      bool // less is read of OBX, see Outline
	documents    bool // in an outline: there are some
	form         form
	event        string
	sent, sender string
	groups       []Group

	patient  hl7v2.Segment
	visit    string
	reports  []*Report
	contents map[*Attachment]*Content
	orc      hl7v2.Segment
	obrs     int           // OBR of a document so far
	report   *Report       // the OBR that OBX belong to
	waiting  *Specimen     // of SPM or SAC, for the OBR after it
	loose    []Observation // OBX without an OBR so far
	notes    *[]string     // of the OBR or OBX before, for the NTE after it

	row      hl7v2.Row   // of the segment at hand
	timed    hl7v2.Value // the time read last
	lastTime string
	shelves  shelves
}

func (r *reader) read() []Group {
	msh := r.m.Segment(0)
	r.sent, r.sender = sentTime(msh.Field(7)), text(msh.Field(3).Component(1))
	r.form, r.event = formOf(r.m)
	for s := range r.m.Segments() {
		r.take(s)
	}
	r.endPatient()
	return r.groups
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
		r.order(s)
	case "OBR":
		r.obr(s)
	case "OBX":
		r.obx(s)
	case "NTE":
		r.note(s)
	case "SPM":
		r.specimen(s)
	case "SAC":
		r.container(s)
	case "TXA":
		r.document(s)
	}
}

// order takes ORC, which belongs to the OBR after it, or in OUL to the one before it.
func (r *reader) order(s hl7v2.Segment) {
	if p := r.report; p != nil && (r.form == specimenForm || r.form == orderForm) && len(p.Observations) == 0 {
		if p.Placer == nil {
			p.Placer = order(s.Field(2))
		}
		if p.Filler == nil {
			p.Filler = order(s.Field(3))
		}
		return
	}
	r.endLoose()
	r.orc, r.report, r.notes = s, nil, nil
}

func (r *reader) obr(s hl7v2.Segment) {
	if r.form == documentForm {
		r.documentOrder(s)
		return
	}
	if !r.orc.Exists() {
		r.endLoose()
	}
	rep := r.newReport(s)
	if same := r.same(rep); same != nil {
		rep = same
	} else {
		r.reports = append(r.reports, rep)
	}
	r.giveSpecimen(rep)
	rep.Observations = append(rep.Observations, r.loose...)
	r.loose, r.report, r.orc = nil, rep, hl7v2.Segment{}
	r.notes = &rep.Notes
}

// lastOBR is the last field of OBR that is read.
const lastOBR = 32

// newReport reads OBR, with order numbers from ORC where OBR lacks them.
func (r *reader) newReport(s hl7v2.Segment) *Report {
	f := &r.row
	f.Read(s, lastOBR)
	rep := &Report{
		Service: coded(f.Field(4)), HL7Status: text(f.Field(25)), Accession: text(f.Field(18).Component(1)),
		Observed: r.when(f.Field(7)), Reported: r.when(f.Field(22)), Section: text(f.Field(24)),
		ParentResult: text(f.Field(26)), ParentOrder: text(f.Field(29)), Orderer: xcn(f.Field(16).Repetition(1)), Interpreter: ndl(f.Field(32).Repetition(1)),
		Visit: r.visit, Sent: r.sent, Sender: r.sender,
	}
	rep.Placer = order(f.Field(2), r.orc.Field(2))
	rep.Filler = order(f.Field(3), r.orc.Field(3))
	rep.Parent = parentOf(f.Field(26), f.Field(29))
	if t := coded(f.Field(15)); t != (Coded{}) {
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
			p.Accession == rep.Accession && p.Observed == rep.Observed && p.ParentResult == rep.ParentResult && r.sameSpecimen(p) {
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
	list := &r.loose
	switch {
	case r.report != nil:
		list = &r.report.Observations
	case r.form == specimenForm && r.waiting != nil && !r.orc.Exists():
		list = &r.waiting.Observations
	}
	if r.outline {
		r.outlined(list, s)
		return
	}
	if *list == nil {
		*list = make([]Observation, 0, r.run(s.Index))
	}
	*list = append(*list, Observation{})
	o := &(*list)[len(*list)-1]
	r.observation(o, s)
	r.notes = &o.Notes
}

// run counts the OBX from segment i up to the next OBR, SPM or PID.
func (r *reader) run(i int) (n int) {
	for ; i < r.m.Len(); i++ {
		s := r.m.Segment(i)
		if s.Is("OBR") || s.Is("PID") || s.Is("SPM") {
			break
		}
		if s.Is("OBX") {
			n++
		}
	}
	return n
}

func (r *reader) note(s hl7v2.Segment) {
	if r.notes == nil || r.outline {
		return
	}
	for _, v := range s.Field(3).Repetitions() {
		t, cut := bounded(v)
		if t == "" {
			continue
		}
		*r.notes = append(*r.notes, t)
		if cut && r.report != nil {
			r.report.warn(fmt.Sprintf("note of %d bytes"+cutText, len(v.Raw())))
		}
	}
}

// endLoose makes a report of observations that no OBR claims.
func (r *reader) endLoose() {
	if len(r.loose) == 0 {
		return
	}
	rep := r.newReport(hl7v2.Segment{})
	rep.Observations, r.loose = r.loose, nil
	r.giveSpecimen(rep)
	r.reports = append(r.reports, rep)
}

func (r *reader) endPatient() {
	r.endLoose()
	r.endSpecimen()
	for _, rep := range r.reports {
		rep.finish()
	}
	if len(r.reports) > 0 {
		r.groups = append(r.groups, Group{Patient: r.patient, Reports: r.reports, Contents: r.contents})
	}
	r.reports, r.report, r.orc, r.visit, r.waiting, r.contents, r.obrs = nil, nil, hl7v2.Segment{}, "", nil, nil, 0
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

// order gives the first order number that is there.
func order(values ...hl7v2.Value) *Order {
	for _, v := range values {
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
	if bytes.Equal(v.Raw(), r.timed.Raw()) {
		return r.lastTime
	}
	s := text(v.Component(1))
	if t, ok := hl7v2.ParseTime(s); ok {
		s = t.ISO()
	}
	r.timed, r.lastTime = v, s
	return s
}

// sentTime gives MSH-7 so that texts compare as times.
func sentTime(v hl7v2.Value) string {
	t, ok := hl7v2.ParseTime(text(v.Component(1)))
	if !ok {
		return ""
	}
	return t.Sortable()
}
