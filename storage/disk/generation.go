package disk

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// generation is the store's generation (see storage.Reclaimer), kept as a decimal
// number in the file "generation"; 0 without it.
type generation struct {
	mu  sync.Mutex
	now uint64
}

var _ storage.Compactor = (*Store)(nil)

// Generation implements storage.Reclaimer.
func (s *Store) Generation() uint64 {
	s.generation.mu.Lock()
	defer s.generation.mu.Unlock()
	return s.generation.now
}

// RaiseGeneration implements storage.Reclaimer. On a full disk it takes the
// space set aside: what comes next gives space back.
func (s *Store) RaiseGeneration(g uint64) error {
	const op = "disk.RaiseGeneration"
	s.generation.mu.Lock()
	defer s.generation.mu.Unlock()
	if g <= s.generation.now {
		return halong.E(op, halong.Conflict, "", fmt.Errorf("generation %d is not above %d", g, s.generation.now))
	}
	if err := s.retryFull(func() error { return s.writeGeneration(g) }); err != nil {
		return fail(op, "", err)
	}
	s.generation.now = g
	return nil
}

// writeGeneration replaces the file: contents, name, folder.
func (s *Store) writeGeneration(g uint64) error {
	name := s.path("tmp", "generation-"+strconv.FormatUint(s.names.Add(1), 10))
	f, err := s.fs.Open(name, true)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(strconv.AppendUint(nil, g, 10), 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.fs.Rename(name, s.path(generationFile))
	}
	if err != nil {
		return errors.Join(err, s.fs.Remove(name))
	}
	return s.fs.SyncDir(s.dir)
}

const generationFile = "generation"

// readGeneration reads the file when the store is opened.
func (s *Store) readGeneration() error {
	f, err := s.fs.Open(s.path(generationFile), false)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	b := make([]byte, 32)
	n, err := f.Size()
	if err == nil {
		b = b[:min(n, int64(len(b)))]
		_, err = f.ReadAt(b, 0)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	g, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 63)
	if err != nil {
		return halong.E("disk.Open", halong.Corrupt, generationFile, errors.New("not a number; remove the file and reindex"))
	}
	s.generation.now = g
	return nil
}
