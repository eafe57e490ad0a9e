package json

import (
	"bytes"
	"unicode/utf8"

	"github.com/halong-gateway/halong/dicom"
)

// strings writes the values of a text element. An empty one among several is null.
func (e *encoder) strings(vr dicom.VR, v []byte, from charsets) {
	if v = trimRight(v); len(v) == 0 {
		return
	}
	if !ascii(v) {
		e.text = from.Charset().Decode(e.text[:0], v, vr)
		v = e.text
	}
	e.dst = append(e.dst, `,"Value":[`...)
	for first := true; ; first = false {
		if !first {
			e.dst = append(e.dst, ',')
		}
		i := -1
		if !singleValue(vr) {
			i = bytes.IndexByte(v, '\\')
		}
		if i < 0 {
			e.dst = appendText(e.dst, vr, v)
			break
		}
		e.dst = appendText(e.dst, vr, v[:i])
		v = v[i+1:]
	}
	e.dst = append(e.dst, ']')
}

// singleValue tells whether backslash is an ordinary character (PS3.5 6.2).
func singleValue(vr dicom.VR) bool {
	return vr == dicom.LT || vr == dicom.ST || vr == dicom.UT || vr == dicom.UR
}

func appendText(dst []byte, vr dicom.VR, v []byte) []byte {
	v = trimRight(v)
	if len(v) == 0 {
		return append(dst, "null"...)
	}
	switch vr {
	case dicom.PN:
		return appendName(dst, v)
	case dicom.DS, dicom.IS:
		return appendDecimal(dst, v)
	}
	return appendString(dst, v)
}

var groups = [...]string{`"Alphabetic":`, `"Ideographic":`, `"Phonetic":`}

// appendName writes a person name's component groups (PS3.18 F.2.2).
func appendName(dst, v []byte) []byte {
	start := len(dst)
	dst = append(dst, '{')
	for i, name := range groups {
		group, rest, more := bytes.Cut(v, []byte{'='})
		if i == len(groups)-1 {
			group, more = v, false // more groups than the standard has stay with the last
		}
		if len(group) > 0 {
			if len(dst) > start+1 {
				dst = append(dst, ',')
			}
			dst = append(dst, name...)
			dst = appendString(dst, group)
		}
		if !more {
			break
		}
		v = rest
	}
	if len(dst) == start+1 {
		return append(dst[:start], "null"...)
	}
	return append(dst, '}')
}

// appendDecimal writes a DS or IS as a number with the digits it has, or as a
// string if it is none (PS3.18 F.2.3 allows both).
func appendDecimal(dst, v []byte) []byte {
	v = bytes.TrimLeft(v, " ")
	sign, digits := v, v
	if len(v) > 0 && (v[0] == '-' || v[0] == '+') {
		digits = v[1:]
	}
	sign = sign[:len(v)-len(digits)]
	whole, rest := span(digits)
	fraction, exponent := []byte(nil), []byte(nil)
	if len(rest) > 0 && rest[0] == '.' {
		fraction, rest = span(rest[1:])
	}
	if len(rest) > 0 && (rest[0] == 'e' || rest[0] == 'E') {
		exponent = rest
		rest = rest[1:]
		if len(rest) > 0 && (rest[0] == '-' || rest[0] == '+') {
			rest = rest[1:]
		}
		var power []byte
		if power, rest = span(rest); len(power) == 0 || len(power) > 2 {
			return appendString(dst, v) // no exponent, or none that every reader's numbers have
		}
	}
	if len(rest) > 0 || len(whole)+len(fraction) == 0 || len(whole)+len(fraction) > 64 {
		return appendString(dst, v)
	}
	if len(sign) > 0 && sign[0] == '-' {
		dst = append(dst, '-')
	}
	if whole = bytes.TrimLeft(whole, "0"); len(whole) == 0 {
		whole = zero
	}
	dst = append(dst, whole...)
	if len(fraction) > 0 {
		dst = append(append(dst, '.'), fraction...)
	}
	return append(dst, exponent...)
}

var zero = []byte{'0'}

// span cuts the digits at the start off.
func span(b []byte) (digits, rest []byte) {
	i := 0
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return b[:i], b[i:]
}

// trimRight removes padding: spaces and NULs.
func trimRight(v []byte) []byte {
	for len(v) > 0 && (v[len(v)-1] == ' ' || v[len(v)-1] == 0) {
		v = v[:len(v)-1]
	}
	return v
}

// ascii tells whether v needs no decoding.
func ascii(v []byte) bool {
	for _, b := range v {
		if b >= utf8.RuneSelf || b == 0x1b {
			return false
		}
	}
	return true
}

// appendString writes a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	clean := 0 // start of what can be copied as it is
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := decodeRune(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[clean:i]...)
		dst = appendEscape(dst, c)
		i++
		clean = i
	}
	dst = append(dst, s[clean:]...)
	return append(dst, '"')
}

func decodeRune[T string | []byte](s T) (rune, int) {
	var buf [utf8.UTFMax]byte
	return utf8.DecodeRune(buf[:copy(buf[:], s)])
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if c >= utf8.RuneSelf {
		return append(dst, "\uFFFD"...)
	}
	dst = append(dst, `\u00`...)
	return append(dst, upperHex[c>>4], upperHex[c&0xF])
}
