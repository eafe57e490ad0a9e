package disk_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/storagetest"
)

// Bytes of a file that was removed meanwhile are not sent, but can still be read.
func TestRemovedFileIsNotSent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := openStore(t, dir, disk.Options{})
	b := storagetest.Random(1, 200_000)
	info, p := storagetest.Put(t, s, b, storage.BlobHint{Size: int64(len(b))})
	r, err := s.Open(info.Digest, p)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got bytes.Buffer
	sender := r.(storage.RangeSender)
	if n, err := sender.SendRange(&got, 10, 100_000); n != 100_000 || err != nil || !bytes.Equal(got.Bytes(), b[10:100_010]) {
		t.Fatalf("sent %d, error %v", n, err)
	}
	err = filepath.WalkDir(filepath.Join(dir, "bulk"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Remove(name)
	})
	if err != nil {
		t.Fatal(err)
	}
	got.Reset()
	if n, err := sender.SendRange(&got, 0, 100_000); n != 0 || !errors.Is(err, errors.ErrUnsupported) || got.Len() > 0 {
		t.Errorf("sent %d, error %v", n, err)
	}
	read := make([]byte, len(b))
	if _, err := r.ReadAt(read, 0); err != nil || !bytes.Equal(read, b) {
		t.Errorf("reading after the file was removed: %v", err)
	}
}
