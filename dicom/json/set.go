package json

import (
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/charset"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// AppendSet appends a data set as one JSON object. For its elements Options.BulkURI
// gets tokens without offsets.
func AppendSet(dst []byte, s *dataset.Set, o Options) []byte {
	e := newEncoder(dst, o)
	e.set(s)
	return e.dst
}

func (e *encoder) set(s *dataset.Set) {
	from := &lazyCharset{set: s}
	e.dst = append(e.dst, '{')
	e.comma = false
	for i := range s.Elements {
		if el := &s.Elements[i]; !e.skip(el.Tag) {
			e.setElement(from, el)
		}
	}
	e.dst = append(e.dst, '}')
}

func (e *encoder) setElement(from charsets, el *dataset.Element) {
	if el.VR == dicom.SQ && len(el.Value) == 0 {
		e.startSequence(el.Tag)
		for _, item := range el.Items {
			e.setItem(item)
		}
		e.endSequence()
		return
	}
	t := dataset.Token{Kind: dataset.DataElement, Tag: el.Tag, VR: el.VR, Length: uint32(len(el.Value)), Offset: -1, ValueOffset: -1, Depth: len(e.path)}
	if len(el.Fragments) > 0 {
		t.Kind, t.Length = dataset.FragmentsStart, dataset.UndefinedLength
	}
	uri := e.uri(t)
	e.open(el.Tag, el.VR)
	switch {
	case uri != "":
		e.bulk(uri)
		return
	case len(el.Fragments) > 0:
		e.text = e.text[:0]
		for _, f := range el.Fragments {
			e.text = appendFragment(e.text, f)
		}
		e.inline(append(e.text, sequenceEnd...))
	default:
		e.value(el.Tag, el.VR, el.Value, from)
	}
	e.dst = append(e.dst, '}')
}

// setItem writes an item; unlike a token's its end is known here.
func (e *encoder) setItem(item *dataset.Set) {
	step := &e.path[len(e.path)-1]
	if step.Item++; step.Item == 0 {
		e.dst = append(e.dst, `,"Value":[`...)
	} else {
		e.dst = append(e.dst, ',')
	}
	e.last = append(e.last, 0)
	e.set(item)
	e.last = e.last[:len(e.last)-1]
}

// lazyCharset makes a set's decoder when it is first needed, and once.
type lazyCharset struct {
	set     *dataset.Set
	decoder *charset.Decoder
}

// Charset gives the decoder.
func (l *lazyCharset) Charset() *charset.Decoder {
	if l.decoder == nil {
		l.decoder = l.set.Charset()
	}
	return l.decoder
}
