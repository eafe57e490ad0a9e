package lab

import (
	"fmt"
	"slices"
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// maxText bounds a value's text in bytes as it is kept in a report; the rest
// stays in the raw message.
const maxText = 1 << 20

// cutText ends warnings of texts that are longer than that.
const cutText = " cut; the whole is in the raw message"

// values reads OBX-5 as OBX-2 says.
func (r *reader) values(o *Observation, f hl7v2.Value) {
	switch {
	case f.Empty():
		return
	case f.Null():
		o.Absent = "unknown"
		return
	case o.Type == "ED" && f.Raw()[0] != r.m.Delimiters().Repetition: // data hold no repetition delimiter, and may be long
		o.Values = []Value{r.encapsulated(o, f)}
		return
	}
	if o.Type == "ED" {
		for _, rep := range f.Repetitions() {
			if !rep.Empty() {
				o.Values = append(o.Values, r.encapsulated(o, rep))
			}
		}
		return
	}
	if n := f.Count(); n == 1 {
		o.Values = r.shelves.values.place()
	} else {
		o.Values = make([]Value, n)
	}
	for i, rep := range f.Repetitions() {
		r.value(o, &o.Values[i-1], rep)
	}
}

func (r *reader) value(o *Observation, val *Value, v hl7v2.Value) {
	if a := bareDocument(o.Type, v); a != nil {
		o.warn("OBX-5 of type " + o.Type + " is a document in Base64")
		*val = r.attach(a, v)
		return
	}
	text, cut := bounded(v)
	if cut {
		o.warn(fmt.Sprintf("value of %d bytes"+cutText, len(v.Raw())))
		v = v.Head(maxText)
	}
	val.Text = text
	if read := dataType(o.Type); read != nil {
		read(o, val, v)
	}
}

// bounded gives the text of a value, and whether it was cut. What is cut off is not decoded either.
func bounded(v hl7v2.Value) (text string, cut bool) {
	text, cut = v.Head(maxText).Text(), len(v.Raw()) > maxText
	if len(text) > maxText {
		text, cut = strings.ToValidUTF8(text[:maxText], ""), true
	}
	return text, cut
}

// dataType says how values of a data type are read (HL7 2.A); nil: as text alone.
func dataType(name string) func(*Observation, *Value, hl7v2.Value) {
	switch name {
	case "NM", "SI":
		return numeric
	case "ST", "":
		return textual
	case "SN":
		return structured
	case "NR":
		return numericRange
	case "MO", "CQ":
		return amount
	case "CP":
		return price
	case "CE", "CWE", "CNE", "CF":
		return codedValue
	case "IS", "ID":
		return codeAlone
	case "DT", "TS", "DTM", "DTS":
		return moment
	case "TM":
		return timeOfDay
	case "RP":
		return pointer
	case "CX", "EI", "CK", "HD":
		return identifier
	case "XPN", "PN":
		return person
	case "XCN", "CN":
		return staff
	case "XAD", "AD":
		return address
	case "XON":
		return organization
	case "XTN":
		return contact
	}
	return nil
}

// numeric reads an NM value. "<0.01" is no NM, but what analyzers send: it
// becomes a comparator and a number, with a warning.
func numeric(o *Observation, val *Value, v hl7v2.Value) {
	s := strings.TrimSpace(v.Component(1).Text())
	if s == "" || v.Null() {
		return
	}
	comparator, rest := cutComparator(s)
	n, comma, ok := number(rest)
	if !ok {
		o.warn("OBX-5 of type " + o.Type + " is not a number")
		return
	}
	val.Comparator, val.Number = comparator, n
	if comparator != "" {
		o.warn("OBX-5 of type " + o.Type + " has a comparator")
	}
	if comma {
		o.warn("OBX-5 of type " + o.Type + " has a decimal comma")
	}
}

// textual reads an ST value that is a number with units (OBX-6), as many laboratories send all of
// theirs. The number is read without a warning; the text is the value.
func textual(o *Observation, val *Value, v hl7v2.Value) {
	if o.Units == nil {
		return
	}
	comparator, rest := cutComparator(strings.TrimSpace(v.Text()))
	if n, _, ok := number(rest); ok {
		val.Comparator, val.Number = comparator, n
	}
}

// undivided reads an SN whose whole value stands in the first component: "<0.5", "1:128", "2+".
func undivided(val *Value, s string) (ok bool) {
	comparator, rest := cutComparator(s)
	n, _, ok := number(rest)
	for _, sep := range []string{":", "/", "-", "+"} {
		if ok {
			break
		}
		first, second, found := strings.Cut(rest, sep)
		n1, _, ok1 := number(first)
		n2, _, ok2 := number(second)
		if found && ok1 && (ok2 || sep == "+" && second == "") {
			n, val.Separator, val.Number2, ok = n1, sep, n2, true
		}
	}
	if ok {
		val.Comparator, val.Number = comparator, n
	}
	return ok
}

// structured reads an SN value: comparator, number, separator or suffix, number (HL7 2.A.70).
func structured(o *Observation, val *Value, v hl7v2.Value) {
	c := strings.TrimSpace(v.Component(1).Text())
	if known, rest := cutComparator(c); rest == "" {
		c = known
	}
	n, _, ok := number(v.Component(2).Text())
	if !ok {
		if v.Count() == 1 && undivided(val, c) {
			o.warn("OBX-5 of type SN has no components")
			return
		}
		o.warn("OBX-5 of type SN has no number")
		return
	}
	val.Comparator, val.Number = c, n
	val.Separator = strings.TrimSpace(v.Component(3).Text())
	if n2, _, ok := number(v.Component(4).Text()); ok {
		val.Number2 = n2
	}
}

// numericRange reads NR: two numbers.
func numericRange(o *Observation, val *Value, v hl7v2.Value) {
	low, _, ok1 := number(v.Component(1).Text())
	high, _, ok2 := number(v.Component(2).Text())
	if !ok1 || !ok2 {
		o.warn("OBX-5 of type NR is not two numbers")
		return
	}
	val.Number, val.Separator, val.Number2 = low, "-", high
}

// amount reads MO (money) and CQ (quantity and units): a number, and what it counts.
func amount(o *Observation, val *Value, v hl7v2.Value) {
	n, _, ok := number(v.Component(1).Text())
	if !ok {
		o.warn("OBX-5 of type " + o.Type + " has no number")
		return
	}
	val.Number = n
	val.Display = joinTexts(" ", v.Component(1), v.Component(2).Sub(1))
}

// price reads CP, whose first component is an MO.
func price(o *Observation, val *Value, v hl7v2.Value) {
	p := v.Component(1)
	n, _, ok := number(p.Sub(1).Text())
	if !ok {
		o.warn("OBX-5 of type CP has no number")
		return
	}
	val.Number, val.Display = n, joinTexts(" ", p.Sub(1), p.Sub(2))
}

func codedValue(_ *Observation, val *Value, v hl7v2.Value) {
	c := v.CWE()
	val.Coded, val.Alternate, val.Further = &Coded{Code: c.Code, Text: c.Text, System: c.System}, alternate(&c), further(v)
	if c.Code+c.Text == "" {
		val.Coded.Text = c.Original
		if val.Alternate != nil {
			*val.Coded = *val.Alternate
		}
	}
}

// alternate gives CWE.4 to 6; nil if they name nothing.
func alternate(c *hl7v2.CWE) *Coded {
	if c.AltCode == "" && c.AltText == "" {
		return nil
	}
	return &Coded{Code: c.AltCode, Text: c.AltText, System: c.AltSystem}
}

// Components of a coded element (HL7 2A.3.9).
const (
	firstFurther = 7  // of those that are kept as they are
	originalText = 9  // CWE.9
	lastFurther  = 22 // of all
)

// further gives what a coded element says from CWE.7 on; nil if that is nothing.
func further(v hl7v2.Value) (all []string) {
	v = v.Repetition(1)
	if v.Count() < firstFurther {
		return nil
	}
	some := 0
	for i, p := range v.Parts() {
		switch {
		case i > lastFurther:
			return all[:some]
		case i >= firstFurther:
			if all = append(all, text(p)); !p.Empty() {
				some = len(all)
			}
		}
	}
	return all[:some:some]
}

// codeAlone reads IS and ID: a code of a table that OBX does not name.
func codeAlone(_ *Observation, val *Value, v hl7v2.Value) {
	val.Coded = &Coded{Code: text(v.Component(1))}
}

func moment(_ *Observation, val *Value, v hl7v2.Value) {
	if t, ok := hl7v2.ParseTime(v.Component(1).Text()); ok {
		val.Time = t.ISO()
	}
}

func timeOfDay(_ *Observation, val *Value, v hl7v2.Value) { val.Time = clock(v.Component(1).Text()) }

// clock turns HHMM[SS…] into HH:MM[:SS]; empty if it is no time of day.
func clock(s string) string {
	t, ok := hl7v2.ParseTime("19700101" + strings.TrimSpace(s))
	if !ok || t.Parts < 4 {
		return ""
	}
	return strings.TrimPrefix(t.ISO(), "1970-01-01T")
}

// pointer reads RP: a pointer, the application that knows it, type and subtype of the data (HL7 2.A.65).
func pointer(_ *Observation, val *Value, v hl7v2.Value) {
	val.Attachment = &Attachment{
		Pointer: v.Component(1).Text(), Source: text(v.Component(2).Sub(1)),
		Type: v.Component(3).Text(), Subtype: v.Component(4).Text(),
	}
	val.Attachment.MediaType = mediaType(val.Attachment.Type, val.Attachment.Subtype)
}

func (o *Observation) warn(s string) { o.Warnings = once(o.Warnings, s) }

func (r *Report) warn(s string) { r.Warnings = once(r.Warnings, s) }

// maxWarnings bounds the list of what is odd about one thing.
const maxWarnings = 16

// once adds a warning unless it is there.
func once(list []string, s string) []string {
	if slices.Contains(list, s) || len(list) >= maxWarnings {
		return list
	}
	return append(list, s)
}
