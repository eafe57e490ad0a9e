package deid

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// folded is a text in upper case and without diacritics, in which names are compared: a Vietnamese name stands here
// with, there without them, composed or not. It knows where its bytes come from.
type folded struct {
	text string
	at   []int // of each byte of text and of its end, the offset in the original
}

func fold(v string) folded {
	var b strings.Builder
	at := make([]int, 0, len(v)+1)
	for i, r := range v {
		from := b.Len()
		foldRune(&b, r)
		for range b.Len() - from {
			at = append(at, i)
		}
	}
	return folded{b.String(), append(at, len(v))}
}

func foldRune(b *strings.Builder, r rune) {
	if r < utf8.RuneSelf {
		b.WriteRune(unicode.ToUpper(r))
		return
	}
	if unicode.In(r, unicode.Hangul) {
		b.WriteRune(r)
		return
	}
	for _, d := range norm.NFKD.String(string(r)) {
		switch d = unicode.ToUpper(d); {
		case d >= 0x0300 && d <= 0x036F: // diacritics of letters before them
		case d == 'Đ', d == 'Ð':
			b.WriteByte('D')
		default:
			b.WriteRune(d)
		}
	}
}

// without replaces a folded text wherever it stands in v.
func without(v, id string) string {
	f := fold(v)
	var b strings.Builder
	done, from := 0, 0
	for {
		i := strings.Index(f.text[from:], id)
		if i < 0 {
			break
		}
		start, end := f.at[from+i], f.at[from+i+len(id)]
		if start >= done {
			b.WriteString(v[done:start])
			b.WriteString(blot)
		}
		done = max(done, end)
		from += i + len(id)
	}
	if done == 0 {
		return v
	}
	return b.String() + v[done:]
}
