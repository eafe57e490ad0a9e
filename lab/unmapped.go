package lab

import (
	"cmp"
	"encoding/csv"
	"io"
	"slices"
	"strconv"

	"github.com/halong-gateway/halong"
)

// Unmapped is a code without a LOINC code, or a unit without UCUM.
type Unmapped struct {
	Facility halong.Facility `json:"facility"`
	Sender   string          `json:"sender"`
	Code     Coded           `json:"code,omitzero"`
	Unit     *Coded          `json:"unit,omitempty"`
	Count    int64           `json:"count"` // observations, of all versions
	Last     ID              `json:"last"`  // the latest version
}

// Unmapped gives what the maps lack of the codes and units that are used, the most frequent first.
func (ms Maps) Unmapped(used []CodeUse) (codes, units []Unmapped) {
	type key struct {
		f      halong.Facility
		sender string
		c      Coded
	}
	byCode, byUnit := map[key]*Unmapped{}, map[key]*Unmapped{}
	add := func(to map[key]*Unmapped, k key, u *CodeUse) *Unmapped {
		x := to[k]
		if x == nil {
			x = &Unmapped{Facility: u.Facility, Sender: u.Sender}
			to[k] = x
		}
		x.Count += u.Count
		x.Last = max(x.Last, u.Last)
		return x
	}
	for i := range used {
		u := &used[i]
		if u.Code != (Coded{}) && ms.Code(u.Facility, u.Sender, u.Code, u.Alternate) == nil {
			add(byCode, key{u.Facility, u.Sender, u.Code}, u).Code = u.Code
		}
		if u.Unit != (Coded{}) && ms.Unit(u.Facility, u.Sender, u.Code, u.Unit) == nil {
			unit := u.Unit
			add(byUnit, key{u.Facility, u.Sender, u.Unit}, u).Unit = &unit
		}
	}
	sorted := func(m map[key]*Unmapped) []Unmapped {
		all := make([]Unmapped, 0, len(m))
		for _, x := range m {
			all = append(all, *x)
		}
		slices.SortFunc(all, func(a, b Unmapped) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Facility, b.Facility), cmp.Compare(a.Sender, b.Sender),
				cmp.Compare(a.Code.Code, b.Code.Code), cmp.Compare(a.Code.System, b.Code.System), cmp.Compare(a.Code.Text, b.Code.Text),
				cmp.Compare(unitName(a.Unit), unitName(b.Unit)))
		})
		return all
	}
	return sorted(byCode), sorted(byUnit)
}

func unitName(u *Coded) string {
	if u == nil {
		return ""
	}
	return u.Code + "\x1f" + u.Text + "\x1f" + u.System
}

// WriteUnmapped writes what is unmapped as a map to be filled in: the columns loinc and ucum are empty.
func WriteUnmapped(w io.Writer, codes, units []Unmapped) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"facility", "sender", "system", "code", "text", "unit", "loinc", "display", "ucum", "note"}}
	for _, u := range codes {
		rows = append(rows, []string{string(u.Facility), u.Sender, u.Code.System, u.Code.Code, u.Code.Text, "", "", "", "", strconv.FormatInt(u.Count, 10)})
	}
	for _, u := range units {
		name := u.Unit.Code
		if name == "" {
			name = u.Unit.Text
		}
		rows = append(rows, []string{string(u.Facility), u.Sender, "", "", "", name, "", "", "", strconv.FormatInt(u.Count, 10)})
	}
	return c.WriteAll(rows)
}
