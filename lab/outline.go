package lab

import "github.com/halong-gateway/halong/hl7v2"

// Outline is Read for filing: of observations it reads what decides about their report, one for all of the same result status, and no
// notes. Read gives the rest when somebody looks at the report, which most are looked at seldom or never. A message that brings documents
// is read in full: they are filed with it.
func Outline(m *hl7v2.Message) []Group {
	r := reader{m: m, outline: true}
	groups := r.read()
	if r.documents {
		return Read(m)
	}
	return groups
}

// Count gives how many observations the report has, those of its specimens not among them, also of an outline.
func (r *Report) Count() (n int) {
	for i := range r.Observations {
		n += 1 + r.Observations[i].Alike
	}
	return n
}

const (
	lastOutlined = 11 // field of OBX that an outline needs
	mostAlike    = 8  // observations that another one is compared with
)

// outlined reads of OBX how far its result has come.
func (r *reader) outlined(list *[]Observation, s hl7v2.Segment) {
	f := &r.row
	f.Read(s, lastOutlined)
	r.documents = r.documents || encapsulates(text(f.Field(2)), f.Field(5))
	status := text(f.Field(11))
	for i := range min(len(*list), mostAlike) {
		if o := &(*list)[i]; o.HL7Status == status {
			o.Alike++
			return
		}
	}
	*list = append(*list, Observation{HL7Status: status})
}

// encapsulates tells whether a value may be a document.
func encapsulates(typ string, v hl7v2.Value) bool {
	if typ == "ED" {
		return true
	}
	if len(v.Raw()) < minBare {
		return false
	}
	for _, rep := range v.Repetitions() {
		if bareDocument(typ, rep) != nil {
			return true
		}
	}
	return false
}
