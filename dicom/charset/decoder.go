package charset

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/halong-gateway/halong/dicom"
)

// Decoder turns text of a data set into UTF-8. It is immutable and may be used
// by several goroutines. The zero Decoder and nil stand for the default repertoire.
type Decoder struct {
	scheme   scheme
	g0, g1   set // designated at the start of a value and after each delimiter; zero g0 is ASCII
	fallback set // taken for bytes of 0x80 and up while G1 has nothing
	mixed    bool
}

// TermError is returned for a Specific Character Set that the standard does not know.
type TermError struct {
	Index  int    // of the value, counted from 1
	Reason string // holds no patient data
}

// Error gives place and reason.
func (e *TermError) Error() string {
	return fmt.Sprintf("charset: value %d of Specific Character Set: %s", e.Index, e.Reason)
}

// New makes a Decoder for the values of Specific Character Set (0008,0005). No
// values, or one empty value, stand for the default repertoire; UTF-8, which is
// often found there all the same, is recognised.
//
// The Decoder is usable also when there is an error, a *TermError: it is for
// the values that were understood.
func New(values []string) (*Decoder, error) {
	d := &Decoder{g0: ascii}
	var first error
	fail := func(i int, reason string) {
		if first == nil {
			first = &TermError{i + 1, reason}
		}
	}
	if len(values) == 1 && strings.Contains(values[0], `\`) {
		values = strings.Split(values[0], `\`)
	}
	for i, v := range values {
		t, extension, ok := findTerm(v)
		switch {
		case !ok:
			fail(i, "unknown term")
		case i > 0 && t.scheme != iso2022:
			fail(i, "term that does not allow others beside it")
		case i == 0:
			d.scheme, d.g0, d.g1 = t.scheme, t.g0, t.g1
			d.mixed = extension || t.multi
		default:
			d.add(t)
		}
	}
	if d.scheme != iso2022 && len(values) > 1 {
		fail(1, "beside a term that does not allow others")
	}
	return d, first
}

// add takes note of a further value, which can be designated by an escape sequence.
func (d *Decoder) add(t term) {
	d.mixed = true
	if d.g1 == none && d.fallback == none {
		d.fallback = t.g1
	}
}

// ASCIICompatible tells whether every byte below 0x80 stands for the ASCII
// character of that number wherever it is: no two-byte characters with such bytes.
// Values that hold an escape sequence (byte 0x1B), which the standard does not
// allow here but Decode understands, are the exception.
func (d *Decoder) ASCIICompatible() bool {
	if d == nil {
		return true
	}
	return !d.mixed && d.g0 != romaji && (d.scheme == iso2022 || d.scheme == utf8Scheme)
}

// Decode appends raw, the value of an element of the given VR, as UTF-8 to
// dst. Backslashes between values stay; padding is not removed. VRs that
// Specific Character Set does not apply to (PS3.5 6.1.2.2) are taken for UTF-8 when
// they hold other than ASCII, and else for the declared repertoire.
func (d *Decoder) Decode(dst, raw []byte, vr dicom.VR) []byte {
	if d == nil {
		d = &Decoder{}
	}
	if plain(raw) {
		return append(dst, raw...)
	}
	if d.guessUTF8(vr) && utf8.Valid(raw) && !hasEscape(raw) {
		return append(dst, raw...)
	}
	switch d.scheme {
	case utf8Scheme:
		return appendUTF8(dst, raw)
	case gb18030Scheme, gbkScheme:
		return d.appendGB(dst, raw)
	}
	return d.append2022(dst, raw, vr)
}

// guessUTF8 tells whether bytes of 0x80 and up have no declared meaning.
func (d *Decoder) guessUTF8(vr dicom.VR) bool {
	return !vr.IsText() || d.scheme == iso2022 && d.g1 == none && d.fallback == none
}

// Split cuts raw at the backslashes that separate values: not at those inside
// two-byte characters, and not at all for VRs with a single value (LT, ST, UT, UR).
// The parts are not trimmed and share raw's memory.
func (d *Decoder) Split(raw []byte, vr dicom.VR) [][]byte {
	if singleValue(vr) {
		return [][]byte{raw}
	}
	var parts [][]byte
	for {
		i := d.backslash(raw, vr)
		if i < 0 {
			return append(parts, raw)
		}
		parts = append(parts, raw[:i:i])
		raw = raw[i+1:]
	}
}

// backslash finds the first backslash that separates values, or gives -1.
// Every value starts in the initial state, so that it can be called on what follows one.
func (d *Decoder) backslash(raw []byte, vr dicom.VR) int {
	if d == nil {
		d = &Decoder{}
	}
	switch d.scheme {
	case gb18030Scheme, gbkScheme:
		for i := 0; i < len(raw); i += d.gbWidth(raw[i:]) {
			if raw[i] == '\\' {
				return i
			}
		}
		return -1
	case utf8Scheme:
		for i, b := range raw {
			if b == '\\' {
				return i
			}
		}
		return -1
	}
	s := state{d: d, vr: vr}
	s.reset()
	for i := 0; i < len(raw); {
		u, n := s.next(raw[i:])
		if u == delimiter && raw[i] == '\\' {
			return i
		}
		i += n
	}
	return -1
}

// singleValue tells whether backslash is an ordinary character (PS3.5 6.2).
func singleValue(vr dicom.VR) bool {
	return vr == dicom.LT || vr == dicom.ST || vr == dicom.UT || vr == dicom.UR
}

// plain tells whether raw holds only ASCII without escape sequences.
func plain(raw []byte) bool {
	for _, b := range raw {
		if b >= 0x80 || b == 0x1b {
			return false
		}
	}
	return true
}

func hasEscape(raw []byte) bool {
	for _, b := range raw {
		if b == 0x1b {
			return true
		}
	}
	return false
}
