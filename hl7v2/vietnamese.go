package hl7v2

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// toned is a character set of one byte a character that has tone marks as characters of their own: CP1258, TCVN3.
type toned struct {
	high  [128]rune // characters of the bytes from 0x80 on; 0 for none
	bytes map[rune]byte
}

func newToned(high [128]rune) *toned {
	t := &toned{high: high, bytes: map[rune]byte{}}
	for i, r := range high {
		if r != 0 {
			t.bytes[r] = byte(0x80 + i)
		}
	}
	return t
}

// windows1258 gives the upper half of code page 1258.
func windows1258() (high [128]rune) {
	for i := range high {
		if r := charmap.Windows1258.DecodeByte(byte(0x80 + i)); r != utf8.RuneError {
			high[i] = r
		}
	}
	return high
}

// tcvn5712 is the upper half of TCVN 5712:1993, which the fonts named ABC use. Its third variant (VN3) has only the small letters
// and the capitals from 0xA1 to 0xA7; the other capitals are those of the first. The capitals that that variant has in the place of
// control characters are written as letter and tone mark.
var tcvn5712 = [128]rune{
	'À', 'Ả', 'Ã', 'Á', 'Ạ', 'Ặ', 'Ậ', 'È', 'Ẻ', 'Ẽ', 'É', 'Ẹ', 'Ệ', 'Ì', 'Ỉ', 'Ĩ', // 80
	'Í', 'Ị', 'Ò', 'Ỏ', 'Õ', 'Ó', 'Ọ', 'Ộ', 'Ờ', 'Ở', 'Ỡ', 'Ớ', 'Ợ', 'Ù', 'Ủ', 'Ũ', // 90
	'\u00a0', 'Ă', 'Â', 'Ê', 'Ô', 'Ơ', 'Ư', 'Đ', 'ă', 'â', 'ê', 'ô', 'ơ', 'ư', 'đ', 'Ằ', // A0
	'\u0300', '\u0309', '\u0303', '\u0301', '\u0323', 'à', 'ả', 'ã', 'á', 'ạ', 'Ẳ', 'ằ', 'ẳ', 'ẵ', 'ắ', 'Ẵ', // B0
	'Ắ', 'Ầ', 'Ẩ', 'Ẫ', 'Ấ', 'Ề', 'ặ', 'ầ', 'ẩ', 'ẫ', 'ấ', 'ậ', 'è', 'Ể', 'ẻ', 'ẽ', // C0
	'é', 'ẹ', 'ề', 'ể', 'ễ', 'ế', 'ệ', 'ì', 'ỉ', 'Ễ', 'Ế', 'Ồ', 'ĩ', 'í', 'ị', 'ò', // D0
	'Ổ', 'ỏ', 'õ', 'ó', 'ọ', 'ồ', 'ổ', 'ỗ', 'ố', 'ộ', 'ờ', 'ở', 'ỡ', 'ớ', 'ợ', 'ù', // E0
	'Ỗ', 'ủ', 'ũ', 'ú', 'ụ', 'ừ', 'ử', 'ữ', 'ứ', 'ự', 'ỳ', 'ỷ', 'ỹ', 'ý', 'ỵ', 'Ố', // F0
}

func (t *toned) decode(dst, b []byte) []byte {
	text := make([]byte, 0, 2*len(b))
	for _, c := range b {
		switch {
		case c < 0x80:
			text = append(text, c)
		case t.high[c-0x80] == 0:
			text = utf8.AppendRune(text, utf8.RuneError)
		default:
			text = utf8.AppendRune(text, t.high[c-0x80])
		}
	}
	return norm.NFC.Append(dst, text...)
}

func (t *toned) encode(dst []byte, text string) ([]byte, error) {
	for _, r := range norm.NFC.String(text) {
		if b, ok := t.one(r); ok {
			dst = append(dst, b)
			continue
		}
		base, tone := parted(r)
		b, ok := t.one(base)
		mark, marked := t.bytes[tone]
		if !ok || !marked {
			return dst, errNoCharacter
		}
		dst = append(dst, b, mark)
	}
	return dst, nil
}

func (t *toned) one(r rune) (byte, bool) {
	if r < 0x80 {
		return byte(r), true
	}
	b, ok := t.bytes[r]
	return b, ok
}

// isTone tells whether a combining character is one of the five Vietnamese tone marks.
func isTone(r rune) bool {
	switch r {
	case '\u0300', '\u0301', '\u0303', '\u0309', '\u0323':
		return true
	}
	return false
}

// parted takes the tone mark off a letter: ế is ê and acute; tone is 0 if it has none.
func parted(r rune) (base, tone rune) {
	rest := make([]rune, 0, 4)
	for _, p := range norm.NFD.String(string(r)) {
		if isTone(p) && tone == 0 {
			tone = p
			continue
		}
		rest = append(rest, p)
	}
	letters := []rune(norm.NFC.String(string(rest)))
	if len(letters) != 1 || tone == 0 || norm.NFC.String(string([]rune{letters[0], tone})) != string(r) {
		return r, 0
	}
	return letters[0], tone
}
