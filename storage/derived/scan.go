package derived

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/halong-gateway/halong"
)

// Scan finds what earlier processes left, so that it counts against the limit, and removes what they did not finish. Call it once.
func (s *Shelf) Scan(ctx context.Context) error {
	const op = "derived.Scan"
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return halong.E(op, halong.Internal, "", err)
	}
	var errs []error
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return halong.E(op, halong.Transient, "", err)
		}
		switch {
		case e.IsDir() && isShard(e.Name()):
			errs = append(errs, s.scan(filepath.Join(s.dir, e.Name())))
		case !e.IsDir() && s.abandoned(e.Name()):
			errs = append(errs, ignoreAbsent(os.Remove(filepath.Join(s.dir, e.Name()))))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return halong.E(op, halong.Internal, "", err)
	}
	return s.shrink()
}

func isShard(name string) bool {
	b, err := hex.DecodeString(name)
	return err == nil && len(b) == 1
}

// abandoned tells whether a file was begun by an earlier process: this one's have numbers up to temp.
func (s *Shelf) abandoned(name string) bool {
	var b [8]byte
	if len(name) != 20 || name[:4] != "new-" {
		return false
	}
	if _, err := hex.Decode(b[:], []byte(name[4:])); err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return name > "new-"+hex.EncodeToString(binary.BigEndian.AppendUint64(nil, s.temp))
}

func (s *Shelf) scan(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		k, ok := parse(e.Name())
		if !ok {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // removed meanwhile
		}
		s.mu.Lock()
		if _, known := s.files[k]; !known {
			f := file{size: int32(min(max(0, info.Size()-headerSize), largest)), used: int32(info.ModTime().Unix() / 60)}
			s.files[k] = f
			s.size += f.cost()
		}
		s.mu.Unlock()
	}
	return nil
}

// Keys gives the keys of all files that are known.
func (s *Shelf) Keys() []Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := make([]Key, 0, len(s.files))
	for k := range s.files {
		keys = append(keys, k)
	}
	return keys
}

// Size gives how many bytes all known files count for.
func (s *Shelf) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

// shrink removes what was used least recently when all is more than the limit, down to seven eighths of it, so that it need not happen at each Put.
func (s *Shelf) shrink() error {
	var errs []error
	for _, k := range s.surplus() {
		errs = append(errs, s.Remove(k))
	}
	return errors.Join(errs...)
}

// surplus gives the keys of what must go.
func (s *Shelf) surplus() (old []Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size <= s.limit {
		return nil
	}
	type aged struct {
		Key
		file
	}
	all := make([]aged, 0, len(s.files))
	for k, f := range s.files {
		all = append(all, aged{k, f})
	}
	slices.SortFunc(all, func(a, b aged) int { return cmp.Compare(a.used, b.used) })
	left := s.size
	for _, a := range all {
		if left <= s.limit/8*7 {
			break
		}
		left -= a.cost()
		old = append(old, a.Key)
	}
	return old
}

// Clear removes a shelf's folder, with whatever is in it.
func Clear(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return halong.E("derived.Clear", halong.Internal, "", err)
	}
	return nil
}
