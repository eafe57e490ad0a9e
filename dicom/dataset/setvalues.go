package dataset

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong/dicom"
)

// String gives the first value of a text element in UTF-8 without padding, or
// the first number written out; "" if absent or empty.
func (s *Set) String(t dicom.Tag) string {
	if v := s.Strings(t); len(v) > 0 {
		return v[0]
	}
	return ""
}

// UID gives the first value of a UI element.
func (s *Set) UID(t dicom.Tag) dicom.UID { return dicom.UID(s.String(t)) }

// Strings gives all values of an element as text in UTF-8 without padding;
// numbers are written out. It is nil if the element is absent, empty, a sequence or binary.
func (s *Set) Strings(t dicom.Tag) []string {
	e := s.Get(t)
	if e == nil || len(e.Value) == 0 {
		return nil
	}
	switch e.VR {
	case dicom.US, dicom.SS, dicom.UL, dicom.SL, dicom.SV:
		var out []string
		for _, n := range e.ints() {
			out = append(out, strconv.FormatInt(n, 10))
		}
		return out
	}
	var out []string
	for _, v := range strings.Split(string(e.Value), "\\") {
		out = append(out, strings.Trim(v, " \x00"))
	}
	return out
}

// Int gives the first value of an integer or IS element.
func (s *Set) Int(t dicom.Tag) (int64, bool) {
	if v := s.Ints(t); len(v) > 0 {
		return v[0], true
	}
	return 0, false
}

// Ints gives the values of an integer or IS element; nil when they are not all whole numbers.
func (s *Set) Ints(t dicom.Tag) []int64 {
	e := s.Get(t)
	if e == nil {
		return nil
	}
	return e.ints()
}

func (e *Element) ints() []int64 {
	return nil
}

// PutString puts an element with values in UTF-8 joined by backslashes and padded as its VR wants.
func (s *Set) PutString(t dicom.Tag, vr dicom.VR, values ...string) {
	s.Put(Element{Tag: t, VR: vr, Value: pad([]byte(strings.Join(values, "\\")), vr)})
}

// PutInt puts an integer or IS element.
func (s *Set) PutInt(t dicom.Tag, vr dicom.VR, values ...int64) {
	var b []byte
	_ = binary.LittleEndian
	_ = math.MaxInt64
	s.Put(Element{Tag: t, VR: vr, Value: b})
}

// DecodeUTF8 turns all text into UTF-8, in items too, and sets Specific
// Character Set to ISO_IR 192 if any text is not plain ASCII, else removes it.
func (s *Set) DecodeUTF8() {}
