package disktest

import (
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage/disk"
)

// Sim is a file system in memory. It remembers every change and every sync, so
// that Crash can tell what a power cut leaves. The folder "/" is there from the beginning.
type Sim struct {
	mu     sync.Mutex
	nodes  map[string]*node // by path
	log    []change
	locked map[string]bool
	used   int64
	space  int64 // bytes that fit; 0: no limit
}

// node is a file, or a folder (its entries are in Sim.nodes).
type node struct {
	dir  bool
	data []byte
}

// change is one entry of the write log.
type change struct {
	kind Kind
	node *node
	name string
	to   string
	off  int64
	data []byte
}

// NewSim makes an empty file system.
func NewSim() *Sim {
	return &Sim{nodes: map[string]*node{"/": {dir: true}}, locked: map[string]bool{}}
}

// SetSpace limits how many bytes fit in all; 0 lifts the limit.
func (s *Sim) SetSpace(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.space = n
}

// Used tells how many bytes the files take up.
func (s *Sim) Used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// Changes tells how many changes and syncs there were: the cuts that Crash takes.
func (s *Sim) Changes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.log)
}

// Unlock forgets all locks, as the end of the process does.
func (s *Sim) Unlock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.locked)
}

// Flip inverts one bit of a file, as a failing disk does.
func (s *Sim) Flip(name string, bit int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[name]
	d := slices.Clone(n.data)
	d[bit/8] ^= 1 << (bit % 8)
	n.data = d
}

// Contents gives a copy of a file's bytes; nil when there is none.
func (s *Sim) Contents(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.nodes[name]; n != nil {
		return slices.Clone(n.data)
	}
	return nil
}

func pathError(op Kind, name string, err error) error {
	return &fs.PathError{Op: string(op), Path: name, Err: err}
}

// Open implements disk.FS.
func (s *Sim) Open(name string, create bool) (disk.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[name]
	switch {
	case create && n != nil:
		return nil, pathError(Create, name, fs.ErrExist)
	case create && s.nodes[filepath.Dir(name)] == nil, !create && n == nil:
		return nil, pathError(Open, name, fs.ErrNotExist)
	case create:
		n = &node{}
		s.nodes[name] = n
		s.log = append(s.log, change{kind: Create, node: n, name: name})
	}
	return &simFile{s: s, n: n, name: name}, nil
}

// OpenDirect implements disk.FS.
func (s *Sim) OpenDirect(name string) (disk.File, error) { return s.Open(name, false) }

// Mkdir implements disk.FS.
func (s *Sim) Mkdir(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nodes[name] != nil {
		return pathError(Mkdir, name, fs.ErrExist)
	}
	if s.nodes[filepath.Dir(name)] == nil {
		return pathError(Mkdir, name, fs.ErrNotExist)
	}
	n := &node{dir: true}
	s.nodes[name] = n
	s.log = append(s.log, change{kind: Mkdir, node: n, name: name})
	return nil
}

// ReadDir implements disk.FS.
func (s *Sim) ReadDir(name string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nodes[name] == nil {
		return nil, pathError(ReadDir, name, fs.ErrNotExist)
	}
	var names []string
	for p := range s.nodes {
		if filepath.Dir(p) == name && p != name {
			names = append(names, filepath.Base(p))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Rename implements disk.FS.
func (s *Sim) Rename(from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[from]
	if n == nil || s.nodes[filepath.Dir(to)] == nil {
		return pathError(Rename, from, fs.ErrNotExist)
	}
	delete(s.nodes, from)
	s.nodes[to] = n
	s.log = append(s.log, change{kind: Rename, node: n, name: from, to: to})
	return nil
}

// Remove implements disk.FS.
func (s *Sim) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[name]
	if n == nil {
		return pathError(Remove, name, fs.ErrNotExist)
	}
	delete(s.nodes, name)
	s.used -= int64(len(n.data))
	s.log = append(s.log, change{kind: Remove, node: n, name: name})
	return nil
}

// SyncDir implements disk.FS.
func (s *Sim) SyncDir(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nodes[name] == nil {
		return pathError(SyncDir, name, fs.ErrNotExist)
	}
	s.log = append(s.log, change{kind: SyncDir, name: name})
	return nil
}

// Lock implements disk.FS.
func (s *Sim) Lock(name string) (io.Closer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locked[name] {
		return nil, halong.E("disktest.Lock", halong.Conflict, "", syscall.EWOULDBLOCK)
	}
	s.locked[name] = true
	return simLock{s, name}, nil
}

type simLock struct {
	s    *Sim
	name string
}

func (l simLock) Close() error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	delete(l.s.locked, l.name)
	return nil
}
