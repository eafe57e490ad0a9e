package lab

import (
	"fmt"
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// maxText bounds a value's text in bytes as it is kept in a report; the rest
// stays in the raw message.
const maxText = 1 << 20

// values reads OBX-5 as OBX-2 says.
func (o *Observation) values(f hl7v2.Value) {
	if f.Empty() {
		return
	}
	if o.Type == "ED" { // base64 holds no repetition delimiter, and may be long
		o.Values = []Value{encapsulated(f.Repetition(1))}
		return
	}
	for _, rep := range f.Repetitions() {
		o.Values = append(o.Values, o.value(rep))
	}
}

func (o *Observation) value(v hl7v2.Value) Value {
	text := v.Text()
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
		o.warn(fmt.Sprintf("value of %d bytes cut; the whole is in the raw message", len(v.Raw())))
	}
	val := Value{Text: text}
	switch o.Type {
	case "NM":
		o.numeric(&val, v)
	case "SN":
		o.structured(&val, v)
	case "CE", "CWE", "CNE", "CF":
		c := v.CWE()
		val.Coded = &Coded{Code: c.Code, Text: c.Text, System: c.System}
		if c.Code+c.Text == "" && c.Original != "" {
			val.Coded.Text = c.Original
		}
	case "DT", "TS", "DTM", "DTS":
		if t, ok := hl7v2.ParseTime(v.Component(1).Text()); ok {
			val.Time = t.ISO()
		}
	case "TM":
		val.Time = clock(v.Component(1).Text())
	case "RP":
		val.Attachment = &Attachment{Pointer: v.Component(1).Text(), Type: v.Component(3).Text(), Subtype: v.Component(4).Text()}
	}
	return val
}

// numeric reads an NM value. "<0.01" is no NM, but what analyzers send: it
// becomes a comparator and a number, with a warning.
func (o *Observation) numeric(val *Value, v hl7v2.Value) {
	s := strings.TrimSpace(v.Component(1).Text())
	if s == "" || v.Null() {
		return
	}
	comparator, rest := cutComparator(s)
	n, comma, ok := number(rest)
	if !ok {
		o.warn("OBX-5 of type NM is not a number")
		return
	}
	val.Comparator, val.Number = comparator, n
	if comparator != "" {
		o.warn("OBX-5 of type NM has a comparator")
	}
	if comma {
		o.warn("OBX-5 of type NM has a decimal comma")
	}
}

// structured reads an SN value: comparator, number, separator or suffix, number (HL7 2.A.70).
func (o *Observation) structured(val *Value, v hl7v2.Value) {
	c := strings.TrimSpace(v.Component(1).Text())
	if known, rest := cutComparator(c); rest == "" {
		c = known
	}
	n, _, ok := number(v.Component(2).Text())
	if !ok {
		o.warn("OBX-5 of type SN has no number")
		return
	}
	val.Comparator, val.Number = c, n
	val.Separator = strings.TrimSpace(v.Component(3).Text())
	if n2, _, ok := number(v.Component(4).Text()); ok {
		val.Number2 = n2
	}
}

// encapsulated describes an ED value without decoding its data.
func encapsulated(v hl7v2.Value) Value {
	return Value{Attachment: &Attachment{
		Source: v.Component(1).Text(), Type: v.Component(2).Text(), Subtype: v.Component(3).Text(),
		Encoding: v.Component(4).Text(), Length: len(v.Component(5).Raw()),
	}}
}

// clock turns HHMM[SS…] into HH:MM[:SS]; empty if it is no time of day.
func clock(s string) string {
	t, ok := hl7v2.ParseTime("19700101" + strings.TrimSpace(s))
	if !ok || t.Parts < 4 {
		return ""
	}
	return strings.TrimPrefix(t.ISO(), "1970-01-01T")
}

func (o *Observation) warn(s string) {
	for _, w := range o.Warnings {
		if w == s {
			return
		}
	}
	o.Warnings = append(o.Warnings, s)
}
