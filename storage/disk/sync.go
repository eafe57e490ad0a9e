package disk

import (
	"context"
	"errors"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// Sync implements storage.Log: one write and one fdatasync for the group's
// records, and at the same time one fdatasync for each bulk segment written to.
func (s *Store) Sync(ctx context.Context) ([]storage.SegmentState, error) {
	s.committing.Lock()
	defer s.committing.Unlock()
	return s.sync(ctx)
}

func (s *Store) sync(ctx context.Context) ([]storage.SegmentState, error) {
	if err := errors.Join(ctx.Err(), s.writable()); err != nil {
		return nil, fail("disk.Sync", "", err)
	}
	if s.recovered {
		s.finish()
	}
	bulk := make(chan error, 1)
	if s.bulkIdle() { // as it is for messages: a goroutine for nothing wakes another processor
		bulk <- nil
	} else {
		go func() { bulk <- s.syncBulk() }()
	}
	err := errors.Join(s.writeGroup(), <-bulk)
	if err == nil && s.lost.Load() > 0 {
		err = halong.E("disk.Sync", halong.Transient, "", errSealed)
	}
	if err != nil {
		return nil, fail("disk.Sync", "", err)
	}
	return s.report(), nil
}

// report gives the states that the index does not know yet.
func (s *Store) report() []storage.SegmentState {
	s.reported = s.reported[:0]
	if s.withheld {
		return nil
	}
	var states []storage.SegmentState
	for _, bulk := range []bool{false, true} {
		for _, g := range s.liveSegments(bulk) {
			if st := g.state(); st != g.committed {
				states = append(states, st)
				s.reported = append(s.reported, reportedState{g, st})
			}
		}
	}
	return states
}

// writeGroup writes and syncs the group's records. After a failure the segment is sealed.
func (s *Store) writeGroup() error {
	b := &s.group
	if len(b.starts) == 0 {
		return nil
	}
	if s.journal == nil {
		g, err := s.newJournal(b.segment)
		if err != nil {
			return err
		}
		s.journal = g
	}
	g := s.journal
	b.written = true
	err := s.retryFull(func() error { _, err := g.file.WriteAt(b.buf, b.base); return err })
	if err == nil {
		err = s.writeAhead(g, b.base+int64(len(b.buf)))
	}
	if err == nil {
		err = g.file.Sync()
	}
	if err != nil {
		return errors.Join(err, s.sealJournal())
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tail = b.base + int64(len(b.buf))
	g.synced = g.tail
	g.next = s.next + uint64(len(b.starts))
	return nil
}

func (s *Store) newJournal(id uint32) (g *segment, err error) {
	err = s.retryFull(func() error { g, err = s.newSegment(id, false); return err })
	return g, err
}

// retryFull does something again with the space set aside when the disk is full.
func (s *Store) retryFull(do func() error) error {
	err := do()
	if err != nil && isFull(err) && s.spare.give() {
		err = do()
	}
	return err
}

// sealJournal ends the journal segment after a failed write or sync. One that holds
// nothing else is removed; should it come back after a power cut, its records are void.
func (s *Store) sealJournal() error {
	g := s.journal
	s.journal = nil
	g.seal(s.o.Now())
	if g.synced > 0 {
		return nil
	}
	s.forget(g)
	return g.drop()
}
