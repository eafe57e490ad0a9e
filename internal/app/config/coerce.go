package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/coerce"
)

// Coercion is a line of coerce: rules with a name.
type Coercion struct {
	Name    string       `yaml:"name"`
	Receive bool         `yaml:"receive"` // they are for every object that arrives
	Rules   []CoerceRule `yaml:"rules"`
}

// CoerceRule is what is done to the objects that match.
type CoerceRule struct {
	Match   CoerceMatch    `yaml:"match"`
	Reason  string         `yaml:"reason"` // COERCE | CORRECT
	Source  string         `yaml:"source"` // Source of Previous Values; the calling AE title when empty
	Actions []CoerceAction `yaml:"actions"`
}

// CoerceMatch says which objects a rule is for; every condition given must hold.
type CoerceMatch struct {
	Facility   Texts `yaml:"facility"`
	CallingAE  Texts `yaml:"calling_ae"` // * stands for any characters
	Modality   Texts `yaml:"modality"`
	SOPClass   Texts `yaml:"sop_class"`
	Attributes Table `yaml:"attributes"` // attribute: regular expression for a whole value
}

// CoerceAction is one change: one of set, copy, remove and replace, with the attribute, and what belongs to it.
type CoerceAction struct {
	Set     string `yaml:"set"`
	Copy    string `yaml:"copy"`
	Remove  string `yaml:"remove"`
	Replace string `yaml:"replace"`
	Value   Texts  `yaml:"value"` // of set
	From    string `yaml:"from"`  // of set: patient | order
	Of      string `yaml:"of"`    // of set with from: the attribute looked up, if it is another
	To      string `yaml:"to"`    // of copy
	Regex   string `yaml:"regex"` // of replace
	With    string `yaml:"with"`  // of replace with regex
	Table   Table  `yaml:"table"` // of replace
}

// Texts is a text or a list of texts, as they stand in the file: 0012 is not a number.
type Texts []string

// UnmarshalYAML reads one text or several.
func (t *Texts) UnmarshalYAML(n ast.Node) error {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		v, err := textOf(n)
		*t = Texts{v}
		return err
	}
	*t = Texts{}
	for _, v := range list.Values {
		s, err := textOf(v)
		if err != nil {
			return err
		}
		*t = append(*t, s)
	}
	return nil
}

// Table is a mapping of texts to texts, as they stand in the file.
type Table map[string]string

// UnmarshalYAML reads the mapping.
func (t *Table) UnmarshalYAML(n ast.Node) error {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return notText(n, "a mapping")
	}
	*t = Table{}
	for _, v := range values {
		key, err := textOf(v.Key)
		if err != nil {
			return err
		}
		if (*t)[key], err = textOf(v.Value); err != nil {
			return err
		}
	}
	return nil
}

// textOf gives a plain value as it was written.
func textOf(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	}
	return "", notText(n, "a text")
}

func notText(n ast.Node, want string) error {
	at := n.GetToken().Position
	return fmt.Errorf("[%d:%d] %s: %s is needed here", at.Line, at.Column, strings.TrimPrefix(n.GetPath(), "$."), want)
}

// Coercions compiles the rules of coerce, by name.
func (c *Config) Coercions() (map[string]*coerce.Rules, error) {
	out := make(map[string]*coerce.Rules, len(c.Coerce))
	var errs []error
	for i := range c.Coerce {
		set, key := &c.Coerce[i], fmt.Sprintf("coerce[%d]", i)
		switch _, twice := out[set.Name]; {
		case set.Name == "":
			errs = append(errs, wrong(key+".name", "a name is needed"))
		case twice:
			errs = append(errs, wrong(key+".name", "%q is there twice", set.Name))
		}
		rules, err := set.compile(key)
		errs = append(errs, err)
		out[set.Name] = rules
	}
	return out, errors.Join(errs...)
}

func (set *Coercion) compile(key string) (*coerce.Rules, error) {
	var errs []error
	rules := make([]coerce.Rule, len(set.Rules))
	for i := range set.Rules {
		r := &set.Rules[i]
		m := &r.Match
		rules[i] = coerce.Rule{
			Match:  coerce.Match{Facility: m.Facility, CallingAE: m.CallingAE, Modality: m.Modality, SOPClass: m.SOPClass, Attributes: m.Attributes},
			Reason: coerce.Reason(r.Reason), Source: r.Source,
		}
		for j, f := range m.Facility {
			if err := ValidFacility(halong.Facility(f)); err != nil {
				errs = append(errs, wrong(fmt.Sprintf("%s.rules[%d].match.facility[%d]", key, i, j), "%w", err))
			}
		}
		for j := range r.Actions {
			a, err := r.Actions[j].action()
			if err != nil {
				errs = append(errs, wrong(fmt.Sprintf("%s.rules[%d].actions[%d]", key, i, j), "%w", err))
			}
			rules[i].Actions = append(rules[i].Actions, a)
		}
	}
	if len(rules) == 0 {
		errs = append(errs, wrong(key+".rules", "there are none"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	compiled, err := coerce.Compile(rules)
	return compiled, ruleFaults(key, err)
}

// ruleFaults tells where in the file the faults of rules are.
func ruleFaults(key string, err error) error {
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var errs []error
	for _, e := range many.Unwrap() {
		var r *coerce.RuleError
		if !errors.As(e, &r) {
			errs = append(errs, e)
			continue
		}
		at := fmt.Sprintf("%s.rules[%d]", key, r.Rule)
		if r.Action >= 0 {
			at += fmt.Sprintf(".actions[%d]", r.Action)
		}
		errs = append(errs, wrong(at+"."+r.Field, "%w", r.Err))
	}
	return errors.Join(errs...)
}

// action finds out what kind of action it is.
func (a *CoerceAction) action() (coerce.Action, error) {
	out := coerce.Action{Value: a.Value, From: coerce.From(a.From), Of: a.Of, To: a.To, Regex: a.Regex, With: a.With, Table: a.Table}
	n := 0
	for _, k := range []struct {
		kind      coerce.Kind
		attribute string
	}{{coerce.Set, a.Set}, {coerce.Copy, a.Copy}, {coerce.Remove, a.Remove}, {coerce.Replace, a.Replace}} {
		if k.attribute != "" {
			out.Kind, out.Attribute = k.kind, k.attribute
			n++
		}
	}
	if n != 1 {
		return out, errors.New("one of set, copy, remove and replace is needed, with an attribute")
	}
	return out, nil
}

// checkCoerce checks the rules, and that what is sent names rules that can be applied then.
func (c *Config) checkCoerce() error {
	rules, err := c.Coercions()
	errs := []error{err}
	use := func(key string, names []string) {
		for i, name := range names {
			r, ok := rules[name]
			switch {
			case !ok:
				errs = append(errs, wrong(fmt.Sprintf("%s[%d]", key, i), "%q is not the name of one of coerce", name))
			case r != nil && r.NeedsSender():
				errs = append(errs, wrong(fmt.Sprintf("%s[%d]", key, i), "the rules %q ask for facility, calling_ae or what is known of patient or order: of an object on its way out that is not known", name))
			}
		}
	}
	project := func(key, name string) {
		if name != "" && !slices.ContainsFunc(c.Deidentify, func(p Project) bool { return p.Project == name }) {
			errs = append(errs, wrong(key, "%q is not the name of one of deidentify", name))
		}
	}
	for i := range c.DICOM.Destinations {
		key := fmt.Sprintf("dicom.destinations[%d].", i)
		use(key+"coerce", c.DICOM.Destinations[i].Coerce)
		project(key+"deidentify", c.DICOM.Destinations[i].Deidentify)
	}
	for i := range c.Forward.Destinations {
		key := fmt.Sprintf("forward.destinations[%d].", i)
		use(key+"coerce", c.Forward.Destinations[i].Coerce)
		project(key+"deidentify", c.Forward.Destinations[i].Deidentify)
	}
	return errors.Join(append(errs, c.checkDeidentify())...)
}
