package hl7v2

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// maxPlaces bounds how many places are told of.
const maxPlaces = 16

// Unreadable gives the fields, at most 16, that hold bytes which are no characters of the message's character set, as they are read as
// something else: U+FFFD; for UTF-8 that was asked for by name, Windows-1252; in VNI marks without a letter that takes them, a letter.
func (m *Message) Unreadable() (list []*SyntaxError) {
	c := m.charset
	if c == Lenient && (!m.named || m.utf8 != "" || utf8.Valid(m.text)) || !c.unsafe && isASCII(m.text) {
		return nil
	}
	numbers := map[string]int{}
	for i := range m.segs {
		s := m.Segment(i)
		numbers[s.Name()]++
		for from := s.start; len(list) < maxPlaces; {
			n := c.foreign(m.text[from:s.end])
			if n < 0 {
				break
			}
			at := from + n
			field := bytes.Count(m.text[s.start:at], []byte{m.delims.Field})
			if s.isHeader() {
				field++
			}
			list = append(list, &SyntaxError{
				Segment: s.Name(), Number: numbers[s.Name()], Field: field, Offset: at + m.shift, Reason: "bytes that are no character of " + c.Name,
			})
			if n = bytes.IndexByte(m.text[at:s.end], m.delims.Field); n < 0 {
				break
			}
			from = at + n
		}
	}
	return list
}

// foreign gives the place of the first byte that is no part of a character; -1 if there is none. For sets whose text was made UTF-8
// before it was parsed b is that text.
func (c *Charset) foreign(b []byte) int {
	switch x := c.enc.(type) {
	case *charmap.Charmap:
		return firstWhere(b, func(i int) bool { return b[i] >= 0x80 && x.DecodeByte(b[i]) == utf8.RuneError })
	case nil:
	default:
		return bytes.Index(b, []byte("\ufffd"))
	}
	switch x := c.own.(type) {
	case *toned:
		return firstWhere(b, func(i int) bool { return b[i] >= 0x80 && x.high[b[i]-0x80] == 0 })
	case *vni:
		return x.foreign(b)
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func firstWhere(b []byte, is func(i int) bool) int {
	for i := range b {
		if is(i) {
			return i
		}
	}
	return -1
}

// foreign finds a byte that is a letter of Windows-1252 and neither one of VNI nor a mark after a letter that takes it.
func (v *vni) foreign(b []byte) int {
	for i := 0; i < len(b); i++ {
		if i+1 < len(b) && b[i+1] >= 0x80 {
			if _, ok := v.pairs[[2]byte{b[i], b[i+1]}]; ok {
				i++
				continue
			}
		}
		if _, ok := v.letters[b[i]]; b[i] >= 0xC0 && !ok {
			return i
		}
	}
	return -1
}

// lacking says which field of a segment (UTF-8) has a character that a set lacks.
func (c *Charset) lacking(segment []byte, number int, d Delimiters) error {
	e := &SyntaxError{Segment: string(segment[:min(3, len(segment))]), Number: number}
	at := 0
	for i, f := range bytes.Split(segment, []byte{d.Field}) {
		if _, err := c.encode(nil, f); err != nil {
			e.Field, e.Offset = i, at
			if e.Segment == "MSH" {
				e.Field++
			}
			break
		}
		at += len(f) + 1
	}
	e.Reason = fmt.Sprintf("a character that %s lacks", c.Name)
	return e
}
