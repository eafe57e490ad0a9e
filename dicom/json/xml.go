package json

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/halong-gateway/halong/dicom"
)

// XMLNamespace is that of the Native DICOM Model (PS3.19 A.1.6).
const XMLNamespace = "http://dicom.nema.org/PS3.19/models/NativeDICOM"

const (
	xmlStart = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<NativeDicomModel xmlns="` + XMLNamespace + `" xml:space="preserve">`
	xmlEnd   = `</NativeDicomModel>`
)

// AppendXML appends the Native DICOM Model (PS3.19 A.1) of one object in the DICOM
// JSON Model, as Append and AppendSet write it. The two models say the same
// (PS3.18 F.2): this changes the notation alone. Tags of private elements get 00 in the place of
// their block when the block's creator is known, which then stands beside them. Characters that XML 1.0
// cannot hold become U+FFFD. The error is a *SyntaxError.
func AppendXML(dst, model []byte) ([]byte, error) {
	x := &xmlWriter{dst: append(dst, xmlStart...), s: scanner{b: model}}
	if err := x.object(); err != nil {
		return x.dst, err
	}
	if x.s.peek() != 0 {
		return x.dst, x.s.fail("something after the end")
	}
	return append(x.dst, xmlEnd...), nil
}

// xmlWriter goes through the JSON once.
type xmlWriter struct {
	dst   []byte
	s     scanner
	text  []byte // a string being written
	depth int
}

// deepest is how far sequences are followed into one another.
const deepest = 64

// object writes the elements of a data set or item.
func (x *xmlWriter) object() error {
	if err := x.s.expect('{'); err != nil {
		return err
	}
	if x.depth++; x.depth > deepest {
		return x.s.fail("too many sequences inside one another")
	}
	creators := map[dicom.Tag]string{} // by the tag of the creator element
	for first := true; ; {
		more, err := x.s.more('}', &first)
		if err != nil {
			return err
		}
		if !more {
			x.depth--
			return nil
		}
		if err := x.attribute(creators); err != nil {
			return err
		}
	}
}

// attribute writes one DicomAttribute.
func (x *xmlWriter) attribute(creators map[dicom.Tag]string) error {
	name, err := x.s.key(nil)
	if err != nil {
		return err
	}
	n, ok := hexNumber(name)
	if !ok || len(name) != 8 {
		return x.s.fail("want a tag of eight hexadecimal digits")
	}
	t := dicom.Tag(n)
	x.s.tag = t
	vr, err := x.vr()
	if err != nil {
		return err
	}
	x.open(t, vr, creators)
	start := len(x.dst)
	for first := false; ; {
		more, err := x.s.more('}', &first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := x.content(vr); err != nil {
			return err
		}
	}
	if t.IsPrivateCreator() {
		if v, ok := bytes.CutPrefix(x.dst[start:], []byte(`<Value number="1">`)); ok {
			v, _, _ = bytes.Cut(v, []byte("</Value>"))
			creators[t] = string(v)
		}
	}
	x.dst = append(x.dst, "</DicomAttribute>"...)
	return nil
}

// vr reads the first member, which is always the VR.
func (x *xmlWriter) vr() (dicom.VR, error) {
	if err := x.s.expect('{'); err != nil {
		return 0, err
	}
	key, err := x.s.key(nil)
	if err != nil {
		return 0, err
	}
	name, err := x.s.str(nil)
	if err == nil && (string(key) != "vr" || len(name) != 2) {
		err = x.s.fail("want the value representation first")
	}
	return dicom.ParseVR(string(name)), err
}

func (x *xmlWriter) open(t dicom.Tag, vr dicom.VR, creators map[dicom.Tag]string) {
	shown := t
	creator := ""
	if t.IsPrivate() && t.Element() > 0xFF {
		if creator = creators[dicom.NewTag(t.Group(), t.Element()>>8)]; creator != "" {
			shown &= 0xFFFF00FF
		}
	}
	x.dst = append(appendTag(append(x.dst, `<DicomAttribute tag="`...), shown), `" vr="`...)
	x.dst = append(x.dst, vr.String()...)
	if e, ok := dicom.Lookup(t); ok && e.Keyword != "" && !t.IsPrivate() {
		x.dst = append(append(x.dst, `" keyword="`...), e.Keyword...)
	}
	if creator != "" {
		x.dst = append(append(x.dst, `" privateCreator="`...), creator...) // escaped already
	}
	x.dst = append(x.dst, `">`...)
}

// content writes Value, InlineBinary or BulkDataURI.
func (x *xmlWriter) content(vr dicom.VR) error {
	key, err := x.s.key(nil)
	if err != nil {
		return err
	}
	switch string(key) {
	case "InlineBinary":
		return x.wrapped("<InlineBinary>", "</InlineBinary>")
	case "BulkDataURI":
		return x.wrapped(`<BulkData uri="`, `"/>`)
	case "Value":
		return x.values(vr)
	}
	return x.s.skip()
}

func (x *xmlWriter) wrapped(before, after string) error {
	x.dst = append(x.dst, before...)
	err := x.scalar()
	x.dst = append(x.dst, after...)
	return err
}

func (x *xmlWriter) values(vr dicom.VR) error {
	if err := x.s.expect('['); err != nil {
		return err
	}
	for n, first := 1, true; ; n++ {
		more, err := x.s.more(']', &first)
		if err != nil || !more {
			return err
		}
		if x.s.word("null") { // its number is left out
			continue
		}
		element := "Value"
		switch {
		case vr == dicom.SQ:
			element = "Item"
		case vr == dicom.PN:
			element = "PersonName"
		}
		x.dst = append(append(append(x.dst, '<'), element...), ` number="`...)
		x.dst = append(strconv.AppendInt(x.dst, int64(n), 10), `">`...)
		switch element {
		case "Item":
			err = x.object()
		case "PersonName":
			err = x.name()
		default:
			err = x.scalar()
		}
		if err != nil {
			return err
		}
		x.dst = append(append(append(x.dst, "</"...), element...), '>')
	}
}

// nameParts are the components of a person name, in their order (PS3.5 6.2.1).
var nameParts = [...]string{"FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"}

func (x *xmlWriter) name() error {
	if err := x.s.expect('{'); err != nil {
		return err
	}
	for first := true; ; {
		more, err := x.s.more('}', &first)
		if err != nil || !more {
			return err
		}
		group, err := x.s.key(nil)
		if err == nil && groupIndex(string(group)) < 0 {
			err = x.s.fail("unknown component group")
		}
		if err == nil {
			x.text, err = x.s.str(x.text[:0])
		}
		if err != nil {
			return err
		}
		x.dst = append(append(append(x.dst, '<'), group...), '>')
		v := x.text
		for i, part := range nameParts {
			one, rest, _ := bytes.Cut(v, []byte{'^'})
			if i == len(nameParts)-1 {
				one = v
			}
			if v = rest; len(one) > 0 {
				x.dst = append(append(append(x.dst, '<'), part...), '>')
				x.dst = appendXMLText(x.dst, one)
				x.dst = append(append(append(x.dst, "</"...), part...), '>')
			}
		}
		x.dst = append(append(append(x.dst, "</"...), group...), '>')
	}
}

// scalar writes a string or number as text.
func (x *xmlWriter) scalar() (err error) {
	if x.s.peek() != '"' {
		var n []byte
		n, err = x.s.number()
		x.dst = append(x.dst, n...)
		return err
	}
	if x.text, err = x.s.str(x.text[:0]); err == nil {
		x.dst = appendXMLText(x.dst, x.text)
	}
	return err
}

// appendXMLText escapes text for content and attributes alike.
func appendXMLText(dst, v []byte) []byte {
	for len(v) > 0 {
		r, n := utf8.DecodeRune(v)
		switch {
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '"':
			dst = append(dst, "&quot;"...)
		case r == '\r', r == '\n', r == '\t': // as themselves they would be changed by attribute and line end rules
			dst = append(strconv.AppendInt(append(dst, "&#"...), int64(r), 10), ';')
		case r < ' ', r == 0xFFFE, r == 0xFFFF:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = utf8.AppendRune(dst, r)
		}
		v = v[n:]
	}
	return dst
}
