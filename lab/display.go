package lab

import (
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// The readers below make texts for people of values that are structures: names, addresses, identifiers.
// Text keeps the value as it was sent.

func person(_ *Observation, val *Value, v hl7v2.Value) { val.Display = v.XPN().DICOM() }

// staff reads XCN and CN: an identifier, then a name.
func staff(_ *Observation, val *Value, v hl7v2.Value) {
	if p := xcn(v); p != nil {
		val.Display = strings.TrimSpace(p.Name + " " + p.ID)
	}
}

// xcn reads a person with an identifier (HL7 2.A.88); nil if there is none.
func xcn(v hl7v2.Value) *Person {
	if v.Empty() || v.Null() {
		return nil
	}
	if v.Component(2).Sub(1).Empty() && v.Component(3).Empty() {
		id := text(v.Component(1).Sub(1))
		if id == "" {
			return nil
		}
		if strings.ContainsAny(id, "0123456789") {
			return &Person{ID: id}
		}
		return &Person{Name: id}
	}
	n := hl7v2.XPN{
		Family: text(v.Component(2).Sub(1)), Given: text(v.Component(3)), Middle: text(v.Component(4)),
		Suffix: text(v.Component(5)), Prefix: text(v.Component(6)),
	}
	return &Person{ID: text(v.Component(1)), Name: n.DICOM()}
}

// ndl reads a name with location (OBR-32, HL7 2.A.47), whose first component is a CNN: number, family, given …
func ndl(v hl7v2.Value) *Person {
	c := v.Component(1)
	if c.Sub(2).Empty() && c.Sub(3).Empty() {
		if !v.Component(2).Empty() && !v.Component(3).Empty() { // an XCN in its place
			return xcn(v.Repetition(1))
		}
		return xcn(c)
	}
	n := hl7v2.XPN{Family: text(c.Sub(2)), Given: text(c.Sub(3)), Middle: text(c.Sub(4)), Suffix: text(c.Sub(5)), Prefix: text(c.Sub(6))}
	return &Person{ID: text(c.Sub(1)), Name: n.DICOM()}
}

// address reads XAD: street, other, city, state, postal code, country.
func address(_ *Observation, val *Value, v hl7v2.Value) {
	val.Display = joinTexts(", ", v.Component(1).Sub(1), v.Component(2), v.Component(3), v.Component(4), v.Component(5), v.Component(6))
}

// organization reads XON: its name, else its identifier.
func organization(_ *Observation, val *Value, v hl7v2.Value) {
	if val.Display = text(v.Component(1)); val.Display == "" {
		val.Display = joinTexts("", v.Component(10))
	}
	if val.Display == "" {
		val.Display = text(v.Component(3))
	}
}

// contact reads XTN: a telephone number, or an address of another kind.
func contact(_ *Observation, val *Value, v hl7v2.Value) {
	for _, n := range []int{1, 12, 4} {
		if val.Display = text(v.Component(n)); val.Display != "" {
			return
		}
	}
	val.Display = joinTexts(" ", v.Component(5), v.Component(6), v.Component(7))
}

// identifier reads CX, EI, CK and HD: the identifier, and who gave it.
func identifier(o *Observation, val *Value, v hl7v2.Value) {
	authority := v.Component(2)
	if o.Type == "CX" || o.Type == "CK" {
		authority = v.Component(4).Sub(1)
	}
	val.Display = joinTexts(" ", v.Component(1), authority)
}

func joinTexts(sep string, values ...hl7v2.Value) string {
	var parts []string
	for _, v := range values {
		if t := text(v); t != "" {
			parts = append(parts, t)
		}
	}
	return strings.Join(parts, sep)
}
