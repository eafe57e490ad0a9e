package disk_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/disk/disktest"
)

// TestAheadTornAnywhere: sectors of the last group, over zeros that were there before, may reach the disk in any order before a power cut: what lacks one was not synced.
func TestAheadTornAnywhere(t *testing.T) {
	const sector = 512
	sim := disktest.NewSim()
	s := openStore(t, "/data", disk.Options{FS: sim, Reserve: -1, Ahead: 16 << 10})
	states := group(t, s, "one")
	for i := range 3 {
		if _, _, err := s.Append(nil, storage.RecordMessage, bytes.Repeat([]byte{byte('a' + i)}, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole := bytes.Clone(sim.Contents(journal1))
	from := int(states[0].Synced)
	for at := from / sector * sector; at < from+3*1100; at += sector {
		b := bytes.Clone(whole)
		clear(b[max(at, from):min(at+sector, len(b))])
		f, err := sim.Open(journal1, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(b, 0); err != nil {
			t.Fatal(err)
		}
		crashed := sim.Crash(sim.Changes(), disktest.LoseNone, nil)
		again := openStore(t, "/data", disk.Options{FS: crashed, Reserve: -1, Ahead: 16 << 10})
		tail, err := again.Recover(t.Context(), states)
		if err != nil {
			t.Fatal(err)
		}
		if !tail.Empty() {
			t.Errorf("without the sector at %d a part of the group is there", at)
		}
		tail.Done()
		group(t, again, "next")
		if diff := cmp.Diff([]string{"one", "next"}, texts(t, again)); diff != "" {
			t.Error(at, diff)
		}
		if found, err := again.Scrub(t.Context(), nil); err != nil || len(found) > 0 {
			t.Errorf("%d: %v, %v", at, found, err)
		}
	}
}
