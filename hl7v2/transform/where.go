package transform

import (
	"errors"
	"iter"
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// Where names places in a message: "PID-3.1", "PID-3[2].4", every repetition "PID-3[*].1", the second OBX "OBX[2]-5", every
// OBX "OBX[*]-3.1"; without a field whole segments: "NTE", "NTE[*]". All numbers start at 1.
type Where struct {
	text             string
	path             hl7v2.Path
	segments         bool // every segment of that name
	repetitions      bool // every repetition of the field
	whole            bool // the segment itself
	number, repeated bool // numbers were given
}

// ParseWhere reads places.
func ParseWhere(s string) (w Where, err error) {
	bad := errors.New("no place in a message such as PID-3.1, PID-3[*].1, OBX[*]-5 or NTE[2]")
	w.text = s
	segment, rest, found := strings.Cut(s, "-")
	w.whole = !found
	w.number = strings.Contains(segment, "[")
	segment, w.segments = every(segment)
	if w.whole {
		rest = "1"
	}
	w.repeated = strings.Contains(rest, "[")
	rest, w.repetitions = every(rest)
	var ok bool
	if w.path, ok = hl7v2.ParsePath(segment + "-" + rest); !ok {
		return w, bad
	}
	switch w.path.Segment {
	case "MSH", "FHS", "BHS":
		if !w.whole && w.path.Field < 3 {
			return w, errors.New("the delimiters of a message are no place for rules")
		}
	}
	return w, nil
}

// every replaces [*] by [1].
func every(s string) (string, bool) {
	t := strings.Replace(s, "[*]", "[1]", 1)
	return t, t != s
}

// String gives the text that was parsed.
func (w Where) String() string { return w.text }

// level tells how deep a place lies: 0 a field, 1 a repetition (or a field of which none was named), 2 a component, 3 a subcomponent.
func (w Where) level() int {
	switch {
	case w.path.Subcomponent > 0:
		return 3
	case w.path.Component > 0:
		return 2
	case w.repeated, w.repetitions:
		return 1
	}
	return 0
}

// place is one place in one message.
type place struct {
	segment int // in the editor, from 0
	path    hl7v2.Path
}

// places gives the places that there are in a message, in order; one of which the segment exists and the field does not counts.
func (w Where) places(e *hl7v2.Editor) iter.Seq[place] {
	return func(yield func(place) bool) {
		n := 0
		for i := range e.Len() {
			if !e.Is(i, w.path.Segment) {
				continue
			}
			if n++; !w.segments && n != w.path.Number {
				continue
			}
			p := w.path
			p.Number = n
			if !w.each(e, i, p, yield) {
				return
			}
		}
	}
}

// each gives the places in one segment.
func (w Where) each(e *hl7v2.Editor, i int, p hl7v2.Path, yield func(place) bool) bool {
	if !w.repetitions {
		return yield(place{i, p})
	}
	for r := range max(e.Segment(i).Field(p.Field).Count(), 1) {
		p.Repetition = r + 1
		if !yield(place{i, p}) {
			return false
		}
	}
	return true
}

// field is a place's path for a value that is encoded: without a repetition, unless one is meant.
func (w Where) field(at place) hl7v2.Path {
	p := at.path
	if w.level() == 0 {
		p.Repetition = 0
	}
	return p
}

// read gives a value as rules see it: the text of a component, else what is encoded.
func (w Where) read(v hl7v2.Value) string {
	if w.level() >= 2 {
		return v.Text()
	}
	return v.Encoded()
}

// value reads a place.
func (w Where) value(e *hl7v2.Editor, at place) hl7v2.Value {
	v := e.Segment(at.segment).Field(at.path.Field)
	if w.level() == 0 {
		return v
	}
	v = v.Repetition(at.path.Repetition)
	if at.path.Component > 0 {
		v = v.Component(at.path.Component)
	}
	if at.path.Subcomponent > 0 {
		v = v.Sub(at.path.Subcomponent)
	}
	return v
}
