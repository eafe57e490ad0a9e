package transform

import (
	"fmt"
	"slices"

	"github.com/halong-gateway/halong/hl7v2"
)

// Step is one change that was made, for whoever tries rules out. Values hold patient data.
type Step struct {
	Rule          string
	Action        Kind
	Place         string // "OBX[2]-3[1].1", or a segment: "NTE[1]"
	Before, After string // as they stand in the message
}

// Rejection is the error of a message that the rules do not let pass. It names places, not values.
type Rejection struct {
	Rule   string
	Place  string
	Reason string
}

// Error implements error.
func (r *Rejection) Error() string {
	return fmt.Sprintf("rule %q at %s: %s", r.Rule, r.Place, r.Reason)
}

// MaxSegments bounds what rules may make of a message.
const MaxSegments = 100_000

// Apply runs rules one after the other over a message, which stays as it is. note is told of every change; it may be nil. The error
// is a *Rejection, or tells that the message's character set lacks a character.
func Apply(rules []Rule, m *hl7v2.Message, note func(Step)) (*hl7v2.Editor, error) {
	a := &applier{e: hl7v2.NewEditor(m), note: note}
	for i := range rules {
		r := &rules[i]
		if !all(r.Match, a.e) {
			continue
		}
		for j := range r.Actions {
			a.rule, a.action = r.Name, &r.Actions[j]
			if err := a.run(); err != nil {
				return nil, err
			}
		}
	}
	return a.e, nil
}

type applier struct {
	e      *hl7v2.Editor
	note   func(Step)
	rule   string
	action *Action
}

func (a *applier) run() error {
	switch a.action.Kind {
	case Add:
		return a.add()
	case Copy:
		return a.copy()
	case Remove:
		if a.action.Where.whole {
			return a.removeSegments()
		}
	}
	for at := range a.action.Where.places(a.e) {
		if err := a.change(at); err != nil {
			return err
		}
	}
	return nil
}

// change changes the value at one place.
func (a *applier) change(at place) error {
	x := a.action
	v := x.Where.value(a.e, at)
	switch x.Kind {
	case Set:
		return a.put(at, x.Where, x.Value)
	case Remove:
		if v.Empty() {
			return nil
		}
		return a.put(at, x.Where, "")
	case Map:
		return a.lookup(at, v)
	}
	before := x.Where.read(v)
	after := x.Pattern.ReplaceAllString(before, x.With)
	if after == before {
		return nil
	}
	return a.put(at, x.Where, after)
}

// lookup puts what a table has for a value in its place. Empty values are not looked up.
func (a *applier) lookup(at place, v hl7v2.Value) error {
	x, t := a.action, a.action.Table
	key := x.Where.read(v)
	if key == "" {
		return nil
	}
	to, ok := t.Values[key]
	switch {
	case ok:
	case t.Else == Keep:
		return nil
	case t.Else == Reject:
		return &Rejection{a.rule, name(at, false), "the value is not in table " + t.Name}
	default:
		to = t.Default
	}
	return a.put(at, x.Where, to)
}

// put writes a value at a place: text where a component is named, else encoded.
func (a *applier) put(at place, w Where, value string) error {
	return a.write(at, w, func() error {
		if w.level() >= 2 {
			return a.e.Set(at.segment, at.path, value)
		}
		return a.e.SetEncoded(at.segment, w.field(at), value)
	})
}

// write does a change and tells of it.
func (a *applier) write(at place, w Where, do func() error) error {
	before := ""
	if a.note != nil {
		before = string(w.value(a.e, at).Raw())
	}
	if err := do(); err != nil {
		return fmt.Errorf("rule %q at %s: %w", a.rule, name(at, false), err)
	}
	if a.note != nil {
		a.tell(name(at, false), before, string(w.value(a.e, at).Raw()))
	}
	return nil
}

func (a *applier) tell(place, before, after string) {
	if a.note != nil {
		a.note(Step{a.rule, a.action.Kind, place, before, after})
	}
}

// copy puts the bytes of one place at others: of the same segment when every one is meant.
func (a *applier) copy() error {
	x := a.action
	var from []place
	for at := range x.Where.places(a.e) {
		from = append(from, at)
	}
	if len(from) == 0 {
		return nil
	}
	n := 0
	for _, at := range slices.Collect(x.To.places(a.e)) {
		source := from[0]
		if x.Where.segments {
			for n < len(from) && from[n].segment < at.segment {
				n++
			}
			source = from[n] // the same segment: both are all of one name
		}
		value := x.Where.value(a.e, source).Encoded()
		err := a.write(at, x.To, func() error { return a.e.SetEncoded(at.segment, x.To.field(at), value) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) removeSegments() error {
	doomed := slices.Collect(a.action.Where.places(a.e))
	for _, at := range slices.Backward(doomed) {
		before := string(a.e.Segment(at.segment).Raw())
		if err := a.e.Delete(at.segment); err != nil {
			return &Rejection{a.rule, name(at, true), err.Error()}
		}
		a.tell(name(at, true), before, "")
	}
	return nil
}

// add puts a segment after the last one of a name.
func (a *applier) add() error {
	x := a.action
	at := a.e.Len()
	for i := range a.e.Len() {
		if x.After != "" && a.e.Is(i, x.After) {
			at = i + 1
		}
	}
	if a.e.Len() >= MaxSegments {
		return &Rejection{a.rule, x.Where.String(), "too many segments"}
	}
	if err := a.e.Insert(at, x.Where.path.Segment); err != nil {
		return &Rejection{a.rule, x.Where.String(), err.Error()}
	}
	a.tell(x.Where.path.Segment, "", x.Where.path.Segment)
	return nil
}

// name writes a place as people do.
func name(at place, whole bool) string {
	p := at.path
	s := fmt.Sprintf("%s[%d]", p.Segment, p.Number)
	if whole {
		return s
	}
	s += fmt.Sprintf("-%d", p.Field)
	if p.Repetition > 1 {
		s += fmt.Sprintf("[%d]", p.Repetition)
	}
	if p.Component > 0 {
		s += fmt.Sprintf(".%d", p.Component)
	}
	if p.Subcomponent > 0 {
		s += fmt.Sprintf(".%d", p.Subcomponent)
	}
	return s
}
