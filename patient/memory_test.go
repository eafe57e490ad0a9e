package patient

import (
	"fmt"
	"slices"

	"github.com/halong-gateway/halong"
)

// memory is a Store in memory.
type memory struct {
	all     []*Patient // by Key, from 1
	links   map[[2]int64]bool
	changes []Change
	asked   []string // identifiers whose studies were looked at anew
}

func newMemory() *memory { return &memory{links: map[[2]int64]bool{}} }

func (m *memory) lookup(id Identity) *Patient {
	for _, p := range m.all {
		if i, _ := p.Identity(); i == id {
			return p
		}
	}
	return nil
}

func (m *memory) AddPatient(_ halong.Tx, p *Patient) (bool, error) {
	if id, _ := p.Identity(); m.lookup(id) != nil {
		return false, nil
	}
	p.Key = int64(len(m.all) + 1)
	stored := *p
	m.all = append(m.all, &stored)
	return true, nil
}

func (m *memory) LookupPatient(_ halong.Tx, id Identity) (*Patient, error) {
	stored := m.lookup(id)
	if stored == nil {
		return nil, halong.E("memory", halong.NotExist, "", nil)
	}
	return copyOf(stored), nil
}

func copyOf(p *Patient) *Patient {
	out := *p
	out.Identifiers = slices.Clone(p.Identifiers)
	return &out
}

func (m *memory) Patient(_ halong.Tx, key int64) (*Patient, error) {
	if key < 1 || key > int64(len(m.all)) {
		return nil, halong.E("memory", halong.NotExist, "", fmt.Errorf("key %d", key))
	}
	return copyOf(m.all[key-1]), nil
}

func (m *memory) UpdatePatient(_ halong.Tx, p *Patient) error {
	m.all[p.Key-1] = copyOf(p)
	return nil
}

func (m *memory) MergedInto(_ halong.Tx, key int64, limit int) (out []Retired, _ error) {
	next := []Retired{{&Patient{Key: key}, 0}}
	for ; len(next) > 0 && len(out) < limit; next = next[1:] {
		for _, p := range m.all {
			if p.Survivor == next[0].Key {
				next = append(next, Retired{copyOf(p), next[0].Depth + 1})
			}
		}
		if next[0].Depth > 0 && len(out) < limit {
			out = append(out, next[0])
		}
	}
	return out, nil
}

func (m *memory) LinkPatients(_ halong.Tx, a, b int64) (bool, error) {
	was := m.links[[2]int64{a, b}]
	m.links[[2]int64{a, b}], m.links[[2]int64{b, a}] = true, true
	return !was, nil
}

func (m *memory) UnlinkPatients(_ halong.Tx, some, others []int64) (changed bool, err error) {
	for _, a := range some {
		for _, b := range others {
			changed = changed || m.links[[2]int64{a, b}]
			delete(m.links, [2]int64{a, b})
			delete(m.links, [2]int64{b, a})
		}
	}
	return changed, nil
}

func (m *memory) AddChange(_ halong.Tx, c *Change) error {
	c.ID = int64(len(m.changes) + 1)
	m.changes = append(m.changes, *c)
	return nil
}

func (*memory) Deferred(halong.Tx) bool { return false }

func (*memory) Settled(halong.Tx) error { return nil }

func (*memory) Pending() bool { return false }

func (*memory) ReidentifyMore(halong.Tx) error { return nil }

func (m *memory) Reidentify(_ halong.Tx, _ halong.Facility, id string) error {
	m.asked = append(m.asked, id)
	return nil
}
