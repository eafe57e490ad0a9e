package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// Store is one folder of blobs and journal.
type Store struct {
	dir    string
	o      Options
	fs     FS
	lock   io.Closer
	budget *budget
	spare  reserve
	names  atomic.Uint64 // of files in tmp
	lost   atomic.Int64  // blobs of open writers whose fdatasync failed

	placing sync.Mutex // guards bulk
	bulk    *segment   // takes blobs; nil: the next one makes a new segment

	mu     sync.RWMutex // guards what follows
	segs   map[uint32]*segment
	live   map[*segment]struct{} // whose state the index may not know yet
	lastID uint32
	closed bool

	committing sync.Mutex // guards what follows; taken before placing and mu
	group      group
	journal    *segment   // takes records; nil: the next group makes a new segment
	next       uint64     // sequence number of the next record
	voids      []seqRange // to be recorded with the next group
	recovered  bool       // records may be appended
	withheld   bool       // the tail is not applied yet: states are not told
	reported   []reportedState

	files      fileLocks
	moves      moves
	folder     folders
	generation generation
}

type reportedState struct {
	seg   *segment
	state storage.SegmentState
}

var (
	_ storage.Blobs   = (*Store)(nil)
	_ storage.Journal = (*Store)(nil)
	_ storage.Log     = (*Store)(nil)
)

// Open opens the folder, and makes it when it is not there; its parent must
// be. The error is of kind Conflict when another process has it open. Unless the folder is
// new, Recover must be called before anything is written.
func Open(dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{
		dir: dir, o: o, fs: o.FS, budget: newBudget(o.Budget),
		segs: map[uint32]*segment{}, live: map[*segment]struct{}{}, next: 1,
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(fail("disk.Open", "", err), s.unlock())
	}
	return s, nil
}

func (s *Store) open() error {
	if err := s.fs.Mkdir(s.dir); err != nil && !isExist(err) {
		return err
	}
	if err := s.fs.SyncDir(filepath.Dir(s.dir)); err != nil {
		return err
	}
	lock, err := s.fs.Lock(s.path("lock"))
	if err != nil {
		return err
	}
	s.lock = lock
	if err := s.makeFolders(); err != nil {
		return err
	}
	if err := s.emptyTmp(); err != nil {
		return err
	}
	if err := errors.Join(s.list("journal", false), s.list("bulk", true)); err != nil {
		return err
	}
	if err := s.readGeneration(); err != nil {
		return err
	}
	s.recovered = len(s.segs) == 0
	s.spare = reserve{fs: s.fs, name: s.path("reserve"), size: s.o.Reserve, now: s.o.Now}
	s.spare.open()
	return nil
}

// makeFolders makes the folders and sees to it that their entries are durable: a
// process that was killed may have made them without. (Segments need no such care: nothing is written to one
// before its entry is durable.)
func (s *Store) makeFolders() error {
	for _, n := range []string{"journal", "bulk", "blobs", "tmp"} {
		if err := s.fs.Mkdir(s.path(n)); err != nil && !isExist(err) {
			return err
		}
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.path("blobs")); err != nil {
		return err
	}
	return s.folder.open(s.fs, s.path("blobs"))
}

func (s *Store) emptyTmp() error {
	names, err := s.fs.ReadDir(s.path("tmp"))
	for _, n := range names {
		err = errors.Join(err, s.fs.Remove(s.path("tmp", n)))
	}
	return err
}

// list finds the segments of one folder.
func (s *Store) list(folder string, bulk bool) error {
	names, err := s.fs.ReadDir(s.path(folder))
	for _, n := range names {
		id, perr := strconv.ParseUint(strings.TrimSuffix(n, ".seg"), 10, 32)
		if perr != nil || segmentName(uint32(id)) != n {
			continue // not ours; left alone
		}
		g := &segment{id: uint32(id), bulk: bulk, name: s.path(folder, n), fs: s.fs, sealed: true, writing: map[int64]*pin{}, unsynced: map[*pin]struct{}{}}
		if s.segs[g.id] != nil {
			return halong.E("disk.Open", halong.Corrupt, n, errors.New("two segments have the same number"))
		}
		s.segs[g.id] = g
		s.lastID = max(s.lastID, g.id)
	}
	return err
}

func segmentName(id uint32) string { return fmt.Sprintf("%08d.seg", id) }

func (s *Store) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

func (s *Store) newID() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	return s.lastID
}

// newSegment makes the file of a segment; its folder entry is durable on return.
func (s *Store) newSegment(id uint32, bulk bool) (*segment, error) {
	folder := "journal"
	if bulk {
		folder = "bulk"
	}
	g := &segment{
		id: id, bulk: bulk, name: s.path(folder, segmentName(id)), fs: s.fs, looked: true,
		writing: map[int64]*pin{}, unsynced: map[*pin]struct{}{},
	}
	f, err := s.fs.Open(g.name, true)
	if err != nil {
		return nil, err
	}
	if err := s.fs.SyncDir(s.path(folder)); err != nil {
		return nil, errors.Join(err, f.Close(), s.fs.Remove(g.name))
	}
	g.file = f
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segs[id] = g
	s.live[g] = struct{}{}
	return g, nil
}

func (s *Store) segment(id uint32) *segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.segs[id]
}

// forget takes a segment out of the table.
func (s *Store) forget(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.segs, g.id)
	delete(s.live, g)
}

// segments gives the segments of one kind in order of their numbers.
func (s *Store) segments(bulk bool) []*segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []*segment
	for _, g := range s.segs {
		if g.bulk == bulk {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *segment) int { return int(int64(a.id) - int64(b.id)) })
	return all
}

// liveSegments gives those whose state the index may not know.
func (s *Store) liveSegments(bulk bool) []*segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []*segment
	for g := range s.live {
		if g.bulk == bulk {
			all = append(all, g)
		}
	}
	return all
}

// writable tells why nothing can be written; nil if it can.
func (s *Store) writable() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return errClosed
	}
	return nil
}

// Close records what is still to be voided and closes all files. Open readers
// and writers must be closed before.
func (s *Store) Close() error {
	s.committing.Lock()
	defer s.committing.Unlock()
	var errs []error
	if len(s.voids) > 0 && s.recovered {
		_, err := s.sync(context.Background())
		errs = append(errs, err)
		s.endGroup()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	errs = append(errs, s.cutAhead())
	for _, g := range s.segs {
		errs = append(errs, g.close())
	}
	return fail("disk.Close", "", errors.Join(append(errs, s.unlock())...))
}

func (s *Store) unlock() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}
