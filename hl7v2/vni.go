package hl7v2

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// vni is the set of the fonts named VNI for Windows: a letter is one character of Windows-1252, and its
// diacritics are another one after it. Only some letters have a character of their own.
type vni struct {
	letters map[byte]rune    // alone, or as the base of marks
	pairs   map[[2]byte]rune // letter and mark
	single  map[rune]byte
	double  map[rune][2]byte
}

// vniLetters are the letters of one character, small ones; capitals are 0x20 lower.
var vniLetters = map[byte]rune{0xf4: 'ơ', 0xf6: 'ư', 0xed: 'í', 0xec: 'ì', 0xe6: 'ỉ', 0xf3: 'ĩ', 0xf2: 'ị', 0xee: 'ỵ', 0xf1: 'đ'}

// vniMarks are the second characters, after small letters, and what they put on the letter.
var vniMarks = []struct {
	mark  byte
	signs string
	on    string // the letters that take it, as they are written
}{
	{0xf9, "\u0301", "aeouy\xf4\xf6"},
	{0xf8, "\u0300", "aeouy\xf4\xf6"},
	{0xfb, "\u0309", "aeouy\xf4\xf6"},
	{0xf5, "\u0303", "aeouy\xf4\xf6"},
	{0xef, "\u0323", "aeou\xf4\xf6"},
	{0xe2, "\u0302", "aeo"},
	{0xe1, "\u0302\u0301", "aeo"},
	{0xe0, "\u0302\u0300", "aeo"},
	{0xe5, "\u0302\u0309", "aeo"},
	{0xe3, "\u0302\u0303", "aeo"},
	{0xe4, "\u0302\u0323", "aeo"},
	{0xea, "\u0306", "a"},
	{0xe9, "\u0306\u0301", "a"},
	{0xe8, "\u0306\u0300", "a"},
	{0xfa, "\u0306\u0309", "a"},
	{0xfc, "\u0306\u0303", "a"},
	{0xeb, "\u0306\u0323", "a"},
}

// capital gives the capital's byte of a small letter's or mark's, in ASCII and above.
func capital(c byte) byte { return c - 0x20 }

func newVNI() *vni {
	v := &vni{letters: map[byte]rune{}, pairs: map[[2]byte]rune{}, single: map[rune]byte{}, double: map[rune][2]byte{}}
	for b, r := range vniLetters {
		v.letters[b], v.letters[capital(b)] = r, unicode.ToUpper(r)
	}
	for b, r := range v.letters {
		v.single[r] = b
	}
	for _, m := range vniMarks {
		for i := range len(m.on) {
			v.pair(m.on[i], m.mark, m.signs)
		}
	}
	return v
}

// pair makes a letter with its mark known, small and capital. Reading, the mark's own case does not count.
func (v *vni) pair(letter, mark byte, signs string) {
	base := rune(letter)
	if letter >= 0x80 {
		base = v.letters[letter]
	}
	small, _ := utf8.DecodeRuneInString(norm.NFC.String(string(base) + signs))
	large := unicode.ToUpper(small)
	for _, m := range [...]byte{mark, capital(mark)} {
		v.pairs[[2]byte{letter, m}] = small
		v.pairs[[2]byte{capital(letter), m}] = large
	}
	v.double[small], v.double[large] = [2]byte{letter, mark}, [2]byte{capital(letter), capital(mark)}
}

func (v *vni) decode(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		if i+1 < len(b) && b[i+1] >= 0x80 {
			if r, ok := v.pairs[[2]byte{b[i], b[i+1]}]; ok {
				dst = utf8.AppendRune(dst, r)
				i++
				continue
			}
		}
		r, ok := v.letters[b[i]]
		if !ok {
			r = charmap.Windows1252.DecodeByte(b[i])
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// encode refuses what would be read as something else: other letters with diacritics, and those that stand after a vowel.
func (v *vni) encode(dst []byte, text string) ([]byte, error) {
	start := len(dst)
	text = norm.NFC.String(text)
	for _, r := range text {
		if p, ok := v.double[r]; ok {
			dst = append(dst, p[0], p[1])
			continue
		}
		b, ok := v.single[r]
		if !ok {
			b, ok = charmap.Windows1252.EncodeRune(r)
		}
		if !ok {
			return dst[:start], errNoCharacter
		}
		dst = append(dst, b)
	}
	if string(v.decode(nil, dst[start:])) != text {
		return dst[:start], errNoCharacter
	}
	return dst, nil
}
