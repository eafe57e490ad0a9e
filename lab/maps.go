package lab

import (
	"strings"

	"github.com/halong-gateway/halong"
)

// The code systems of readings, as FHIR names them.
const (
	LOINC = "http://loinc.org"
	UCUM  = "http://unitsofmeasure.org"
)

// Maps translates codes and units as results are given out. The first map with a row that fits decides; the
// operator's word goes before the sender's.
type Maps []*Map

// Apply adds to each observation what the maps, table 0078 and the reference range make of it. sex (PID-8) chooses among
// ranges that differ by it.
func (ms Maps) Apply(r *Shown, sex string) {
	for o := range r.Each() {
		o.Reading = ms.Read(r.Facility, r.Sender, sex, o)
	}
	for i := range r.History {
		h := &r.History[i]
		for o := range h.Each() {
			o.Reading = ms.Read(r.Facility, h.Sender, sex, o)
		}
	}
}

// Read gives the reading of one observation; nil if there is nothing to say.
func (ms Maps) Read(f halong.Facility, sender, sex string, o *Observation) *Reading {
	var rd Reading
	rd.Code = ms.Code(f, sender, o.Code, o.Alternate)
	var unit Coded
	if o.Units != nil {
		unit = *o.Units
	}
	rd.Unit = ms.Unit(f, sender, o.Code, unit)
	rd.Flags, rd.Computed = o.interpretation(sex)
	if rd.Code == nil && rd.Unit == nil && rd.Flags == nil && rd.Computed == "" {
		return nil
	}
	return &rd
}

// Code gives the LOINC code of a test; nil if none is known: its own, its alternate one, or that of a map.
func (ms Maps) Code(f halong.Facility, sender string, c Coded, alternate *Coded) *Mapped {
	codes := []Coded{c}
	if alternate != nil {
		codes = append(codes, *alternate)
	}
	for _, m := range ms {
		for _, c := range codes {
			if t, ok := m.find(m.codes, f, sender, c, ""); ok {
				return m.mapped(t, LOINC)
			}
		}
	}
	for _, c := range codes {
		if isLOINC(c.System) && ValidLOINC(c.Code) {
			return &Mapped{Code: c.Code, Text: c.Text, System: LOINC, By: "sender"}
		}
	}
	return nil
}

// Unit gives the UCUM form of a unit; nil if none is known. A map may also say in which unit a sender means a code that it sends
// without one.
func (ms Maps) Unit(f halong.Facility, sender string, c, unit Coded) *Mapped {
	name := unit.Code
	if name == "" {
		name = unit.Text
	}
	for _, m := range ms {
		if t, ok := m.find(m.units, f, sender, c, name); ok {
			return m.mapped(t, UCUM)
		}
		if name == "" {
			continue
		}
		if t, ok := m.find(m.units, f, sender, Coded{}, name); ok {
			return m.mapped(t, UCUM)
		}
	}
	switch {
	case strings.EqualFold(unit.System, "UCUM") && ValidUCUM(unit.Code):
		return &Mapped{Code: unit.Code, Text: unit.Text, System: UCUM, By: "sender"}
	case obviousUnit(name) != "":
		return &Mapped{Code: obviousUnit(name), System: UCUM, By: "syntax"}
	}
	return nil
}

// isLOINC tells whether a coding system (HL7 table 0396) is LOINC.
func isLOINC(system string) bool {
	switch strings.ToUpper(system) {
	case "LN", "LOINC", "LNC", "2.16.840.1.113883.6.1", "HTTP://LOINC.ORG":
		return true
	}
	return false
}

func (m *Map) mapped(t target, system string) *Mapped {
	return &Mapped{Code: t.code, Text: t.text, System: system, By: "map " + m.Name + " version " + m.Version, Digest: m.Digest}
}

// find looks for the row that fits best: one that names facility and sender goes before one that names the sender, that before the
// facility alone; with the code's system before without; the code before its text.
func (m *Map) find(in map[mapKey]target, f halong.Facility, sender string, c Coded, unit string) (target, bool) {
	if len(in) == 0 {
		return target{}, false
	}
	for _, from := range []struct {
		f halong.Facility
		s string
	}{{f, sender}, {"", sender}, {f, ""}, {"", ""}} {
		for _, system := range []string{c.System, ""} {
			for _, key := range []mapKey{{code: c.Code}, {text: strings.ToLower(c.Text)}} {
				if key.code+key.text == "" && (unit == "" || c.Code+c.Text != "") {
					continue
				}
				key.facility, key.sender, key.system, key.unit = from.f, from.s, system, unit
				if t, ok := in[key]; ok {
					return t, true
				}
			}
		}
	}
	return target{}, false
}
