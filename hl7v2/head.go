package hl7v2

import "bytes"

// maxSequence bounds the escape sequence, in bytes, that a value is not cut within.
const maxSequence = 1 << 10

// Head gives the beginning of a value, at most n bytes of it as they stand in the message, without a part of a character or of an
// escape sequence at its end: for values that are too long to be decoded whole. A value that is not longer is given as it is.
func (v Value) Head(n int) Value {
	if v.end-v.start <= n {
		return v
	}
	v.end = v.start + max(n, 0)
	if v.m.recoded || v.m.charset == Lenient {
		for back := 0; back < 3 && v.end > v.start && v.m.text[v.end]&0xC0 == 0x80; back++ {
			v.end--
		}
	}
	v.end -= v.m.open(v.m.text[v.start:v.end])
	return v
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
