package disk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/storagetest"
)

// committer is what an index's committer does: a batch is what queued during the previous sync.
type committer struct {
	s     *disk.Store
	queue chan request
	done  chan error
}

type request struct {
	payload []byte
	answer  chan error
}

func newCommitter(s *disk.Store) *committer {
	c := &committer{s: s, queue: make(chan request, 1024), done: make(chan error, 1)}
	go c.run()
	return c
}

func (c *committer) run() {
	var failed error
	for r := range c.queue {
		group := []request{r}
		for more := true; more; {
			select {
			case r, ok := <-c.queue:
				if more = ok; ok {
					group = append(group, r)
				}
			default:
				more = false
			}
		}
		err := c.group(group)
		failed = errors.Join(failed, err)
		for _, r := range group {
			r.answer <- err
		}
	}
	c.done <- failed
}

func (c *committer) group(group []request) error {
	for _, r := range group {
		if _, _, err := c.s.Append(nil, storage.RecordObject, r.payload); err != nil {
			return err
		}
	}
	if _, err := c.s.Sync(context.Background()); err != nil {
		c.s.Aborted()
		return err
	}
	c.s.Committed()
	return nil
}

func (c *committer) commit(payload []byte) error {
	r := request{payload, make(chan error, 1)}
	c.queue <- r
	return <-r.answer
}

func (c *committer) close() error {
	close(c.queue)
	return <-c.done
}

// Many writers at once on a real disk: every blob can be read again, also after a restart
// that knows nothing.
func TestConcurrentStores(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := openStore(t, dir, disk.Options{BulkSize: 4 << 20, Budget: 2 << 20, Patience: 50 * time.Millisecond})
	c := newCommitter(s)
	var mu sync.Mutex
	places := map[halong.Digest]storage.Place{}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 12 {
				size := []int{100, 20_000, 300_000, 600_000, 1_500_000}[(i+j)%5]
				d, p, err := storeOne(s, c, storagetest.Random(uint64(i*100+j), size))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				places[d] = p
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := c.close(); err != nil {
		t.Error(err)
	}
	for d, p := range places {
		if err := s.Rehash(context.Background(), d, p); err != nil {
			t.Error(err)
		}
	}
	if damage, err := s.Scrub(context.Background(), nil); err != nil || len(damage) > 0 {
		t.Errorf("Scrub gives %v, %v", damage, err)
	}
	walked := 0
	if err := s.WalkBlobs(context.Background(), func(b storage.BlobInfo, p storage.Place) error {
		walked++
		if places[b.Digest] != p {
			return fmt.Errorf("%v is at %v, want %v", b.Digest, p, places[b.Digest])
		}
		return nil
	}); err != nil || walked != len(places) {
		t.Errorf("%d blobs walked, %v; want %d", walked, err, len(places))
	}
}

func storeOne(s *disk.Store, c *committer, b []byte) (halong.Digest, storage.Place, error) {
	w, err := s.Create(context.Background(), storage.BlobHint{Size: int64(len(b))})
	if err != nil {
		return halong.Digest{}, storage.Place{}, err
	}
	_, err = io.Copy(w, bytes.NewReader(b))
	info, ferr := w.Finish()
	p, perr := w.Place()
	if err = errors.Join(err, ferr, perr); err == nil {
		err = c.commit(info.Digest[:])
	}
	return info.Digest, p, errors.Join(err, w.Close())
}

// More writers than memory, each holding one and asking for another: nobody waits for ever.
func TestNoDeadlock(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "data"), disk.Options{Budget: 300 << 10, Patience: 20 * time.Millisecond, Reserve: -1})
	c := newCommitter(s)
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			outer, err := s.Create(context.Background(), storage.BlobHint{Size: -1})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := outer.Write(storagetest.Random(uint64(i), 50_000)); err != nil {
				t.Error(err)
			}
			if _, _, err := storeOne(s, c, storagetest.Random(uint64(100+i), 200_000)); err != nil {
				t.Error(err)
			}
			if _, err := outer.Finish(); err != nil {
				t.Error(err)
			}
			if err := outer.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := c.close(); err != nil {
		t.Error(err)
	}
}

// Ten large objects at once take no more memory than the budget.
func TestLargeObjectsStaySmall(t *testing.T) {
	const size, budget = 24 << 20, 8 << 20
	s := openStore(t, filepath.Join(t.TempDir(), "data"), disk.Options{Budget: budget})
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	piece := storagetest.Random(1, 128<<10)
	for i := range 10 {
		wg.Go(func() {
			w, err := s.Create(context.Background(), storage.BlobHint{Size: size})
			if err != nil {
				t.Error(err)
				return
			}
			for n := 0; n < size; n += len(piece) {
				if _, err := w.Write(piece[:len(piece)-i]); err != nil {
					t.Error(err)
				}
			}
			_, ferr := w.Finish()
			_, perr := w.Place()
			if err := errors.Join(ferr, perr, w.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	runtime.ReadMemStats(&after)
	if n := int64(after.HeapSys) - int64(before.HeapSys); n > 3*budget {
		t.Errorf("the heap grew by %d bytes, budget %d", n, budget)
	}
}
