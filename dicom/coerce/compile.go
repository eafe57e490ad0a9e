package coerce

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
)

// compiler gathers what is wrong with rules.
type compiler struct {
	rule, action int
	errs         []error
}

func (c *compiler) fail(field string, err error) {
	if err != nil {
		c.errs = append(c.errs, &RuleError{Rule: c.rule, Action: c.action, Field: field, Err: err})
	}
}

func (c *compiler) err() error { return errors.Join(c.errs...) }

// action is a compiled Action.
type action struct {
	kind  Kind
	path  Path
	vr    dicom.VR
	value []string
	from  From
	of    dicom.Tag
	to    Path
	toVR  dicom.VR
	regex *regexp.Regexp
	with  string
	table map[string]string
}

func (c *compiler) compile(a *Action) action {
	out := action{kind: a.Kind, value: a.Value, from: a.From, with: a.With, table: a.Table}
	c.unused(a)
	switch a.Kind {
	case Set:
		c.set(a, &out)
	case Copy:
		c.copy(a, &out)
	case Remove:
		var err error
		out.path, _, err = changeable(a.Attribute, true)
		c.fail("remove", err)
	case Replace:
		c.replace(a, &out)
	default:
		c.fail("kind", fmt.Errorf("%q is none of set, copy, remove, replace", a.Kind))
	}
	return out
}

// unused refuses fields that belong to another kind of action.
func (c *compiler) unused(a *Action) {
	for _, f := range []struct {
		name  string
		given bool
		kind  Kind
	}{
		{"value", len(a.Value) > 0, Set},
		{"from", a.From != "", Set},
		{"of", a.Of != "", Set},
		{"to", a.To != "", Copy},
		{"regex", a.Regex != "", Replace},
		{"with", a.With != "", Replace},
		{"table", len(a.Table) > 0, Replace},
	} {
		if f.given && f.kind != a.Kind {
			c.fail(f.name, fmt.Errorf("belongs to %s, not to %s", f.kind, a.Kind))
		}
	}
}

func (c *compiler) set(a *Action, out *action) {
	var err error
	if out.path, out.vr, err = changeable(a.Attribute, false); err != nil {
		c.fail("set", err)
		return
	}
	for _, v := range a.Value {
		c.fail("value", fits(out.vr, v))
	}
	switch a.From {
	case "":
		if a.Of != "" {
			c.fail("of", errors.New("goes with from"))
		}
		if a.Value == nil {
			c.fail("value", errors.New("a value is needed; '' makes the attribute empty"))
		}
		return
	case Patient, Order:
	default:
		c.fail("from", fmt.Errorf("%q is neither patient nor order", a.From))
	}
	if len(a.Value) > 0 {
		c.fail("from", errors.New("value and from exclude one another"))
	}
	out.of = out.path.last()
	if a.Of != "" {
		out.of, err = parseTag(a.Of)
		c.fail("of", err)
	}
}

func (c *compiler) copy(a *Action, out *action) {
	var err error
	if out.path, err = ParsePath(a.Attribute); err != nil {
		c.fail("copy", err)
		return
	}
	if out.to, err = ParsePath(a.To); err != nil {
		c.fail("to", err)
		return
	}
	from, to := dicom.VROf(out.path.last()), dicom.VROf(out.to.last())
	if from == dicom.SQ && to == dicom.SQ && out.to[0].Tag != tag.OriginalAttributesSequence {
		out.toVR = to
		c.fail("to", protected(out.to.last()))
		return
	}
	if from.IsBulk() || from == dicom.SQ {
		c.fail("copy", fmt.Errorf("%v has no values that could be copied there", out.path.last()))
	}
	_, out.toVR, err = changeable(a.To, false)
	c.fail("to", err)
}

func (c *compiler) replace(a *Action, out *action) {
	var err error
	if out.path, out.vr, err = changeable(a.Attribute, false); err != nil {
		c.fail("replace", err)
	}
	if (a.Regex == "") == (len(a.Table) == 0) {
		c.fail("regex", errors.New("either regex or table is needed"))
	}
	if a.Regex != "" {
		out.regex, err = regexp.Compile(a.Regex)
		c.fail("regex", err)
	} else if a.With != "" {
		c.fail("with", errors.New("goes with regex"))
	}
	if err == nil {
		for _, v := range a.Table {
			c.fail("table", fits(out.vr, v))
		}
	}
}

// match compiles conditions.
func (c *compiler) match(m *Match) match {
	out := match{facility: m.Facility, modality: m.Modality}
	for _, p := range m.CallingAE {
		re, err := wildcard(p)
		c.fail("match.calling_ae", err)
		out.calling = append(out.calling, re)
	}
	for _, u := range m.SOPClass {
		if !dicom.UID(u).Valid() {
			c.fail("match.sop_class", fmt.Errorf("%q is not a UID", u))
		}
		out.class = append(out.class, dicom.UID(u))
	}
	paths := make([]string, 0, len(m.Attributes))
	for p := range m.Attributes {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	for _, p := range paths {
		at, err := ParsePath(p)
		c.fail("match.attributes", err)
		re, err := anchored(m.Attributes[p])
		c.fail("match.attributes", err)
		if at != nil && re != nil {
			out.attributes = append(out.attributes, attributeMatch{at, re})
		}
	}
	return out
}
