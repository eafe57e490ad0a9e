package disk_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/disk/disktest"
	"github.com/halong-gateway/halong/storage/storagetest"
)

const goldenOpen = `mkdir .
fsync folder ..
mkdir journal
mkdir bulk
mkdir blobs
mkdir tmp
fsync folder .
fsync folder blobs`

// A small object: blob written, record written, both synced, committed, answered. The first time
// each segment's folder is synced when the file is made, before anything is written to it.
const goldenFirst = `create bulk/00000001.seg
fsync folder bulk
write bulk/00000001.seg 0+8192
fdatasync bulk/00000001.seg
create journal/00000002.seg
fsync folder journal
write journal/00000002.seg 0+128
fdatasync journal/00000002.seg
index commit
answer`

const goldenSecond = `write bulk/00000001.seg 8192+8192
fdatasync bulk/00000001.seg
write journal/00000002.seg 128+128
fdatasync journal/00000002.seg
index commit
answer`

// A large object goes to a file of its own, which is durable before its record is written.
const goldenLarge = `create tmp/1
write tmp/1 0+69632
write tmp/1 69632+266240
write tmp/1 335872+164128
fdatasync tmp/1
mkdir blobs/22
fsync folder blobs
rename tmp/1 to blobs/22/2286c280d565e570d39805aac05435fb66eee2c9e239cb9a6cd7afa670bfb775
fsync folder blobs/22
write journal/00000002.seg 256+128
fdatasync journal/00000002.seg
index commit
answer`

func TestOrderOfWriteSyncCommitAnswer(t *testing.T) {
	trace := disktest.NewTrace(disktest.NewSim(), "/data")
	s := openStore(t, "/data", disk.Options{FS: trace, Reserve: -1, Ahead: -1, NoDirect: true, Inline: 100 << 10})
	compare := func(name, want string) {
		t.Helper()
		if d := cmp.Diff(want, trace.Take()); d != "" {
			t.Errorf("%s: trace differs (-want +got):\n%s", name, d)
		}
	}
	compare("open", goldenOpen)
	for _, step := range []struct {
		name, want string
		size       int
	}{{"first", goldenFirst, 5000}, {"second", goldenSecond, 5000}, {"large", goldenLarge, 500_000}} {
		// The bulk segment and the journal are synced at the same time; a sync of
		// the blob alone puts them in order here.
		storeObject(t, s, trace, step.size, true)
		compare(step.name, step.want)
	}
	storeObject(t, s, trace, 5000, false)
	together := strings.Split(trace.Take(), "\n")
	for _, pair := range [][2]string{
		{"write bulk/00000001.seg 16384+8192", "fdatasync bulk/00000001.seg"},
		{"write journal/00000002.seg 384+128", "fdatasync journal/00000002.seg"},
		{"fdatasync bulk/00000001.seg", "index commit"},
		{"fdatasync journal/00000002.seg", "index commit"},
		{"index commit", "answer"},
	} {
		if a, b := slices.Index(together, pair[0]), slices.Index(together, pair[1]); a < 0 || b < a {
			t.Errorf("%q is not before %q in %q", pair[0], pair[1], together)
		}
	}
	if len(together) != 6 {
		t.Errorf("%d operations, want 6: %q", len(together), together)
	}
}

// storeObject stores one object; early closes the writer before the record is appended.
func storeObject(t *testing.T, s *disk.Store, trace *disktest.Trace, size int, early bool) {
	t.Helper()
	w, err := s.Create(context.Background(), storage.BlobHint{Size: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(storagetest.Random(1, size)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Place(); err != nil {
		t.Fatal(err)
	}
	if early {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Append(nil, storage.RecordObject, []byte("record")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	trace.Say("index commit")
	s.Committed()
	trace.Say("answer")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
