package json

import (
	"io"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// DefaultInlineLimit is used where Options.InlineLimit is zero.
const DefaultInlineLimit = 1 << 10

// Options say how binary values are written.
type Options struct {
	// BulkURI gives the BulkDataURI of a binary value that is too long, that lies
	// elsewhere (t.External), or that is encapsulated (t.Kind is
	// dataset.FragmentsStart). path has the sequences and items around the element; it is
	// valid during the call. An empty answer, or a nil BulkURI, writes the value inline.
	BulkURI func(path []Step, t dataset.Token) string
	// InlineLimit is the length in bytes up to which OB, OD, OF, OL, OV, OW and UN are
	// written as InlineBinary when there is a BulkURI.
	InlineLimit int64
}

// Step is one item on the way to an element.
type Step struct {
	Tag  dicom.Tag // of the sequence
	Item int       // counted from 0
}

// encoder writes one object.
type encoder struct {
	o     Options
	dst   []byte
	text  []byte      // decoded text of the current value
	path  []Step      // open sequences; Item is -1 before the first one
	last  []dicom.Tag // tag of the last element written at each level
	comma bool        // the open object has a member
}

func newEncoder(dst []byte, o Options) *encoder {
	if o.InlineLimit == 0 {
		o.InlineLimit = DefaultInlineLimit
	}
	return &encoder{o: o, dst: dst, last: make([]dicom.Tag, 1, 8)}
}

// Append appends one JSON object with what is left of r's data set, in the
// order of the tokens; of elements that follow one another with the same tag only
// the first is written. On error the object is not complete.
func Append(dst []byte, r *dataset.Reader, o Options) ([]byte, error) {
	e := newEncoder(dst, o)
	e.dst = append(e.dst, '{')
	for {
		t, err := r.Next()
		if err == io.EOF {
			return append(e.dst, '}'), nil
		}
		if err == nil {
			err = e.token(r, t)
		}
		if err != nil {
			return e.dst, err
		}
	}
}

func (e *encoder) token(r *dataset.Reader, t dataset.Token) error {
	switch t.Kind {
	case dataset.DataElement:
		if e.skip(t.Tag) {
			return nil
		}
		return e.element(r, t)
	case dataset.SequenceStart:
		if e.skip(t.Tag) {
			return skipNested(r, dataset.SequenceStart, dataset.SequenceEnd)
		}
		e.startSequence(t.Tag)
	case dataset.SequenceEnd:
		e.endSequence()
	case dataset.ItemStart:
		e.startItem()
	case dataset.ItemEnd:
		e.endItem()
	case dataset.FragmentsStart:
		if e.skip(t.Tag) {
			return skipNested(r, dataset.FragmentsStart, dataset.FragmentsEnd)
		}
		return e.fragments(r, t)
	}
	return nil
}

// skip tells whether an element is not part of the model, or was there already.
func (e *encoder) skip(t dicom.Tag) bool {
	last := &e.last[len(e.last)-1]
	if leftOut(t) || t == *last {
		return true
	}
	*last = t
	return false
}

func skipNested(r *dataset.Reader, start, end dataset.Kind) error {
	for depth := 1; depth > 0; {
		t, err := r.Next()
		if err != nil {
			return err
		}
		switch t.Kind {
		case start:
			depth++
		case end:
			depth--
		}
	}
	return nil
}

func (e *encoder) element(r *dataset.Reader, t dataset.Token) error {
	if uri := e.uri(t); uri != "" {
		e.open(t.Tag, t.VR)
		e.bulk(uri)
		return nil
	}
	v, err := r.ValueLE()
	if err != nil {
		return err
	}
	e.open(t.Tag, t.VR)
	e.value(t.Tag, t.VR, v, r)
	e.dst = append(e.dst, '}')
	return nil
}

// uri asks for a BulkDataURI where one is wanted; empty if there is none.
func (e *encoder) uri(t dataset.Token) string {
	switch {
	case e.o.BulkURI == nil:
	case t.External, t.Kind == dataset.FragmentsStart, t.VR.IsBulk() && int64(t.Length) > e.o.InlineLimit:
		return e.o.BulkURI(e.path, t)
	}
	return ""
}

// fragments writes an encapsulated value: a BulkDataURI, or inline all that is
// between its header and its end, with the item headers (PS3.5 A.4).
func (e *encoder) fragments(r *dataset.Reader, t dataset.Token) error {
	e.open(t.Tag, t.VR)
	if uri := e.uri(t); uri != "" {
		e.bulk(uri)
		return skipNested(r, dataset.FragmentsStart, dataset.FragmentsEnd)
	}
	if t.External {
		return dataset.ErrExternal
	}
	e.text = e.text[:0]
	for {
		f, err := r.Next()
		if err != nil {
			return err
		}
		if f.Kind == dataset.FragmentsEnd {
			break
		}
		v, err := r.Value()
		if err != nil {
			return err
		}
		e.text = appendFragment(e.text, v)
	}
	e.text = append(e.text, sequenceEnd...)
	e.inline(e.text)
	e.dst = append(e.dst, '}')
	return nil
}

// Item and Sequence Delimitation Item as little endian bytes.
const (
	itemTag     = "\xfe\xff\x00\xe0"
	sequenceEnd = "\xfe\xff\xdd\xe0\x00\x00\x00\x00"
)

func appendFragment(dst, v []byte) []byte {
	n := len(v)
	dst = append(dst, itemTag...)
	dst = append(dst, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	return append(dst, v...)
}

func (e *encoder) startSequence(t dicom.Tag) {
	e.open(t, dicom.SQ)
	e.path = append(e.path, Step{t, -1})
}

func (e *encoder) endSequence() {
	top := len(e.path) - 1
	if e.path[top].Item >= 0 {
		e.dst = append(e.dst, ']')
	}
	e.path = e.path[:top]
	e.dst = append(e.dst, '}')
	e.comma = true
}

func (e *encoder) startItem() {
	step := &e.path[len(e.path)-1]
	if step.Item++; step.Item == 0 {
		e.dst = append(e.dst, `,"Value":[{`...)
	} else {
		e.dst = append(e.dst, ',', '{')
	}
	e.last = append(e.last, 0)
	e.comma = false
}

func (e *encoder) endItem() {
	e.dst = append(e.dst, '}')
	e.last = e.last[:len(e.last)-1]
}

const upperHex = "0123456789ABCDEF"

// open writes the beginning of a member up to its vr.
func (e *encoder) open(t dicom.Tag, vr dicom.VR) {
	if e.comma {
		e.dst = append(e.dst, ',')
	}
	e.comma = true
	e.dst = append(e.dst, '"')
	e.dst = appendTag(e.dst, t)
	if !vr.Known() {
		vr = dicom.UN
	}
	e.dst = append(e.dst, `":{"vr":"`...)
	e.dst = append(e.dst, byte(vr>>8), byte(vr), '"')
}

func appendTag(dst []byte, t dicom.Tag) []byte {
	for shift := 28; shift >= 0; shift -= 4 {
		dst = append(dst, upperHex[t>>shift&0xF])
	}
	return dst
}

func (e *encoder) bulk(uri string) {
	e.dst = append(e.dst, `,"BulkDataURI":`...)
	e.dst = appendString(e.dst, uri)
	e.dst = append(e.dst, '}')
}

// isCharset tells whether an element is the Specific Character Set, whose only
// value in JSON is that of UTF-8 (PS3.18 F.2).
func isCharset(t dicom.Tag) bool { return t == tag.SpecificCharacterSet }

// leftOut tells whether an element never is part of the model: group lengths,
// command elements and File Meta Information (PS3.18 F.2).
func leftOut(t dicom.Tag) bool { return t.Element() == 0 || t.Group() == 0 || t.Group() == 2 }
