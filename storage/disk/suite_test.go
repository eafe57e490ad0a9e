package disk_test

import (
	"path/filepath"
	"testing"

	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/disk/disktest"
	"github.com/halong-gateway/halong/storage/storagetest"
)

func openStore(t testing.TB, dir string, o disk.Options) *disk.Store {
	t.Helper()
	s, err := disk.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSuite(t *testing.T) {
	variants := map[string]func(t *testing.T) disk.Options{
		"os":        func(*testing.T) disk.Options { return disk.Options{} },
		"no direct": func(*testing.T) disk.Options { return disk.Options{NoDirect: true} },
		"small": func(*testing.T) disk.Options {
			return disk.Options{Inline: 100 << 10, SegmentSize: 256, BulkSize: 64 << 10}
		},
		"no memory": func(*testing.T) disk.Options { return disk.Options{Budget: 1, Patience: 1} },
		"simulated": func(*testing.T) disk.Options { return disk.Options{FS: disktest.NewSim()} },
	}
	for name, o := range variants {
		open := func(t *testing.T) *disk.Store {
			o := o(t)
			if o.FS != nil {
				return openStore(t, "/data", o)
			}
			return openStore(t, filepath.Join(t.TempDir(), "data"), o)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("Blobs", func(t *testing.T) {
				storagetest.Blobs(t, func(t *testing.T) storagetest.Store { return open(t) })
			})
			t.Run("Journal", func(t *testing.T) {
				storagetest.Journal(t, func(t *testing.T) storagetest.Replayer { return open(t) })
			})
		})
	}
}
