package hl7v2

import (
	"bytes"
	"slices"
)

// Editor changes a message segment by segment. A change costs the segment that it is in, not the message, so that many
// changes of a large message take linear time. The message itself stays as it is.
type Editor struct {
	of   *Message
	segs [][]byte // as in the message's text; those that were not changed are part of it
}

// NewEditor begins to change a message.
func NewEditor(m *Message) *Editor {
	e := &Editor{of: m, segs: make([][]byte, len(m.segs))}
	for i, s := range m.segs {
		e.segs[i] = m.text[s.start:s.end:s.end]
	}
	return e
}

// Len gives the number of segments.
func (e *Editor) Len() int { return len(e.segs) }

// Segment gives the i-th segment, from 0, as it is now; the zero Segment if there is none. Its Offset and Index say nothing.
func (e *Editor) Segment(i int) Segment {
	if i < 0 || i >= len(e.segs) {
		return Segment{m: e.of}
	}
	return e.view(i).Segment(0)
}

// Is tells whether the i-th segment, from 0, has that name.
func (e *Editor) Is(i int, name string) bool {
	return i >= 0 && i < len(e.segs) && len(e.segs[i]) >= 3 && string(e.segs[i][:3]) == name
}

// view makes a message of one segment.
func (e *Editor) view(i int) *Message {
	s := e.segs[i]
	return &Message{raw: s, text: s, delims: e.of.delims, charset: e.of.charset, recoded: e.of.recoded, segs: []span{{0, len(s)}}}
}

// Set puts text (UTF-8) at a place of the i-th segment, with escape sequences and in the message's character set; missing delimiters
// are added. Segment and Number of the path do not count. Without a component in it the whole repetition is replaced. The error is
// a *SyntaxError, or tells that the character set lacks a character.
func (e *Editor) Set(i int, p Path, text string) error {
	b := []byte(text)
	if !e.of.recoded {
		var err error
		if b, err = e.of.charset.encode(nil, b); err != nil {
			return err
		}
	}
	return e.SetRaw(i, p, e.of.delims.appendText(nil, b))
}

// SetRaw is Set for bytes that are encoded as the message's text is, delimiters of deeper levels included. They must hold no line end.
func (e *Editor) SetRaw(i int, p Path, b []byte) error {
	p.Repetition = max(p.Repetition, 1)
	return e.setRaw(i, p, b)
}

// setRaw replaces a whole field when the path has no repetition.
func (e *Editor) setRaw(i int, p Path, b []byte) error {
	if i < 0 || i >= len(e.segs) {
		return &SyntaxError{Segment: p.Segment, Number: p.Number, Field: p.Field, Reason: "no such segment"}
	}
	m := e.view(i)
	header := m.Segment(0).isHeader()
	if p.Field < 1 || header && p.Field < 3 || bytes.ContainsAny(b, "\r\n") {
		return &SyntaxError{Segment: p.Segment, Number: p.Number, Field: p.Field, Reason: "no place for that value"}
	}
	field := p.Field
	if header {
		field-- // MSH-1 is the separator itself
	}
	w := splice{m: m, end: len(m.text)}
	w.descend(m.delims.Field, field+1)
	w.descend(m.delims.Repetition, p.Repetition)
	w.descend(m.delims.Component, p.Component)
	w.descend(m.delims.Subcomponent, p.Subcomponent)
	e.segs[i] = slices.Concat(m.text[:w.start], w.missing, b, m.text[w.end:])
	return nil
}

// SetEncoded puts an encoded value (UTF-8, with the standard delimiters and escape sequences, which are written as the message's own) at
// a place of the i-th segment. With Repetition 0 it takes the place of the whole field, all repetitions of it. It must hold no line end.
func (e *Editor) SetEncoded(i int, p Path, encoded string) error {
	b := transcribe([]byte(encoded), Standard, e.of.delims)
	if !e.of.recoded {
		var err error
		if b, err = e.of.charset.encode(nil, b); err != nil {
			return err
		}
	}
	return e.setRaw(i, p, b)
}

// Encoded gives the value in UTF-8 with the standard delimiters, parts and escape sequences as they stand.
func (v Value) Encoded() string {
	if v.Empty() {
		return ""
	}
	return string(transcribe(v.m.toUTF8(v.Raw()), v.m.delims, Standard))
}

// transcribe replaces delimiters by those of another set. A character that is a delimiter in the other set alone is escaped.
func transcribe(b []byte, from, to Delimiters) []byte {
	from.Truncation, to.Truncation = 0, 0
	if from == to {
		return b
	}
	t := transcriber{from: from, to: to, out: make([]byte, 0, len(b))}
	for len(b) > 0 {
		if b[0] == from.Escape && from.Escape != 0 {
			if n := t.sequence(b); n > 0 {
				b = b[n:]
				continue
			}
		}
		t.character(b[0])
		b = b[1:]
	}
	return t.out
}

type transcriber struct {
	from, to Delimiters
	out      []byte
}

// character writes a delimiter as the other set's, and everything else as text.
func (t *transcriber) character(c byte) {
	for _, p := range [...][2]byte{
		{t.from.Field, t.to.Field}, {t.from.Component, t.to.Component}, {t.from.Repetition, t.to.Repetition}, {t.from.Subcomponent, t.to.Subcomponent},
	} {
		if c == p[0] && p[0] != 0 && p[1] != 0 {
			t.out = append(t.out, p[1])
			return
		}
	}
	t.out = t.to.AppendEscaped(t.out, []byte{c})
}

// sequence writes the escape sequence that b begins with, and gives its length; 0 if it begins with none. One that stands for
// a delimiter stands for that character, which may be none in the other set.
func (t *transcriber) sequence(b []byte) int {
	n := bytes.IndexByte(b[1:], t.from.Escape)
	if n < 1 {
		return 0
	}
	seq := b[1 : 1+n]
	if n == 1 {
		for _, d := range [...][2]byte{
			{'F', t.from.Field}, {'S', t.from.Component}, {'R', t.from.Repetition}, {'T', t.from.Subcomponent}, {'E', t.from.Escape},
		} {
			if seq[0] == d[0] && d[1] != 0 {
				t.out = t.to.AppendEscaped(t.out, []byte{d[1]})
				return n + 2
			}
		}
	}
	if t.to.Escape == 0 {
		return 0
	}
	t.out = append(append(append(t.out, t.to.Escape), seq...), t.to.Escape)
	return n + 2
}

// Insert puts a new segment of that name before the i-th; at Len at the end. Nothing stands before the first.
func (e *Editor) Insert(i int, name string) error {
	if len(name) != 3 || !isName([]byte(name)) || i < 1 || i > len(e.segs) {
		return &SyntaxError{Segment: name, Reason: "not a segment name, or no place for it"}
	}
	e.segs = slices.Insert(e.segs, i, []byte(name))
	return nil
}

// Delete removes the i-th segment; the first cannot be.
func (e *Editor) Delete(i int) error {
	if i < 1 || i >= len(e.segs) {
		return &SyntaxError{Reason: "no such segment, or the first"}
	}
	e.segs = slices.Delete(e.segs, i, i+1)
	return nil
}

// Encode writes the message, each segment ended by CR, in a character set; nil is its own, in which what was not changed is written as
// it was. Another one is named in MSH-18. The error is a *SyntaxError: the character set lacks a character, or what came has bytes that are none.
func (e *Editor) Encode(c *Charset) ([]byte, error) {
	if c == nil || c == e.of.charset {
		return e.join(e.of.recoded, e.of.charset, func(b []byte) []byte { return b })
	}
	if places := e.of.Unreadable(); len(places) > 0 { // what they were read as would be passed off as what they are
		return nil, places[0]
	}
	name := Path{Segment: "MSH", Field: 18, Repetition: 1}
	x := &Editor{of: e.of, segs: slices.Clone(e.segs)}
	if err := x.SetRaw(0, name, []byte(c.Name)); err != nil {
		return nil, err
	}
	return x.join(true, c, e.of.characters)
}

func (e *Editor) join(encode bool, c *Charset, read func([]byte) []byte) ([]byte, error) {
	size := len(e.segs)
	for _, s := range e.segs {
		size += len(s)
	}
	out := make([]byte, 0, size)
	numbers := map[string]int{}
	for _, s := range e.segs {
		if len(s) >= 3 {
			numbers[string(s[:3])]++
		}
		s = read(s)
		if !encode {
			out = append(append(out, s...), '\r')
			continue
		}
		var err error
		if out, err = c.encode(out, s); err != nil {
			return nil, c.lacking(s, numbers[string(s[:min(3, len(s))])], e.of.delims)
		}
		out = append(out, '\r')
	}
	return out, nil
}

// characters gives bytes of the message's text as UTF-8, and with them the characters beyond ASCII that are written as \X..\, which
// would mean others in another character set.
func (m *Message) characters(b []byte) []byte {
	esc := m.delims.Escape
	start := []byte{esc, 'X'}
	if esc == 0 || !bytes.Contains(b, start) {
		return m.toUTF8(b)
	}
	var out []byte
	for {
		i := bytes.Index(b, start)
		if i < 0 {
			break
		}
		n := bytes.IndexByte(b[i+1:], esc)
		if n < 0 {
			break
		}
		out = append(out, m.toUTF8(b[:i])...)
		seq := b[i : i+n+2]
		if v, ok := m.unescape(nil, seq[1:len(seq)-1]); ok && !isASCII(v) {
			seq = m.toUTF8(v)
		}
		out, b = append(out, seq...), b[i+n+2:]
	}
	return append(out, m.toUTF8(b)...)
}
