package derived_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/halong-gateway/halong/storage/derived"
)

func key(group, name int) (k derived.Key) {
	g, n := sha256.Sum256([]byte{byte(group)}), sha256.Sum256([]byte{byte(name), byte(name >> 8)})
	copy(k.Group[:], g[:])
	copy(k.Name[:], n[:])
	return k
}

func open(t *testing.T, dir string, limit int64) *derived.Shelf {
	t.Helper()
	s, err := derived.Open(dir, limit)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestShelf(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := open(t, dir, 1<<20)
	put := func(k derived.Key, text string) {
		t.Helper()
		if err := s.Put(k, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	put(key(1, 1), "one")
	put(key(1, 2), "two")
	put(key(2, 1), "other")
	put(key(1, 1), "newer")
	for range 2 { // by the same process, and by the next
		if got := s.Get(key(1, 1)); string(got) != "newer" {
			t.Errorf("%q", got)
		}
		if s.Get(key(3, 1)) != nil {
			t.Error("what was never put is there")
		}
		s = open(t, dir, 1<<20)
	}
	if len(s.Keys()) != 0 {
		t.Error("known before the scan")
	}
	if err := s.Scan(context.Background()); err != nil || len(s.Keys()) != 3 || s.Size() != 3*8<<10 {
		t.Error(err, s.Keys(), s.Size())
	}
	if err := s.Drop(key(1, 0).Group); err != nil || s.Get(key(1, 1)) != nil || s.Get(key(1, 2)) != nil || string(s.Get(key(2, 1))) != "other" || len(s.Keys()) != 1 {
		t.Error(err, s.Keys())
	}
	if err := s.Drop(key(7, 0).Group); err != nil {
		t.Error(err)
	}
	if err := derived.Clear(dir); err != nil || s.Get(key(2, 1)) != nil {
		t.Error(err)
	}
}

// What is torn or damaged in any way is as good as absent, and goes.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 1<<20)
	content := bytes.Repeat([]byte("content "), 100)
	var path string
	write := func() []byte {
		if err := s.Put(key(1, 1), content); err != nil {
			t.Fatal(err)
		}
		found, err := filepath.Glob(filepath.Join(dir, "??", "*"))
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		path = found[0]
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	whole := write()
	for i := 0; i < len(whole); i += 7 {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 4
		for _, bad := range [][]byte{whole[:i], flipped, append(bytes.Clone(whole), 0)} {
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if s.Get(key(1, 1)) != nil {
				t.Fatalf("damaged content is given out (at %d)", i)
			}
			if _, err := os.Stat(path); !os.IsNotExist(err) {
				t.Error("what is damaged stays", err)
			}
			write()
		}
	}
}

// The folder never holds more than the limit, also of what earlier processes left; what was used last stays the longest.
func TestBound(t *testing.T) {
	dir := t.TempDir()
	const limit = 1 << 20
	s := open(t, dir, limit)
	for i := range 600 {
		if err := s.Put(key(i%200, i), make([]byte, 100+i*50)); err != nil {
			t.Fatal(err)
		}
		if s.Size() > limit {
			t.Fatalf("%d bytes", s.Size())
		}
	}
	if s.Get(key(599%200, 599)) == nil {
		t.Error("the newest is gone")
	}
	if err := s.Put(key(1, 1), make([]byte, limit/8)); err != nil || s.Get(key(1, 1)) != nil {
		t.Error("content of more than an eighth is kept", err)
	}
	var size int64
	found, err := filepath.Glob(filepath.Join(dir, "??", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > limit || len(found) != len(s.Keys()) {
		t.Errorf("%d bytes in %d files, %d known", size, len(found), len(s.Keys()))
	}
	if err := os.WriteFile(filepath.Join(dir, "new-00000000000000ff"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	smaller := open(t, dir, limit/4)
	if err := smaller.Scan(context.Background()); err != nil || smaller.Size() > limit/4 || smaller.Size() == 0 {
		t.Error(err, smaller.Size())
	}
	if left, err := filepath.Glob(filepath.Join(dir, "new-*")); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

// Many at once.
func TestConcurrent(t *testing.T) {
	s := open(t, t.TempDir(), 512<<10)
	done := make(chan error)
	for w := range 4 {
		go func() {
			for i := range 100 {
				k := key(i%10, i%7)
				if err := s.Put(k, fmt.Appendf(nil, "%v", k)); err != nil {
					done <- err
					return
				}
				if b := s.Get(k); b != nil && string(b) != fmt.Sprint(k) {
					done <- fmt.Errorf("%q", b)
					return
				}
				if w == 0 && i%20 == 0 {
					if err := s.Drop(k.Group); err != nil {
						done <- err
						return
					}
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
