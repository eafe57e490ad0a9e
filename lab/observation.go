package lab

import "github.com/halong-gateway/halong/hl7v2"

// lastField is the last one of OBX that is read.
const lastField = 19

// observation reads OBX into o.
func (r *reader) observation(o *Observation, s hl7v2.Segment) {
	r.fields = s.FirstFields(r.fields, lastField)
	f := r.fields
	id := f.At(3).CWE()
	*o = Observation{
		Code: Coded{Code: id.Code, Text: id.Text, System: id.System}, Sub: text(f.At(4)), Type: text(f.At(2)),
		Range: parseRange(f.At(7)), HL7Status: text(f.At(11)), Observed: r.when(f.At(14)), Analysed: r.when(f.At(19)),
		Producer: text(f.At(15).Component(1)), Equipment: text(f.At(18).Component(1)), Observer: xcn(f.At(16).Repetition(1)),
	}
	if id.AltCode+id.AltText != "" {
		o.Alternate = &Coded{Code: id.AltCode, Text: id.AltText, System: id.AltSystem}
	}
	if u := coded(f.At(6)); u != (Coded{}) {
		o.Units = &u
	}
	if m := f.At(17).CWE(); m.Text != "" {
		o.Method = m.Text
	} else {
		o.Method = m.Code
	}
	for _, v := range f.At(8).Repetitions() {
		if t := text(v.Component(1)); t != "" {
			o.Flags = append(o.Flags, t)
		}
	}
	r.values(o, f.At(5))
	if o.HL7Status == "N" {
		o.Absent = "not-asked"
	}
	if id.Code+id.Text == "" {
		o.warn("OBX-3 is empty")
	}
}

// finish settles the statuses once all of a report is known.
func (r *Report) finish() {
	r.Status = reportStatus(r.HL7Status)
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
		o.Status = observationStatus(o.HL7Status)
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
