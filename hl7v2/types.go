package hl7v2

import "strings"

// CX is an identifier with its assigning authority (HL7 2.A.14).
type CX struct {
	ID        string
	Authority string // CX.4: namespace ID, else universal ID
	Type      string // CX.5, table 0203: MR, NI, PI …
	Facility  string // CX.6: assigning facility
}

// CX reads the value as an identifier with check digit.
func (v Value) CX() CX {
	return CX{
		ID:        trimmed(v.Component(1)),
		Authority: hd(v.Component(4)),
		Type:      trimmed(v.Component(5)),
		Facility:  hd(v.Component(6)),
	}
}

// EI is an entity identifier: order numbers (HL7 2.A.28).
type EI struct {
	ID        string
	Namespace string // EI.2, else EI.3
}

// EI reads the value as an entity identifier.
func (v Value) EI() EI {
	e := EI{ID: trimmed(v.Component(1)), Namespace: trimmed(v.Component(2))}
	if e.Namespace == "" {
		e.Namespace = trimmed(v.Component(3))
	}
	return e
}

// CWE is a coded element (HL7 2.A.13; CE and CNE have the same first parts).
type CWE struct {
	Code, Text, System          string // CWE.1 to 3
	AltCode, AltText, AltSystem string // CWE.4 to 6
	Original                    string // CWE.9
}

// CWE reads the value as a coded element.
func (v Value) CWE() (c CWE) {
	if v.Empty() {
		return c
	}
	if v.level == levelField {
		v = v.Repetition(1)
	}
	if v.level != levelRepetition || v.single {
		c.Code = trimmed(v)
		return c
	}
	for i, p := range v.Parts() { // one after the other: there may be millions
		switch i {
		case 1:
			c.Code = trimmed(p)
		case 2:
			c.Text = trimmed(p)
		case 3:
			c.System = trimmed(p)
		case 4:
			c.AltCode = trimmed(p)
		case 5:
			c.AltText = trimmed(p)
		case 6:
			c.AltSystem = trimmed(p)
		case 9:
			c.Original = trimmed(p)
			return c
		}
	}
	return c
}

// XPN is a person's name (HL7 2.A.89; XCN without its identifier has the same parts).
type XPN struct {
	Family, Given, Middle, Suffix, Prefix string
	Type                                  string // XPN.7, table 0200: L legal, M maiden …
}

// XPN reads the value as a person's name.
func (v Value) XPN() XPN {
	return XPN{
		Family: trimmed(v.Component(1).Sub(1)), Given: trimmed(v.Component(2)), Middle: trimmed(v.Component(3)),
		Suffix: trimmed(v.Component(4)), Prefix: trimmed(v.Component(5)), Type: trimmed(v.Component(7)),
	}
}

var dicomDelimiters = strings.NewReplacer("^", " ", "=", " ", `\`, " ")

// DICOM writes the name as DICOM does (PS3.5 6.2.1): family, given, middle, prefix and
// suffix divided by ^, empty ones at the end left out.
func (n XPN) DICOM() string {
	parts := [...]string{n.Family, n.Given, n.Middle, n.Prefix, n.Suffix}
	for i, p := range parts {
		if strings.ContainsAny(p, `^=\`) {
			parts[i] = dicomDelimiters.Replace(p)
		}
	}
	return strings.TrimRight(strings.Join(parts[:], "^"), "^")
}

// trimmed gives the text without spaces around it; the HL7 null is empty.
func trimmed(v Value) string {
	if v.Empty() || v.Null() {
		return ""
	}
	return strings.TrimSpace(v.Text())
}

// hd reads a hierarchic designator (HL7 2.A.33): namespace ID, else universal ID.
func hd(v Value) string {
	if s := trimmed(v.Sub(1)); s != "" {
		return s
	}
	return trimmed(v.Sub(2))
}
