package disk_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/halong-gateway/halong/storage/disk/disktest"
)

var losses = map[string]disktest.Loss{"all": disktest.LoseAll, "none": disktest.LoseNone, "random": disktest.LoseRandom}

// At every cut of a random workload, whatever happens to what was not synced,
// everything acknowledged is there after the restart, and the journal agrees with the index.
func TestPowerCutAtEveryChange(t *testing.T) {
	for seed := range uint64(2) {
		w, err := newWorld(seed, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.workload(14); err != nil {
			t.Fatal(err)
		}
		for name, loss := range losses {
			for n := 0; n <= w.sim.Changes(); n++ {
				if err := w.cut(n, loss); err != nil {
					t.Fatalf("seed %d, cut %d of %d, lost %s: %v", seed, n, w.sim.Changes(), name, err)
				}
			}
		}
	}
}

// cut restarts after a power cut, twice, with more work between.
func (w *world) cut(n int, loss disktest.Loss) error {
	m := w.at(n)
	sim := w.sim.Crash(n, loss, rand.New(rand.NewPCG(uint64(n), 2)))
	s, x, err := restart(sim, m.index)
	if err != nil {
		return err
	}
	if err := check(s, x, m.acked); err != nil {
		return err
	}
	after := &world{sim: sim, s: s, index: x, acked: m.acked, n: 1000, rng: rand.New(rand.NewPCG(uint64(n), 3))}
	if err := after.workload(3); err != nil {
		return err
	}
	if err := after.survives(); err != nil {
		return fmt.Errorf("second restart: %w", err)
	}
	return s.Close()
}

var errKilled = errors.New("killed")

// A process killed at any operation leaves things in the page cache only. What the
// next process finds there and acknowledges survives a power cut.
func TestKillThenPowerCut(t *testing.T) {
	for seed := range uint64(2) {
		for kill := int64(1); ; kill++ {
			done, err := killAndCut(seed, kill, nil)
			if err != nil {
				t.Fatalf("seed %d, killed at operation %d: %v", seed, kill, err)
			}
			if done {
				break
			}
		}
	}
}

// killAndCut runs a workload until operation kill, restarts on the same file
// system with the syncs that skip names left out, and cuts the power.
func killAndCut(seed uint64, kill int64, skip func(disktest.Op) bool) (done bool, err error) {
	var ops atomic.Int64
	w, err := newWorld(seed, func(op disktest.Op) error {
		switch op.Kind {
		case disktest.Write, disktest.Sync, disktest.SyncDir, disktest.Create, disktest.Rename, disktest.Mkdir:
			if ops.Add(1) >= kill {
				return errKilled
			}
		}
		return nil
	})
	if err == nil {
		err = w.workload(8)
	}
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, errKilled) {
		return false, err
	}
	w.sim.Unlock()
	fs := disktest.Hook(w.sim, func(op disktest.Op) error {
		if skip != nil && skip(op) {
			return disktest.ErrSkip
		}
		return nil
	})
	s, x, err := restart(fs, w.index)
	if err != nil {
		return false, err
	}
	// The blob that was interrupted comes again first.
	after := &world{sim: w.sim, s: s, index: x, acked: w.acked, n: w.n - 1, rng: rand.New(rand.NewPCG(seed, 3))}
	for seq := range x.records { // what the new process shows is as good as acknowledged
		if b, err := readPlace(s, [32]byte{}, x.records[seq]); err == nil {
			after.acked = append(after.acked, object{seq: seq, payload: b, digest: [32]byte(b[:32])})
		}
	}
	if err := after.survives(); err != nil {
		return false, err
	}
	if err := errors.Join(after.store(false, w.last), after.group(false)); err != nil {
		return false, err
	}
	return false, errors.Join(after.survives(), s.Close())
}

// survives tells what is lost when the power is cut now.
func (w *world) survives() error {
	s, x, err := restart(w.sim.Crash(w.sim.Changes(), disktest.LoseAll, nil), w.index)
	if err != nil {
		return err
	}
	return errors.Join(check(s, x, w.acked), s.Close())
}

// syncKind names the kind of a sync: what is synced, and in which folder.
func syncKind(op disktest.Op) string {
	if op.Kind != disktest.Sync && op.Kind != disktest.SyncDir {
		return ""
	}
	parts := strings.Split(strings.Trim(op.Name, "/"), "/")
	if op.Kind == disktest.Sync {
		return "fdatasync of a file in " + parts[1]
	}
	if len(parts) == 3 {
		parts[2] = "ab"
	}
	return "fsync of folder " + strings.Join(parts, "/")
}

// Without any one kind of sync the tests above fail: each is needed, and each is tested.
func TestEverySyncIsNeeded(t *testing.T) {
	kinds := []string{
		"fsync of folder ", "fsync of folder data", "fsync of folder data/journal", "fsync of folder data/bulk",
		"fsync of folder data/blobs", "fsync of folder data/blobs/ab",
		"fdatasync of a file in journal", "fdatasync of a file in bulk", "fdatasync of a file in tmp",
	}
	var mu sync.Mutex // segments are synced beside one another
	seen := map[string]bool{}
	for _, kind := range kinds {
		w, err := newWorld(3, func(op disktest.Op) error {
			k := syncKind(op)
			mu.Lock()
			seen[k] = true
			mu.Unlock()
			if k == kind {
				return disktest.ErrSkip
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.workload(14); err != nil {
			t.Fatal(err)
		}
		if !w.anyCutFails() {
			t.Errorf("without %s nothing is lost", kind)
		}
	}
	delete(seen, "")
	for _, k := range kinds {
		delete(seen, k)
	}
	if len(seen) > 0 {
		t.Errorf("kinds of sync that are not tested: %v", seen)
	}
}

func (w *world) anyCutFails() bool {
	for n := 0; n <= w.sim.Changes(); n++ {
		if w.cut(n, disktest.LoseAll) != nil {
			return true
		}
	}
	return false
}

// The same for the syncs of the restart.
func TestEverySyncOfRestartIsNeeded(t *testing.T) {
	for _, kind := range []string{
		"fsync of folder ", "fsync of folder data", "fsync of folder data/blobs",
		"fdatasync of a file in journal", "fdatasync of a file in bulk",
	} {
		// Files are synced beside one another: which of them a kill met is the scheduler's affair, so that
		// one round can pass by the loss there is.
		failed := false
		for round := 0; round < 50 && !failed; round++ {
			failed = losesWithout(kind)
		}
		if !failed {
			t.Errorf("without %s nothing is lost", kind)
		}
	}
}

// losesWithout tells whether a restart without syncs of a kind, after a kill at some operation, loses anything.
func losesWithout(kind string) bool {
	for kill := int64(1); ; kill++ {
		var started atomic.Bool // the restart is over, work began
		done, err := killAndCut(1, kill, func(op disktest.Op) bool {
			if op.Kind == disktest.Create && strings.Contains(op.Name, ".seg") || op.Kind == disktest.Write {
				started.Store(true)
			}
			return !started.Load() && syncKind(op) == kind
		})
		if done || err != nil {
			return err != nil
		}
	}
}
