package coerce

import (
	"fmt"
	"regexp"
	"slices"
)

// Reason is why attributes are changed: Reason for the Attribute Modification (0400,0565).
type Reason string

// The reasons (PS3.3 C.12.1.1.9.1).
const (
	Coerce  Reason = "COERCE"  // to what the receiver's site uses; the default
	Correct Reason = "CORRECT" // values that were wrong
)

// Rule is what is done to the objects that match.
type Rule struct {
	Match   Match
	Reason  Reason
	Source  string // Source of Previous Values (0400,0564); empty: the calling AE title
	Actions []Action
}

// Match says which objects a rule is for: all conditions given must hold, each by one of its
// alternatives. An empty Match is for every object.
type Match struct {
	Facility   []string          // of the receiver
	CallingAE  []string          // AE title of the sender; * stands for any characters
	Modality   []string          // (0008,0060)
	SOPClass   []string          // UIDs of (0008,0016)
	Attributes map[string]string // path and regular expression, which must match a whole value; an absent or empty attribute has one empty value
}

// Kind says what an action does.
type Kind string

// The kinds of actions.
const (
	Set     Kind = "set"     // Value, or what From knows, becomes the attribute's value
	Copy    Kind = "copy"    // the values of Attribute are copied To another attribute
	Remove  Kind = "remove"  //
	Replace Kind = "replace" // each value is replaced as Regex and With or Table say; others stay
)

// From says who knows a value.
type From string

// The sources of values; see Lookup.
const (
	Patient From = "patient" // by Patient ID (0010,0020) and Issuer of Patient ID (0010,0021)
	Order   From = "order"   // by Accession Number (0008,0050)
)

// Action is one change. Attributes are named by paths, see ParsePath.
type Action struct {
	Kind      Kind
	Attribute string
	Value     []string          // of set
	From      From              // of set, in the place of Value; what is not known leaves the attribute as it is
	Of        string            // of set with From: the attribute looked up; empty: the same as Attribute
	To        string            // of copy
	Regex     string            // of replace (RE2); it may match anywhere in a value
	With      string            // of replace: $1 stands for the first group
	Table     map[string]string // of replace: whole values and what they become
}

// RuleError tells which part of a rule cannot be used.
type RuleError struct {
	Rule   int    // counted from 0
	Action int    // counted from 0, -1 when it is not an action
	Field  string // "match.attributes", "regex", "to" …
	Err    error
}

// Error gives place and reason.
func (e *RuleError) Error() string {
	if e.Action < 0 {
		return fmt.Sprintf("rule %d: %s: %v", e.Rule+1, e.Field, e.Err)
	}
	return fmt.Sprintf("rule %d, action %d: %s: %v", e.Rule+1, e.Action+1, e.Field, e.Err)
}

// Unwrap gives the reason.
func (e *RuleError) Unwrap() error { return e.Err }

// Rules are compiled rules. They may be used concurrently.
type Rules struct{ rules []rule }

type rule struct {
	match   match
	reason  Reason
	source  string
	actions []action
}

// Compile checks rules and makes them ready. The error joins a *RuleError for each fault.
func Compile(rules []Rule) (*Rules, error) {
	var c compiler
	out := &Rules{}
	for i := range rules {
		c.rule, c.action = i, -1
		r := rule{reason: rules[i].Reason, source: rules[i].Source, match: c.match(&rules[i].Match)}
		switch r.reason {
		case "":
			r.reason = Coerce
		case Coerce, Correct:
		default:
			c.fail("reason", fmt.Errorf("%q is neither COERCE nor CORRECT", r.reason))
		}
		if len(rules[i].Source) > 64 {
			c.fail("source", fmt.Errorf("longer than 64 characters"))
		}
		if len(rules[i].Actions) == 0 {
			c.fail("actions", fmt.Errorf("there are none"))
		}
		for j := range rules[i].Actions {
			c.action = j
			r.actions = append(r.actions, c.compile(&rules[i].Actions[j]))
		}
		out.rules = append(out.rules, r)
	}
	return out, c.err()
}

// NeedsSender tells whether a rule looks at facility or calling AE title, or at what is known to a
// facility; of an object on its way out those are not known.
func (r *Rules) NeedsSender() bool {
	return slices.ContainsFunc(r.rules, func(r rule) bool {
		return len(r.match.facility)+len(r.match.calling) > 0 ||
			slices.ContainsFunc(r.actions, func(a action) bool { return a.from != "" })
	})
}

// anchored makes a pattern match whole values.
func anchored(p string) (*regexp.Regexp, error) { return regexp.Compile(`^(?:` + p + `)$`) }
