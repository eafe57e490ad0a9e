package lab

import "github.com/halong-gateway/halong/hl7v2"

// documentOrder takes OBR of an MDM: the first says what the document reports on.
func (r *reader) documentOrder(s hl7v2.Segment) {
	if r.obrs++; r.obrs > 1 {
		return
	}
	rep := r.newReport(s)
	rep.Observations, r.loose = r.loose, nil
	r.report, r.orc = rep, hl7v2.Segment{}
	r.reports = append(r.reports, rep)
	r.notes = &rep.Notes
}

// document takes TXA (HL7 9.6.1): with it everything of the message is one document.
func (r *reader) document(s hl7v2.Segment) {
	r.notes = nil
	if r.form != documentForm {
		return // the raw message has it
	}
	rep := r.report
	if rep == nil || rep.Document != nil {
		rep = r.newReport(hl7v2.Segment{})
		rep.Observations, r.loose = r.loose, nil
		r.reports = append(r.reports, rep)
	}
	r.report, r.orc = rep, hl7v2.Segment{}
	d := &Document{
		Event: r.event, ID: text(s.Field(12).Component(1)), Parent: text(s.Field(13).Component(1)), Type: text(s.Field(2).Component(1)),
		Title: text(s.Field(25)), File: text(s.Field(16)), Completion: text(s.Field(17)), Availability: text(s.Field(19)),
		Reason: text(s.Field(21)),
	}
	rep.Document = d
	if rep.Placer == nil {
		rep.Placer = order(s.Field(14).Repetition(1))
	}
	if rep.Filler == nil {
		rep.Filler = order(s.Field(15))
	}
	if rep.Observed == "" {
		rep.Observed = r.when(s.Field(4))
	}
	if rep.Reported == "" {
		rep.Reported = r.when(s.Field(6))
	}
	if rep.Service == (Coded{}) {
		rep.Service = coded(s.Field(2))
	}
	if rep.Interpreter == nil {
		rep.Interpreter = xcn(s.Field(9).Repetition(1))
	}
}

// status is that of a document, from its event and completion status (table 0271).
func (d *Document) status() Status {
	var s Status
	switch d.Completion {
	case "AU", "LA":
		s = Final
	case "DI", "DO", "IN", "IP", "PA", "UC":
		s = Preliminary
	}
	switch {
	case d.Event == "T11", d.Availability == "CA":
		return EnteredInError
	case d.Availability == "OB" && !d.replaces():
		return Cancelled
	case s == Final && (d.replaces() || d.Event == "T07" || d.Event == "T08"):
		return Corrected
	}
	return s
}

// replaces tells whether the document takes the place of its parent (T09, T10).
func (d *Document) replaces() bool { return (d.Event == "T09" || d.Event == "T10") && d.Parent != "" }
