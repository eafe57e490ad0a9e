package disk_test

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/storagetest"
)

// cpu gives the processor time this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmark(b *testing.B, o disk.Options, writers int, one func(s *disk.Store, c *committer) error) {
	s := openStore(b, filepath.Join(b.TempDir(), "data"), o)
	c := newCommitter(s)
	work := make(chan struct{})
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range work {
				if err := one(s, c); err != nil {
					b.Error(err)
				}
			}
		})
	}
	start := cpu(b)
	b.ReportAllocs()
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	b.ReportMetric(float64((cpu(b)-start).Microseconds())/float64(b.N), "cpu-us/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
	if err := c.close(); err != nil {
		b.Error(err)
	}
}

func BenchmarkRecord5500(b *testing.B) {
	payload := storagetest.Random(1, 5500)
	for name, writers := range map[string]int{"1 writer": 1, "16 writers": 16} {
		b.Run(name, func(b *testing.B) {
			benchmark(b, disk.Options{}, writers, func(_ *disk.Store, c *committer) error { return c.commit(payload) })
		})
	}
}

func BenchmarkBlob(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"525KB", 525_000}, {"10MB", 10_000_000}} {
		data := storagetest.Random(1, size.n)
		for name, o := range map[string]disk.Options{"direct": {}, "buffered": {NoDirect: true}} {
			b.Run(size.name+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(size.n))
				benchmark(b, o, 4, func(s *disk.Store, c *committer) error {
					_, _, err := storeOne(s, c, data)
					return err
				})
			})
		}
	}
}

// BenchmarkDuplicate10MB compares arriving bytes with stored ones.
func BenchmarkDuplicate10MB(b *testing.B) {
	data := storagetest.Random(1, 10_000_000)
	s := openStore(b, filepath.Join(b.TempDir(), "data"), disk.Options{})
	info, p := storagetest.Put(b, s, data, storage.BlobHint{Size: -1})
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		w, err := s.Create(context.Background(), storage.BlobHint{Size: int64(len(data)), Lookup: lookupOf(s, info, p)})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(w, bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
		if got, err := w.Finish(); err != nil || got != info {
			b.Fatal(got, err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func lookupOf(s *disk.Store, info storage.BlobInfo, p storage.Place) func(uint64) (halong.Digest, storage.Place, storage.BlobReader) {
	return func(uint64) (halong.Digest, storage.Place, storage.BlobReader) {
		r, err := s.Open(info.Digest, p)
		if err != nil {
			return halong.Digest{}, storage.Place{}, nil
		}
		return info.Digest, p, r
	}
}
