package disk

import (
	"errors"
	"syscall"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// directFrom is the length in bytes from which bypassing the page cache pays.
const directFrom = 256 << 10

// placeRecord appends one blob record to the active bulk segment. buf holds
// room for the header, the payload, and zeros up to a multiple of 4096. Several
// callers write at once.
func (s *Store) placeRecord(h header, buf []byte) (storage.Place, *pin, error) {
	p, err := s.reserveBulk(int64(len(buf)))
	if err != nil {
		return storage.Place{}, nil, fail("disk.Place", h.digest.String(), err)
	}
	h.segment, h.offset = p.seg.id, p.offset
	h.put(buf)
	err = p.seg.written(p, s.writeBulk(p.seg, buf, p.offset), s.o.Now())
	if err != nil {
		return storage.Place{}, nil, fail("disk.Place", h.digest.String(), errors.Join(err, s.dropEmpty(p.seg)))
	}
	return h.place(), p, nil
}

// dropEmpty removes a segment of which nothing but the first write was tried,
// so that a full disk does not fill with empty files.
func (s *Store) dropEmpty(g *segment) error {
	g.mu.Lock()
	empty := g.holes == 1 && len(g.writing) == 1 && g.writing[0] != nil && g.synced == 0 && len(g.unsynced) == 0 && !g.dropped &&
		g.writing[0].last == g.tail
	g.mu.Unlock()
	if !empty {
		return nil
	}
	s.forget(g)
	return g.drop()
}

// reserveBulk claims n bytes in the active bulk segment, or in a new one.
func (s *Store) reserveBulk(n int64) (*pin, error) {
	s.placing.Lock()
	defer s.placing.Unlock()
	if err := s.writable(); err != nil {
		return nil, err
	}
	if s.bulk != nil {
		if p := s.bulk.reserve(n, s.o.BulkSize); p != nil {
			return p, nil
		}
		s.bulk.seal(s.o.Now())
		s.bulk = nil
	}
	g, err := s.newSegment(s.newID(), true)
	if err != nil {
		return nil, err
	}
	s.openDirect(g)
	s.bulk = g
	return g.reserve(n, s.o.BulkSize), nil
}

// openDirect opens a segment a second time past the page cache, where the file
// system can.
func (s *Store) openDirect(g *segment) {
	if s.o.NoDirect {
		return
	}
	if f, err := s.fs.OpenDirect(g.name); err == nil {
		g.direct = f
	}
}

// writeBulk writes large records past the page cache.
func (s *Store) writeBulk(g *segment, buf []byte, off int64) error {
	if d := g.direct; d != nil && len(buf) >= directFrom {
		_, err := d.WriteAt(buf, off)
		if !refusesDirect(err) {
			return err
		}
	}
	_, err := g.file.WriteAt(buf, off)
	return err
}

// refusesDirect tells that a file system takes no O_DIRECT write of this shape.
func refusesDirect(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP)
}

// syncBulk makes the blobs placed so far durable.
func (s *Store) syncBulk() error {
	var errs []error
	for _, g := range s.liveSegments(true) {
		lost, err := g.sync(s.o.Now())
		s.lost.Add(int64(lost))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// bulkIdle tells that no bulk segment has anything to sync, nor is being synced.
func (s *Store) bulkIdle() bool {
	for _, g := range s.liveSegments(true) {
		if !g.clean() {
			return false
		}
	}
	return true
}

func (g *segment) clean() bool {
	if !g.syncing.TryLock() {
		return false
	}
	defer g.syncing.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.dirty
}

// settle ends a writer's hold on its record. A blob whose transaction has not been synced
// yet is synced now, so that nobody needs to remember it.
func (s *Store) settle(p *pin) error {
	if p == nil {
		return nil
	}
	var err error
	if p.seg.pinState(p) == pinWritten {
		var lost int
		lost, err = p.seg.sync(s.o.Now())
		s.lost.Add(int64(lost))
	}
	if p.seg.pinState(p) == pinLost {
		s.lost.Add(-1)
		return halong.E("disk.Close", halong.Transient, "", errors.Join(errSealed, err))
	}
	return nil
}
