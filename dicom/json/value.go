package json

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/charset"
)

// charsets is where a Decoder for text comes from; it is asked only for text
// beyond ASCII.
type charsets interface{ Charset() *charset.Decoder }

// value writes Value or InlineBinary for a value in little endian; nothing if it is empty.
func (e *encoder) value(t dicom.Tag, vr dicom.VR, v []byte, from charsets) {
	switch vr {
	case dicom.OB, dicom.OD, dicom.OF, dicom.OL, dicom.OV, dicom.OW, dicom.UN, 0:
		e.inline(v)
	case dicom.US, dicom.SS, dicom.UL, dicom.SL, dicom.UV, dicom.SV, dicom.FL, dicom.FD, dicom.AT:
		e.numbers(vr, v)
	case dicom.SQ: // only from a Set that has bytes where items belong
		e.inline(v)
	default:
		if isCharset(t) && len(trimRight(v)) > 0 {
			v = []byte(charset.UTF8)
		}
		e.strings(vr, v, from)
	}
}

func (e *encoder) inline(v []byte) {
	if len(v) == 0 {
		return
	}
	e.dst = append(e.dst, `,"InlineBinary":"`...)
	e.dst = base64.StdEncoding.AppendEncode(e.dst, v)
	e.dst = append(e.dst, '"')
}

// numbers writes binary numbers and tags. Bytes after the last whole one are left out.
func (e *encoder) numbers(vr dicom.VR, v []byte) {
	size := vr.WordSize()
	if vr == dicom.AT {
		size = 4
	}
	if len(v) < size {
		return
	}
	e.dst = append(e.dst, `,"Value":[`...)
	for i := 0; i+size <= len(v); i += size {
		if i > 0 {
			e.dst = append(e.dst, ',')
		}
		e.dst = appendNumber(e.dst, vr, v[i:])
	}
	e.dst = append(e.dst, ']')
}

func appendNumber(dst []byte, vr dicom.VR, b []byte) []byte {
	le := binary.LittleEndian
	switch vr {
	case dicom.US:
		return strconv.AppendUint(dst, uint64(le.Uint16(b)), 10)
	case dicom.SS:
		return strconv.AppendInt(dst, int64(int16(le.Uint16(b))), 10)
	case dicom.UL:
		return strconv.AppendUint(dst, uint64(le.Uint32(b)), 10)
	case dicom.SL:
		return strconv.AppendInt(dst, int64(int32(le.Uint32(b))), 10)
	case dicom.UV:
		n := le.Uint64(b)
		return quoteIf(dst, n > maxExact, func(dst []byte) []byte { return strconv.AppendUint(dst, n, 10) })
	case dicom.SV:
		n := int64(le.Uint64(b))
		return quoteIf(dst, n > maxExact || n < -maxExact, func(dst []byte) []byte { return strconv.AppendInt(dst, n, 10) })
	case dicom.FL:
		return appendFloat(dst, float64(math.Float32frombits(le.Uint32(b))), 32)
	case dicom.FD:
		return appendFloat(dst, math.Float64frombits(le.Uint64(b)), 64)
	}
	dst = append(dst, '"') // AT: group, then element
	dst = appendTag(dst, dicom.NewTag(le.Uint16(b), le.Uint16(b[2:])))
	return append(dst, '"')
}

// maxExact is the largest whole number that readers which know only double
// precision get right; larger ones are written as strings, which PS3.18 F.2.3 allows.
const maxExact = 1<<53 - 1

func quoteIf(dst []byte, quote bool, number func([]byte) []byte) []byte {
	if !quote {
		return number(dst)
	}
	return append(number(append(dst, '"')), '"')
}

// appendFloat writes the shortest decimal that reads back as f; NaN and the
// infinities, which JSON does not have, as strings (PS3.18 F.2.3).
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"inf"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-inf"`...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}
