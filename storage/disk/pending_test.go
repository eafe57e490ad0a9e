package disk_test

import (
	"io"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
)

// What a transaction has appended it can read before it is on disk, and nobody can once it was taken back.
func TestReadWhatIsPending(t *testing.T) {
	s := openStore(t, t.TempDir(), disk.Options{})
	if _, err := s.Recover(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	read := func(p storage.Place) string {
		t.Helper()
		r, err := s.Open(halong.Digest{}, p)
		if halong.KindOf(err) == halong.Corrupt {
			return "gone"
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		return string(b)
	}
	for range 2 { // the first group makes the segment
		_, kept, err := s.Append(nil, storage.RecordMessage, []byte("kept"))
		if err != nil {
			t.Fatal(err)
		}
		mark := s.Mark()
		_, back, err := s.Append(nil, storage.RecordMessage, []byte("taken back"))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := read(kept), read(back); a != "kept" || b != "taken back" {
			t.Errorf("%q, %q", a, b)
		}
		s.Rewind(mark)
		if _, err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Committed()
		if a, b := read(kept), read(back); a != "kept" || b != "gone" {
			t.Errorf("%q, %q", a, b)
		}
	}
}
