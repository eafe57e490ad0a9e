package hl7v2

// maxRow is the last field whose place a Row keeps.
const maxRow = 40

// Row is the places of a segment's first fields, found in one pass over it: for reading many of them. It may be used for one
// segment after the other, and takes no memory but its own.
type Row struct {
	of     Segment
	header bool             // field 1 is the separator itself
	n      int              // fields that were found
	whole  bool             // there are no more
	ends   [maxRow + 1]int  // of the fields, each of which begins one byte after the end of that before it
	single [maxRow + 1]bool // what is known of the fields, see Value
}

// Read finds the fields of a segment up to the last one that is asked for. Those after it can be read too, at the cost of finding them.
func (r *Row) Read(s Segment, last int) {
	r.of, r.header, r.n, r.whole = s, false, 0, true
	if s.end-s.start < 4 {
		return
	}
	at, n := s.start+4, 0
	r.ends[0], r.header, r.whole = s.start+3, s.isHeader(), false
	if r.header {
		r.ends[0], r.ends[1], n = s.start+2, s.start+3, 1
	}
	for n < min(last, maxRow) && !r.whole {
		n++
		end, single := s.m.fieldEnd(at, s.end)
		r.ends[n], r.single[n], r.whole = end, single, end == s.end
		at = end + 1
	}
	r.n = n
}

// Field gives field n, as Segment.Field does.
func (r *Row) Field(n int) Value {
	if n > 0 && n <= r.n && !r.header {
		return Value{m: r.of.m, span: span{r.ends[n-1] + 1, r.ends[n]}, single: r.single[n]}
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
		v.start, v.end, v.single = r.ends[n-1]+1, r.ends[n], r.single[n]
		if n == 2 {
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
