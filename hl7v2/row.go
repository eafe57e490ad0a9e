package hl7v2

import "bytes"

// maxRow is the last field whose place a Row keeps.
const maxRow = 40

// Row is the places of a segment's first fields, found in one pass over it: for reading many of them. It may be used for one
// segment after the other, and takes no memory but its own.
type Row struct {
	of    Segment
	shift int             // 1 in a header, where the separator itself is field 1
	n     int             // fields that were found
	whole bool            // there are no more
	ends  [maxRow + 1]int // of the fields after the shift; 0: where the separator before them is
}

// Read finds the fields of a segment up to the last one that is asked for. Those after it can be read too, at the cost of finding them.
func (r *Row) Read(s Segment, last int) {
	r.of, r.shift, r.n, r.whole = s, 0, 0, true
	if s.end-s.start < 4 {
		return
	}
	if s.isHeader() {
		r.shift = 1
	}
	at, k := s.start+4, 0
	for r.ends[0], r.whole = s.start+3, false; k+r.shift < min(last, maxRow) && !r.whole; k++ {
		i := bytes.IndexByte(s.m.text[at:s.end], s.m.delims.Field)
		if r.whole = i < 0; r.whole {
			i = s.end - at
		}
		r.ends[k+1] = at + i
		at += i + 1
	}
	r.n = k + r.shift
}

// Field gives field n, as Segment.Field does.
func (r *Row) Field(n int) Value {
	s := &r.of
	v := Value{m: s.m, level: levelField}
	switch {
	case n < 1 || s.end-s.start < 4:
	case n <= r.shift: // the separator
		v.start, v.end, v.level = s.start+3, s.start+4, levelLiteral
	case n <= r.n:
		if n == 1+r.shift && r.shift > 0 {
			v.level = levelLiteral
		}
		v.start, v.end = r.ends[n-r.shift-1]+1, r.ends[n-r.shift]
	case r.whole:
		v.start, v.end = s.end, s.end
	default:
		return s.find(n)
	}
	return v
}
