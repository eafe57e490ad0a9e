package disk_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/disk/disktest"
)

const goldenGeneration = `create tmp/generation-1
write tmp/generation-1 0+1
fdatasync tmp/generation-1
rename tmp/generation-1 to generation
fsync folder .`

func TestGeneration(t *testing.T) {
	sim := disktest.NewSim()
	trace := disktest.NewTrace(sim, "/data")
	o := disk.Options{FS: trace, Reserve: -1}
	s := openStore(t, "/data", o)
	if g := s.Generation(); g != 0 {
		t.Errorf("a new store has generation %d", g)
	}
	trace.Take()
	if err := s.RaiseGeneration(3); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(goldenGeneration, trace.Take()); d != "" {
		t.Error(d)
	}
	raised := sim.Changes()
	if err := s.RaiseGeneration(3); halong.KindOf(err) != halong.Conflict {
		t.Errorf("the same number again: %v, want an error of kind conflict", err)
	}
	if err := s.RaiseGeneration(4); err != nil {
		t.Fatal(err)
	}
	// After a power cut at any moment it is a number that was given, and one that was made durable or a later one.
	for cut := 0; cut <= sim.Changes(); cut++ {
		if cut < raised-4 {
			continue // the folder is being made
		}
		s, err := disk.Open("/data", disk.Options{FS: sim.Crash(cut, disktest.LoseAll, nil), Reserve: -1})
		if err != nil {
			t.Fatalf("cut %d: %v", cut, err)
		}
		g := s.Generation()
		if cut >= raised && g < 3 || cut == sim.Changes() && g != 4 || g != 0 && g != 3 && g != 4 {
			t.Errorf("cut %d: generation %d", cut, g)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A full disk does not keep the generation from being raised: space comes of it.
func TestGenerationOnFullDisk(t *testing.T) {
	sim := disktest.NewSim()
	s := openStore(t, "/data", disk.Options{FS: sim, Reserve: 64 << 10})
	sim.SetSpace(sim.Used())
	if err := s.RaiseGeneration(1); err != nil {
		t.Error(err)
	}
	if err := errors.Join(s.RaiseGeneration(2), s.RaiseGeneration(3)); err != nil || s.Generation() != 3 {
		t.Errorf("generation %d, %v", s.Generation(), err)
	}
}

func TestDamagedGeneration(t *testing.T) {
	sim := disktest.NewSim()
	o := disk.Options{FS: sim, Reserve: -1}
	s, err := disk.Open("/data", o)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.RaiseGeneration(12), s.Close()); err != nil {
		t.Fatal(err)
	}
	sim.Flip("/data/generation", 6)
	if _, err := disk.Open("/data", o); halong.KindOf(err) != halong.Corrupt {
		t.Errorf("error %v, want one of kind corrupt", err)
	}
}
