package hl7v2

import (
	"bytes"
	"strings"
)

// CX is an identifier with its assigning authority (HL7 2.A.14).
type CX struct {
	ID        string
	Authority string // CX.4: namespace ID, else universal ID
	Type      string // CX.5, table 0203: MR, NI, PI …
	Facility  string // CX.6: assigning facility
}

// CX reads the value as an identifier with check digit.
func (v Value) CX() CX {
	var c [6]Value
	v.components(c[:])
	return CX{ID: trimmed(c[0]), Authority: hd(c[3]), Type: trimmed(c[4]), Facility: hd(c[5])}
}

// EI is an entity identifier: order numbers (HL7 2.A.28).
type EI struct {
	ID        string
	Namespace string // EI.2, else EI.3
}

// EI reads the value as an entity identifier.
func (v Value) EI() EI {
	var c [3]Value
	v.components(c[:])
	e := EI{ID: trimmed(c[0]), Namespace: trimmed(c[1])}
	if e.Namespace == "" {
		e.Namespace = trimmed(c[2])
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
func (v Value) CWE() CWE {
	if v.Empty() {
		return CWE{}
	}
	var c [9]Value
	v.components(c[:])
	return CWE{
		Code: trimmed(c[0]), Text: trimmed(c[1]), System: trimmed(c[2]),
		AltCode: trimmed(c[3]), AltText: trimmed(c[4]), AltSystem: trimmed(c[5]), Original: trimmed(c[8]),
	}
}

// XPN is a person's name (HL7 2.A.89; XCN without its identifier has the same parts).
type XPN struct {
	Family, Given, Middle, Suffix, Prefix string
	Type                                  string // XPN.7, table 0200: L legal, M maiden …
}

// XPN reads the value as a person's name.
func (v Value) XPN() XPN {
	var c [7]Value
	v.components(c[:])
	return XPN{
		Family: trimmed(c[0].Sub(1)), Given: trimmed(c[1]), Middle: trimmed(c[2]), Suffix: trimmed(c[3]), Prefix: trimmed(c[4]), Type: trimmed(c[6]),
	}
}

// components puts the first components into list, those of the first repetition of a field. Each byte is looked at once: there may be millions.
func (v Value) components(list []Value) {
	if v.level == levelField {
		v = v.Repetition(1)
	}
	if v.level != levelRepetition || v.single {
		list[0] = v.Component(1)
		return
	}
	for i, p := range v.Parts() {
		if i > len(list) {
			break
		}
		list[i-1] = p
	}
}

// DICOM writes the name as DICOM does (PS3.5 6.2.1): family, given, middle, prefix and
// suffix divided by ^, empty ones at the end left out.
func (n XPN) DICOM() string {
	var room [64]byte // of 64 characters at most in DICOM; longer ones are kept too
	b := room[:0]
	for i, part := range [...]string{n.Family, n.Given, n.Middle, n.Prefix, n.Suffix} {
		if i > 0 {
			b = append(b, '^')
		}
		from := len(b)
		b = append(b, part...)
		for j := from; j < len(b); j++ {
			if c := b[j]; c == '^' || c == '=' || c == '\\' { // DICOM's own
				b[j] = ' '
			}
		}
	}
	return string(bytes.TrimRight(b, "^"))
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

// AdministrativeSex writes a sex as table 0001 does: in capitals, also where a sender has a word for it, in English (as FHIR has) or Vietnamese.
func AdministrativeSex(s string) string {
	switch s = strings.ToUpper(strings.TrimSpace(s)); s {
	case "NAM", "MALE":
		return "M"
	case "NỮ", "NU", "FEMALE":
		return "F"
	case "KHÁC", "KHAC", "OTHER":
		return "O"
	case "UNKNOWN":
		return "U"
	}
	return s
}
