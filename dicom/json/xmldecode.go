package json

import (
	"bytes"
	"encoding/xml"
	"io"
	"strconv"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// DecodeXML reads one data set in the Native DICOM Model (PS3.19 A.1), in UTF-8. It gives what Decode
// gives for the same in JSON, under the same limits; entities other than XML's own and external ones are not known.
func DecodeXML(b []byte, lim dataset.Limits) (*dataset.Set, []BulkReference, error) {
	x := &xmlReader{d: xml.NewDecoder(bytes.NewReader(b)), size: len(b)}
	if err := x.document(); err != nil {
		return nil, nil, err
	}
	return Decode(x.dst, lim)
}

// xmlReader turns the XML into the JSON Model.
type xmlReader struct {
	d     *xml.Decoder
	dst   []byte
	size  int
	depth int
}

func (x *xmlReader) fail(reason string) error {
	return &SyntaxError{Offset: int(x.d.InputOffset()), Reason: reason}
}

// next gives the next start or end of an element, and whether it is a start. Text in between is passed over.
func (x *xmlReader) next() (xml.StartElement, bool, error) {
	for {
		t, err := x.d.Token()
		switch t := t.(type) {
		case xml.StartElement:
			return t, true, nil
		case xml.EndElement:
			return xml.StartElement{}, false, nil
		case xml.Directive:
			return xml.StartElement{}, false, x.fail("a document type is not taken")
		}
		if err == io.EOF {
			return xml.StartElement{}, false, x.fail("the document ends early")
		}
		if err != nil {
			return xml.StartElement{}, false, x.fail("not well-formed XML")
		}
	}
}

func (x *xmlReader) document() error {
	root, start, err := x.next()
	if err != nil {
		return err
	}
	if !start || root.Name.Local != "NativeDicomModel" {
		return x.fail("want NativeDicomModel")
	}
	if err := x.set(); err != nil {
		return err
	}
	return x.end()
}

// end passes over comments and white space behind the root; anything else is an error.
func (x *xmlReader) end() error {
	for {
		t, err := x.d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return x.fail("not well-formed XML")
		}
		switch t := t.(type) {
		case xml.Comment, xml.ProcInst:
			continue
		case xml.CharData:
			if len(bytes.TrimSpace(t)) == 0 {
				continue
			}
		}
		return x.fail("something after the end")
	}
}

// set reads DicomAttributes to the end of what holds them.
func (x *xmlReader) set() error {
	if x.depth++; x.depth > deepest {
		return x.fail("too many sequences inside one another")
	}
	x.dst = append(x.dst, '{')
	blocks := blocks{}
	for first := true; ; first = false {
		e, start, err := x.next()
		if err != nil {
			return err
		}
		if !start {
			break
		}
		if e.Name.Local != "DicomAttribute" {
			return x.fail("want DicomAttribute")
		}
		if !first {
			x.dst = append(x.dst, ',')
		}
		if err := x.attribute(e, blocks); err != nil {
			return err
		}
	}
	x.dst = blocks.append(x.dst)
	x.dst = append(x.dst, '}')
	x.depth--
	return nil
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (x *xmlReader) attribute(e xml.StartElement, blocks blocks) error {
	n, ok := hexNumber([]byte(attr(e, "tag")))
	if !ok || len(attr(e, "tag")) != 8 {
		return x.fail("want a tag of eight hexadecimal digits")
	}
	t := dicom.Tag(n)
	if creator := attr(e, "privateCreator"); creator != "" && t.IsPrivate() && t.Element() <= 0xFF {
		block, ok := blocks.of(t.Group(), creator)
		if !ok {
			return x.fail("no private block is free")
		}
		t |= dicom.Tag(block) << 8
	}
	x.dst = append(appendTag(append(x.dst, '"'), t), `":{`...)
	vr := dicom.ParseVR(attr(e, "vr"))
	if attr(e, "vr") != "" {
		x.dst = append(appendString(append(x.dst, `"vr":`...), attr(e, "vr")), ',')
	} else {
		vr = dicom.VROf(t)
	}
	start := len(x.dst)
	if err := x.content(vr); err != nil {
		return err
	}
	if t.IsPrivateCreator() {
		blocks.note(t, x.dst[start:])
	}
	if len(x.dst) == start { // no content
		x.dst = bytes.TrimSuffix(x.dst, []byte(","))
	}
	x.dst = append(x.dst, '}')
	return nil
}

// content reads the children of a DicomAttribute.
func (x *xmlReader) content(vr dicom.VR) error {
	number := 0 // of the last value; 0 before the first
	for {
		e, start, err := x.next()
		if err != nil {
			return err
		}
		if !start {
			if number > 0 {
				x.dst = append(x.dst, ']')
			}
			return nil
		}
		switch e.Name.Local {
		case "InlineBinary":
			err = x.inline()
		case "BulkData":
			uri := attr(e, "uri")
			if uri == "" {
				uri = attr(e, "uuid")
			}
			x.dst = appendString(append(x.dst, `"BulkDataURI":`...), uri)
			err = x.d.Skip()
		case "Value", "Item", "PersonName":
			if number, err = x.place(e, number); err == nil {
				err = x.value(e.Name.Local, vr)
			}
		default:
			err = x.fail("unknown element in DicomAttribute")
		}
		if err != nil {
			return err
		}
	}
}

// place fills up with empty values to the number of the one that comes.
func (x *xmlReader) place(e xml.StartElement, last int) (int, error) {
	n, err := strconv.Atoi(attr(e, "number"))
	if err != nil || n <= last || n-last > x.size {
		return last, x.fail("values must be numbered from 1 in ascending order")
	}
	if last == 0 {
		x.dst = append(x.dst, `"Value":[`...)
	} else {
		x.dst = append(x.dst, ',')
	}
	for range n - last - 1 {
		x.dst = append(x.dst, "null,"...)
	}
	if len(x.dst) > 8*x.size+1024 {
		return n, x.fail("too many empty values")
	}
	return n, nil
}

func (x *xmlReader) value(element string, vr dicom.VR) error {
	switch element {
	case "Item":
		return x.set()
	case "PersonName":
		return x.name()
	}
	text, err := x.chars()
	if err != nil {
		return err
	}
	if len(text) == 0 && !isBinary(vr) {
		x.dst = append(x.dst, "null"...)
		return nil
	}
	if vr == dicom.DS {
		text = shorten(text, nil)
	}
	x.dst = appendString(x.dst, text)
	return nil
}

// chars reads text up to the end of its element.
func (x *xmlReader) chars() ([]byte, error) {
	var text []byte
	for {
		t, err := x.d.Token()
		switch t := t.(type) {
		case xml.CharData:
			text = append(text, t...)
		case xml.EndElement:
			return text, nil
		case xml.StartElement:
			return nil, x.fail("an element where text belongs")
		}
		if err != nil {
			return nil, x.fail("not well-formed XML")
		}
	}
}

func (x *xmlReader) inline() error {
	text, err := x.chars()
	if err != nil {
		return err
	}
	kept := text[:0]
	for _, c := range text { // white space may divide base64
		if c > ' ' {
			kept = append(kept, c)
		}
	}
	x.dst = appendString(append(x.dst, `"InlineBinary":`...), kept)
	return nil
}

// name reads the component groups of a person name.
func (x *xmlReader) name() error {
	x.dst = append(x.dst, '{')
	for first := true; ; first = false {
		group, start, err := x.next()
		if err != nil {
			return err
		}
		if !start {
			x.dst = append(x.dst, '}')
			return nil
		}
		name := group.Name.Local
		if name == "SingleByte" { // as older editions said
			name = "Alphabetic"
		}
		text, err := x.components()
		if err != nil {
			return err
		}
		if !first {
			x.dst = append(x.dst, ',')
		}
		x.dst = append(appendString(x.dst, name), ':')
		x.dst = appendString(x.dst, text)
	}
}

// components joins the parts of one group with "^".
func (x *xmlReader) components() ([]byte, error) {
	var parts [len(nameParts)][]byte
	last := -1
	for {
		e, start, err := x.next()
		if err != nil {
			return nil, err
		}
		if !start {
			return bytes.Join(parts[:last+1], []byte{'^'}), nil
		}
		text, err := x.chars()
		if err != nil {
			return nil, err
		}
		for i, p := range nameParts {
			if p == e.Name.Local {
				parts[i], last = text, max(last, i)
			}
		}
	}
}
