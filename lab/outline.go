package lab

import "github.com/halong-gateway/halong/hl7v2"

// Outline is Read for filing: of observations it reads what decides about their report, and no notes. Read gives the rest when somebody
// looks at the report, which most are looked at seldom or never. A message that brings documents is read in full: they are filed with it.
func Outline(m *hl7v2.Message) []Group {
	r := newReader(m)
	r.outline = true
	groups := r.read()
	if r.documents {
		return Read(m)
	}
	return groups
}

// lastOutlined is the last field of OBX that an outline needs.
const lastOutlined = 11

// outlined reads of OBX how far its result has come.
func (r *reader) outlined(o *Observation, s hl7v2.Segment) {
	f := &r.row
	f.Read(s, lastOutlined)
	o.HL7Status = text(f.Field(11))
	r.documents = r.documents || encapsulates(text(f.Field(2)), f.Field(5))
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
