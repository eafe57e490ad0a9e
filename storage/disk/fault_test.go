package disk_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/disk/disktest"
	"github.com/halong-gateway/halong/storage/storagetest"
)

// Whichever operation fails, once or from then on, nothing acknowledged is lost, now or
// after a power cut, and once the disk works again so does the store.
func TestAnyOperationFails(t *testing.T) {
	for _, lasting := range []bool{false, true} {
		for n := 1; ; n++ {
			if done := failAt(t, n, lasting); done {
				break
			}
		}
	}
}

func failAt(t *testing.T, n int, lasting bool) (done bool) {
	t.Helper()
	ops, armed, failed := 0, false, false
	hook := make(chan struct{}, 1) // operations come from several goroutines
	hook <- struct{}{}
	w, err := newWorld(5, func(op disktest.Op) error {
		<-hook
		defer func() { hook <- struct{}{} }()
		if !armed || op.Kind == disktest.Read || op.Kind == disktest.Size {
			return nil
		}
		ops++
		if ops == n || lasting && ops > n {
			failed = true
			return syscall.EIO
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.workload(3); err != nil {
		t.Fatal(err)
	}
	armed = true
	for range 8 {
		if err := w.workload(1); err != nil && halong.KindOf(err) != halong.Transient {
			t.Fatalf("operation %d fails: %v, want an error of kind transient", n, err)
		}
	}
	armed = false
	if err := w.store(false, 100, 5000, 80_000); err != nil {
		t.Fatalf("after operation %d failed: %v", n, err)
	}
	if err := check(w.s, w.index, w.acked); err != nil {
		t.Fatalf("after operation %d failed: %v", n, err)
	}
	for i := w.history[0].at; i <= w.sim.Changes(); i += 29 {
		if err := w.cut(i, disktest.LoseAll); err != nil {
			t.Fatalf("operation %d failed, cut %d: %v", n, i, err)
		}
	}
	return !failed
}

// A blob whose segment could not be synced must not be acknowledged by a later group either.
func TestLostBlobIsNotAcknowledgedLater(t *testing.T) {
	broken := false
	fs := disktest.Hook(disktest.NewSim(), func(op disktest.Op) error {
		if broken && op.Kind == disktest.Sync && strings.Contains(op.Name, "bulk") {
			return syscall.EIO
		}
		return nil
	})
	s := openStore(t, "/data", smallOptions(fs))
	ctx := context.Background()
	lost := placed(t, s, 1)
	broken = true
	if _, err := s.Sync(ctx); halong.KindOf(err) != halong.Transient {
		t.Fatalf("Sync gives %v, want an error of kind transient", err)
	}
	s.Aborted()
	broken = false
	if _, err := s.Sync(ctx); err == nil {
		t.Error("a group that may refer to a lost blob was synced")
	}
	s.Aborted()
	if err := lost.Close(); halong.KindOf(err) != halong.Transient {
		t.Errorf("Close of the lost blob gives %v, want an error of kind transient", err)
	}
	good := placed(t, s, 2)
	if _, err := s.Sync(ctx); err != nil {
		t.Errorf("after the lost blob was closed: %v", err)
	}
	s.Committed()
	if err := good.Close(); err != nil {
		t.Error(err)
	}
}

// A writer closed before its transaction syncs by itself, so that a failure is not forgotten.
func TestCloseBeforeCommitSyncs(t *testing.T) {
	broken := false
	fs := disktest.Hook(disktest.NewSim(), func(op disktest.Op) error {
		if broken && op.Kind == disktest.Sync {
			return syscall.EIO
		}
		return nil
	})
	s := openStore(t, "/data", smallOptions(fs))
	w := placed(t, s, 1)
	broken = true
	if err := w.Close(); halong.KindOf(err) != halong.Transient {
		t.Errorf("Close gives %v, want an error of kind transient", err)
	}
	broken = false
	if _, err := s.Sync(context.Background()); err != nil {
		t.Error(err)
	}
	s.Committed()
}

func placed(t *testing.T, s *disk.Store, seed uint64) storage.BlobWriter {
	t.Helper()
	w, err := s.Create(context.Background(), storage.BlobHint{Size: -1})
	if err != nil {
		t.Fatal(err)
	}
	_, werr := w.Write(storagetest.Random(seed, 3000))
	_, ferr := w.Finish()
	_, perr := w.Place()
	if err := errors.Join(werr, ferr, perr); err != nil {
		t.Fatal(err)
	}
	return w
}

// On a full disk new blobs are refused with kind exhausted, nothing acknowledged is
// lost, decisions are still recorded, and all is well when there is space again.
func TestFullDisk(t *testing.T) {
	for space := int64(300_000); space < 700_000; space += 37_777 {
		w, err := newWorld(9, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.s.Close(); err != nil {
			t.Fatal(err)
		}
		o := smallOptions(w.sim)
		o.Reserve = 256 << 10
		if w.s, err = disk.Open("/data", o); err != nil {
			t.Fatal(err)
		}
		w.sim.SetSpace(space)
		full := 0
		for range 40 {
			if err := w.workload(1); err != nil {
				if halong.KindOf(err) != halong.Exhausted {
					t.Fatalf("%v, want an error of kind exhausted", err)
				}
				full++
			}
		}
		if full == 0 {
			t.Fatal("the disk did not get full")
		}
		if err := w.decide(); err != nil {
			t.Fatalf("a decision on the full disk: %v", err)
		}
		if err := check(w.s, w.index, w.acked); err != nil {
			t.Fatal(err)
		}
		w.sim.SetSpace(0)
		if err := w.survives(); err != nil {
			t.Fatal(err)
		}
	}
}

// decide records something small, without a blob.
func (w *world) decide() error {
	next := w.index.clone()
	payload := make([]byte, 40)
	seq, at, err := w.s.Append(nil, storage.RecordDecision, payload)
	if err != nil {
		return err
	}
	states, err := w.s.Sync(context.Background())
	if err != nil {
		w.s.Aborted()
		return err
	}
	next.records[seq] = at
	next.blobs[halong.Digest{}] = storage.Place{}
	w.commit(next, states)
	return nil
}

func TestOneProcess(t *testing.T) {
	dir := t.TempDir()
	openStore(t, dir, disk.Options{})
	if _, err := disk.Open(dir, disk.Options{}); halong.KindOf(err) != halong.Conflict {
		t.Errorf("second Open gives %v, want an error of kind conflict", err)
	}
}
