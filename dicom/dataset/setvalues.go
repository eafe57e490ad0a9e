package dataset

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/charset"
)

// String gives the first value as Strings does; "" if there is none.
func (s *Set) String(t dicom.Tag) string {
	if v := s.Strings(t); len(v) > 0 {
		return v[0]
	}
	return ""
}

// UID gives the first value of a UI element; "" if there is none.
func (s *Set) UID(t dicom.Tag) dicom.UID { return dicom.UID(s.String(t)) }

// Strings gives the values of an element as text in UTF-8 without padding;
// numbers are written out, tags as eight hexadecimal digits. It is nil if the
// element is absent or empty, a sequence, or opaque bytes.
func (s *Set) Strings(t dicom.Tag) []string {
	e := s.Get(t)
	if e == nil || len(e.Value) == 0 {
		return nil
	}
	switch e.VR {
	case dicom.SQ, dicom.OB, dicom.OD, dicom.OF, dicom.OL, dicom.OV, dicom.OW, dicom.UN, 0:
		return nil
	case dicom.AT, dicom.FD, dicom.FL, dicom.SL, dicom.SS, dicom.SV, dicom.UL, dicom.US, dicom.UV:
		return e.numbers()
	}
	return e.text(s.decoder())
}

// text splits and decodes a value made of characters.
func (e *Element) text(d *charset.Decoder) []string {
	parts := d.Split(e.Value, e.VR)
	out := make([]string, len(parts))
	for i, p := range parts {
		v := string(d.Decode(nil, p, e.VR))
		switch e.VR {
		case dicom.LT, dicom.ST, dicom.UT, dicom.UR:
			out[i] = strings.TrimRight(v, " \x00") // leading spaces are significant (PS3.5 6.2)
		default:
			out[i] = strings.Trim(v, " \x00")
		}
	}
	return out
}

// decoder is for the text of this set.
func (s *Set) decoder() *charset.Decoder { return newDecoder(s.charset()) }

// charset gives the value of Specific Character Set in effect.
func (s *Set) charset() string {
	if e := s.Get(tagSpecificCharacterSet); e != nil {
		return string(trimCharset(e.Value))
	}
	return s.inherit
}

// Charset gives the decoder for the text of the set, which may be an item that
// inherits Specific Character Set from what encloses it.
func (s *Set) Charset() *charset.Decoder { return s.decoder() }

// numbers writes out binary numbers and tags.
func (e *Element) numbers() []string {
	size := e.number()
	var out []string
	for b := e.Value; len(b) >= size; b = b[size:] {
		out = append(out, e.formatNumber(b))
	}
	return out
}

// number gives the size of one number of the element's VR in bytes.
func (e *Element) number() int {
	if e.VR == dicom.AT {
		return 4
	}
	return e.VR.WordSize()
}

func (e *Element) formatNumber(b []byte) string {
	switch e.VR {
	case dicom.AT:
		v := uint64(binary.LittleEndian.Uint16(b))<<16 | uint64(binary.LittleEndian.Uint16(b[2:]))
		h := strings.ToUpper(strconv.FormatUint(v, 16))
		return "00000000"[len(h):] + h
	case dicom.FL:
		return strconv.FormatFloat(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 'g', -1, 32)
	case dicom.FD:
		return strconv.FormatFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)), 'g', -1, 64)
	case dicom.UV:
		return strconv.FormatUint(binary.LittleEndian.Uint64(b), 10)
	}
	return strconv.FormatInt(integer(b, e.VR), 10)
}

// integer reads one binary integer.
func integer(b []byte, vr dicom.VR) int64 {
	switch vr {
	case dicom.US:
		return int64(binary.LittleEndian.Uint16(b))
	case dicom.SS:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case dicom.UL:
		return int64(binary.LittleEndian.Uint32(b))
	case dicom.SL:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

// Int gives the first value as Ints does.
func (s *Set) Int(t dicom.Tag) (n int64, ok bool) {
	if v := s.Ints(t); len(v) > 0 {
		return v[0], true
	}
	return 0, false
}

// Ints gives the values of an element of an integer VR or of IS (or of DS
// without fraction); nil when they are not all whole numbers.
func (s *Set) Ints(t dicom.Tag) []int64 {
	e := s.Get(t)
	if e == nil {
		return nil
	}
	switch e.VR {
	case dicom.SL, dicom.SS, dicom.SV, dicom.UL, dicom.US, dicom.UV:
		return e.integers()
	case dicom.IS, dicom.DS:
	default:
		return nil
	}
	var out []int64
	for _, v := range s.Strings(t) {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return nil
		}
		out = append(out, n)
	}
	return out
}

func (e *Element) integers() []int64 {
	size := e.VR.WordSize()
	out := make([]int64, 0, len(e.Value)/size)
	for b := e.Value; len(b) >= size; b = b[size:] {
		out = append(out, integer(b, e.VR))
	}
	return out
}

// Floats gives the values of an element of a number VR, DS or IS; nil when they are not all numbers.
func (s *Set) Floats(t dicom.Tag) []float64 {
	e := s.Get(t)
	if e == nil || e.VR == dicom.AT {
		return nil
	}
	var out []float64
	for _, v := range s.Strings(t) {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return nil
		}
		out = append(out, f)
	}
	return out
}

// PutString puts an element with values in UTF-8, joined by backslashes and padded as its VR wants.
func (s *Set) PutString(t dicom.Tag, vr dicom.VR, values ...string) {
	s.Put(Element{Tag: t, VR: vr, Value: pad([]byte(strings.Join(values, `\`)), vr)})
}

// PutInt puts an element of an integer VR, or of IS or DS.
func (s *Set) PutInt(t dicom.Tag, vr dicom.VR, values ...int64) {
	var b []byte
	for i, n := range values {
		switch vr.WordSize() {
		case 2:
			b = binary.LittleEndian.AppendUint16(b, uint16(n))
		case 4:
			b = binary.LittleEndian.AppendUint32(b, uint32(n))
		case 8:
			b = binary.LittleEndian.AppendUint64(b, uint64(n))
		default:
			if i > 0 {
				b = append(b, '\\')
			}
			b = strconv.AppendInt(b, n, 10)
		}
	}
	s.Put(Element{Tag: t, VR: vr, Value: pad(b, vr)})
}
