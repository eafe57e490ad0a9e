package dicomweb

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// weighing is an archive that keeps nothing and weighs the heap while the first object of each request is stored.
type weighing struct {
	Archive
	mu    sync.Mutex
	calls int
	most  uint64
}

func (w *weighing) Store(_ context.Context, in storage.Inbound) (storage.Receipt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	var now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&now)
	w.most = max(w.most, now.HeapAlloc)
	_, err := io.Copy(io.Discard, in.Body)
	return storage.Receipt{}, halong.E("weighing.Store", halong.Invalid, "", err)
}

// manyElements is metadata of one instance with so many small elements, in as few bytes as they can have.
func manyElements(sop string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `[{"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]},"00080018":{"vr":"UI","Value":[%q]}`, sop)
	for i := range n {
		fmt.Fprintf(&b, `,"%08X":{"vr":"LO"}`, (0x0009+2*(i/4096))<<16|0x1000+i%4096)
	}
	b.WriteString("}]")
	return b.String()
}

// The metadata of all requests together take no more memory than they are given, however small the elements are that they consist of
// and however many requests come at once; what is too much for the whole budget is 413, and short requests go on beside large ones.
func TestStoreMetadataBudget(t *testing.T) {
	const budget = 48 << 20
	spool := t.TempDir()
	m := &weighing{Archive: FromStorage(&memory{})}
	s := serve(t, func(c *Config) { c.Archive, c.Metadata, c.Spool = m, budget, spool })
	model := manyElements("1.2.3.5", 70_000) // 1.7 MB
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			w := s.do(http.MethodPost, "/studies", modelBody([3]string{mediaJSON, "", model}), jsonType)
			if w.Code != http.StatusConflict {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	wg.Wait()
	bodies := int64(8 * len(model) * 2) // the test's own: they are built in memory
	if taken := int64(m.most) - int64(before.HeapAlloc) - bodies; m.calls != 8 || taken > budget {
		t.Errorf("%d stored, %d MiB taken of %d", m.calls, taken>>20, budget>>20)
	}
	s.want(s.do(http.MethodPost, "/studies", modelBody([3]string{mediaJSON, "", manyElements("1.2.3.5", 100_000)}), jsonType), http.StatusRequestEntityTooLarge)
	s.want(s.do(http.MethodPost, "/studies", modelBody([3]string{mediaJSON, "", "[" + strings.Repeat(" ", budget/8) + "]"}), jsonType), http.StatusRequestEntityTooLarge)
	if left, err := os.ReadDir(spool); err != nil || len(left) > 0 {
		t.Errorf("%d files left in the spool, %v", len(left), err)
	}
	// While a request with large metadata has its turn, short ones have theirs, and another large one can be given up.
	d := newDecoding(budget)
	large, err := d.enter(context.Background(), true)
	if err != nil {
		t.Fatal(err)
	}
	short, err := d.enter(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	short()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.enter(gone, true); halong.KindOf(err) != halong.Transient {
		t.Error(err)
	}
	large()
	if large, err = d.enter(context.Background(), true); err != nil {
		t.Fatal(err)
	}
	large()
}

// A folder for the spool that is not there is a failure of the server, told as such.
func TestStoreSpoolFails(t *testing.T) {
	s := serve(t, func(c *Config) { c.Spool = "/nonexistent" })
	s.want(s.do(http.MethodPost, "/studies", modelBody([3]string{mediaJSON, "", "[]"}, [3]string{"application/pdf", "d", "x"}), jsonType), http.StatusInsufficientStorage)
}
