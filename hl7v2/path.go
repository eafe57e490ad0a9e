package hl7v2

import (
	"strconv"
	"strings"
)

// Path names a place in a message: "PID-3.1", "PID-3[2].4.1", "OBX[7]-5". All numbers
// start at 1; a missing number in brackets is 1, a missing component or
// subcomponent stands for the whole.
type Path struct {
	Segment      string
	Number       int // which of the segments of that name
	Field        int
	Repetition   int
	Component    int // 0: the whole repetition
	Subcomponent int // 0: the whole component
}

// ParsePath reads a path.
func ParsePath(s string) (p Path, ok bool) {
	seg, rest, found := strings.Cut(s, "-")
	if !found {
		return p, false
	}
	if p.Segment, p.Number, ok = bracket(seg); !ok || len(p.Segment) != 3 || !isName([]byte(p.Segment)) {
		return p, false
	}
	parts := strings.Split(rest, ".")
	if len(parts) > 3 {
		return p, false
	}
	field, rep, ok := bracket(parts[0])
	if !ok {
		return p, false
	}
	p.Repetition = rep
	for i, dst := range []*int{&p.Field, &p.Component, &p.Subcomponent} {
		if i > 0 && i < len(parts) {
			field = parts[i]
		}
		if i >= len(parts) {
			break
		}
		if *dst, ok = number(field); !ok {
			return p, false
		}
	}
	return p, true
}

// bracket splits "OBX[7]" into name and number.
func bracket(s string) (name string, n int, ok bool) {
	name, rest, found := strings.Cut(s, "[")
	if !found {
		return s, 1, true
	}
	rest, found = strings.CutSuffix(rest, "]")
	n, ok = number(rest)
	return name, n, ok && found
}

// number reads 1 to 9999.
func number(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 1 && n <= 9999
}

// At gives the value at a path; an absent one if the path is wrong or leads nowhere.
func (m *Message) At(path string) Value {
	p, ok := ParsePath(path)
	if !ok {
		return Value{m: m}
	}
	return m.Value(p)
}

// Value gives the value at a path.
func (m *Message) Value(p Path) Value {
	f := m.nth(p.Segment, p.Number).Field(p.Field)
	if f.level == levelLiteral {
		return f
	}
	v := f.Repetition(p.Repetition)
	if p.Component > 0 {
		v = v.Component(p.Component)
	}
	if p.Subcomponent > 0 {
		v = v.Sub(p.Subcomponent)
	}
	return v
}

// Get gives the text at a path: m.Get("PID-3.1").
func (m *Message) Get(path string) string { return m.At(path).Text() }
