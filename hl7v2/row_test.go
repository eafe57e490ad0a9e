package hl7v2

import (
	"strings"
	"testing"
)

// TestRow reads fields of several segments with one Row: each is what Segment.Field finds, however many were asked for.
func TestRow(t *testing.T) {
	m, err := Parse([]byte("MSH|^~\\&|A|B|C\rOBX|1|NM\rNTE\rNTE|\rFHS|^~\\&|A\rPID|" + strings.Repeat("a|", 100)))
	if err != nil {
		t.Fatal(err)
	}
	var row Row
	for s := range m.Segments() {
		for _, last := range []int{0, 1, 2, 3, 5, maxRow, 50, 101} {
			row.Read(s, last)
			for n := -1; n < 110; n++ {
				got, want := row.Field(n), s.find(n)
				if got != want {
					t.Errorf("%s-%d of %d: %v, not %v", s.Name(), n, last, got, want)
				}
				if again := s.Field(n); again != want {
					t.Errorf("%s-%d: %v, not %v", s.Name(), n, again, want)
				}
			}
		}
	}
	if row.Read(Segment{}, 5); row.Field(2) != (Value{}) {
		t.Error("no segment has fields")
	}
}
