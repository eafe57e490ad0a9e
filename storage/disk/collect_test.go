package disk_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/storagetest"
)

// keeper is an index for compactions: it forgets what dead says.
type keeper struct {
	w    *world
	dead map[halong.Digest]bool
}

func (k keeper) Keep(_ context.Context, d halong.Digest, at storage.Place) (bool, error) {
	return !k.dead[d] && k.w.index.blobs[d] == at, nil
}

func (k keeper) Moved(_ context.Context, moves []storage.Move) error {
	for _, m := range moves {
		if k.w.index.blobs[m.Digest] == m.From {
			k.w.index.blobs[m.Digest] = m.To
		}
	}
	return nil
}

func (k keeper) Drop(_ context.Context, _ uint32, drop func() error) error { return drop() }

func TestCompaction(t *testing.T) {
	w, err := newWorld(4, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.workload(40); err != nil {
		t.Fatal(err)
	}
	k := keeper{w, map[halong.Digest]bool{}}
	var live []object
	for i, o := range w.acked {
		if k.dead[o.digest] = i%3 == 0; !k.dead[o.digest] {
			live = append(live, o)
		}
	}
	before := w.index.clone()
	infos, err := w.s.Segments()
	if err != nil {
		t.Fatal(err)
	}
	dropped := 0
	for _, i := range infos {
		if !i.Bulk || !i.Sealed {
			continue
		}
		if dropped == 0 {
			if err := w.s.CompactSegment(context.Background(), infos[len(infos)-1].ID, k); halong.KindOf(err) != halong.Conflict {
				t.Errorf("the active segment: %v, want an error of kind conflict", err)
			}
		}
		if err := w.s.CompactSegment(context.Background(), i.ID, k); err != nil {
			t.Errorf("segment %d: %v", i.ID, err)
		}
		dropped++
	}
	if dropped < 2 {
		t.Fatalf("%d segments dropped, the test needs more", dropped)
	}
	for _, o := range live {
		for _, x := range []index{w.index, before} { // new and old places
			if err := w.s.Rehash(context.Background(), o.digest, x.blobs[o.digest]); err != nil {
				t.Errorf("record %d: %v", o.seq, err)
			}
		}
	}
	w.acked = live
	w.remember()
	if err := errors.Join(w.survives(), w.workload(5), w.survives()); err != nil {
		t.Error(err)
	}
}

// A reader that has a segment open goes on reading after it was dropped.
func TestReaderOutlivesSegment(t *testing.T) {
	w, err := newWorld(4, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		if err := w.store(false, 8000); err != nil {
			t.Fatal(err)
		}
	}
	o := w.acked[0]
	p := w.index.blobs[o.digest]
	r, err := w.s.Open(o.digest, p)
	if err != nil {
		t.Fatal(err)
	}
	all := map[halong.Digest]bool{}
	for _, o := range w.acked {
		all[o.digest] = true
	}
	if err := w.s.CompactSegment(context.Background(), p.Segment, keeper{w, all}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadAt(make([]byte, p.Length), 0); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := w.s.Open(o.digest, p); halong.KindOf(err) != halong.Corrupt {
		t.Errorf("Open gives %v, want an error of kind corrupt", err)
	}
}

// A large blob is not removed while it is read, nor when it was uploaded again
// and the index no longer has it marked.
func TestRemoveBlob(t *testing.T) {
	w, err := newWorld(4, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := storagetest.Random(1, 100_000)
	info, p := storagetest.Put(t, w.s, b, storage.BlobHint{Size: -1})
	yes := func() (bool, error) { return true, nil }
	no := func() (bool, error) { return false, nil }

	r, err := w.s.Open(info.Digest, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.s.RemoveBlob(info.Digest, p, yes); halong.KindOf(err) != halong.Conflict {
		t.Errorf("while read: %v, want an error of kind conflict", err)
	}
	if err := errors.Join(r.Close(), w.s.RemoveBlob(info.Digest, p, no)); err != nil {
		t.Error(err)
	}
	storagetest.Same(t, w.s, info.Digest, p, b)

	again := make(chan storage.Place)
	err = w.s.RemoveBlob(info.Digest, p, func() (bool, error) {
		go func() { // an upload meanwhile waits, and is there afterwards
			_, p := storagetest.Put(t, w.s, b, storage.BlobHint{Size: -1})
			again <- p
		}()
		time.Sleep(20 * time.Millisecond)
		return true, nil
	})
	if err != nil {
		t.Error(err)
	}
	storagetest.Same(t, w.s, info.Digest, <-again, b)
	if err := w.s.RemoveBlob(info.Digest, p, yes); err != nil {
		t.Error(err)
	}
	if _, err := w.s.Open(info.Digest, p); halong.KindOf(err) != halong.Corrupt {
		t.Errorf("after removal Open gives %v, want an error of kind corrupt", err)
	}
}
