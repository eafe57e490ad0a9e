package lab

import "github.com/halong-gateway/halong"

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

// useOf gathers what complete versions say.
func useOf(versions []Version) *Use {
	u := &Use{}
	codes, numbers := map[codeKey]int{}, map[NumberUse]struct{}{}
	for i := range versions {
		v := &versions[i]
		all := v.report.Numbers()
		for _, s := range all.All() {
			n := NumberUse{v.Facility, s, v.First}
			if _, there := numbers[n]; !there {
				numbers[n] = struct{}{}
				u.Numbers = append(u.Numbers, n)
			}
		}
		for o := range v.report.Each() {
			c := CodeUse{Facility: v.Facility, Sender: v.report.Sender, Code: o.Code, Alternate: o.Alternate}
			if o.Units != nil {
				c.Unit = *o.Units
			}
			at, there := codes[c.key()]
			if !there {
				at = len(u.Codes)
				codes[c.key()] = at
				u.Codes = append(u.Codes, c)
			}
			u.Codes[at].Count++
			u.Codes[at].Last = max(u.Codes[at].Last, v.ID)
		}
	}
	return u
}

func (c *CodeUse) key() codeKey {
	k := codeKey{facility: c.Facility, sender: c.Sender, code: c.Code, unit: c.Unit}
	if c.Alternate != nil {
		k.alt, k.alternate = *c.Alternate, true
	}
	return k
}
