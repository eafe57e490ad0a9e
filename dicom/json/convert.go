package json

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/charset"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// inlineBinary reads a base64 string; some writers put it into an array.
func (d *decoder) inlineBinary(e *dataset.Element) (err error) {
	inArray := d.s.peek() == '['
	if inArray {
		d.s.pos++
	}
	if d.text, err = d.s.str(d.text[:0]); err != nil {
		return err
	}
	if inArray {
		if err = d.s.expect(']'); err != nil {
			return err
		}
	}
	if d.value, err = base64.StdEncoding.AppendDecode(d.value[:0], d.text); err != nil {
		return d.s.fail("InlineBinary is not base64")
	}
	return d.keep(e, 0)
}

// values reads an array of numbers, strings, names and nulls. Among binary
// values, which cannot be empty, null is passed over.
func (d *decoder) values(e *dataset.Element) error {
	if d.s.word("null") {
		return nil
	}
	if err := d.s.expect('['); err != nil {
		return err
	}
	d.value = d.value[:0]
	binary := isBinary(e.VR)
	n := 0
	for first := true; ; n++ {
		more, err := d.s.more(']', &first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if n > 0 && !binary {
			d.value = append(d.value, '\\')
		}
		if d.s.peek() == 'n' && d.s.word("null") {
			continue
		}
		if err = d.scalar(e.VR, binary); err != nil {
			return err
		}
		if int64(len(d.value)) > d.lim.Value {
			return d.limit("bytes in a value", d.lim.Value)
		}
	}
	if isCharset(e.Tag) && len(trimRight(d.value)) > 0 {
		d.value = append(d.value[:0], charset.UTF8...)
	}
	return d.keep(e, padding(e.VR))
}

func isBinary(vr dicom.VR) bool {
	switch vr {
	case dicom.US, dicom.SS, dicom.UL, dicom.SL, dicom.UV, dicom.SV, dicom.FL, dicom.FD, dicom.AT,
		dicom.OB, dicom.OD, dicom.OF, dicom.OL, dicom.OV, dicom.OW, dicom.UN:
		return true
	}
	return false
}

func padding(vr dicom.VR) byte {
	if isBinary(vr) || vr == dicom.UI {
		return 0
	}
	return ' '
}

// keep makes d.value the element's value, of even length.
func (d *decoder) keep(e *dataset.Element, pad byte) error {
	if len(d.value)%2 == 1 {
		d.value = append(d.value, pad)
	}
	n := len(d.value)
	if int64(n) > d.lim.Value {
		return d.limit("bytes in a value", d.lim.Value)
	}
	if n == 0 {
		return nil
	}
	if n > 1<<10 {
		e.Value = append([]byte(nil), d.value...)
		return nil
	}
	if n > cap(d.chunk)-len(d.chunk) {
		d.chunk = make([]byte, 0, 4<<10)
	}
	start := len(d.chunk)
	d.chunk = append(d.chunk, d.value...)
	e.Value = d.chunk[start : start+n : start+n]
	return nil
}

// scalar appends one value of the array.
func (d *decoder) scalar(vr dicom.VR, binary bool) error {
	switch c := d.s.peek(); {
	case c == '{' && vr == dicom.PN:
		return d.personName()
	case c == '"':
		text, err := d.s.str(d.text[:0])
		d.text = text
		if err != nil {
			return err
		}
		if binary {
			return d.binary(vr, text)
		}
		d.append(text)
		return nil
	}
	text, err := d.s.number()
	switch {
	case err != nil:
		return err
	case binary:
		return d.binary(vr, text)
	case vr == dicom.DS:
		text = shorten(text, d.text[:0])
	case vr == dicom.IS:
		if text = whole(text, d.text[:0]); text == nil {
			return d.s.fail("IS is not a whole number")
		}
	}
	d.append(text)
	return nil
}

func (d *decoder) append(text []byte) {
	if !ascii(text) {
		d.wide = true
	}
	d.value = append(d.value, text...)
}

// personName reads {"Alphabetic": …, "Ideographic": …, "Phonetic": …}.
func (d *decoder) personName() error {
	d.s.pos++
	var group [3][]byte
	for first := true; ; {
		more, err := d.s.more('}', &first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if d.name, err = d.s.key(d.name[:0]); err != nil {
			return err
		}
		i := groupIndex(string(d.name))
		switch {
		case d.s.word("null"):
		case i < 0:
			err = d.s.skip()
		default:
			group[i], err = d.s.str(nil)
		}
		if err != nil {
			return err
		}
	}
	last := len(group)
	for last > 0 && len(group[last-1]) == 0 {
		last--
	}
	for i, g := range group[:last] {
		if i > 0 {
			d.value = append(d.value, '=')
		}
		d.append(g)
	}
	return nil
}

func groupIndex(name string) int {
	switch name {
	case "Alphabetic":
		return 0
	case "Ideographic":
		return 1
	case "Phonetic":
		return 2
	}
	return -1
}

// binary appends a number or tag in little endian.
func (d *decoder) binary(vr dicom.VR, text []byte) error {
	le, s := binary.LittleEndian, string(text)
	var err error
	var n int64
	var u uint64
	switch vr {
	case dicom.SS, dicom.SL, dicom.SV:
		n, err = strconv.ParseInt(s, 10, 8*vr.WordSize())
		u = uint64(n)
	case dicom.US, dicom.UL, dicom.UV:
		u, err = strconv.ParseUint(s, 10, 8*vr.WordSize())
	case dicom.FL, dicom.FD:
		u, err = floatBits(s, 8*vr.WordSize())
	case dicom.AT:
		t, ok := hexNumber(text)
		if !ok || len(text) != 8 {
			return d.s.fail("AT is not a tag of eight hexadecimal digits")
		}
		d.value = le.AppendUint16(le.AppendUint16(d.value, uint16(t>>16)), uint16(t))
		return nil
	default:
		return d.s.fail("want InlineBinary or BulkDataURI instead of Value")
	}
	if err != nil {
		return d.s.fail("number is not one of the value representation")
	}
	for range vr.WordSize() {
		d.value = append(d.value, byte(u))
		u >>= 8
	}
	return nil
}

// floatBits reads a number, or one of the names that appendFloat writes.
func floatBits(s string, bits int) (uint64, error) {
	f, err := strconv.ParseFloat(s, bits)
	if bits == 32 {
		return uint64(math.Float32bits(float32(f))), err
	}
	return math.Float64bits(f), err
}

// shorten brings a number into the 16 characters that a DS may have, with as
// many digits as fit.
func shorten(text, dst []byte) []byte {
	if len(text) <= 16 {
		return text
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return text
	}
	for precision := 15; precision > 0; precision-- {
		if out := strconv.AppendFloat(dst[:0], f, 'g', precision, 64); len(out) <= 16 {
			return out
		}
	}
	return text
}

// whole brings a number that some writer gave a fraction or exponent ("714.0") into the form of an IS.
func whole(text, dst []byte) []byte {
	integer := true
	for _, c := range text {
		integer = integer && (c == '-' || c >= '0' && c <= '9')
	}
	if integer {
		return text
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		return nil
	}
	return strconv.AppendInt(dst, int64(f), 10)
}
