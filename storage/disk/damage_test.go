package disk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/disk/disktest"
	"github.com/halong-gateway/halong/storage/storagetest"
)

// Wherever a bit of the journal flips, only the record it lies in is lost, and it is reported.
func TestDamageInTheJournal(t *testing.T) {
	o := disk.Options{Reserve: -1, Ahead: -1}
	sim := disktest.NewSim()
	o.FS = sim
	s := openStore(t, "/data", o)
	var places []storage.Place
	var states []storage.SegmentState
	for i := range 5 {
		for j := range 2 {
			_, p, err := s.Append(nil, storage.RecordMessage, fmt.Appendf(nil, "message %d of group %d, and some more bytes", j, i))
			if err != nil {
				t.Fatal(err)
			}
			places = append(places, p)
		}
		st, err := s.Sync(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		states = st
		s.Committed()
	}
	name := "/data/journal/00000001.seg"
	size := int64(len(sim.Contents(name)))
	for bit := int64(3); bit < size*8; bit += 67 {
		sim.Flip(name, bit)
		hit := slices.IndexFunc(places, func(p storage.Place) bool {
			return bit/8 >= p.Offset-96 && bit/8 < p.Offset+p.Length
		})
		n := 0
		err := s.Replay(context.Background(), func(storage.Record) error { n++; return nil })
		want := len(places)
		if hit >= 0 { // else it was in the padding
			want--
		}
		var damage *disk.DamageError
		if n != want || (hit >= 0) != errors.As(err, &damage) || hit >= 0 && halong.KindOf(err) != halong.Corrupt {
			t.Fatalf("bit %d, record %d: %d records, %v", bit, hit, n, err)
		}
		found, err := s.Scrub(context.Background(), nil)
		if err != nil || hit >= 0 && (len(found) == 0 || found[0].Offset != places[hit].Offset-96) {
			t.Fatalf("bit %d, record %d: Scrub gives %v, %v", bit, hit, found, err)
		}
		sim.Flip(name, bit)
	}
	reopenDamaged(t, sim, name, places, states)
}

// Damage below the synced length is not taken for a torn tail: nothing is cut off.
func reopenDamaged(t *testing.T, sim *disktest.Sim, name string, places []storage.Place, states []storage.SegmentState) {
	t.Helper()
	size := len(sim.Contents(name))
	sim.Flip(name, places[len(places)-1].Offset*8)
	sim.Unlock()
	s := openStore(t, "/data", disk.Options{FS: sim, Reserve: -1})
	tail, err := s.Recover(context.Background(), states)
	if err != nil || !tail.Empty() || len(sim.Contents(name)) != size {
		t.Errorf("Recover gives %v, %v; %d bytes, want %d", tail, err, len(sim.Contents(name)), size)
	}
}

// A damaged blob is reported by Scrub and Rehash, and the scan goes on behind it.
func TestDamageInBulk(t *testing.T) {
	w, err := newWorld(1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store(false, 5000, 5000, 5000, 100_000); err != nil {
		t.Fatal(err)
	}
	name := "/data/bulk/00000001.seg"
	for _, c := range []struct {
		at       int64
		walked   int
		rehash   int // blobs that fail
		scrubbed int
	}{{8192 + 50, 3, 1, 1}, {8192 + 3000, 4, 1, 1}, {8192 + 8000, 4, 0, 0}} {
		w.sim.Flip(name, c.at*8)
		walked := 0
		err := w.s.WalkBlobs(context.Background(), func(storage.BlobInfo, storage.Place) error { walked++; return nil })
		if walked != c.walked || (err != nil) != (c.walked < 4) {
			t.Errorf("byte %d: WalkBlobs gives %d blobs, %v; want %d", c.at, walked, err, c.walked)
		}
		bad := 0
		for d, p := range w.index.blobs {
			if err := w.s.Rehash(context.Background(), d, p); halong.KindOf(err) == halong.Corrupt {
				bad++
			} else if err != nil {
				t.Error(err)
			}
		}
		damage, err := w.s.Scrub(context.Background(), nil)
		if err != nil || bad != c.rehash || len(damage) != c.scrubbed {
			t.Errorf("byte %d: %d bad blobs, damage %v, %v", c.at, bad, damage, err)
		}
		w.sim.Flip(name, c.at*8)
	}
}

// With the index lost, everything acknowledged is in the tail, and what was
// aborted is not.
func TestRecoverWithoutIndex(t *testing.T) {
	for seed := range uint64(6) {
		w, err := newWorld(seed, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.workload(20), w.store(false, 10), w.s.Close()); err != nil {
			t.Fatal(err)
		}
		empty := index{map[uint32]storage.SegmentState{}, map[uint64]storage.Place{}, map[halong.Digest]storage.Place{}}
		s, x, err := restart(w.sim, empty)
		if err != nil {
			t.Fatal(err)
		}
		if len(x.records) != len(w.index.records) {
			t.Errorf("%d records, want %d", len(x.records), len(w.index.records))
		}
		if err := check(s, x, w.acked); err != nil {
			t.Error(err)
		}
		w.s, w.index = s, x
		if err := errors.Join(w.workload(10), w.survives()); err != nil {
			t.Error(err)
		}
	}
}

// Nothing can be appended to a journal whose last number is not known.
func TestAppendNeedsRecover(t *testing.T) {
	w, err := newWorld(1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.workload(5), w.s.Close()); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, "/data", smallOptions(w.sim))
	if _, _, err := s.Append(nil, storage.RecordMessage, []byte("x")); halong.KindOf(err) != halong.Conflict {
		t.Errorf("Append gives %v, want an error of kind conflict", err)
	}
	if err := check(s, w.index, w.acked); err != nil {
		t.Errorf("before Recover: %v", err)
	}
}

// Of two copies of a blob, the later of which was torn, the whole one is found without an index.
func TestTornCopyIsNotTaken(t *testing.T) {
	w, err := newWorld(1, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := storagetest.Random(1, 7000)
	info, first := storagetest.Put(t, w.s, b, storage.BlobHint{Size: -1})
	_, second := storagetest.Put(t, w.s, b, storage.BlobHint{Size: -1})
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	w.sim.Flip("/data/bulk/00000001.seg", (second.Offset+5000)*8)
	s := openStore(t, "/data", smallOptions(w.sim))
	tail, err := s.Recover(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, p, ok, err := tail.Blob(context.Background(), info.Digest)
	if err != nil || !ok || p != first || got != info {
		t.Errorf("Blob gives %v, %v, %v, %v; want %v at %v", got, p, ok, err, info, first)
	}
}
