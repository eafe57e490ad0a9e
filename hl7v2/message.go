package hl7v2

import (
	"bytes"
	"iter"
	"unicode/utf8"
)

// Message is one message. It may be read by several goroutines, but not while
// Set or Add runs.
type Message struct {
	raw     []byte // as received
	text    []byte // what is parsed: part of raw, or raw in UTF-8 for character sets whose bytes may look like delimiters
	shift   int    // offset of text in raw
	recoded bool   // text is UTF-8 made from raw
	named   bool   // the character set was asked for: by MSH-18, or by the caller
	delims  Delimiters
	charset *Charset
	utf8    string // text, if it is short and needs no decoding: values without escapes are parts of it
	plain   bool   // no value has an escape sequence
	header  Row    // of MSH, which is asked for more often than any other segment
	segs    []span
	warn    []*SyntaxError
}

// span is a segment without its terminator.
type span struct{ start, end int }

// Option changes how Parse reads.
type Option func(*Message)

// WithCharset makes Parse ignore MSH-18 and take c instead: for peers that send
// another character set than they say.
func WithCharset(c *Charset) Option { return func(m *Message) { m.charset, m.named = c, true } }

// ReadAs gives the option for a peer whose character set is configured by name; none where the name is empty or
// unknown: then MSH-18 says it.
func ReadAs(name string) []Option {
	c, ok := LookupCharset(name)
	if name == "" || !ok {
		return nil
	}
	return []Option{WithCharset(c)}
}

// maxSegments bounds the segment table.
const maxSegments = 1 << 20

// Parse reads a message that begins with MSH. Before it a byte order mark, line
// ends and NULs are let pass. Segments may end with CR, LF or CRLF; a line that does not look like
// a segment continues the one before it (unescaped line ends in text). raw is
// kept and must not be changed. The error is a *SyntaxError.
func Parse(raw []byte, options ...Option) (*Message, error) {
	m := &Message{raw: raw}
	for _, o := range options {
		o(m)
	}
	m.text = trimStart(raw)
	m.shift = len(raw) - len(m.text)
	if !bytes.HasPrefix(m.text, []byte("MSH")) {
		return nil, &SyntaxError{Offset: m.shift, Reason: "message does not begin with MSH"}
	}
	if err := m.delimiters(); err != nil {
		return nil, err
	}
	if err := m.split(); err != nil {
		return nil, err
	}
	if m.charset == nil {
		m.charset = m.declaredCharset()
	}
	if m.charset.unsafe { // its later bytes are no line ends, but may look like delimiters
		m.text, m.recoded, m.shift, m.warn = m.charset.decode(nil, m.text), true, 0, nil
		if err := m.split(); err != nil {
			return nil, err
		}
	}
	m.share()
	return m, nil
}

// maxShared bounds the messages whose text is copied whole, so that values need
// no copies of their own.
const maxShared = 64 << 10 // bytes

// lastHeader is the last field of MSH that is read of most messages: MSH-18, the character set.
const lastHeader = 18

func (m *Message) share() {
	values := m.text[min(len(m.text), m.header.Field(2).end):]
	m.plain = bytes.IndexByte(values, m.delims.Escape) < 0
	if len(m.text) <= maxShared && (m.recoded || m.charset == Lenient) && utf8.Valid(m.text) {
		m.utf8 = string(m.text)
	}
}

// declaredCharset reads MSH-18, whose first repetition is the default of the
// whole message; further ones are switched to within values (HL7 2.14.9.18, 2.7.2). Japanese senders leave the first one empty
// or ASCII and name a set that brings escape sequences of its own (ISO 2022): then that is the message's.
func (m *Message) declaredCharset() *Charset {
	m.charset = Lenient
	field := m.Segment(0).Field(18)
	if field.Empty() {
		return Lenient
	}
	m.named = true
	name := func(n int) string { return field.Repetition(n).Component(1).Text() }
	c, ok := LookupCharset(name(1))
	if c == Lenient {
		for n := 2; n <= min(field.Count(), 8); n++ {
			if other, _ := LookupCharset(name(n)); other.Name == "ISO IR87" {
				return other
			}
		}
	}
	if !ok {
		m.warn = append(m.warn, &SyntaxError{Segment: "MSH", Number: 1, Field: 18, Offset: field.Offset(), Reason: "unknown character set"})
	}
	return c
}

func (m *Message) delimiters() error {
	head := m.text
	if i := bytes.IndexAny(head, "\r\n"); i >= 0 {
		head = head[:i]
	}
	d, reason := parseDelimiters(head)
	if reason != "" {
		return &SyntaxError{Segment: "MSH", Number: 1, Field: 1, Offset: m.shift + 3, Reason: reason}
	}
	m.delims = d
	return nil
}

// split finds the segments, and the fields of the first.
func (m *Message) split() error {
	size := 1 + len(m.text)/64
	if len(m.text) > maxShared { // where growing would cost more than counting
		size = min(1+bytes.Count(m.text, []byte{'\r'})+bytes.Count(m.text, []byte{'\n'}), maxSegments)
	}
	m.segs = make([]span, 0, size)
	lines := lineEnds{text: m.text, cr: -1, lf: -1}
	for at := 0; at < len(m.text); {
		end := lines.next(at)
		switch {
		case end == at: // empty line
		case at == 0 || m.looksLikeSegment(m.text[at:end]):
			if len(m.segs) == maxSegments {
				return &SyntaxError{Offset: m.shift + at, Reason: "too many segments"}
			}
			m.segs = append(m.segs, span{at, end})
		default:
			m.continueLine(at, end)
		}
		at = end + 1
	}
	m.header.Read(m.Segment(0), lastHeader)
	return nil
}

// lineEnds finds CR and LF, each byte looked at once for each of them.
type lineEnds struct {
	text   []byte
	cr, lf int // next ones, as far as looked for
}

func (l *lineEnds) next(at int) int {
	if l.cr < at {
		l.cr = indexFrom(l.text, at, '\r')
	}
	if l.lf < at {
		l.lf = indexFrom(l.text, at, '\n')
	}
	return min(l.cr, l.lf)
}

func indexFrom(b []byte, at int, c byte) int {
	if i := bytes.IndexByte(b[at:], c); i >= 0 {
		return at + i
	}
	return len(b)
}

// continueLine adds a line to the segment before it, unless only white space.
func (m *Message) continueLine(at, end int) {
	if len(bytes.Trim(m.text[at:end], " \t\x00\x1a")) == 0 {
		return
	}
	last := &m.segs[len(m.segs)-1]
	last.end = end
	const enough = 16 // warnings say that something is odd, not how often
	if len(m.warn) < enough {
		m.warn = append(m.warn, &SyntaxError{Offset: m.shift + at, Reason: "line is not a segment: taken as the continuation of the one before"})
	}
}

// looksLikeSegment tells whether a line begins with a segment name (a letter and two
// letters or digits, HL7 2.5.2) and the field separator, or is a name alone.
func (m *Message) looksLikeSegment(line []byte) bool {
	return len(line) >= 3 && isName(line[:3]) && (len(line) == 3 || line[3] == m.delims.Field)
}

func isName(b []byte) bool {
	for i, c := range b {
		letter := c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// trimStart drops what may stand before MSH: byte order mark, line ends, NULs, spaces.
func trimStart(b []byte) []byte {
	for {
		t := bytes.TrimPrefix(bytes.TrimLeft(b, "\r\n\x00 \t"), []byte("\ufeff"))
		if len(t) == len(b) {
			return t
		}
		b = t
	}
}

// Bytes gives the message as it was received (or as Set and Add left it).
func (m *Message) Bytes() []byte { return m.raw }

// Delimiters gives the delimiters of MSH-1 and MSH-2.
func (m *Message) Delimiters() Delimiters { return m.delims }

// Charset gives the character set that text is decoded from.
func (m *Message) Charset() *Charset { return m.charset }

// Warnings tells what Parse let pass: continued lines, an unknown character set.
func (m *Message) Warnings() []*SyntaxError { return m.warn }

// Len gives the number of segments.
func (m *Message) Len() int { return len(m.segs) }

// Segment gives the i-th segment, from 0; the zero Segment if there is none.
func (m *Message) Segment(i int) Segment {
	if i < 0 || i >= len(m.segs) {
		return Segment{m: m}
	}
	return Segment{m: m, span: m.segs[i], Index: i}
}

// Segments gives all segments in order.
func (m *Message) Segments() iter.Seq[Segment] {
	return func(yield func(Segment) bool) {
		for i := range m.segs {
			if !yield(m.Segment(i)) {
				return
			}
		}
	}
}

// First gives the first segment of that name; the zero Segment if there is none.
func (m *Message) First(name string) Segment { return m.nth(name, 1) }

func (m *Message) nth(name string, n int) Segment {
	for i, s := range m.segs {
		if b := m.text[s.start:s.end]; len(b) >= 3 && string(b[:3]) == name {
			if n--; n == 0 {
				return m.Segment(i)
			}
		}
	}
	return Segment{m: m}
}
