package patient

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
)

// null marks demographics that the sender wants deleted (the HL7 null).
const null = "\x00"

// Bounds of what is kept of one patient; whatever exceeds them stays in the raw message.
const (
	maxIdentifiers = 64
	maxLength      = 256 // bytes of an identifier, its authority and type
	maxName        = 1024
)

// lastPID is the last field of PID that is read.
const lastPID = 19

// FromPID reads PID (HL7 3.4.2). Identifiers are those of PID-3, before 2.3 also PID-2 and
// PID-4; a Vietnamese citizen number in PID-19 is one too. sent is the message's time.
func FromPID(f halong.Facility, pid hl7v2.Segment, sent string) *Patient {
	var row hl7v2.Row
	row.Read(pid, lastPID)
	p := &Patient{Facility: f, Sent: sent, Name: name(row.Field(5)), Birth: birth(row.Field(7)), Sex: sex(row.Field(8))}
	for _, s := range []*string{&p.Name, &p.Birth, &p.Sex} {
		if len(*s) > maxName {
			*s = strings.ToValidUTF8((*s)[:maxName], "")
		}
		*s = norm.NFC.String(*s) // letters with diacritics come in several forms; headers and searches have this one
	}
	for _, n := range []int{3, 2, 4} {
		for _, v := range row.Field(n).Repetitions() {
			p.addIdentifier(v.CX())
		}
	}
	if c := row.Field(19).CX(); IsCCCD(c.ID) {
		p.addIdentifier(hl7v2.CX{ID: c.ID, Type: "NI"})
	}
	return p
}

func (p *Patient) addIdentifier(c hl7v2.CX) {
	if c.ID == "" || len(c.ID) > maxLength || len(c.Authority) > maxLength || len(c.Type) > maxLength || len(p.Identifiers) == maxIdentifiers {
		return
	}
	id := Identifier{ID: norm.NFC.String(c.ID), Authority: norm.NFC.String(c.Authority), Type: c.Type}
	if c.Type == "NI" && IsCCCD(c.ID) {
		id.System = CitizenID
	}
	p.know(id)
}

// know adds an identifier unless it is there; of two that differ only in
// type or in having an authority at all the fuller one stays.
func (p *Patient) know(id Identifier) (added bool) {
	same := func(o Identifier) bool { return o.ID == id.ID && (o.Authority == id.Authority || id.Authority == "") }
	if slices.ContainsFunc(p.Identifiers, same) || len(p.Identifiers) >= maxIdentifiers {
		return false
	}
	p.Identifiers = append(p.Identifiers, id)
	return true
}

// FromMRG reads the identifiers that MRG says were a patient's before (HL7 3.4.9): MRG-1, without that MRG-4, which is of versions before 2.3 and whose numbers may be
// another's in MRG-1. Those that name no assigning authority have the survivor's. The first is of the survivor's authority, if any is.
func FromMRG(f halong.Facility, mrg hl7v2.Segment, authority string) *Patient {
	p := &Patient{Facility: f}
	for _, n := range []int{1, 4} {
		if len(p.Identifiers) > 0 {
			break
		}
		for _, v := range mrg.Field(n).Repetitions() {
			c := v.CX()
			if c.Authority == "" {
				c.Authority = authority
			}
			p.addIdentifier(c)
		}
	}
	first := slices.IndexFunc(p.Identifiers, func(id Identifier) bool { return id.Authority == authority })
	if first > 0 {
		own := p.Identifiers[first]
		p.Identifiers = slices.Insert(slices.Delete(p.Identifiers, first, first+1), 0, own)
	}
	return p
}

// SentAt reads the time of a message, MSH-7, so that texts compare as times: in UTC if an offset was given.
func SentAt(v hl7v2.Value) string {
	t, ok := hl7v2.ParseTime(strings.TrimSpace(v.Component(1).Text()))
	if !ok {
		return ""
	}
	return t.Sortable()
}

// name reads the legal name of PID-5, else the first one.
func name(f hl7v2.Value) string {
	if f.Null() {
		return null
	}
	first := ""
	for _, v := range f.Repetitions() {
		x := v.XPN()
		n := x.DICOM()
		if x.Type == "L" && n != "" {
			return n
		}
		if first == "" {
			first = n
		}
	}
	return first
}

func birth(f hl7v2.Value) string {
	if f.Null() {
		return null
	}
	s := strings.TrimSpace(f.Component(1).Text())
	if t, ok := hl7v2.ParseTime(s); ok {
		t.Parts, t.Zone = min(t.Parts, 3), false
		return t.ISO()
	}
	return s
}

func sex(f hl7v2.Value) string {
	if f.Null() {
		return null
	}
	return hl7v2.AdministrativeSex(f.Component(1).Text())
}
