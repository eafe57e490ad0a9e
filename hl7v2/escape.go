package hl7v2

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// decode turns bytes of the message into UTF-8 text without escape sequences
// (HL7 2.7). Sequences that stand for no character are dropped (highlighting), those that are
// not known or local (\Z..\) are kept as they are.
func (m *Message) decode(b []byte) string {
	esc := m.delims.Escape
	if esc == 0 || bytes.IndexByte(b, esc) < 0 {
		if isASCII(b) {
			return string(b)
		}
		return string(m.toUTF8(b))
	}
	d := decoder{m: m, out: make([]byte, 0, len(b))}
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
		d.out = append(d.out, b[:i]...)
		switch set, width, ok := m.switched(seq); {
		case ok:
			d.flush()
			d.set, d.width = set, width
		case n > 0 && seq[0] == 'Z':
			d.out = append(d.out, b[i:i+n+2]...)
		case n > 0 && seq[0] == 'X' && !m.recoded && d.wide(seq[1:]):
		default:
			if d.out, ok = m.unescape(d.out, seq); !ok { // not an escape sequence: its end may be the start of one
				d.out = append(d.out, b[i:i+1+n]...)
				b = b[i+1+n:]
				continue
			}
		}
		b = b[i+n+2:]
	}
	d.out = append(d.out, b...)
	return d.end()
}

// decoder collects bytes of one character set after the other.
type decoder struct {
	m     *Message
	text  []byte   // in UTF-8, what came before the last switch
	out   []byte   // in the character set at hand
	set   *Charset // switched to; nil: the message's own
	width int      // 2: JIS X 0208 in 7-bit pairs
}

// flush makes UTF-8 of what was collected.
func (d *decoder) flush() {
	switch {
	case d.set == nil:
		d.text = append(d.text, d.m.toUTF8(d.out)...)
	case d.width == 2:
		d.text = append(d.text, decodeWith(d.set.enc, slices.Concat([]byte("\x1b$B"), d.out, []byte("\x1b(B")))...)
	default:
		d.text = d.set.decode(d.text, d.out)
	}
	d.out = d.out[:0]
}

// wide takes hexadecimal pairs that all begin with 00, which are UTF-16: characters that the message's set need not have.
func (d *decoder) wide(digits []byte) bool {
	b, ok := unhexed(digits)
	if !ok || !isWide(b) {
		return false
	}
	d.flush()
	for i := 1; i < len(b); i += 2 {
		d.text = utf8.AppendRune(d.text, rune(b[i]))
	}
	return true
}

func (d *decoder) end() string {
	if d.set == nil && len(d.text) == 0 && isASCII(d.out) {
		return string(d.out)
	}
	d.flush()
	return string(d.text)
}

// switches are the character sets of \Cxxyy\ and \Mxxyy\ sequences (HL7 2.7.2), by their hexadecimal digits.
var switches = map[string]struct {
	name  string
	width int
}{
	"C2842": {"", 1}, "C2D41": {"8859/1", 1}, "C2D42": {"8859/2", 1}, "C2D43": {"8859/3", 1}, "C2D44": {"8859/4", 1},
	"C2D4C": {"8859/5", 1}, "C2D47": {"8859/6", 1}, "C2D46": {"8859/7", 1}, "C2D48": {"8859/8", 1}, "C2D4D": {"8859/9", 1},
	"C284A": {"", 1}, "C2949": {"SHIFT_JIS", 1}, "M2442": {"ISO IR87", 2},
}

// switched reads a sequence that switches the character set; set is nil for back to the message's own.
func (m *Message) switched(seq []byte) (set *Charset, width int, ok bool) {
	if len(seq) != 5 || m.recoded {
		return nil, 0, false
	}
	s, ok := switches[string(bytes.ToUpper(seq))]
	if !ok || s.name == "" {
		return nil, s.width, ok
	}
	set, ok = LookupCharset(s.name)
	return set, s.width, ok
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
	b, ok := unhexed(digits)
	if !ok {
		return out, false
	}
	switch {
	case isWide(b): // all below U+0100, since the other bytes are one character each
		for i := 1; i < len(b); i += 2 {
			out = m.appendRune(out, rune(b[i]))
		}
		return out, true
	case m.recoded:
		return m.charset.decode(out, b), true
	case m.charset == Lenient && len(b)%2 == 0 && !isText(b):
		return m.utf16(out, b), true
	}
	return append(out, b...), true
}

func unhexed(digits []byte) (b []byte, ok bool) {
	if len(digits) == 0 || len(digits)%2 != 0 {
		return nil, false
	}
	b = make([]byte, len(digits)/2)
	_, err := hex.Decode(b, digits)
	return b, err == nil
}

// isWide tells whether bytes are UTF-16 below U+0100.
func isWide(b []byte) bool {
	for i := 0; i < len(b); i += 2 {
		if b[i] != 0 {
			return false
		}
	}
	return len(b)%2 == 0
}

// isText tells whether bytes are UTF-8 without control characters other than tab and line ends.
func isText(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return utf8.Valid(b)
}

// utf16 adds bytes that are no text in UTF-8: as UTF-16 if all of them are letters of European scripts then, since some
// senders write those as they write \X00E9\, else as they are, since a character may be spread over several sequences.
func (m *Message) utf16(out, b []byte) []byte {
	text := make([]byte, 0, 2*len(b))
	for i := 0; i < len(b); i += 2 {
		r := rune(b[i])<<8 | rune(b[i+1])
		if !unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Mn) {
			return append(out, b...)
		}
		text = utf8.AppendRune(text, r)
	}
	return append(out, text...)
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
		n, err := strconv.Atoi(string(bytes.TrimSpace(cmd[2:])))
		if err != nil || n < 1 || n > 100 {
			n = 1
		}
		return append(out, bytes.Repeat([]byte{' '}, n)...), true
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
