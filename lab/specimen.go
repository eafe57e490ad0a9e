package lab

import (
	"slices"

	"github.com/halong-gateway/halong/hl7v2"
)

// specimen takes SPM (HL7 7.4.3): of the OBR before it, or, where specimens come first or no OBR came, of those after it.
func (r *reader) specimen(s hl7v2.Segment) {
	sp := Specimen{
		ID: text(s.Field(2).Component(1).Sub(1)), Filler: text(s.Field(2).Component(2).Sub(1)), Type: coded(s.Field(4)), Role: text(s.Field(11).Component(1)),
		Collected: r.when(s.Field(17)), Received: r.when(s.Field(18)),
	}
	if sp.ID == "" {
		sp.ID, sp.Filler = sp.Filler, ""
	}
	r.notes = nil
	if r.form == specimenForm || r.report == nil {
		if r.form == specimenForm {
			r.endLoose()
			r.endSpecimen()
			r.report, r.orc = nil, hl7v2.Segment{}
		}
		r.waiting = &sp
		return
	}
	r.report.addSpecimen(sp)
}

// addSpecimen adds what SPM says: to what OBR-15 said, or as a further specimen.
func (rep *Report) addSpecimen(sp Specimen) {
	switch have := rep.Specimen; {
	case have == nil:
		rep.Specimen = &sp
	case have.ID == "" && have.Role == "" && have.Collected == "" && (have.Container == "" || sp.Container == ""):
		if sp.Type == (Coded{}) {
			sp.Type = have.Type
		}
		if sp.Container == "" {
			sp.Container, sp.Accession = have.Container, have.Accession
		}
		rep.Specimen = &sp
	case have.ID == sp.ID || slices.ContainsFunc(rep.Specimens, func(s Specimen) bool { return s.ID == sp.ID }): // said again
	default:
		rep.Specimens = append(rep.Specimens, sp)
	}
}

// container takes SAC (HL7 13.4.3): the container of the specimen at hand, whose barcode analyzers send.
func (r *reader) container(s hl7v2.Segment) {
	r.notes = nil
	id, accession := text(s.Field(3).Component(1)), text(s.Field(2).Component(1))
	if id == "" && accession == "" {
		return
	}
	sp := r.waiting
	if r.report != nil && r.form != specimenForm {
		if r.report.Specimen == nil {
			r.report.Specimen = &Specimen{}
		}
		sp = r.report.Specimen
		if n := len(r.report.Specimens); n > 0 {
			sp = &r.report.Specimens[n-1]
		}
	}
	if sp == nil {
		sp = &Specimen{}
		r.waiting = sp
	}
	if r.form == specimenForm && r.report != nil { // a further container of the specimen, or of another that has no SPM
		if sp.ID == sp.Container {
			sp.ID = ""
		}
		sp.Container, sp.Accession, r.report = "", "", nil
	}
	if sp.Container == "" {
		sp.Container, sp.Accession = id, accession
	}
	if sp.ID == "" {
		sp.ID = id
	}
}

// endSpecimen makes a report of a specimen whose results have no OBR.
func (r *reader) endSpecimen() {
	w := r.waiting
	if w == nil || len(w.Observations) == 0 || r.form != specimenForm || r.report != nil {
		return
	}
	rep := r.newReport(hl7v2.Segment{})
	r.giveSpecimen(rep)
	r.reports = append(r.reports, rep)
}

// giveSpecimen gives a report the specimen that came before it.
func (r *reader) giveSpecimen(rep *Report) {
	if r.waiting == nil {
		return
	}
	rep.addSpecimen(*r.waiting)
	if r.form == specimenForm {
		r.waiting = &Specimen{ // for the next OBR of the same specimen, without its own observations
			ID: r.waiting.ID, Filler: r.waiting.Filler, Container: r.waiting.Container, Accession: r.waiting.Accession, Type: r.waiting.Type,
			Role: r.waiting.Role, Collected: r.waiting.Collected, Received: r.waiting.Received,
		}
		return
	}
	r.waiting = nil
}

// sameSpecimen tells whether a report is of the specimen that the next OBR is of, where specimens come first.
func (r *reader) sameSpecimen(p *Report) bool {
	if r.form != specimenForm || r.waiting == nil {
		return true
	}
	return p.Specimen != nil && p.Specimen.ID == r.waiting.ID && p.Specimen.Container == r.waiting.Container
}
