package hl7v2

import "math"

// maxRow is the last field whose place a Row keeps.
const maxRow = 32

// Row is the places of a segment's first fields, found in one pass over it: for reading many of them. It may be used for one
// segment after the other, and takes no memory but its own.
type Row struct {
	of     Segment
	header bool              // field 1 is the separator itself
	whole  bool              // there are no more fields
	n      int               // fields that were found
	single uint64            // of which of them Value.single is known, by bit
	ends   [maxRow + 1]int32 // of them, from the segment's start; each begins one byte after the end of that before it
}

// Read finds the fields of a segment up to the last one that is asked for. Those after it can be read too, at the cost of finding them.
func (r *Row) Read(s Segment, last int) {
	r.of, r.header, r.whole, r.n, r.single = s, s.isHeader(), false, 0, 0
	if s.end-s.start < 4 || s.end-s.start > math.MaxInt32 {
		return
	}
	r.ends[0] = 3
	if r.header {
		r.ends[0], r.ends[1], r.n = 2, 3, 1
	}
	for at := s.start + 4; r.n < min(last, maxRow) && !r.whole; {
		end, single := s.m.fieldEnd(at, s.end)
		r.n++
		r.ends[r.n], r.whole = int32(end-s.start), end == s.end
		if single {
			r.single |= 1 << r.n
		}
		at = end + 1
	}
}

// place gives where a field is that was found.
func (r *Row) place(n int) span {
	return span{r.of.start + int(r.ends[n-1]) + 1, r.of.start + int(r.ends[n])}
}

// Field gives field n, as Segment.Field does.
func (r *Row) Field(n int) Value {
	if n > 0 && n <= r.n && !r.header {
		return Value{m: r.of.m, span: r.place(n), single: r.single>>uint(n)&1 != 0}
	}
	return r.field(n)
}

// field gives a field of a header, or one whose place is not known.
func (r *Row) field(n int) Value {
	s := &r.of
	v := Value{m: s.m, level: levelField}
	switch {
	case n < 1 || s.end-s.start < 4:
	case n == 1 && r.header:
		v.start, v.end, v.level = s.start+3, s.start+4, levelLiteral
	case n <= r.n:
		v.span, v.single = r.place(n), r.single>>uint(n)&1 != 0
		if n == 2 && r.header {
			v.level, v.single = levelLiteral, false
		}
	case r.whole:
		v.start, v.end = s.end, s.end
	default:
		return s.find(n)
	}
	return v
}

// fieldEnd finds the end of the field that begins at a place of text[:end]. single is true if it has no parts, and no escape sequence:
// most fields are short and plain, and each byte of these is looked at once, however many of their parts are asked for.
func (m *Message) fieldEnd(at, end int) (fieldEnd int, single bool) {
	const near = 64
	d := &m.delims
	single = true
	for i, c := range m.text[at:min(end, at+near)] {
		switch {
		case !punctuation[c]:
		case c == d.Field:
			return at + i, single
		case c == d.Component, c == d.Repetition, c == d.Subcomponent, c == d.Escape:
			single = false
		}
	}
	if end-at > near {
		return next(m.text, at+near, end, d.Field), false
	}
	return end, single
}

// punctuation are the bytes that a message may have as delimiters.
var punctuation = func() (t [256]bool) {
	for c := range t {
		t[c] = isDelimiter(byte(c))
	}
	return t
}()
