package disktest

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
)

// Loss says what a power cut does to a change that was not synced.
type Loss int

// The losses.
const (
	LoseAll    Loss = iota // nothing that was not synced is there
	LoseNone               // everything is there (the process was killed, the system went on)
	LoseRandom             // each change is there or not, and writes may be torn
)

// Crash gives the file system as a power cut after the first n changes leaves
// it. What was synced is there. A file's sync says nothing of its folder's entry, a rename is
// there as a whole or not, and writes reach the disk in any order.
func (s *Sim) Crash(n int, loss Loss, rng *rand.Rand) *Sim {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &crash{loss: loss, rng: rng, entries: map[string]*node{"/": {dir: true}}, data: map[*node][]byte{}}
	for _, ch := range s.log[:n] {
		c.add(ch)
	}
	c.cut()
	return c.build()
}

// crash is the durable state while the log is read.
type crash struct {
	loss    Loss
	rng     *rand.Rand
	entries map[string]*node // durable names
	data    map[*node][]byte // durable contents
	pending []change
}

func (c *crash) add(ch change) {
	switch ch.kind {
	case Sync:
		c.settle(func(p change) bool { return p.node == ch.node && (p.kind == Write || p.kind == Truncate) })
	case SyncDir:
		c.settle(func(p change) bool {
			return p.kind != Write && p.kind != Truncate &&
				(filepath.Dir(p.name) == ch.name || p.to != "" && filepath.Dir(p.to) == ch.name)
		})
	default:
		c.pending = append(c.pending, ch)
	}
}

// settle makes the pending changes that match durable, in their order.
func (c *crash) settle(match func(change) bool) {
	rest := c.pending[:0:0]
	for _, p := range c.pending {
		if match(p) {
			c.apply(p)
			continue
		}
		rest = append(rest, p)
	}
	c.pending = rest
}

func (c *crash) apply(p change) {
	switch p.kind {
	case Write, Truncate:
		c.data[p.node] = applyTo(c.data[p.node], p)
	case Create, Mkdir:
		c.entries[p.name] = p.node
	case Remove:
		if c.entries[p.name] == p.node {
			delete(c.entries, p.name)
		}
	case Rename:
		if c.entries[p.name] == p.node {
			delete(c.entries, p.name)
		}
		c.entries[p.to] = p.node
	}
}

// cut decides what becomes of the changes that were not synced.
func (c *crash) cut() {
	for _, p := range c.pending {
		switch {
		case c.loss == LoseAll:
			continue
		case c.loss == LoseNone:
		case c.rng.IntN(2) == 0:
			continue
		case p.kind == Write && c.rng.IntN(3) == 0:
			p.data = p.data[:c.rng.IntN(len(p.data)/512+1)*512]
		}
		c.apply(p)
	}
}

// build makes a file system of what can be reached from the root.
func (c *crash) build() *Sim {
	s := NewSim()
	names := make([]string, 0, len(c.entries))
	for name := range c.entries {
		names = append(names, name)
	}
	slices.Sort(names)
	copies := map[*node]*node{}
	for _, name := range names {
		n := c.entries[name]
		if name != "/" && s.nodes[filepath.Dir(name)] == nil {
			continue
		}
		if copies[n] == nil {
			copies[n] = &node{dir: n.dir, data: slices.Clone(c.data[n])}
			s.used += int64(len(c.data[n]))
		}
		s.nodes[name] = copies[n]
		s.remember(name, copies[n])
	}
	return s
}

// remember puts what was found after the cut into the new log as durable, so
// that another cut can follow.
func (s *Sim) remember(name string, n *node) {
	if name == "/" {
		return
	}
	kind := Create
	if n.dir {
		kind = Mkdir
	}
	s.log = append(s.log, change{kind: kind, node: n, name: name}, change{kind: SyncDir, name: filepath.Dir(name)})
	if len(n.data) > 0 {
		s.log = append(s.log, change{kind: Write, node: n, name: name, data: slices.Clone(n.data)}, change{kind: Sync, node: n})
	}
}
