package hl7v2

import (
	"fmt"
	"iter"
	"strings"
	"testing"
)

// TestRow reads fields of several segments with one Row: each is what Segment.Field finds, however many were asked for.
func TestRow(t *testing.T) {
	m, err := Parse([]byte("MSH|^~\\&|A|B^C|D\rOBX|1|NM\rNTE\rNTE|\rFHS|^~\\&|A\rOBX|a~b^c|\\F\\|d&e|^|&|~|\\|" +
		strings.Repeat("long", 40) + "|" + strings.Repeat("long^", 40) + "|.\rPID|" + strings.Repeat("a|", 100)))
	if err != nil {
		t.Fatal(err)
	}
	var row Row
	for s := range m.Segments() {
		for _, last := range []int{0, 1, 2, 3, 5, maxRow, 50, 101} {
			row.Read(s, last)
			for _, n := range []int{-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, maxRow - 1, maxRow, maxRow + 1, 100, 101, 102} {
				want := s.find(n)
				for _, got := range []Value{row.Field(n), s.Field(n)} {
					if d := difference(got, want, 0); d != "" {
						t.Errorf("%s-%d of %d: %s", s.Name(), n, last, d)
					}
				}
			}
		}
	}
	if row.Read(Segment{}, 5); row.Field(2) != (Value{}) {
		t.Error("no segment has fields")
	}
}

// difference tells how two values differ, in their parts too.
func difference(a, b Value, depth int) string {
	if a.m != b.m || a.start != b.start || a.end != b.end || a.level != b.level || a.Count() != b.Count() || a.Text() != b.Text() {
		return fmt.Sprintf("%v %q, not %v %q", a, a.Text(), b, b.Text())
	}
	if depth == 3 {
		return ""
	}
	for n := range 3 {
		for _, part := range []func(Value) Value{
			func(v Value) Value { return v.Repetition(n) },
			func(v Value) Value { return v.Component(n) },
			func(v Value) Value { return v.Sub(n) },
		} {
			if d := difference(part(a), part(b), depth+1); d != "" {
				return fmt.Sprintf("part %d: %s", n, d)
			}
		}
	}
	for _, parts := range []func(Value) iter.Seq2[int, Value]{Value.Parts, Value.Repetitions} {
		list := []Value{}
		for _, v := range parts(b) {
			list = append(list, v)
		}
		for i, v := range parts(a) {
			if i > len(list) {
				return "more parts"
			}
			if d := difference(v, list[i-1], 3); d != "" {
				return fmt.Sprintf("part %d: %s", i, d)
			}
			list[i-1] = Value{}
		}
		for _, v := range list {
			if v != (Value{}) {
				return "fewer parts"
			}
		}
	}
	return ""
}
