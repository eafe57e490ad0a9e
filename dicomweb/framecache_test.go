package dicomweb

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

// touching counts the frames that are read from objects.
type touching struct {
	Archive
	mu    sync.Mutex
	reads int
}

type touched struct {
	Object
	by *touching
}

func (a *touching) Open(ctx context.Context, i *storage.Instance) (Object, error) {
	o, err := a.Archive.Open(ctx, i)
	return touched{o, a}, err
}

func (o touched) Bulk(offset, length int64) (*io.SectionReader, error) {
	o.by.count()
	return o.Object.Bulk(offset, length)
}

func (o touched) Frame(i int) (io.Reader, int64, error) {
	o.by.count()
	return o.Object.Frame(i)
}

func (a *touching) count() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reads++
}

func (a *touching) take() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, a.reads = a.reads, 0
	return n
}

// framesOf makes Pixel Data of frames that differ, of 32 x 32 pixels of 16 bits, somewhat compressible.
func framesOf(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n*2048)
	for i := range b {
		b[i] = byte(r.IntN(16) + i/2048)
	}
	return b
}

// Frames that cost work are made once and are the same afterwards, at another connection too; of a deflated object those that
// follow are made along. Frames that are read as they lie are never kept.
func TestFrameCache(t *testing.T) {
	const n = 12
	words := framesOf(n)
	for _, c := range []struct {
		name string
		ts   dicom.UID
		kept bool
	}{
		{"deflated", dicom.DeflatedExplicitVRLittleEndian, true},
		{"big endian", dicom.ExplicitVRBigEndian, true},
		{"explicit", explicitLE, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &touching{}
			s := serve(t, func(c *Config) {
				a.Archive = c.Archive
				c.Archive = a
			})
			s.put(fileIn(c.ts, "1.2.3.5", pixels(32, 32, 16, n, dicom.OW, words)))
			frame := func(i int) {
				t.Helper()
				got := s.want(s.get(fmt.Sprintf("%s/frames/%d", instance1, i+1), "Accept: application/octet-stream"), 200)
				if got != string(words[i*2048:(i+1)*2048]) {
					t.Errorf("frame %d differs", i+1)
				}
			}
			frame(3)
			if a.take() == 0 {
				t.Error("read from nowhere")
			}
			frame(3)
			if reads := a.take(); reads > 0 == c.kept {
				t.Errorf("%d reads of what was made before", reads)
			}
			frame(n - 1)
			if reads := a.take(); c.ts == dicom.DeflatedExplicitVRLittleEndian && reads > 0 {
				t.Errorf("%d reads of a frame behind one that was asked for", reads)
			}
			frame(0)
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() { frame(i) })
			}
			wg.Wait()
			all := s.want(s.get(instance1+"/frames/2,1", "Accept: multipart/related; type=application/octet-stream"), 200)
			if !strings.Contains(all, string(words[2048:4096])) || !strings.Contains(all, string(words[:2048])) {
				t.Error("the frames of a multipart answer differ")
			}
		})
	}
}

// The cache takes no more memory than it may, keeps no frame that would fill it, and lets go who does not want to wait any more.
func TestFrameCacheIsBounded(t *testing.T) {
	c := newFrameCache(100_000)
	for i := range 1000 {
		c.put(frameKey{frame: i}, make([]byte, 5000))
	}
	if c.size > c.limit || len(c.byKey) != c.used.Len() || len(c.byKey) < 15 {
		t.Errorf("%d bytes, %d frames", c.size, len(c.byKey))
	}
	c.put(frameKey{frame: 1}, make([]byte, 20_000))
	if _, ok := c.get(frameKey{frame: 1}, nil); ok {
		t.Error("a frame of more than an eighth is kept")
	}
	done, err := c.turn(context.Background(), [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.turn(gone, [32]byte{1}); err == nil {
		t.Error("two make frames of one object")
	}
	other, err := c.turn(context.Background(), [32]byte{2})
	if err != nil {
		t.Fatal(err)
	}
	other()
	done()
	if len(c.making) > 0 {
		t.Errorf("%d objects are still noted", len(c.making))
	}
	none := serve(t, func(c *Config) { c.Frames = -1 })
	words := framesOf(2)
	none.put(fileIn(dicom.DeflatedExplicitVRLittleEndian, "1.2.3.5", pixels(32, 32, 16, 2, dicom.OW, words)))
	for range 2 {
		if got := none.want(none.get(instance1+"/frames/2", "Accept: application/octet-stream"), 200); got != string(words[2048:]) {
			t.Error("without a cache the frame differs")
		}
	}
}

// BenchmarkFrame compares frames with and without the cache: of 512 x 512 pixels of 16 bits, one of 16 of an object in the real archive.
func BenchmarkFrame(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	words := make([]byte, 16*512*512*2)
	for i := range words {
		words[i] = byte(r.IntN(32))
	}
	for _, ts := range []dicom.UID{explicitLE, dicom.DeflatedExplicitVRLittleEndian, dicom.ExplicitVRBigEndian} {
		for _, limit := range []int64{-1, 64 << 20} {
			b.Run(fmt.Sprintf("%s/cache=%d", ts, limit), func(b *testing.B) {
				a := realArchive(b)
				s := serve(b, func(c *Config) { c.Archive, c.Frames = FromStorage(a), limit })
				s.put(fileIn(ts, "1.2.3.5", pixels(512, 512, 16, 16, dicom.OW, words)))
				for i := 0; b.Loop(); i++ {
					if w := s.do(http.MethodGet, fmt.Sprintf("%s/frames/%d", instance1, i%16+1), nil, "Accept: application/octet-stream"); w.Code != 200 {
						b.Fatal(w.Code)
					}
				}
			})
		}
	}
	b.Run("read from the disk's cache", func(b *testing.B) { readFrame(b, false) })
	b.Run("read from memory", func(b *testing.B) { readFrame(b, true) })
}

// readFrame measures what a cache could save of a frame that is read as it lies.
func readFrame(b *testing.B, memory bool) {
	a := realArchive(b)
	s := serve(b, func(c *Config) { c.Archive = FromStorage(a) })
	words := make([]byte, 512*512*2)
	s.put(file("1.2.3.5", pixels(512, 512, 16, 1, dicom.OW, words)))
	buf := make([]byte, copyBuffer)
	for in, err := range a.Instances(context.Background(), halong.Everything(), storage.Ref{Study: "1.2.3"}) {
		if err != nil {
			b.Fatal(err)
		}
		o, err := a.Open(context.Background(), in)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			var r io.Reader = bytes.NewReader(words)
			if !memory {
				if r, _, err = o.Frame(0); err != nil {
					b.Fatal(err)
				}
			}
			if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, buf); err != nil {
				b.Fatal(err)
			}
		}
		if err := o.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
