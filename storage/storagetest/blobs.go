package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// Store is what keeps bytes: blobs, journal and the committer's side of it.
type Store interface {
	storage.Blobs
	storage.Journal
	storage.Log
}

// Random gives n bytes that depend on seed only.
func Random(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1], key[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// Blobs checks storage.Blobs. open gives an empty store and closes it when the test ends.
func Blobs(t *testing.T, open func(t *testing.T) Store) {
	sizes := []int{0, 1, 4000, 4001, 8 << 10, 12<<10 + 1, 64 << 10, 64<<10 + 1, 64<<10 + 4000, 64<<10 + 4001, 256 << 10, 512 << 10, 525_000, 1 << 20, 1<<20 + 4000, 1<<20 + 4001, 3<<20 + 17}
	for _, hint := range []string{"right", "unknown", "small", "large"} {
		t.Run("round trip/hint "+hint, func(t *testing.T) {
			s := open(t)
			for i, n := range sizes {
				h := map[string]int64{"right": int64(n), "unknown": -1, "small": 10, "large": 1 << 40}[hint]
				roundTrip(t, s, Random(uint64(i), n), h, i%2 == 0)
			}
		})
	}
	t.Run("lookup", func(t *testing.T) { lookup(t, open(t)) })
	t.Run("not there", func(t *testing.T) { notThere(t, open(t)) })
	t.Run("misuse", func(t *testing.T) { misuse(t, open(t)) })
}

// Put stores a blob and syncs.
func Put(t testing.TB, s Store, b []byte, hint storage.BlobHint) (storage.BlobInfo, storage.Place) {
	t.Helper()
	w, err := s.Create(context.Background(), hint)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	info, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.Place()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.Committed()
	return info, p
}

func roundTrip(t *testing.T, s Store, b []byte, hint int64, pieces bool) {
	t.Helper()
	w, err := s.Create(context.Background(), storage.BlobHint{Size: hint})
	if err != nil {
		t.Fatal(err)
	}
	var src io.Reader = bytes.NewReader(b)
	if pieces {
		src = struct{ io.Reader }{src} // hides WriterTo: the writer's ReadFrom is used
	}
	if _, err := io.Copy(w, src); err != nil {
		t.Fatal(err)
	}
	info, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	want := storage.BlobInfo{Digest: sha256.Sum256(b), Size: int64(len(b))}
	if len(b) > 64<<10 {
		want.Prefix = xxhash.Sum64(b[:64<<10])
	}
	if d := cmp.Diff(want, info); d != "" {
		t.Fatalf("%d bytes: info differs (-want +got):\n%s", len(b), d)
	}
	if got, ok := w.Bytes(); ok && !bytes.Equal(got, b) {
		t.Fatalf("%d bytes: Bytes differs", len(b))
	}
	p, err := w.Place()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := w.Place(); err != nil || again != p {
		t.Fatalf("second Place gives %v, %v, want %v", again, err, p)
	}
	if _, err := s.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.Committed()
	if got, ok := w.Bytes(); ok && !bytes.Equal(got, b) {
		t.Fatalf("%d bytes: Bytes differs after Place", len(b))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	Same(t, s, info.Digest, p, b)
}

// Same compares a stored blob with b.
func Same(t testing.TB, s storage.Blobs, d halong.Digest, p storage.Place, b []byte) {
	t.Helper()
	r, err := s.Open(d, p)
	if err != nil {
		t.Fatal(err)
	}
	if r.Size() != int64(len(b)) {
		t.Fatalf("size %d, want %d", r.Size(), len(b))
	}
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b) {
		t.Fatalf("%d bytes differ from what was stored", len(b))
	}
	if n, err := r.ReadAt(make([]byte, 10), r.Size()); n != 0 || err != io.EOF {
		t.Fatalf("reading at the end gives %d, %v", n, err)
	}
	sent(t, r, b)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// sent checks that what a reader sends is what it reads, if it can send.
func sent(t testing.TB, r storage.BlobReader, b []byte) {
	t.Helper()
	s, ok := r.(storage.RangeSender)
	if !ok {
		return
	}
	n := int64(len(b))
	for _, x := range [][2]int64{{0, n}, {n / 3, n / 2}, {n, 0}} {
		var got bytes.Buffer
		took, err := s.SendRange(&got, x[0], x[1])
		if errors.Is(err, errors.ErrUnsupported) && took == 0 && got.Len() == 0 {
			continue
		}
		if err != nil || took != x[1] || !bytes.Equal(got.Bytes(), b[x[0]:x[0]+x[1]]) {
			t.Fatalf("%d bytes: sending %d from %d gives %d and error %v", n, x[1], x[0], took, err)
		}
	}
	for _, x := range [][2]int64{{-1, 1}, {0, -1}, {0, n + 1}, {n + 1, 0}, {1, 1<<63 - 1}} {
		var got bytes.Buffer
		if took, err := s.SendRange(&got, x[0], x[1]); took != 0 || err == nil || got.Len() > 0 {
			t.Fatalf("%d bytes: sending %d from %d gives %d and error %v", n, x[1], x[0], took, err)
		}
	}
}

// lookup offers a stored blob to blobs that are equal, differ early or late,
// are shorter or longer.
func lookup(t *testing.T, s Store) {
	base := Random(7, 3<<20)
	info, place := Put(t, s, base, storage.BlobHint{Size: -1})
	late := bytes.Clone(base)
	late[len(late)-1]++
	middle := bytes.Clone(base)
	middle[1<<20+5000]++
	early := bytes.Clone(base)
	early[70_000]++
	cases := map[string][]byte{
		"equal": base, "last byte": late, "middle": middle, "early": early,
		"shorter": base[:2<<20], "longer": append(bytes.Clone(base), 1, 2, 3),
	}
	for name, b := range cases {
		for _, hint := range []int64{-1, int64(len(b)), int64(len(base))} {
			asked := 0
			w, err := s.Create(context.Background(), storage.BlobHint{Size: hint, Lookup: func(prefix uint64) (halong.Digest, storage.Place, storage.BlobReader) {
				asked++
				if prefix != info.Prefix {
					t.Errorf("%s: lookup of %x, want %x", name, prefix, info.Prefix)
				}
				r, err := s.Open(info.Digest, place)
				if err != nil {
					t.Error(err)
				}
				return info.Digest, place, r
			}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(w, bytes.NewReader(b)); err != nil {
				t.Fatal(err)
			}
			got, err := w.Finish()
			if err != nil {
				t.Fatal(err)
			}
			want := storage.BlobInfo{Digest: sha256.Sum256(b), Size: int64(len(b)), Prefix: info.Prefix}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%s, hint %d: info differs (-want +got):\n%s", name, hint, d)
			}
			p, err := w.Place()
			if err != nil {
				t.Fatal(err)
			}
			if name == "equal" && p != place {
				t.Errorf("an equal blob was written again: %v, want %v", p, place)
			}
			if asked > 1 {
				t.Errorf("%s: asked %d times", name, asked)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			Same(t, s, got.Digest, p, b)
		}
	}
}

func notThere(t *testing.T, s Store) {
	info, p := Put(t, s, Random(1, 1000), storage.BlobHint{Size: -1})
	other := info.Digest
	other[0]++
	longer := p
	longer.Length++
	gone := p
	gone.Segment += 100
	for name, try := range map[string]struct {
		d halong.Digest
		p storage.Place
	}{
		"other digest": {other, p}, "longer": {info.Digest, longer}, "no segment": {info.Digest, gone},
		"no file": {info.Digest, storage.Place{Length: 1000}},
	} {
		r, err := s.Open(try.d, try.p)
		if halong.KindOf(err) != halong.Corrupt {
			t.Errorf("%s: %v, want an error of kind corrupt", name, err)
		}
		if r != nil {
			t.Errorf("%s: a reader beside the error", name)
		}
	}
}

func misuse(t *testing.T, s Store) {
	w, err := s.Create(context.Background(), storage.BlobHint{Size: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Place(); err == nil {
		t.Error("Place before Finish succeeds")
	}
	if _, err := w.Finish(); err != nil {
		t.Error(err)
	}
	if _, err := w.Write([]byte{1}); err == nil {
		t.Error("Write after Finish succeeds")
	}
	for range 2 {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, ok := w.Bytes(); ok {
		t.Error("Bytes after Close")
	}
}
