package dicomweb

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

// endless is an archive with one study of n instances, which all have the bytes of one.
type endless struct {
	Archive
	one *memoryObject
	n   int
}

func (a endless) Instances(_ context.Context, _ halong.Scope, ref storage.Ref) iter.Seq2[*storage.Instance, error] {
	return func(yield func(*storage.Instance, error) bool) {
		for i := range a.n {
			sop := dicom.UID(fmt.Sprintf("1.2.826.0.1.3680043.8.498.10000000000000000000000000000.%d", i))
			if ref.SOP != "" {
				sop = ref.SOP
			}
			in := a.one.Instance
			in.SOP, in.Manifest.Bulk = sop, make([]storage.Bulk, 1)
			copy(in.Digest[:], sop)
			binary.BigEndian.PutUint64(in.Digest[8:], uint64(len(sop)))
			if !yield(&in, nil) || ref.SOP != "" {
				return
			}
		}
	}
}

func (a endless) Open(context.Context, *storage.Instance) (Object, error) { return a.one, nil }

// gauge is an answer that keeps nothing but the largest heap seen.
type gauge struct {
	header  http.Header
	status  int
	written int64
	next    int64
	peak    uint64
}

func (g *gauge) Header() http.Header { return g.header }
func (g *gauge) WriteHeader(s int)   { g.status = s }
func (g *gauge) Write(p []byte) (int, error) {
	if g.written += int64(len(p)); g.written >= g.next {
		g.next = g.written + 10<<20
		g.peak = max(g.peak, heap())
	}
	return len(p), nil
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// W27: a study of 20,000 instances in bounded memory.
func TestW27StudyOf20000Instances(t *testing.T) {
	const n = 20_000
	s := serve(t)
	s.put(file("1.2.3.5", patient("A"), pixels(64, 64, 8, 1, dicom.OB, bytes.Repeat([]byte{7}, 4096))))
	big := serve(t, func(c *Config) { c.Archive = endless{FromStorage(s.m), s.m.stored[0], n} })
	for _, path := range []string{study1, study1 + "/metadata"} {
		g := &gauge{header: http.Header{}}
		before := heap()
		big.h.ServeHTTP(g, httptest.NewRequest(http.MethodGet, "http://pacs.test/dicom-web"+path, nil))
		grown := int64(g.peak) - int64(before)
		t.Logf("%s: %d MB sent, heap grew by %d KB", path, g.written>>20, grown>>10)
		if g.status != 200 || g.written < n*500 {
			t.Errorf("%s: %d, %d bytes", path, g.status, g.written)
		}
		if grown > 16<<20 {
			t.Errorf("%s: heap grew by %d bytes", path, grown)
		}
	}
}
