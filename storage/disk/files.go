package disk

import (
	"sync"

	"github.com/halong-gateway/halong"
)

// fileLocks keeps blobs in files of their own from being removed while
// somebody reads them or has just put them there.
type fileLocks struct {
	mu       sync.Mutex
	held     map[halong.Digest]int // readers and writers; -1: being removed
	released *sync.Cond
}

func (l *fileLocks) init() {
	if l.held == nil {
		l.held = map[halong.Digest]int{}
		l.released = sync.NewCond(&l.mu)
	}
}

// hold waits while the file is being removed.
func (l *fileLocks) hold(d halong.Digest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.init()
	for l.held[d] < 0 {
		l.released.Wait()
	}
	l.held[d]++
}

func (l *fileLocks) release(d halong.Digest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[d]--; l.held[d] == 0 {
		delete(l.held, d)
	}
}

// claim takes a file for removal; false while it is held.
func (l *fileLocks) claim(d halong.Digest) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.init()
	if l.held[d] != 0 {
		return false
	}
	l.held[d] = -1
	return true
}

func (l *fileLocks) unclaim(d halong.Digest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, d)
	l.released.Broadcast()
}

// folders knows which of the folders blobs/00 to blobs/ff are there and durable.
type folders struct {
	mu     sync.Mutex
	parent string
	there  map[string]bool
}

// open lists the folders; their parent has been synced.
func (f *folders) open(fs FS, parent string) error {
	names, err := fs.ReadDir(parent)
	f.parent, f.there = parent, map[string]bool{}
	for _, n := range names {
		f.there[n] = true
	}
	return err
}

// ensure makes a folder and its entry durable.
func (f *folders) ensure(fs FS, folder, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.there[name] {
		return nil
	}
	if err := fs.Mkdir(folder); err != nil && !isExist(err) {
		return err
	}
	if err := fs.SyncDir(f.parent); err != nil {
		return err
	}
	f.there[name] = true
	return nil
}
