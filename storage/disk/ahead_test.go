package disk_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/disk/disktest"
)

const journal1 = "/data/journal/00000001.seg"

// group stores a group of one record.
func group(t *testing.T, s *disk.Store, text string) (states []storage.SegmentState) {
	t.Helper()
	if _, _, err := s.Append(nil, storage.RecordMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
	states, err := s.Sync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Committed()
	return states
}

// texts gives the records of the journal.
func texts(t *testing.T, s *disk.Store) (all []string) {
	t.Helper()
	if err := s.Replay(t.Context(), func(r storage.Record) error { all = append(all, string(r.Payload)); return nil }); err != nil {
		t.Error(err)
	}
	return all
}

// TestAhead: a journal segment grows in steps, by zeros that are no damage after a crash, and ends with its records when it is closed.
func TestAhead(t *testing.T) {
	sim := disktest.NewSim()
	o := disk.Options{FS: sim, Reserve: -1, Ahead: 1000}
	s := openStore(t, "/data", o)
	sizes := []int{}
	var want []string
	var states []storage.SegmentState
	for _, text := range []string{"one", "two", string(bytes.Repeat([]byte("x"), 800)), "four"} {
		states = group(t, s, text)
		want = append(want, text)
		sizes = append(sizes, len(sim.Contents(journal1)))
	}
	if diff := cmp.Diff([]int{1128, 1128, 2152, 2152}, sizes); diff != "" {
		t.Error("the segment's lengths:", diff)
	}
	for name, known := range map[string][]storage.SegmentState{"with the index": states, "without": nil} {
		again := openStore(t, "/data", disk.Options{FS: sim.Crash(sim.Changes(), disktest.LoseAll, nil), Reserve: -1, Ahead: 1000})
		tail, err := again.Recover(t.Context(), known)
		if err != nil || len(tail.Damage()) > 0 {
			t.Errorf("%s: %v, damage %v", name, err, tail.Damage())
		}
		if diff := cmp.Diff(want, texts(t, again)); diff != "" {
			t.Error(name, diff)
		}
		tail.Done()
		group(t, again, "five")
		if diff := cmp.Diff(append(want[:len(want):len(want)], "five"), texts(t, again)); diff != "" {
			t.Error(name, diff)
		}
		if found, err := again.Scrub(t.Context(), nil); err != nil || len(found) > 0 {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := int64(len(sim.Contents(journal1))); n != states[0].Synced {
		t.Errorf("%d bytes after closing, want %d", n, states[0].Synced)
	}
}

// TestAheadDamage: zeros in the place of records that were synced are damage, as far as the index knows of them; so is a torn group.
func TestAheadDamage(t *testing.T) {
	for name, c := range map[string]struct {
		hurt func(b []byte)
		last bool // the index knows of the last group
	}{
		"zeroed": {func(b []byte) { clear(b[len(b)-192:]) }, true},
		"torn":   {func(b []byte) { clear(b[len(b)-80:]) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			sim := disktest.NewSim()
			s := openStore(t, "/data", disk.Options{FS: sim, Reserve: -1, Ahead: 4096})
			first := group(t, s, "one")
			states := group(t, s, "and this is the second one of them")
			if !c.last {
				states, first = first, states
			}
			end := max(states[0].Synced, first[0].Synced)
			f, err := sim.Open(journal1, false)
			if err != nil {
				t.Fatal(err)
			}
			b := bytes.Clone(sim.Contents(journal1)[:end])
			c.hurt(b)
			if _, err := f.WriteAt(b, 0); err != nil {
				t.Fatal(err)
			}
			again := openStore(t, "/data", disk.Options{FS: sim.Crash(sim.Changes(), disktest.LoseNone, nil), Reserve: -1})
			tail, err := again.Recover(t.Context(), states)
			if err != nil {
				t.Fatal(err)
			}
			found, err := again.Scrub(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(tail.Damage())+len(found) == 0 {
				t.Error("nobody says that there is damage")
			}
		})
	}
}

// TestAheadFull: a disk that is too full for zeros takes records all the same.
func TestAheadFull(t *testing.T) {
	sim := disktest.NewSim()
	s := openStore(t, "/data", disk.Options{FS: sim, Reserve: -1})
	sim.SetSpace(sim.Used() + 4096)
	for _, text := range []string{"one", "two", "three"} {
		group(t, s, text)
	}
	if diff := cmp.Diff([]string{"one", "two", "three"}, texts(t, s)); diff != "" {
		t.Error(diff)
	}
	if n := len(sim.Contents(journal1)); n != 384 {
		t.Errorf("%d bytes", n)
	}
}
