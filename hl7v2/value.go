package hl7v2

import (
	"bytes"
	"iter"
)

// Segment is one segment of a message. The zero Segment has no fields.
type Segment struct {
	m *Message
	span
	Index int // place in the message, from 0
}

// Exists tells whether there is such a segment.
func (s Segment) Exists() bool { return s.end > s.start }

// Name gives the segment's name: "PID"; empty if it does not exist.
func (s Segment) Name() string {
	if s.end-s.start < 3 {
		return ""
	}
	return string(s.m.text[s.start : s.start+3])
}

// Is tells whether the segment has that name.
func (s Segment) Is(name string) bool {
	return s.end-s.start >= 3 && string(s.m.text[s.start:s.start+3]) == name
}

// Raw gives the segment's bytes without terminator.
func (s Segment) Raw() []byte {
	if s.m == nil {
		return nil
	}
	return s.m.text[s.start:s.end]
}

// UTF8 gives the segment as it stands, in UTF-8 and without terminator.
func (s Segment) UTF8() []byte {
	if s.m == nil {
		return nil
	}
	return s.m.toUTF8(s.Raw())
}

// Offset gives the segment's place in bytes from the start of the message
// (in the decoded message if its character set is a multi-byte one other than UTF-8).
func (s Segment) Offset() int { return s.start + s.m.shift }

// isHeader tells whether field 1 is the separator itself (MSH, FHS, BHS).
func (s Segment) isHeader() bool { return s.Is("MSH") || s.Is("FHS") || s.Is("BHS") }

// Field gives field n. MSH-1 is the field separator, MSH-2 the encoding characters.
func (s Segment) Field(n int) Value {
	if s.m != nil && s.Index == 0 && s.m.header.n > 0 && s.end == s.m.header.of.end {
		return s.m.header.Field(n)
	}
	return s.find(n)
}

// find looks for field n from the segment's beginning on.
func (s Segment) find(n int) Value {
	v := Value{m: s.m, level: levelField}
	if n < 1 || s.end-s.start < 4 {
		return v
	}
	at := s.start + 4
	if s.isHeader() {
		if n == 1 {
			return Value{m: s.m, span: span{s.start + 3, at}, level: levelLiteral}
		}
		if n == 2 {
			v.level = levelLiteral
		}
		n--
	}
	v.start, v.end = cut(s.m.text, at, s.end, s.m.delims.Field, n)
	return v
}

// Fields is all fields of a segment, for reading many of them: element n is
// field n, element 0 is nothing.
type Fields []Value

// Fields gives all fields at once, appended to dst[:0].
func (s Segment) Fields(dst Fields) Fields {
	dst = append(dst[:0], Value{m: s.m})
	if s.end-s.start < 4 {
		return dst
	}
	at := s.start + 4
	if s.isHeader() {
		dst = append(dst, s.Field(1), s.Field(2))
		at = min(dst[2].end+1, s.end)
		if dst[2].end == s.end {
			return dst
		}
	}
	return split(dst, s.m, at, s.end, s.m.delims.Field, levelField)
}

// At gives field n; an absent one if there are fewer.
func (f Fields) At(n int) Value {
	if n < 1 || n >= len(f) {
		return Value{}
	}
	return f[n]
}

// split appends the parts of text[start:end] divided by sep.
func split(dst []Value, m *Message, start, end int, sep byte, l level) []Value {
	for {
		at := next(m.text, start, end, sep)
		dst = append(dst, Value{m: m, span: span{start, at}, level: l})
		if at == end {
			return dst
		}
		start = at + 1
	}
}

// cut gives the n-th part of text[start:end] divided by sep; start=end if there is none.
func cut(text []byte, start, end int, sep byte, n int) (int, int) {
	for ; n > 1; n-- {
		if start = next(text, start, end, sep) + 1; start > end {
			return end, end
		}
	}
	return start, next(text, start, end, sep)
}

// next gives the place of the first sep in text[start:end]; end if there is none.
func next(text []byte, start, end int, sep byte) int {
	if sep != 0 && start < end {
		if i := bytes.IndexByte(text[start:end], sep); i >= 0 {
			return start + i
		}
	}
	return end
}

type level uint8

const (
	levelField level = iota
	levelRepetition
	levelComponent
	levelSubcomponent
	levelLiteral // MSH-1 and MSH-2: no parts, no escapes
)

// Value is a field, repetition, component or subcomponent. The zero Value is absent.
type Value struct {
	m *Message
	span
	level  level
	single bool // known to have no delimiter in it, and no escape sequence: it is its own only part
}

func (v Value) part(l level, sep byte, n int) Value {
	if v.m == nil || n < 1 || v.level == levelLiteral {
		return Value{m: v.m, level: l}
	}
	p := Value{m: v.m, span: v.span, level: l, single: v.single}
	switch {
	case !v.single && v.start < v.end:
		p.start, p.end = cut(v.m.text, v.start, v.end, sep, n)
	case n > 1:
		p.start = p.end
	}
	return p
}

// Repetition gives the n-th repetition of a field.
func (v Value) Repetition(n int) Value {
	if v.level != levelField || v.m == nil {
		return v.orNone(n)
	}
	return v.part(levelRepetition, v.m.delims.Repetition, n)
}

// Component gives the n-th component, of the first repetition if v is a field.
func (v Value) Component(n int) Value {
	switch {
	case v.m == nil:
		return v
	case v.level == levelField && v.start < v.end:
		v = v.Repetition(1)
	case v.level > levelRepetition:
		return v.orNone(n)
	}
	return v.part(levelComponent, v.m.delims.Component, n)
}

// Sub gives the n-th subcomponent, of the first component if v is more than one.
func (v Value) Sub(n int) Value {
	switch {
	case v.m == nil:
		return v
	case v.level < levelComponent:
		v = v.Component(1)
	case v.level != levelComponent:
		return v.orNone(n)
	}
	return v.part(levelSubcomponent, v.m.delims.Subcomponent, n)
}

// orNone is the value itself as its own first part.
func (v Value) orNone(n int) Value {
	if n == 1 {
		return v
	}
	return Value{m: v.m, level: v.level}
}

// Repetitions gives all repetitions of a field, none if it is empty.
func (v Value) Repetitions() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		if v.m == nil || v.end == v.start {
			return
		}
		for i, at := 1, v.start; at <= v.end; i++ {
			r := Value{m: v.m, level: levelRepetition, span: span{at, v.end}, single: v.single}
			if !v.single {
				r.end = next(v.m.text, at, v.end, v.m.delims.Repetition)
			}
			if !yield(i, r) {
				return
			}
			at = r.end + 1
		}
	}
}

// Count gives the number of parts of the next level: repetitions of a field,
// components of a repetition, subcomponents of a component.
func (v Value) Count() int {
	if v.m == nil || v.end == v.start {
		return 0
	}
	var sep byte
	switch v.level {
	case levelField:
		sep = v.m.delims.Repetition
	case levelRepetition:
		sep = v.m.delims.Component
	case levelComponent:
		sep = v.m.delims.Subcomponent
	}
	if sep == 0 || v.single {
		return 1
	}
	return 1 + bytes.Count(v.m.text[v.start:v.end], []byte{sep})
}

// Parts gives all parts of the next level in order, from 1: repetitions of a field, components of a repetition,
// subcomponents of a component. It looks at each byte once, where asking for one part after the other looks at all before it again.
func (v Value) Parts() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		if v.m == nil || v.end == v.start || v.level >= levelSubcomponent {
			return
		}
		d := &v.m.delims
		sep := [...]byte{levelField: d.Repetition, levelRepetition: d.Component, levelComponent: d.Subcomponent}[v.level]
		for i, at := 1, v.start; at <= v.end; i++ {
			p := Value{m: v.m, level: v.level + 1, span: span{at, v.end}, single: v.single}
			if !v.single {
				p.end = next(v.m.text, at, v.end, sep)
			}
			if !yield(i, p) {
				return
			}
			at = p.end + 1
		}
	}
}

// Raw gives the bytes as they stand in the message.
func (v Value) Raw() []byte {
	if v.m == nil {
		return nil
	}
	return v.m.text[v.start:v.end]
}

// Offset gives the value's place in bytes from the start of the message.
func (v Value) Offset() int {
	if v.m == nil {
		return 0
	}
	return v.start + v.m.shift
}

// Empty tells whether there is nothing: absent, or without a byte.
func (v Value) Empty() bool { return v.end == v.start }

// Null tells whether the value is the HL7 null, two double quotes: "delete
// what you have" (HL7 2.5.3).
func (v Value) Null() bool { return v.end-v.start == 2 && string(v.Raw()) == `""` }

// Truncated tells whether the sender cut the value off: it ends with the truncation character (HL7 2.5.5.2, since 2.7).
func (v Value) Truncated() bool {
	return !v.Empty() && v.m.delims.Truncation != 0 && v.m.text[v.end-1] == v.m.delims.Truncation
}

// Text gives the value in UTF-8, escape sequences replaced. Delimiters of
// deeper levels stay as they are.
func (v Value) Text() string {
	b := v.Raw()
	if len(b) == 0 {
		return ""
	}
	if v.level == levelLiteral {
		return string(v.m.toUTF8(b))
	}
	if v.m.utf8 != "" && (v.single || v.m.plain || bytes.IndexByte(b, v.m.delims.Escape) < 0) {
		return v.m.utf8[v.start:v.end]
	}
	return v.m.decode(b)
}

// Escape gives the escape character of the message that the value is part of; 0 if it has none.
func (v Value) Escape() byte {
	if v.m == nil {
		return 0
	}
	return v.m.delims.Escape
}
