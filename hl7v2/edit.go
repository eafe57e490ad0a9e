package hl7v2

import (
	"bytes"
	"slices"
)

// New makes a message of one MSH segment with the given delimiters and
// character set, to be filled by Set and Add.
func New(d Delimiters, c *Charset) *Message {
	m := &Message{delims: d, charset: c}
	m.text = append([]byte("MSH"), d.Field)
	m.text = append(append(m.text, d.encoding()...), '\r')
	m.raw, m.segs = m.text, []span{{0, len(m.text) - 1}}
	return m
}

// Add adds a segment of that name at the end.
func (m *Message) Add(name string) error {
	if err := m.editable(); err != nil {
		return err
	}
	if len(name) != 3 || !isName([]byte(name)) {
		return &SyntaxError{Offset: len(m.raw), Reason: "not a segment name"}
	}
	b := slices.Clone(bytes.TrimRight(m.text, "\r\n"))
	b = append(append(b, '\r'), name...)
	return m.replace(append(b, m.delims.Field, '\r'))
}

// Set puts text at a path in place of what is there, written with escape
// sequences and in the message's character set; missing delimiters are added. All other bytes stay. Without a
// component in the path the whole repetition is replaced. The segment must exist.
func (m *Message) Set(path, text string) error {
	b, err := m.charset.encode(nil, []byte(text))
	if err != nil {
		return err
	}
	return m.SetRaw(path, m.delims.AppendEscaped(nil, b))
}

// SetRaw is Set for bytes that are encoded already, delimiters of deeper levels
// included. They must hold no line end.
func (m *Message) SetRaw(path string, b []byte) error {
	if err := m.editable(); err != nil {
		return err
	}
	p, ok := ParsePath(path)
	seg := m.nth(p.Segment, p.Number)
	if !ok || !seg.Exists() || seg.isHeader() && p.Field < 3 {
		return &SyntaxError{Segment: p.Segment, Number: p.Number, Field: p.Field, Reason: "no such place"}
	}
	if bytes.ContainsAny(b, "\r\n") {
		return &SyntaxError{Segment: p.Segment, Number: p.Number, Field: p.Field, Reason: "value holds a line end"}
	}
	w := splice{m: m, start: seg.start, end: seg.end}
	field := p.Field
	if seg.isHeader() {
		field-- // MSH-1 is the separator itself
	}
	w.descend(m.delims.Field, field+1)
	w.descend(m.delims.Repetition, p.Repetition)
	w.descend(m.delims.Component, max(p.Component, 0))
	w.descend(m.delims.Subcomponent, max(p.Subcomponent, 0))
	out := slices.Concat(m.text[:w.start], w.missing, b, m.text[w.end:])
	return m.replace(out)
}

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

// editable tells whether bytes can be replaced in place.
func (m *Message) editable() error {
	if m.recoded {
		return &SyntaxError{Reason: "a message in " + m.charset.Name + " cannot be changed in place"}
	}
	return nil
}

// replace makes b the message's text, keeping what stood before MSH.
func (m *Message) replace(b []byte) error {
	m.raw = slices.Concat(m.raw[:m.shift], b)
	m.text = m.raw[m.shift:]
	m.warn, m.utf8 = nil, ""
	return m.split()
}
