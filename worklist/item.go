package worklist

import (
	"strings"
	"unicode/utf8"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/hl7v2"
)

// item is a Data Set that is filled from a message. What the message leaves out is not put; what it deletes (the HL7 null) is put empty.
type item struct{ *dataset.Set }

func newItem() item { return item{&dataset.Set{}} }

// put puts a text, cut to what the value representation holds (PS3.5 6.2): the whole of it stays in the message. Identifiers
// are never cut: see id.
func (i item) put(t dicom.Tag, vr dicom.VR, s string) {
	if s = clean(s, vr); s != "" {
		i.PutString(t, vr, cut(s, longest(vr)))
	}
}

// id puts an identifier, whole.
func (i item) id(t dicom.Tag, vr dicom.VR, s string) {
	if s = clean(s, vr); s != "" {
		i.PutString(t, vr, s)
	}
}

// value puts what a field says: the first part of its first component.
func (i item) value(t dicom.Tag, vr dicom.VR, v hl7v2.Value) {
	if v.Null() {
		i.Put(dataset.Element{Tag: t, VR: vr})
		return
	}
	i.put(t, vr, text(v.Component(1).Sub(1)))
}

// sequence puts a sequence, unless there are no items.
func (i item) sequence(t dicom.Tag, items ...*dataset.Set) {
	if len(items) > 0 {
		i.Put(dataset.Element{Tag: t, VR: dicom.SQ, Items: items})
	}
}

// clean makes a text fit for a VR: no backslash, which would divide values, and no control characters.
func clean(s string, vr dicom.VR) string {
	paragraphs := vr == dicom.LT || vr == dicom.ST || vr == dicom.UT
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\\' && !paragraphs:
			return '/'
		case r == '\n' || r == '\r' || r == '\t':
			if paragraphs {
				return r
			}
			return ' '
		case r < ' ' || r == 0x7F || r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
	if vr == dicom.CS {
		s = strings.ToUpper(s)
	}
	return strings.TrimSpace(s)
}

// longest gives how many characters a value of a VR has at most; 0 for more than is ever cut.
func longest(vr dicom.VR) int {
	switch vr {
	case dicom.SH, dicom.CS, dicom.AE:
		return 16
	case dicom.LO:
		return 64
	case dicom.PN:
		return 64 * 5
	case dicom.ST:
		return 1024
	case dicom.LT:
		return 10240
	}
	return 0
}

// cut cuts a text to n characters; they are counted, not the bytes (PS3.5 6.2).
func cut(s string, n int) string {
	if n == 0 || len(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return strings.TrimSpace(s[:i])
		}
		n--
	}
	return s
}

// code makes the item of a code sequence (PS3.3 8.8).
func (c Code) item() *dataset.Set {
	i := newItem()
	t := tag.CodeValue
	vr := dicom.SH
	if utf8.RuneCountInString(c.Value) > 16 {
		t, vr = tag.LongCodeValue, dicom.UC
	}
	i.id(t, vr, c.Value)
	scheme := c.Scheme
	if scheme == "" {
		scheme = "L" // HL7 table 0396: local
	}
	i.put(tag.CodingSchemeDesignator, dicom.SH, scheme)
	meaning := c.Meaning
	if meaning == "" {
		meaning = c.Value
	}
	i.put(tag.CodeMeaning, dicom.LO, meaning)
	return i.Set
}

// codeOf reads a coded element; of OBR-4 the components after the third where the path points there.
func codeOf(v hl7v2.Value) Code {
	c := v.CWE()
	return Code{short(c.Code), short(c.System), short(c.Text)}
}

// person writes an XCN as DICOM does (PS3.5 6.2.1); an XPN-like value without number too.
func person(v hl7v2.Value) string {
	p := func(n int) string { return text(v.Component(n)) }
	name := hl7v2.XPN{Family: text(v.Component(2).Sub(1)), Given: p(3), Middle: p(4), Suffix: p(5), Prefix: p(6)}
	if name == (hl7v2.XPN{}) {
		return clean(strings.NewReplacer("^", " ", "=", " ").Replace(text(v.Component(1).Sub(1))), dicom.PN)
	}
	return clean(name.DICOM(), dicom.PN)
}

// when reads a date and time as DICOM's DA and TM; no time where none was given. A time with an offset from UTC becomes the site's, as
// all others are.
func when(s string) (date, clock string, ok bool) {
	t, ok := hl7v2.ParseTime(s)
	if !ok || t.Parts < 3 {
		return "", "", false
	}
	if t.Zone && t.Parts > 3 {
		t.Time = t.Time.Local()
	}
	date = t.Time.Format("20060102")
	switch t.Parts {
	case 4, 5, 6:
		clock = t.Time.Format("150405")
	}
	return date, clock, true
}

// day reads a date that is meant where it is written, such as a date of birth, as DICOM's DA: an offset from UTC moves it to no other day.
func day(s string) string {
	if t, ok := hl7v2.ParseTime(s); ok && t.Parts >= 3 {
		return t.Time.Format("20060102")
	}
	return ""
}
