// Package fold brings names into a form in which they can be compared and
// found: without case, diacritics and delimiters. It is not for showing.
package fold

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Name folds a person's name: lower case; Latin, Greek and Cyrillic letters without
// diacritics, also those that Unicode does not decompose (đ, ø, ł …); full-width and
// half-width forms as usual ones; "^", "=" and runs of white space as one space, none
// at the ends. "Nguyễn^Văn Đức^^" becomes "nguyen van duc". Vowel signs of other scripts
// are letters of the name and stay. Folding twice changes nothing.
func Name(s string) string {
	if ascii(s) {
		return squeeze(strings.ToLower(s))
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFKD.String(strings.ToLower(norm.NFKC.String(s))) {
		switch plain, ok := letters(r); {
		case ok:
			b.WriteString(plain)
		case diacritic(r), r == utf8.RuneError:
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return squeeze(norm.NFC.String(b.String()))
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// diacritic tells whether r only modifies the letter before it in alphabetic scripts.
func diacritic(r rune) bool {
	switch {
	case r >= 0x0300 && r <= 0x036F, r >= 0x1AB0 && r <= 0x1AFF, r >= 0x1DC0 && r <= 0x1DFF:
		return true
	}
	return false
}

// letters gives plain letters for those that have no decomposition.
func letters(r rune) (string, bool) {
	switch r {
	case 'đ', 'ð':
		return "d", true
	case 'ø':
		return "o", true
	case 'ł':
		return "l", true
	case 'ħ':
		return "h", true
	case 'ı':
		return "i", true
	case 'ŧ':
		return "t", true
	case 'þ':
		return "th", true
	case 'ß':
		return "ss", true
	case 'æ':
		return "ae", true
	case 'œ':
		return "oe", true
	case 'ς':
		return "σ", true
	}
	return "", false
}

// squeeze turns delimiters and white space into single spaces.
func squeeze(s string) string {
	space := func(r rune) bool { return r == '^' || r == '=' || unicode.IsSpace(r) }
	if !strings.ContainsFunc(s, space) {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, space), " ")
}

// Plain takes the diacritics from a text, for readers who have no more than ASCII: case, delimiters and spaces stay; what
// is no Latin letter and not ASCII becomes "?". "Nguyễn^Văn Đức" becomes "Nguyen^Van Duc".
func Plain(s string) string {
	if ascii(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFKD.String(s) {
		plain, ok := letters(unicode.ToLower(r))
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case diacritic(r):
		case ok && plain != "σ" && unicode.IsUpper(r):
			b.WriteString(strings.ToUpper(plain))
		case ok && plain != "σ":
			b.WriteString(plain)
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}
