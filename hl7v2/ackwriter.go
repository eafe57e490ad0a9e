package hl7v2

import (
	"bytes"
	"strconv"
	"strings"
)

// ackWriter appends segments field by field.
type ackWriter struct {
	dst []byte
	d   Delimiters
}

func (w *ackWriter) segment(name string) {
	w.end()
	w.dst = append(w.dst, name...)
}

// end drops empty fields at the end of the segment and closes it.
func (w *ackWriter) end() {
	n := len(w.dst)
	for n > 0 && w.dst[n-1] == w.d.Field {
		n--
	}
	w.dst = append(w.dst[:n], '\r')
}

// field begins a field.
func (w *ackWriter) field() { w.dst = append(w.dst, w.d.Field) }

// raw adds a field as it is.
func (w *ackWriter) raw(b []byte) {
	w.field()
	w.dst = append(w.dst, b...)
}

func (w *ackWriter) rawOr(b []byte, other string) {
	if len(b) > 0 {
		w.raw(b)
		return
	}
	w.text(other)
}

// text adds a field.
func (w *ackWriter) text(s string) {
	w.field()
	w.escaped(s)
}

func (w *ackWriter) escaped(s string) { w.dst = w.d.AppendEscaped(w.dst, []byte(s)) }

// components adds a field of components.
func (w *ackWriter) components(c []string) {
	for len(c) > 1 && c[len(c)-1] == "" {
		c = c[:len(c)-1]
	}
	for i, s := range c {
		if i == 0 {
			w.text(s)
			continue
		}
		w.delimiter(w.d.Component)
		w.escaped(s)
	}
}

// delimiter adds c, or a space if the message has no such delimiter.
func (w *ackWriter) delimiter(c byte) {
	if c == 0 {
		c = ' '
	}
	w.dst = append(w.dst, c)
}

// asReceived gives the message in the bytes that came, for echoing them.
func (m *Message) asReceived() *Message {
	if !m.recoded {
		return m
	}
	plain, err := Parse(m.raw, WithCharset(Lenient))
	if err != nil {
		return m
	}
	return plain
}

// rawOf gives a header field for echoing: nothing of it that would break the answer's framing.
func rawOf(v Value) []byte {
	b := v.Raw()
	if i := bytes.IndexAny(b, "\r\n\x0b\x1c"); i >= 0 {
		b = b[:i]
	}
	return b
}

// versionOf reads MSH-12: 2.5.1 is 205, 2.3 is 203; 205 if it cannot be read.
func versionOf(s string) int {
	major, minor, _ := strings.Cut(strings.TrimSpace(s), ".")
	i := 0
	for i < len(minor) && i < 2 && minor[i] >= '0' && minor[i] <= '9' {
		i++
	}
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor[:i])
	if err1 != nil || err2 != nil || a < 0 || a > 9 {
		return 205
	}
	return 100*a + b
}
