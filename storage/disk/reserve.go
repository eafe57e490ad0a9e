package disk

import (
	"errors"
	"sync"
	"time"
)

// reserve is a file that only takes up space. When the disk is full it is
// removed, so that decisions, and groups that were already received, can still be recorded;
// until it can be made again no new blob begins.
type reserve struct {
	fs    FS
	name  string
	size  int64 // negative: there is none
	now   func() time.Time
	mu    sync.Mutex
	there bool
	tried time.Time
}

// open finds the reserve or makes it; a disk that is too full for it is no
// error here.
func (r *reserve) open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size < 0 {
		return
	}
	f, err := r.fs.Open(r.name, false)
	if err == nil {
		n, err := f.Size()
		r.there = errors.Join(err, f.Close()) == nil && n >= r.size
	}
	if !r.there {
		r.there = r.make() == nil
	}
}

// make writes the file.
func (r *reserve) make() error {
	r.tried = r.now()
	if err := r.fs.Remove(r.name); err != nil && !isNotExist(err) {
		return err
	}
	f, err := r.fs.Open(r.name, true)
	if err != nil {
		return err
	}
	zeros := make([]byte, 256<<10)
	for off := int64(0); off < r.size && err == nil; off += int64(len(zeros)) {
		_, err = f.WriteAt(zeros, off)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		return errors.Join(err, r.fs.Remove(r.name))
	}
	return nil
}

// give frees the space; false when there is none to give.
func (r *reserve) give() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size < 0 || !r.there {
		return false
	}
	r.there = false
	r.tried = r.now()
	return r.fs.Remove(r.name) == nil
}

// ready tells whether new blobs may begin. It tries to make the reserve again,
// at most once a second.
func (r *reserve) ready() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size < 0 || r.there {
		return true
	}
	if r.now().Sub(r.tried) < time.Second {
		return false
	}
	r.there = r.make() == nil
	return r.there
}
