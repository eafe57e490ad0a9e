package derived

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/halong-gateway/halong"
)

// Key names a file: Group is what is dropped together, Name one of the group.
type Key = struct{ Group, Name [16]byte }

// Shelf is a folder of files. It is safe for concurrent use, by one process.
type Shelf struct {
	dir   string
	limit int64
	now   func() time.Time

	mu    sync.Mutex
	files map[Key]file
	size  int64 // as the bound counts
	temp  uint64
}

// file is what is remembered of one. It is what the bound on the number of files is for: see least.
type file struct {
	size int32 // of the content, in bytes
	used int32 // minutes since 1970
}

// least is what a file counts for at least against the bound, in bytes: what it takes on disk, and, since all are remembered, a bound on their number.
const least = 8 << 10

func (f file) cost() int64 { return max(least, int64(f.size)+headerSize) }

// Files begin with a magic word, the length of the content and its checksum, little endian.
const (
	headerSize = 24
	magic      = "HLderiv1"
	largest    = 1 << 30
)

// Open gives the shelf in a folder, which is made when it is not there. limit is how many bytes its files may take. What is
// there already counts once Scan has found it, and can be had before.
func Open(dir string, limit int64) (*Shelf, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, halong.E("derived.Open", halong.Permission, "", err)
	}
	return &Shelf{dir: dir, limit: limit, now: time.Now, files: map[Key]file{}}, nil
}

func (s *Shelf) folder(group [16]byte) string {
	return filepath.Join(s.dir, hex.EncodeToString(group[:1]))
}

func (s *Shelf) path(k Key) string {
	return filepath.Join(s.folder(k.Group), hex.EncodeToString(k.Group[:])+"-"+hex.EncodeToString(k.Name[:]))
}

// parse reads a file's name.
func parse(name string) (k Key, ok bool) {
	g, n, _ := strings.Cut(name, "-")
	if len(g) != 32 || len(n) != 32 {
		return k, false
	}
	_, err := hex.Decode(k.Group[:], []byte(g))
	_, err2 := hex.Decode(k.Name[:], []byte(n))
	return k, err == nil && err2 == nil
}

// Get gives the content of a file; nil if there is none, or none that is whole.
func (s *Shelf) Get(k Key) []byte {
	b := s.Look(k)
	if b == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.files[k]; ok {
		f.used = s.minute()
		s.files[k] = f
	}
	return b
}

// Look does what Get does, and does not count as use.
func (s *Shelf) Look(k Key) []byte {
	b, err := os.ReadFile(s.path(k))
	if err != nil {
		return nil
	}
	if len(b) < headerSize || string(b[:8]) != magic || binary.LittleEndian.Uint64(b[8:]) != uint64(len(b)-headerSize) ||
		binary.LittleEndian.Uint64(b[16:]) != xxhash.Sum64(b[headerSize:]) {
		_ = s.Remove(k) // torn: whoever wants it makes it again
		return nil
	}
	return b[headerSize:]
}

func (s *Shelf) minute() int32 { return int32(s.now().Unix() / 60) }

// Put keeps content, in the place of what had the key before, and removes what was used least recently until all is within the
// limit. Content of more than an eighth of that is not kept.
func (s *Shelf) Put(k Key, content []byte) error {
	const op = "derived.Put"
	f := file{size: int32(len(content)), used: s.minute()}
	if len(content) > largest || f.cost() > s.limit/8 {
		return s.Remove(k)
	}
	b := make([]byte, headerSize, headerSize+len(content))
	copy(b, magic)
	binary.LittleEndian.PutUint64(b[8:], uint64(len(content)))
	binary.LittleEndian.PutUint64(b[16:], xxhash.Sum64(content))
	temp := filepath.Join(s.dir, s.temporary())
	if err := os.WriteFile(temp, append(b, content...), 0o600); err != nil {
		return halong.E(op, halong.Exhausted, "", errors.Join(err, ignoreAbsent(os.Remove(temp))))
	}
	err := os.Rename(temp, s.path(k))
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(s.folder(k.Group), 0o700); err == nil {
			err = os.Rename(temp, s.path(k))
		}
	}
	if err != nil {
		return halong.E(op, halong.Exhausted, "", errors.Join(err, ignoreAbsent(os.Remove(temp))))
	}
	s.note(k, f)
	return s.shrink()
}

// temporary names a file that is being written.
func (s *Shelf) temporary() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.temp++
	return "new-" + hex.EncodeToString(binary.BigEndian.AppendUint64(nil, s.temp))
}

func (s *Shelf) note(k Key, f file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.files[k]; ok {
		s.size -= old.cost()
	}
	s.files[k] = f
	s.size += f.cost()
}

// Remove removes a file, if it is there.
func (s *Shelf) Remove(k Key) error {
	s.mu.Lock()
	if f, ok := s.files[k]; ok {
		s.size -= f.cost()
		delete(s.files, k)
	}
	s.mu.Unlock()
	if err := ignoreAbsent(os.Remove(s.path(k))); err != nil {
		return halong.E("derived.Remove", halong.Internal, "", err)
	}
	return nil
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Drop removes all files of a group, also those that Scan has not found yet.
func (s *Shelf) Drop(group [16]byte) error {
	entries, err := os.ReadDir(s.folder(group))
	if err != nil {
		if err = ignoreAbsent(err); err != nil {
			return halong.E("derived.Drop", halong.Internal, "", err)
		}
		return nil
	}
	var errs []error
	for _, e := range entries {
		if k, ok := parse(e.Name()); ok && k.Group == group {
			errs = append(errs, s.Remove(k))
		}
	}
	return errors.Join(errs...)
}
