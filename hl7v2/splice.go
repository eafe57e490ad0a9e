package hl7v2

import "bytes"

// splice narrows down to the place where a value goes.
type splice struct {
	m          *Message
	start, end int
	missing    []byte // delimiters to be written before the value
}

// descend goes to the n-th part; 0 stays at the whole.
func (w *splice) descend(sep byte, n int) {
	if n == 0 || sep == 0 {
		return
	}
	have := 1 + bytes.Count(w.m.text[w.start:w.end], []byte{sep})
	if len(w.missing) > 0 { // beyond what exists already
		have = 1
	}
	if n <= have {
		if len(w.missing) == 0 {
			w.start, w.end = cut(w.m.text, w.start, w.end, sep, n)
		}
		return
	}
	w.missing = append(w.missing, bytes.Repeat([]byte{sep}, n-have)...)
	w.start = w.end
}
