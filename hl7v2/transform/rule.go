package transform

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/halong-gateway/halong/hl7v2"
)

// Match is a condition: one of the places has a value that matches the whole pattern. An absent value is an empty one.
type Match struct {
	Where   Where
	Pattern *regexp.Regexp // as NewMatch makes it
}

// NewMatch makes a condition of texts.
func NewMatch(where, pattern string) (m Match, err error) {
	if m.Where, err = ParseWhere(where); err != nil {
		return m, fmt.Errorf("%s: %w", where, err)
	}
	if m.Where.whole {
		return m, fmt.Errorf("%s: a condition needs a field", where)
	}
	if _, err = regexp.Compile(pattern); err != nil { // "a)|(b" is none, though what is made of it below would be
		return m, fmt.Errorf("%s: not a regular expression: %w", where, err)
	}
	m.Pattern, err = regexp.Compile(`^(?s:` + pattern + `)$`)
	return m, err
}

// Holds tells whether the condition holds for a message.
func (m *Match) Holds(msg *hl7v2.Message) bool { return m.holds(hl7v2.NewEditor(msg)) }

func (m *Match) holds(e *hl7v2.Editor) bool {
	any := false
	for at := range m.Where.places(e) {
		any = true
		if m.Pattern.MatchString(m.Where.read(m.Where.value(e, at))) {
			return true
		}
	}
	return !any && m.Pattern.MatchString("")
}

// All tells whether all conditions hold.
func All(conditions []Match, msg *hl7v2.Message) bool {
	e := hl7v2.NewEditor(msg)
	return all(conditions, e)
}

func all(conditions []Match, e *hl7v2.Editor) bool {
	for i := range conditions {
		if !conditions[i].holds(e) {
			return false
		}
	}
	return true
}

// Rule is what is done to messages that match.
type Rule struct {
	Name    string
	Match   []Match // all must hold, when the rule's turn comes
	Actions []Action
}

// Kind is what an action does.
type Kind uint8

// The kinds.
const (
	Set     Kind = iota + 1 // the value becomes Value
	Copy                    // the bytes at Where also to To
	Map                     // the value is looked up in Table
	Replace                 // Pattern is replaced by With, where it occurs in the value
	Remove                  // the value is emptied, a whole segment removed
	Add                     // a segment is added after the last one named After, else at the end
)

var kindNames = [...]string{"", "set", "copy", "map", "replace", "remove", "add"}

// String gives the word that stands for the kind in rules.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Else says what becomes of a value that a table lacks.
type Else uint8

// What may become of it.
const (
	Keep   Else = iota // it stays
	Reject             // the message is not changed at all, and the rejection tells where
	Use                // it becomes the table's default
)

// Table is what values are looked up in.
type Table struct {
	Name    string
	Values  map[string]string
	Else    Else
	Default string
}

// Action is one change.
type Action struct {
	Kind    Kind
	Where   Where
	To      Where          // of Copy
	Value   string         // of Set, UTF-8
	Table   *Table         // of Map
	Pattern *regexp.Regexp // of Replace
	With    string         // of Replace: $1 is the first group
	After   string         // of Add: a segment's name
}

// Check tells what is wrong with an action.
func (a *Action) Check() error {
	switch {
	case a.Kind == Add:
		if !a.Where.whole || a.Where.segments || a.Where.number {
			return errors.New("add needs a segment's name")
		}
	case a.Kind == Remove && a.Where.whole:
		if a.Where.path.Segment == "MSH" {
			return errors.New("a message needs its MSH")
		}
	case a.Where.whole:
		return errors.New(a.Kind.String() + " needs a field")
	case a.Kind == Copy:
		return a.checkCopy()
	case a.Kind == Map && a.Table == nil:
		return errors.New("map needs a table")
	case a.Kind == Replace && a.Pattern == nil:
		return errors.New("replace needs a regular expression")
	case a.Kind < Set || a.Kind > Add:
		return errors.New("no such action")
	}
	return nil
}

// checkCopy: delimiters of the source must mean at the target what they mean at the source, and it must be clear which goes where.
func (a *Action) checkCopy() error {
	from, to := a.Where, a.To
	switch {
	case to.whole:
		return errors.New("copy needs a field to copy to")
	case from.level() < 2 && to.level() >= 2:
		return fmt.Errorf("%s may hold components, for which %s has no room: name a component", from, to)
	case from.level() == 2 && to.level() == 3:
		return fmt.Errorf("%s may hold subcomponents, for which %s has no room: name a subcomponent", from, to)
	case from.repetitions:
		return fmt.Errorf("%s: copy takes one repetition, or without brackets the whole field", from)
	case from.level() == 0 && to.level() == 1:
		return fmt.Errorf("%s may repeat, for which %s has no room: name a repetition", from, to)
	case from.segments && !(to.segments && to.path.Segment == from.path.Segment):
		return fmt.Errorf("%s: every segment can be copied within itself only", from)
	}
	return nil
}
