package charset

import (
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/halong-gateway/halong/dicom"
)

// state walks through a value that uses G0 and G1 (PS3.5 6.1.2.5).
type state struct {
	d      *Decoder
	vr     dicom.VR
	g0, g1 set
}

// reset designates what value 1 of Specific Character Set says. That holds at
// the start of a value, after control characters, and after the delimiters of
// values, components and groups (PS3.5 6.1.2.5.3).
func (s *state) reset() {
	s.g0, s.g1 = s.d.g0, s.d.g1
	if s.g0 == none {
		s.g0 = ascii
	}
	if s.g1 == none {
		s.g1 = s.d.fallback
	}
}

// twoBytes tells whether bytes 0x21 to 0x7E come in pairs, so that none of
// them is a delimiter.
func (s *state) twoBytes() bool { return s.g0 == jis0208 || s.g0 == jis0212 }

// unit is what next found.
type unit uint8

const (
	shift     unit = iota // an escape sequence
	literal               // one byte that stands for itself
	delimiter             // the same, and the state was reset
	left                  // one byte of G0
	right                 // one byte of G1
	leftPair              // two bytes of G0
	rightPair             // two bytes of G1
	sjisPair              // two bytes of Shift JIS where JIS X 0201 was declared
	stray                 // one byte of 0x80 or up without meaning
)

// next looks at the start of b, which is not empty, changes the state
// and tells how many bytes belong together.
func (s *state) next(b []byte) (unit, int) {
	switch c := b[0]; {
	case c == 0x1b:
		if e, ok := findEscape(b); ok {
			s.designate(e)
			return shift, 1 + len(e.bytes)
		}
		return literal, 1
	case c < 0x20 || c == 0x7f:
		s.reset()
		return delimiter, 1
	case c >= 0x80:
		return s.high(b)
	case s.twoBytes() && c > 0x20 && len(b) > 1 && b[1] > 0x20 && b[1] < 0x7f:
		return leftPair, 2
	case s.delimits(c):
		s.reset()
		return delimiter, 1
	}
	return left, 1
}

func (s *state) designate(e escape) {
	if e.g0 != none {
		s.g0 = e.g0
	}
	if e.g1 != none {
		s.g1 = e.g1
	}
}

func (s *state) delimits(c byte) bool {
	switch c {
	case '\\':
		return !singleValue(s.vr)
	case '^', '=':
		return s.vr == dicom.PN
	}
	return false
}

// high looks at a byte of 0x80 or up.
func (s *state) high(b []byte) (unit, int) {
	pair := len(b) > 1
	switch s.g1 {
	case none:
		return stray, 1
	case ksx1001, gb2312:
		if pair && b[0] >= 0xa1 && b[1] >= 0xa1 && b[0] < 0xff && b[1] < 0xff {
			return rightPair, 2
		}
		return stray, 1
	case katakana:
		if b[0] >= 0xa1 && b[0] <= 0xdf {
			return right, 1
		}
		if pair && b[0] != 0x80 && b[0] != 0xa0 && b[0] < 0xfd && b[1] >= 0x40 && b[1] != 0x7f && b[1] < 0xfd {
			return sjisPair, 2
		}
		return stray, 1
	}
	return right, 1
}

// append2022 appends raw as UTF-8.
func (d *Decoder) append2022(dst, raw []byte, vr dicom.VR) []byte {
	s := state{d: d, vr: vr}
	s.reset()
	for len(raw) > 0 {
		u, n := s.next(raw)
		b := raw[:n]
		raw = raw[n:]
		switch u {
		case literal, delimiter, left:
			dst = append(dst, b[0])
		case right:
			dst = appendRight(dst, s.g1, b[0])
		case leftPair:
			dst = appendLeftPair(dst, s.g0, b)
		case rightPair:
			dst = appendRightPair(dst, s.g1, b)
		case sjisPair:
			dst = transformInto(dst, shiftJIS, b)
		case stray:
			dst, raw = appendStray(dst, b[0], raw)
		}
	}
	return dst
}

// right-hand halves of the single-byte sets. Latin 1 and Thai are the supersets
// that Windows uses: bytes 0x80 to 0x9F are no letters in the standard's sets.
var halves = [...]*charmap.Charmap{
	latin1: charmap.Windows1252, latin2: charmap.ISO8859_2, latin3: charmap.ISO8859_3,
	latin4: charmap.ISO8859_4, cyrillic: charmap.ISO8859_5, arabic: charmap.ISO8859_6,
	greek: charmap.ISO8859_7, hebrew: charmap.ISO8859_8, latin5: charmap.ISO8859_9,
	latin9: charmap.ISO8859_15, thai: charmap.Windows874,
}

func appendRight(dst []byte, g1 set, c byte) []byte {
	if g1 == katakana {
		return utf8.AppendRune(dst, rune(c)-0xa1+'\uff61')
	}
	return utf8.AppendRune(dst, halves[g1].DecodeByte(c))
}

// The decoders keep no state.
var (
	eucJP    = japanese.EUCJP.NewDecoder()
	shiftJIS = japanese.ShiftJIS.NewDecoder()
	eucKR    = korean.EUCKR.NewDecoder()
	gbk      = simplifiedchinese.GBK.NewDecoder()
	gb18030  = simplifiedchinese.GB18030.NewDecoder()
)

// appendLeftPair appends a character of JIS X 0208 or JIS X 0212. EUC has both
// at the same places in its right half, the latter behind a single shift.
func appendLeftPair(dst []byte, g0 set, b []byte) []byte {
	const room = 8 // bytes for the result; the two or three to decode lie behind it
	n := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0, 0x8f, b[0]|0x80, b[1]|0x80)
	euc := dst[n+room:]
	if g0 != jis0212 {
		euc = euc[1:]
	}
	return transformInto(dst[:n], eucJP, euc)
}

func appendRightPair(dst []byte, g1 set, b []byte) []byte {
	if g1 == ksx1001 {
		return transformInto(dst, eucKR, b)
	}
	return transformInto(dst, gbk, b)
}

// transformInto appends src, one character, decoded. src may lie in dst's
// memory from 8 bytes behind its end on.
func transformInto(dst []byte, dec *encoding.Decoder, src []byte) []byte {
	n := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	nDst, _, err := dec.Transform(dst[n:], src, true)
	// A pair that means nothing is one unknown character: its second byte is no
	// delimiter, since Split did not take it for one.
	if _, size := utf8.DecodeRune(dst[n : n+nDst]); err != nil || size != nDst {
		return utf8.AppendRune(dst[:n], utf8.RuneError)
	}
	return dst[:n+nDst]
}

// appendStray appends a byte that the declared sets give no meaning, together
// with what follows if both are a character in UTF-8, else as Latin 1.
func appendStray(dst []byte, c byte, rest []byte) (out, left []byte) {
	var buf [utf8.UTFMax]byte
	buf[0] = c
	n := 1 + copy(buf[1:], rest)
	if r, size := utf8.DecodeRune(buf[:n]); r != utf8.RuneError {
		return utf8.AppendRune(dst, r), rest[size-1:]
	}
	return appendRight(dst, latin1, c), rest
}
