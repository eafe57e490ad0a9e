package hl7v2

import (
	"bytes"
	"strings"
)

// put makes the parts that a path names and puts v there.
func (b *Builder) put(path string, v node) *Builder {
	p, ok := ParsePath(path)
	seg := b.segment(p.Segment, p.Number)
	if !ok || seg == nil || p.Segment == "MSH" && p.Field < 3 {
		return b.fail(&SyntaxError{Segment: p.Segment, Number: p.Number, Field: p.Field, Reason: "no such place: " + path})
	}
	at := seg.part(p.Field).part(p.Repetition)
	if v.raw && p.Component == 0 {
		*at = v
		return b
	}
	at = at.part(max(p.Component, 1))
	if v.raw && p.Subcomponent == 0 {
		*at = v
		return b
	}
	*at.part(max(p.Subcomponent, 1)) = v
	return b
}

// segment finds the n-th segment of a name, or adds it if it is the next; nil if it would be a later one.
func (b *Builder) segment(name string, n int) *node {
	for _, s := range b.segments {
		if s.name == name {
			if n--; n == 0 {
				return s
			}
		}
	}
	if n != 1 || b.Add(name).err != nil {
		return nil
	}
	return b.segments[len(b.segments)-1]
}

// part gives the n-th part, from 1, which is made if it is missing. What was set raw before is replaced.
func (n *node) part(i int) *node {
	n.raw, n.text = false, ""
	for len(n.parts) < i {
		n.parts = append(n.parts, &node{})
	}
	return n.parts[i-1]
}

// copyNode takes over a value with all its parts.
func copyNode(v Value) *node {
	if v.level >= levelSubcomponent || v.Empty() {
		return &node{text: v.Text()}
	}
	n := &node{}
	for _, p := range v.Parts() {
		n.parts = append(n.parts, copyNode(p))
	}
	return n
}

// Encode writes the segments, each ended by CR, with the given delimiters, in a character set. A message built with
// NewBuilder gets MSH-18 if it is not plain ASCII. The error is a *SyntaxError, or tells that the
// character set lacks a character.
func (b *Builder) Encode(d Delimiters, c *Charset) ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	w := builderWriter{d: d, charset: c}
	var out []byte
	for _, s := range b.segments {
		out = w.segment(out, s, b.declares(c))
	}
	if w.err != nil {
		return nil, w.err
	}
	return out, nil
}

// declares gives what MSH-18 has to say: nothing if all text is ASCII.
func (b *Builder) declares(c *Charset) string {
	for _, s := range b.segments {
		if !s.ascii() {
			return c.Name
		}
	}
	return ""
}

func (n *node) ascii() bool {
	for _, p := range n.parts {
		if !p.ascii() {
			return false
		}
	}
	return strings.IndexFunc(n.text, func(r rune) bool { return r >= 0x80 }) < 0
}

// Message builds the message and parses it again.
func (b *Builder) Message(d Delimiters, c *Charset) (*Message, error) {
	raw, err := b.Encode(d, c)
	if err != nil {
		return nil, err
	}
	return Parse(raw)
}

// builderWriter writes nodes.
type builderWriter struct {
	d       Delimiters
	charset *Charset
	err     error
}

func (w *builderWriter) segment(dst []byte, s *node, charset string) []byte {
	dst = append(dst, s.name...)
	fields := s.parts
	if s.name == "MSH" {
		dst = append(append(dst, w.d.Field), w.d.encoding()...)
		fields = fields[min(2, len(fields)):]
		if charset != "" && len(s.parts) < 18 {
			fields = append(fields[:len(fields):len(fields)], make([]*node, 18-max(len(s.parts), 2))...)
			fields[15] = &node{text: charset}
		}
	}
	for _, f := range fields {
		dst = append(dst, w.d.Field)
		if f != nil {
			dst = w.parts(dst, f, [...]byte{w.d.Repetition, w.d.Component, w.d.Subcomponent})
		}
	}
	return append(bytes.TrimRight(dst, string(rune(w.d.Field))), '\r')
}

// parts writes a node whose parts are divided by the first of seps.
func (w *builderWriter) parts(dst []byte, n *node, seps [3]byte) []byte {
	if len(n.parts) == 0 {
		return w.value(dst, n)
	}
	start, end := len(dst), len(dst)
	for i, p := range n.parts {
		if i > 0 {
			if seps[0] == 0 {
				w.err = &SyntaxError{Reason: "the delimiters have none for a level that is used"}
				return dst
			}
			dst = append(dst, seps[0])
		}
		before := len(dst)
		dst = w.parts(dst, p, [...]byte{seps[1], seps[2], 0})
		if len(dst) > before || i == 0 {
			end = len(dst)
		}
	}
	return dst[:max(start, end)]
}

func (w *builderWriter) value(dst []byte, n *node) []byte {
	b, err := w.charset.encode(nil, []byte(n.text))
	if err != nil {
		w.err = err
		return dst
	}
	if n.raw {
		return append(dst, w.redelimit(b)...)
	}
	return w.d.appendText(dst, b)
}

// redelimit replaces the standard delimiters by the message's own.
func (w *builderWriter) redelimit(b []byte) []byte {
	if w.d == Standard || w.d == (Delimiters{'|', '^', '~', '\\', '&', w.d.Truncation}) {
		return b
	}
	return bytes.Map(func(r rune) rune {
		switch byte(r) {
		case '^':
			return rune(w.d.Component)
		case '~':
			return rune(w.d.Repetition)
		case '\\':
			return rune(w.d.Escape)
		case '&':
			return rune(w.d.Subcomponent)
		}
		return r
	}, b)
}

// appendText is AppendEscaped with line ends as \.br\.
func (d Delimiters) appendText(dst, text []byte) []byte {
	for {
		i := bytes.IndexAny(text, "\r\n")
		if i < 0 || d.Escape == 0 {
			return d.AppendEscaped(dst, text)
		}
		dst = d.AppendEscaped(dst, text[:i])
		dst = append(append(append(dst, d.Escape), ".br"...), d.Escape)
		if bytes.HasPrefix(text[i:], []byte("\r\n")) {
			i++
		}
		text = text[i+1:]
	}
}
