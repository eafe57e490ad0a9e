package charset

import (
	"fmt"
	"unicode/utf8"
)

// The terms that Encode knows.
const (
	Latin1 = "ISO_IR 100"
	UTF8   = "ISO_IR 192"
)

// Encode appends s in the character set of a defined term: Latin1, UTF8, or
// empty for the default repertoire. At the first character that the set does not
// have, or byte that is not UTF-8, it gives an error with its place, and dst as it was.
func Encode(dst []byte, s, term string) ([]byte, error) {
	limit := rune(0x7f)
	switch term {
	case "", "ISO_IR 6":
	case Latin1:
		limit = 0xff
	case UTF8:
		limit = utf8.MaxRune
	default:
		return dst, fmt.Errorf("charset: cannot encode in this character set")
	}
	out := dst
	for i, r := range s {
		if r == utf8.RuneError && !isReplacement(s[i:]) {
			return dst, fmt.Errorf("charset: byte %d is not UTF-8", i)
		}
		if r > limit {
			return dst, fmt.Errorf("charset: the character at byte %d is not in %q", i, term)
		}
		if term == UTF8 {
			out = utf8.AppendRune(out, r)
		} else {
			out = append(out, byte(r))
		}
	}
	return out, nil
}

func isReplacement(s string) bool {
	_, n := utf8.DecodeRuneInString(s)
	return n > 1
}
