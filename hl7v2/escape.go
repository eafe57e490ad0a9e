package hl7v2

import (
	"bytes"
	"encoding/hex"
	"strconv"
)

// decode turns bytes of the message into UTF-8 text without escape sequences
// (HL7 2.7). Sequences that stand for no character are dropped (highlighting), those that are
// not known are kept as they are.
func (m *Message) decode(b []byte) string {
	esc := m.delims.Escape
	if esc == 0 || bytes.IndexByte(b, esc) < 0 {
		if isASCII(b) {
			return string(b)
		}
		return string(m.toUTF8(b))
	}
	out := make([]byte, 0, len(b))
	for {
		i := bytes.IndexByte(b, esc)
		if i < 0 {
			break
		}
		n := bytes.IndexByte(b[i+1:], esc)
		if n < 0 {
			break
		}
		seq := b[i+1 : i+1+n]
		next, ok := m.unescape(append(out, b[:i]...), seq)
		if !ok { // not an escape sequence: its end may be the start of one
			out = append(out, b[:i+1+n]...)
			b = b[i+1+n:]
			continue
		}
		out, b = next, b[i+n+2:]
	}
	out = append(out, b...)
	if isASCII(out) {
		return string(out)
	}
	return string(m.toUTF8(out))
}

func (m *Message) toUTF8(b []byte) []byte {
	if m.recoded {
		return b
	}
	return m.charset.decode(nil, b)
}

// unescape adds what one sequence stands for, in the message's character set.
func (m *Message) unescape(out, seq []byte) ([]byte, bool) {
	if len(seq) == 0 {
		return out, false
	}
	d := &m.delims
	if len(seq) == 1 {
		switch seq[0] {
		case 'F':
			return append(out, d.Field), true
		case 'S':
			return append(out, d.Component), true
		case 'T':
			return appendNonZero(out, d.Subcomponent), true
		case 'R':
			return appendNonZero(out, d.Repetition), true
		case 'E':
			return append(out, d.Escape), true
		case 'P':
			return appendNonZero(out, d.Truncation), true
		case 'H', 'N':
			return out, true
		}
		return out, false
	}
	switch seq[0] {
	case 'X':
		return m.unhex(out, seq[1:])
	case '.':
		return format(out, seq[1:])
	}
	return out, false
}

func appendNonZero(out []byte, c byte) []byte {
	if c == 0 {
		return out
	}
	return append(out, c)
}

// unhex decodes \Xdddd..\: bytes in the message's character set, any number of them. Pairs that
// all begin with 00 are UTF-16, as some senders write them.
func (m *Message) unhex(out, digits []byte) ([]byte, bool) {
	if len(digits) == 0 || len(digits)%2 != 0 {
		return out, false
	}
	b := make([]byte, len(digits)/2)
	if _, err := hex.Decode(b, digits); err != nil {
		return out, false
	}
	wide := len(b)%2 == 0
	for i := 0; i < len(b) && wide; i += 2 {
		wide = b[i] == 0
	}
	switch {
	case wide: // all below U+0100, since the other bytes are one character each
		for i := 1; i < len(b); i += 2 {
			out = m.appendRune(out, rune(b[i]))
		}
		return out, true
	case m.recoded:
		return m.charset.decode(out, b), true
	}
	return append(out, b...), true
}

// appendRune adds a character below U+0100 in the message's character set.
func (m *Message) appendRune(out []byte, r rune) []byte {
	if r < 0x80 {
		return append(out, byte(r))
	}
	if m.recoded {
		return append(out, string(r)...)
	}
	b, err := m.charset.encode(nil, []byte(string(r)))
	if err != nil {
		return append(out, '?')
	}
	return append(out, b...)
}

// format handles the formatting commands of FT fields (HL7 2.7.6).
func format(out, cmd []byte) ([]byte, bool) {
	if len(cmd) < 2 {
		return out, false
	}
	switch string(cmd[:2]) {
	case "br", "ce":
		return append(out, '\n'), true
	case "sp":
		n, err := strconv.Atoi(string(bytes.TrimSpace(bytes.TrimLeft(cmd[2:], "+"))))
		if err != nil || n < 1 || n > 20 {
			n = 1
		}
		return append(out, bytes.Repeat([]byte{'\n'}, n)...), true
	case "sk":
		return append(out, ' '), true
	case "in", "ti", "fi", "nf":
		return out, true
	}
	return out, false
}

// AppendEscaped adds text to dst with delimiters and control characters written as
// escape sequences. text and dst are in the message's character set.
func (d Delimiters) AppendEscaped(dst, text []byte) []byte {
	for _, c := range text {
		var name byte
		switch {
		case c == d.Field:
			name = 'F'
		case c == d.Component:
			name = 'S'
		case c == d.Subcomponent && c != 0:
			name = 'T'
		case c == d.Repetition && c != 0:
			name = 'R'
		case c == d.Escape && c != 0:
			name = 'E'
		case c == d.Truncation && c != 0:
			name = 'P'
		}
		switch {
		case name != 0 && d.Escape != 0:
			dst = append(dst, d.Escape, name, d.Escape)
		case name != 0: // no escape character: there is no way to write it
			dst = append(dst, ' ')
		case c >= 0x20 || c == '\t':
			dst = append(dst, c)
		case d.Escape == 0:
			dst = append(dst, ' ')
		default:
			const digits = "0123456789ABCDEF"
			dst = append(dst, d.Escape, 'X', digits[c>>4], digits[c&15], d.Escape)
		}
	}
	return dst
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
