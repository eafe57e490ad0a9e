package config

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"

	"github.com/halong-gateway/halong/hl7v2/transform"
)

// Transform is rules with a name, here or in a file.
type Transform struct {
	Name          string `yaml:"name"`
	File          string `yaml:"file"` // with tables and rules, as halong hl7 try reads it
	TransformFile `yaml:",inline"`
}

// TransformFile is tables, and rules that use them.
type TransformFile struct {
	Tables []TransformTable `yaml:"tables"`
	Rules  []TransformRule  `yaml:"rules"`
}

// TransformTable is what values are looked up in: given here, or the columns of a CSV file (UTF-8) whose first line names them.
type TransformTable struct {
	Name    string `yaml:"name"`
	Values  Table  `yaml:"values"`
	File    string `yaml:"file"`
	Key     string `yaml:"key"`     // column that is looked up
	Value   string `yaml:"value"`   // column that is given
	Else    string `yaml:"else"`    // keep (default) | reject | default: what becomes of a value that is not in it
	Default string `yaml:"default"` // with else: default
}

// TransformRule is what is done to messages that match.
type TransformRule struct {
	Name    string            `yaml:"name"`
	Match   Table             `yaml:"match"`
	Actions []TransformAction `yaml:"actions"`
}

// TransformAction is one change: one of set, copy, map, replace, remove and add, with the place, and what belongs to it.
type TransformAction struct {
	Set     string `yaml:"set"`
	Copy    string `yaml:"copy"`
	Map     string `yaml:"map"`
	Replace string `yaml:"replace"`
	Remove  string `yaml:"remove"`
	Add     string `yaml:"add"`
	Value   Texts  `yaml:"value"` // of set: one
	To      string `yaml:"to"`    // of copy
	Table   string `yaml:"table"` // of map: name of a table
	Regex   string `yaml:"regex"` // of replace
	With    string `yaml:"with"`  // of replace
	After   string `yaml:"after"` // of add: the last segment of that name
}

// LoadTransform reads a file of tables and rules.
func LoadTransform(path string) ([]transform.Rule, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var f TransformFile
	l, err := decode(b, &f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	rules, err := f.compile("")
	if err != nil {
		l.locate(err)
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rules, nil
}

// TransformRules compiles the rules of routes.transforms, by name.
func (c *Config) TransformRules() (map[string][]transform.Rule, error) {
	out := make(map[string][]transform.Rule, len(c.Routes.Transforms))
	var errs []error
	for i := range c.Routes.Transforms {
		t, key := &c.Routes.Transforms[i], fmt.Sprintf("routes.transforms[%d]", i)
		if _, twice := out[t.Name]; twice || t.Name == "" {
			errs = append(errs, wrong(key+".name", "a name of its own is needed"))
		}
		var err error
		switch {
		case t.File == "":
			out[t.Name], err = t.compile(key + ".")
		case len(t.Tables)+len(t.Rules) > 0:
			err = wrong(key, "either file, or tables and rules")
		default:
			if out[t.Name], err = LoadTransform(t.File); err != nil {
				err = wrong(key+".file", "%w", err)
			}
		}
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

// compile makes the rules; key stands before the names of their keys in errors.
func (f *TransformFile) compile(key string) (rules []transform.Rule, err error) {
	tables := map[string]*transform.Table{}
	for i := range f.Tables {
		t, at := &f.Tables[i], fmt.Sprintf("%stables[%d]", key, i)
		table, terr := t.compile(at)
		if _, twice := tables[t.Name]; twice || t.Name == "" {
			terr = errors.Join(terr, wrong(at+".name", "a name of its own is needed"))
		}
		tables[t.Name], err = table, errors.Join(err, terr)
	}
	if len(f.Rules) == 0 {
		return nil, errors.Join(err, wrong(key+"rules", "there are none"))
	}
	for i := range f.Rules {
		r, at := &f.Rules[i], fmt.Sprintf("%srules[%d]", key, i)
		x := transform.Rule{Name: r.Name}
		if x.Name == "" {
			x.Name = fmt.Sprintf("rule %d", i+1)
		}
		var merr error
		x.Match, merr = matches(at+".match", r.Match)
		err = errors.Join(err, merr)
		if len(r.Actions) == 0 {
			err = errors.Join(err, wrong(at+".actions", "there are none"))
		}
		for j := range r.Actions {
			a, aerr := r.Actions[j].action(tables)
			if aerr != nil {
				err = errors.Join(err, wrong(fmt.Sprintf("%s.actions[%d]", at, j), "%w", aerr))
			}
			x.Actions = append(x.Actions, a)
		}
		rules = append(rules, x)
	}
	return rules, err
}

// matches makes conditions, in the order of their places.
func matches(key string, t Table) (list []transform.Match, err error) {
	places := make([]string, 0, len(t))
	for p := range t {
		places = append(places, p)
	}
	slices.Sort(places)
	for _, p := range places {
		m, merr := transform.NewMatch(p, t[p])
		if merr != nil {
			err = errors.Join(err, wrong(key, "%w", merr))
		}
		list = append(list, m)
	}
	return list, err
}

// action finds out what kind of action it is.
func (a *TransformAction) action(tables map[string]*transform.Table) (out transform.Action, err error) {
	n := 0
	for _, k := range []struct {
		kind  transform.Kind
		where string
	}{
		{transform.Set, a.Set}, {transform.Copy, a.Copy}, {transform.Map, a.Map}, {transform.Replace, a.Replace}, {transform.Remove, a.Remove}, {transform.Add, a.Add},
	} {
		if k.where == "" {
			continue
		}
		n++
		out.Kind = k.kind
		if out.Where, err = transform.ParseWhere(k.where); err != nil {
			return out, fmt.Errorf("%s: %w", k.where, err)
		}
	}
	if n != 1 {
		return out, errors.New("one of set, copy, map, replace, remove and add is needed, with a place")
	}
	if err := a.belongs(out.Kind); err != nil {
		return out, err
	}
	if err := a.fill(&out, tables); err != nil {
		return out, err
	}
	return out, out.Check()
}

// belongs tells, with an error, whether something is given that does not go with the kind of action.
func (a *TransformAction) belongs(kind transform.Kind) error {
	for _, x := range []struct {
		key   string
		given bool
		kind  transform.Kind
	}{
		{"value", a.Value != nil, transform.Set},
		{"to", a.To != "", transform.Copy},
		{"table", a.Table != "", transform.Map},
		{"regex", a.Regex != "", transform.Replace},
		{"with", a.With != "", transform.Replace},
		{"after", a.After != "", transform.Add},
	} {
		if x.given && x.kind != kind {
			return fmt.Errorf("%s goes with %s", x.key, x.kind)
		}
	}
	return nil
}

func (a *TransformAction) fill(out *transform.Action, tables map[string]*transform.Table) (err error) {
	switch out.Kind {
	case transform.Set:
		if len(a.Value) != 1 {
			return errors.New("set needs one value; '' is the empty one")
		}
		out.Value = a.Value[0]
	case transform.Copy:
		if out.To, err = transform.ParseWhere(a.To); err != nil {
			return fmt.Errorf("to %q: %w", a.To, err)
		}
	case transform.Map:
		if out.Table = tables[a.Table]; out.Table == nil {
			return fmt.Errorf("%q is not the name of one of tables", a.Table)
		}
	case transform.Replace:
		out.With = a.With
		if a.Regex == "" {
			return errors.New("replace needs regex")
		}
		if out.Pattern, err = regexp.Compile(a.Regex); err != nil {
			return fmt.Errorf("not a regular expression: %w", err)
		}
	case transform.Add:
		out.After = a.After
	}
	return nil
}

func (t *TransformTable) compile(key string) (*transform.Table, error) {
	out := &transform.Table{Name: t.Name, Values: t.Values, Default: t.Default}
	switch t.Else {
	case "", "keep":
	case "reject":
		out.Else = transform.Reject
	case "default":
		out.Else = transform.Use
	default:
		return out, wrong(key+".else", "%q is none of keep, reject, default", t.Else)
	}
	switch {
	case t.Default != "" && out.Else != transform.Use:
		return out, wrong(key+".default", "goes with else: default")
	case t.File == "" && t.Key+t.Value != "":
		return out, wrong(key, "key and value go with file")
	case t.File == "":
		return out, nil
	case t.Values != nil:
		return out, wrong(key, "either values or file")
	}
	values, err := readTable(t.File, t.Key, t.Value)
	if err != nil {
		return out, wrong(key+".file", "%w", err)
	}
	out.Values = values
	return out, nil
}

// maxTable bounds the lines of a CSV file.
const maxTable = 1_000_000

// readTable reads two columns of a CSV file.
func readTable(path, key, value string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := bufio.NewReader(f)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\ufeff" { // spreadsheets write it
		_, _ = b.Discard(len(mark)) // what was peeked is there
	}
	r := csv.NewReader(b)
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	from, to := slices.Index(head, key), slices.Index(head, value)
	if from < 0 || to < 0 {
		return nil, fmt.Errorf("%s: the first line names no columns %q and %q", path, key, value)
	}
	out := map[string]string{}
	for {
		row, err := r.Read()
		switch {
		case err == io.EOF:
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", path, err)
		case len(out) == maxTable:
			return nil, fmt.Errorf("%s: more than %d lines", path, maxTable)
		}
		line, _ := r.FieldPos(0)
		if old, twice := out[row[from]]; twice && old != row[to] {
			return nil, fmt.Errorf("%s: line %d: %q is there twice, with different values", path, line, row[from])
		}
		out[row[from]] = row[to]
	}
}
