package coerce

import (
	"context"
	"slices"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Lookup tells what is known elsewhere. A set it gives holds attributes in UTF-8; nil is
// "not known". An error means that it could not be found out, and nothing is changed.
type Lookup interface {
	// Patient finds a patient; issuer (0010,0021) may be empty.
	Patient(ctx context.Context, facility, id, issuer string) (*dataset.Set, error)
	// Order finds the imaging service request with that accession number.
	Order(ctx context.Context, facility, accession string) (*dataset.Set, error)
}

// About is what rules may know of an object beside its attributes.
type About struct {
	Facility  string
	CallingAE string    // who sent it
	System    string    // who changes it: Modifying System (0400,0563)
	Now       time.Time // Attribute Modification DateTime (0400,0562)
	Lookup    Lookup    // nil: nothing is known
}

// Apply carries the rules out that match, one after the other, and tells which
// top-level attributes were changed, ascending; none: the data set is as it was. What they were before is
// added to Original Attributes Sequence, one item for each rule that changed something. After an
// error the data set is not to be used.
func (r *Rules) Apply(ctx context.Context, s *dataset.Set, about About) ([]dicom.Tag, error) {
	var changed []dicom.Tag
	for i := range r.rules {
		rule := &r.rules[i]
		if !rule.match.holds(s, &about) {
			continue
		}
		c := change{ctx: ctx, set: s, about: &about}
		for j := range rule.actions {
			if err := c.act(&rule.actions[j]); err != nil {
				return nil, err
			}
		}
		before := c.different()
		if len(before.Elements) == 0 {
			continue
		}
		for k := range before.Elements {
			changed = append(changed, before.Elements[k].Tag)
		}
		note(s, before, rule, &about)
	}
	slices.Sort(changed)
	return slices.Compact(changed), nil
}

// change is one rule at work on one object.
type change struct {
	ctx    context.Context
	set    *dataset.Set
	about  *About
	before dataset.Set        // top-level elements before the rule touched them
	absent map[dicom.Tag]bool // of before: those that were not there
}

// save remembers a top-level element before it is touched.
func (c *change) save(t dicom.Tag) {
	if c.before.Get(t) != nil {
		return
	}
	if e := c.set.Get(t); e != nil {
		c.before.Put(clone(e))
		return
	}
	if c.absent == nil {
		c.absent = map[dicom.Tag]bool{}
	}
	c.absent[t] = true
	c.before.Put(dataset.Element{Tag: t, VR: dicom.VROf(t)})
}

// different gives the elements that are now other than they were; those that were absent without value.
func (c *change) different() *dataset.Set {
	out := &dataset.Set{}
	for i := range c.before.Elements {
		e := &c.before.Elements[i]
		now := c.set.Get(e.Tag)
		if c.absent[e.Tag] {
			if now != nil {
				out.Put(*e)
			}
		} else if now == nil || !equal(e, now) {
			out.Put(*e)
		}
	}
	return out
}

func (c *change) act(a *action) error {
	switch a.kind {
	case Copy:
		return c.copy(a)
	case Remove:
		for _, in := range a.path.sets(c.set) {
			if in.Get(a.path.last()) != nil {
				c.save(a.path[0].Tag)
				in.Delete(a.path.last())
			}
		}
		return nil
	case Replace:
		return c.replace(a)
	}
	values := a.value
	if a.from != "" {
		known, err := c.lookup(a)
		if err != nil || known == nil {
			return err
		}
		values = known
	}
	return c.put(a.path, a.vr, values)
}

// put sets the attribute wherever its path leads.
func (c *change) put(p Path, vr dicom.VR, values []string) error {
	in := p.sets(c.set)
	if len(in) == 0 {
		return nil
	}
	c.save(p[0].Tag)
	c.widen(values)
	for _, s := range in {
		if err := put(s, p.last(), vr, values); err != nil {
			return err
		}
	}
	return nil
}

// widen turns the data set into UTF-8 if values need it.
func (c *change) widen(values []string) {
	const utf8 = "ISO_IR 192"
	if isASCII(values) || c.set.String(tag.SpecificCharacterSet) == utf8 {
		return
	}
	before := &dataset.Set{Elements: c.before.Elements}
	if e := c.set.Get(tag.SpecificCharacterSet); e != nil {
		before.Put(clone(e))
	}
	before.DecodeUTF8()
	before.Delete(tag.SpecificCharacterSet)
	c.before = *before
	c.set.DecodeUTF8()
	c.set.PutString(tag.SpecificCharacterSet, dicom.CS, utf8)
}

func (c *change) lookup(a *action) ([]string, error) {
	if c.about.Lookup == nil {
		return nil, nil
	}
	var known *dataset.Set
	var err error
	switch id, accession := c.set.String(tag.PatientID), c.set.String(tag.AccessionNumber); {
	case a.from == Patient && id != "":
		known, err = c.about.Lookup.Patient(c.ctx, c.about.Facility, id, c.set.String(tag.IssuerOfPatientID))
	case a.from == Order && accession != "":
		known, err = c.about.Lookup.Order(c.ctx, c.about.Facility, accession)
	}
	if err != nil || known == nil {
		return nil, err
	}
	return known.Strings(a.of), nil
}

func (c *change) copy(a *action) error {
	if a.toVR == dicom.SQ {
		return c.copySequence(a)
	}
	values := a.path.values(c.set)
	if len(values) == 0 {
		return nil
	}
	return c.put(a.to, a.toVR, values)
}

// copySequence copies the first sequence that the path leads to.
func (c *change) copySequence(a *action) error {
	for _, from := range a.path.sets(c.set) {
		e := from.Get(a.path.last())
		if e == nil {
			continue
		}
		copied := clone(e)
		copied.Tag = a.to.last()
		for _, in := range a.to.sets(c.set) {
			c.save(a.to[0].Tag)
			in.Put(clone(&copied))
		}
		return nil
	}
	return nil
}

func (c *change) replace(a *action) error {
	for _, in := range a.path.sets(c.set) {
		old := in.Strings(a.path.last())
		values := make([]string, len(old))
		for i, v := range old {
			values[i] = a.replaced(v)
		}
		if len(old) == 0 || slices.Equal(old, values) {
			continue
		}
		c.save(a.path[0].Tag)
		c.widen(values)
		if err := put(in, a.path.last(), a.vr, values); err != nil {
			return err
		}
	}
	return nil
}

func (a *action) replaced(v string) string {
	if a.regex != nil {
		return a.regex.ReplaceAllString(v, a.with)
	}
	if to, ok := a.table[v]; ok {
		return to
	}
	return v
}
