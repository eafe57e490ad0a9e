package lab

import "github.com/halong-gateway/halong/hl7v2"

// lastOBX is the last field of OBX that is read.
const lastOBX = 19

// observation reads OBX into o, which is empty.
func (r *reader) observation(o *Observation, s hl7v2.Segment) {
	f := &r.row
	f.Read(s, lastOBX)
	id := f.Field(3).CWE()
	o.Code, o.Alternate, o.Further = Coded{Code: id.Code, Text: id.Text, System: id.System}, alternate(&id), further(f.Field(3))
	o.Sub, o.Type, o.HL7Status = text(f.Field(4)), text(f.Field(2)), text(f.Field(11))
	if u := coded(f.Field(6)); u != (Coded{}) {
		o.Units = &r.shelves.units.place()[0]
		*o.Units = u
	}
	if o.Range = r.parseRange(f.Field(7)); !o.Range.isOf(o.Units) {
		*o.Range = Range{Text: o.Range.Text}
	}
	for _, v := range f.Field(8).Repetitions() {
		if t := text(v.Component(1)); t != "" {
			o.Flags = append(o.Flags, t)
		}
	}
	o.Observed, o.Analysed = r.when(f.Field(14)), r.when(f.Field(19))
	o.Producer, o.Equipment = text(f.Field(15).Component(1)), text(f.Field(18).Component(1))
	o.Observer = xcn(f.Field(16).Repetition(1))
	if m := f.Field(17).CWE(); m.Text != "" {
		o.Method = m.Text
	} else {
		o.Method = m.Code
	}
	r.values(o, f.Field(5))
	if o.HL7Status == "N" {
		o.Absent = "not-asked"
	}
	if id.Code == "" && id.Text == "" {
		o.warn("OBX-3 is empty")
	}
}

// finish settles the statuses once all of a report is known.
func (r *Report) finish() {
	r.Status = ReportStatus(r.HL7Status)
	if r.Status == "" && r.HL7Status != "" {
		r.warn("OBR-25 is not in table 0123")
	}
	if d := r.Document; d != nil {
		r.Status = d.status()
	}
	r.settle(r.Observations)
	markDuplicates(r.Observations)
	if r.Specimen != nil {
		r.settle(r.Specimen.Observations)
	}
	if r.Status == "" {
		r.Status = r.derived()
	}
	if r.Observations == nil {
		r.Observations = []Observation{} // [] rather than null in JSON
	}
}

// settle gives observations their statuses. An OBX-11 that is empty, as senders leave it when they correct a
// report, is that of the report.
func (r *Report) settle(list []Observation) {
	for i := range list {
		o := &list[i]
		o.Status = ObservationStatus(o.HL7Status)
		if o.Status != "" {
			continue
		}
		switch {
		case o.HL7Status != "":
			o.warn("OBX-11 is not in table 0085")
		case r.Document == nil: // in documents it tells nothing
			o.warn("OBX-11 is empty")
		}
		if o.Status = r.Status; o.Status == "" {
			o.Status = Final
		}
	}
}

// derived is the status of a report that tells none: the least advanced of its
// observations that have a result, corrected if any is, cancelled if all are.
func (r *Report) derived() Status {
	var results, preliminary, corrected, cancelled int
	for i := range r.Observations {
		switch r.Observations[i].Status {
		case Registered:
			continue
		case Preliminary:
			preliminary++
		case Cancelled:
			cancelled++
		case Corrected, EnteredInError, Deleted:
			corrected++
		}
		results++
	}
	switch {
	case results == 0:
		return Registered
	case cancelled == results:
		return Cancelled
	case preliminary > 0:
		return Preliminary
	case corrected > 0:
		return Corrected
	}
	return Final
}
