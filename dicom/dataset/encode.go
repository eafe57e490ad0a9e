package dataset

import (
	"bytes"
	"compress/flate"
	"encoding/binary"

	"github.com/halong-gateway/halong/dicom"
)

// maxShort is the longest value in bytes that a 16-bit length field can give.
const maxShort = 0xFFFE

// pad makes the length of a value even.
func pad(b []byte, vr dicom.VR) []byte {
	if len(b)%2 == 1 {
		b = append(b, padByte(vr))
	}
	return b
}

// padByte is what makes a value of odd length even (PS3.5 6.2).
func padByte(vr dicom.VR) byte {
	switch vr {
	case dicom.AE, dicom.AS, dicom.CS, dicom.DA, dicom.DS, dicom.DT, dicom.IS, dicom.LO, dicom.LT, dicom.PN,
		dicom.SH, dicom.ST, dicom.TM, dicom.UC, dicom.UR, dicom.UT:
		return ' '
	}
	return 0
}

// isGroupLength tells whether t is a Group Length, which is retired (PS3.5
// 7.2) outside of commands and File Meta Information.
func isGroupLength(t dicom.Tag) bool { return t.Element() == 0 && t.Group() > 2 }

// Append appends the data set encoded in ts. Sequences get explicit lengths,
// values of odd length their padding; Group Length elements are left out.
func (s *Set) Append(dst []byte, ts *dicom.TransferSyntax) []byte {
	e := encodingOf(ts)
	if !ts.Deflated {
		return e.appendSet(dst, s)
	}
	var buf bytes.Buffer
	// Neither the level nor writing to memory can fail.
	w, _ := flate.NewWriter(&buf, flate.DefaultCompression)
	_, _ = w.Write(e.appendSet(nil, s))
	_ = w.Close()
	if buf.Len()%2 == 1 {
		buf.WriteByte(0) // PS3.5 A.5
	}
	return append(dst, buf.Bytes()...)
}

func (e encoding) appendSet(dst []byte, s *Set) []byte {
	for i := range s.Elements {
		el := &s.Elements[i]
		switch {
		case isGroupLength(el.Tag):
		case el.VR == dicom.SQ:
			dst = e.appendSequence(dst, el)
		case el.Fragments != nil:
			dst = e.appendFragments(dst, el)
		default:
			dst = e.appendValue(dst, el)
		}
	}
	return dst
}

// appendHeader appends what comes before a value (PS3.5 7.1). A value too long
// for its VR's length field becomes UN (PS3.5 6.2.2 note 2).
func (e encoding) appendHeader(dst []byte, t dicom.Tag, vr dicom.VR, length uint32) []byte {
	dst = e.appendTag(dst, t)
	if !e.explicit {
		return e.appendUint32(dst, length)
	}
	if !vr.Known() || (!vr.LongLength() && length > maxShort) {
		vr = dicom.UN
	}
	dst = append(dst, byte(vr>>8), byte(vr))
	if vr.LongLength() {
		return e.appendUint32(append(dst, 0, 0), length)
	}
	return e.appendUint16(dst, uint16(length))
}

func (e encoding) appendTag(dst []byte, t dicom.Tag) []byte {
	return e.appendUint16(e.appendUint16(dst, t.Group()), t.Element())
}

func (e encoding) appendUint16(dst []byte, v uint16) []byte {
	if e.big {
		return binary.BigEndian.AppendUint16(dst, v)
	}
	return binary.LittleEndian.AppendUint16(dst, v)
}

func (e encoding) appendUint32(dst []byte, v uint32) []byte {
	if e.big {
		return binary.BigEndian.AppendUint32(dst, v)
	}
	return binary.LittleEndian.AppendUint32(dst, v)
}

func (e encoding) appendValue(dst []byte, el *Element) []byte {
	dst = e.appendHeader(dst, el.Tag, el.VR, uint32(len(el.Value)+len(el.Value)%2))
	n := len(dst)
	dst = append(dst, el.Value...)
	if len(el.Value)%2 == 1 {
		dst = append(dst, padByte(el.VR))
	}
	if e.big {
		swapWords(dst[n:], el.VR)
	}
	return dst
}

func (e encoding) appendSequence(dst []byte, el *Element) []byte {
	dst = e.appendHeader(dst, el.Tag, dicom.SQ, UndefinedLength)
	start := len(dst)
	for _, item := range el.Items {
		dst = e.appendUint32(e.appendTag(dst, tagItem), UndefinedLength)
		n := len(dst)
		dst = e.closeLength(e.appendSet(dst, item), n, tagItemDelimiter)
	}
	return e.closeLength(dst, start, tagSequenceDelim)
}

// closeLength writes the length of what was appended since start into the four
// bytes before; if it is too long for them the delimiter follows.
func (e encoding) closeLength(dst []byte, start int, delimiter dicom.Tag) []byte {
	n := len(dst) - start
	if int64(n) >= UndefinedLength {
		return e.appendUint32(e.appendTag(dst, delimiter), 0)
	}
	e.appendUint32(dst[:start-4], uint32(n))
	return dst
}

func (e encoding) appendFragments(dst []byte, el *Element) []byte {
	dst = e.appendHeader(dst, el.Tag, el.VR, UndefinedLength)
	for _, f := range el.Fragments {
		dst = e.appendUint32(e.appendTag(dst, tagItem), uint32(len(f)+len(f)%2))
		dst = append(dst, f...)
		if len(f)%2 == 1 {
			dst = append(dst, 0)
		}
	}
	return e.appendUint32(e.appendTag(dst, tagSequenceDelim), 0)
}
