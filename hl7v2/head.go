package hl7v2

import (
	"bytes"

	"golang.org/x/text/unicode/norm"
)

// maxSequence bounds the escape sequence, in bytes, that a value is not cut within.
const maxSequence = 1 << 10

// maxCharacter bounds a letter with its marks in the same way: the 30 that a text may have in a row (Unicode TR15-D3), of two bytes each, and more.
const maxCharacter = 64

// Head gives the beginning of a value, at most n bytes of it as they stand in the message, without a part of a character, a letter
// without its marks or a part of an escape sequence at its end: for values that are too long to be decoded whole. A value that is not longer is given as it is.
func (v Value) Head(n int) Value {
	if v.end-v.start <= n {
		return v
	}
	v.end = v.start + max(n, 0)
	for back := 0; back < maxCharacter && v.end > v.start && v.m.continues(v.end); back++ {
		v.end--
	}
	v.end -= v.m.open(v.m.text[v.start:v.end])
	return v
}

// continues tells whether the byte at i, which is not the first, goes on with the character before it, or is a mark on that.
func (m *Message) continues(i int) bool {
	if m.recoded || m.charset == Lenient {
		return m.text[i]&0xC0 == 0x80 || !norm.NFC.Properties(m.text[i:]).BoundaryBefore()
	}
	if set, ok := m.charset.own.(*vni); ok {
		_, pair := set.pairs[[2]byte(m.text[i-1:])]
		return pair
	}
	return !norm.NFC.Properties(m.charset.decode(nil, m.text[i:i+1])).BoundaryBefore()
}

// open gives how many bytes at the end of b are an escape sequence without its end; 0 if there is none.
func (m *Message) open(b []byte) int {
	esc := m.delims.Escape
	var scratch []byte
	for esc != 0 {
		i := bytes.IndexByte(b, esc)
		if i < 0 {
			break
		}
		n := bytes.IndexByte(b[i+1:], esc)
		if n < 0 {
			if len(b)-i > maxSequence { // it begins none
				return 0
			}
			return len(b) - i
		}
		seq, next := b[i+1:i+1+n], i+n+2
		if _, _, ok := m.switched(seq); !ok && (n == 0 || seq[0] != 'Z') {
			if scratch, ok = m.unescape(scratch[:0], seq); !ok { // as decode: its end may be the start of one
				next--
			}
		}
		b = b[next:]
	}
	return 0
}
