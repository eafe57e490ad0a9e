package lab

import (
	"context"

	"github.com/halong-gateway/halong"
)

// useGroup is how many versions are indexed at a time.
const useGroup = 500

// Use is what versions say that is found out after the fact.
type Use struct {
	Codes   []CodeUse
	Numbers []NumberUse
}

// CodeUse tells how often a sender used a code with a unit.
type CodeUse struct {
	Facility  halong.Facility
	Sender    string
	Code      Coded
	Alternate *Coded
	Unit      Coded
	Count     int64 // observations, of all versions
	Last      ID    // the latest version
}

// NumberUse tells that a report bears a number of an order or a specimen.
type NumberUse struct {
	Facility halong.Facility
	Number   string
	Report   ID
}

// codeKey tells uses of codes apart.
type codeKey struct {
	facility        halong.Facility
	sender          string
	code, alt, unit Coded
	alternate       bool
}

// use gathers what versions say.
type use struct {
	Use
	codes   map[codeKey]int // in Codes
	numbers map[NumberUse]struct{}
}

// useOf gathers what versions say. Of their messages, which may be large, it holds one at a time.
func (l Library) useOf(ctx context.Context, versions []Version) (*Use, error) {
	u := use{codes: map[codeKey]int{}, numbers: map[NumberUse]struct{}{}}
	c := completion{Library: l}
	for i := range versions {
		if err := c.complete(ctx, versions[i:i+1]); err != nil {
			return nil, err
		}
		u.add(&versions[i])
		versions[i].report = nil
	}
	return &u.Use, nil
}

func (u *use) add(v *Version) {
	all := v.report.Numbers()
	for _, s := range all.All() {
		n := NumberUse{v.Facility, s, v.First}
		if _, there := u.numbers[n]; !there {
			u.numbers[n] = struct{}{}
			u.Numbers = append(u.Numbers, n)
		}
	}
	for o := range v.report.Each() {
		c := CodeUse{Facility: v.Facility, Sender: v.report.Sender, Code: o.Code, Alternate: o.Alternate}
		if o.Units != nil {
			c.Unit = *o.Units
		}
		at, there := u.codes[c.key()]
		if !there {
			at = len(u.Codes)
			u.codes[c.key()] = at
			u.Codes = append(u.Codes, c)
		}
		u.Codes[at].Count++
		u.Codes[at].Last = max(u.Codes[at].Last, v.ID)
	}
}

func (c *CodeUse) key() codeKey {
	k := codeKey{facility: c.Facility, sender: c.Sender, code: c.Code, unit: c.Unit}
	if c.Alternate != nil {
		k.alt, k.alternate = *c.Alternate, true
	}
	return k
}
