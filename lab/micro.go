package lab

import (
	"slices"
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// parentOf reads OBR-26 (PRL: code, sub-ID, value) and OBR-29 (EIP: placer and filler order number); nil if both are empty.
func parentOf(result, order hl7v2.Value) *Parent {
	if result.Empty() && order.Empty() {
		return nil
	}
	id := result.Component(1)
	p := &Parent{
		Code: Coded{Code: text(id.Sub(1)), Text: text(id.Sub(2)), System: text(id.Sub(3))},
		Sub:  text(result.Component(2).Sub(1)), Text: text(result.Component(3)),
		Placer: subOrder(order.Component(1)), Filler: subOrder(order.Component(2)),
	}
	if *p == (Parent{}) {
		return nil
	}
	return p
}

// subOrder reads an order number whose parts are subcomponents.
func subOrder(v hl7v2.Value) *Order {
	if id := text(v.Sub(1)); id != "" {
		return &Order{ID: id, Namespace: text(v.Sub(2))}
	}
	return nil
}

// Isolate is an organism that was found, with its susceptibilities.
type Isolate struct {
	Report           ID               `json:"report"` // that names the organism
	Code             Coded            `json:"code"`   // OBX-3 of it
	Sub              string           `json:"subId,omitempty"`
	Organism         Coded            `json:"organism"`
	Status           Status           `json:"status"`
	Susceptibilities []Susceptibility `json:"susceptibilities"`
}

// Susceptibility is how an organism reacts to one drug.
type Susceptibility struct {
	Report ID     `json:"report"` // that it is in: the same, or a child
	Drug   Coded  `json:"drug"`   // OBX-3
	Sub    string `json:"subId,omitempty"`
	Result string `json:"result,omitempty"` // S, I, R … of OBX-8, else of OBX-5
	Value  *Value `json:"value,omitempty"`  // the measured concentration or zone
	Units  *Coded `json:"units,omitempty"`
	Status Status `json:"status"`
}

// Related is a report's place among the others of its patient.
type Related struct {
	Parent   ID        `json:"parentReport,omitzero"`
	Children []ID      `json:"childReports,omitempty"`
	Isolates []Isolate `json:"isolates,omitempty"`
}

// Relate finds out which of a patient's reports belong to which others (OBR-26, OBR-29), and builds the trees of
// microbiology: organisms, with what they are susceptible to, in the same report (sub-IDs) or in a child.
func Relate(reports []Shown) {
	for i := range reports {
		c := &reports[i]
		if c.Report.Parent == nil {
			continue
		}
		if p := parentReport(reports, c); p != nil {
			c.related().Parent = p.ID
			p.related().Children = append(p.related().Children, c.ID)
		}
	}
	for i := range reports {
		r := &reports[i]
		if isolates := isolatesOf(r, reports); len(isolates) > 0 {
			r.related().Isolates = isolates
		}
		if r.Related != nil {
			slices.Sort(r.Related.Children)
		}
	}
}

func (s *Shown) related() *Related {
	if s.Related == nil {
		s.Related = &Related{}
	}
	return s.Related
}

// parentReport finds the report that c is about: by order number, else by what c shares with it (filler, placer, accession, specimen);
// and it has to have the result that OBR-26 names.
func parentReport(reports []Shown, c *Shown) *Shown {
	for i := range reports {
		p := &reports[i]
		if p.ID == c.ID || p.Facility != c.Facility || !c.Report.Parent.isOf(p, c) {
			continue
		}
		if c.Report.Parent.Code == (Coded{}) && c.Report.Parent.Sub == "" || c.Report.Parent.result(p) != nil {
			return p
		}
	}
	return nil
}

func (p *Parent) isOf(r, child *Shown) bool {
	if p.Filler != nil || p.Placer != nil {
		same, known := compareOrders(p.Filler, r.Filler)
		if !known {
			same, known = compareOrders(p.Placer, r.Placer)
		}
		if !known { // senders that write the only number they have in the other place
			same, _ = compareOrders(p.Placer, r.Filler)
		}
		return same
	}
	if same, known := compareOrders(child.Filler, r.Filler); known && same {
		return true
	}
	if same, known := compareOrders(child.Placer, r.Placer); known && same {
		return true
	}
	return child.Accession != "" && child.Accession == r.Accession ||
		child.Specimen != nil && r.Specimen != nil && child.Specimen.ID != "" && child.Specimen.ID == r.Specimen.ID
}

func compareOrders(a, b *Order) (same, known bool) { return compare(a.key(), b.key()) }

// result finds the observation that the parent names.
func (p *Parent) result(r *Shown) *Observation {
	for i := range r.Observations {
		o := &r.Observations[i]
		if p.Sub != "" && o.Sub != p.Sub {
			continue
		}
		if p.Code.Code == "" || o.Code.Code == p.Code.Code || o.Alternate != nil && o.Alternate.Code == p.Code.Code {
			return o
		}
	}
	return nil
}

// isolatesOf gives the organisms of a report that have susceptibilities.
func isolatesOf(r *Shown, reports []Shown) (all []Isolate) {
	for i := range r.Observations {
		o := &r.Observations[i]
		if o.susceptibility() != "" || len(o.Values) == 0 || o.Values[0].Coded == nil && o.Values[0].Text == "" {
			continue
		}
		iso := Isolate{Report: r.ID, Code: o.Code, Sub: o.Sub, Status: o.Status, Organism: Coded{Text: o.Values[0].Text}}
		if c := o.Values[0].Coded; c != nil {
			iso.Organism = *c
		}
		iso.own(r, o)
		if r.Related != nil {
			iso.fromChildren(r, o, reports)
		}
		if len(iso.Susceptibilities) > 0 {
			all = append(all, iso)
		}
	}
	return all
}

// own adds susceptibilities of the same report, whose sub-IDs are the organism's or begin with it.
func (iso *Isolate) own(r *Shown, organism *Observation) {
	if organism.Sub == "" || organism.Values[0].Coded == nil {
		return
	}
	for i := range r.Observations {
		o := &r.Observations[i]
		rest, below := strings.CutPrefix(o.Sub, organism.Sub)
		if below && (rest == "" || rest[0] == '.' || rest[0] == '-' || rest[0] == '&') && o.susceptibility() != "" {
			iso.add(r.ID, o)
		}
	}
}

func (iso *Isolate) fromChildren(r *Shown, organism *Observation, reports []Shown) {
	for i := range reports {
		c := &reports[i]
		if c.Related == nil || c.Related.Parent != r.ID || c.Report.Parent == nil || c.Report.Parent.result(r) != organism {
			continue
		}
		for k := range c.Observations {
			iso.add(c.ID, &c.Observations[k])
		}
	}
}

func (iso *Isolate) add(report ID, o *Observation) {
	s := Susceptibility{Report: report, Drug: o.Code, Sub: o.Sub, Result: o.susceptibility(), Units: o.Units, Status: o.Status}
	if len(o.Values) > 0 {
		s.Value = &o.Values[0]
	}
	iso.Susceptibilities = append(iso.Susceptibilities, s)
}

// susceptibility gives S, I, R and the like, from the flags, else from the value; empty if the observation tells none.
func (o *Observation) susceptibility() string {
	for _, f := range o.Flags {
		if s := flagOf(f).Susceptibility; s != "" {
			return s
		}
	}
	if len(o.Values) != 1 {
		return ""
	}
	v := o.Values[0].Text
	if c := o.Values[0].Coded; c != nil {
		v = c.Code
	}
	if len(v) <= 5 {
		return flagOf(v).Susceptibility
	}
	return ""
}
