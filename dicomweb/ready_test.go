package dicomweb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/derived"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// house is a real archive with a shelf, in a folder that outlives it.
type house struct {
	*server
	t       testing.TB
	store   *disk.Store
	index   *sqlite.DB
	archive *counting
	shelf   *derived.Shelf
	ready   *Ready
	at      uint64 // the last event that ready has read
	mu      sync.Mutex
	now     time.Time
}

// counting counts the objects that are opened.
type counting struct {
	*storage.Archive
	mu     sync.Mutex
	opened int
}

func (c *counting) Open(ctx context.Context, i *storage.Instance) (*storage.Object, error) {
	c.mu.Lock()
	c.opened++
	c.mu.Unlock()
	return c.Archive.Open(ctx, i)
}

func (c *counting) take() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, c.opened = c.opened, 0
	return n
}

// openHouse opens a folder. What a real start finds out is given: madeBy.
func openHouse(t testing.TB, dir, madeBy string, change ...func(*Config)) *house {
	t.Helper()
	h := &house{t: t, now: time.Now()}
	var err error
	if h.store, err = disk.Open(filepath.Join(dir, "store"), disk.Options{}); err != nil {
		t.Fatal(err)
	}
	if h.index, err = sqlite.Open(context.Background(), filepath.Join(dir, "index.db"), h.store, sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	states, err := h.index.Segments(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if tail, err := h.store.Recover(context.Background(), states); err != nil || !tail.Empty() {
		t.Fatal(err, "there is something to replay")
	}
	if h.shelf, err = derived.Open(filepath.Join(dir, "ready"), 64<<20); err != nil {
		t.Fatal(err)
	}
	h.archive = &counting{Archive: storage.NewArchive(storage.Config{Index: h.index, Blobs: h.store, Journal: h.store})}
	h.server = serve(t, behindProxy, func(c *Config) {
		c.Archive = FromStorage(h.archive)
		for _, f := range change {
			f(c)
		}
		h.ready, err = NewReady(*c, ReadyConfig{Shelf: h.shelf, History: h.index, MadeBy: madeBy, Now: h.clock, Failed: func(err error) { t.Error(err) }})
		c.Ready = h.ready
	})
	if err != nil {
		t.Fatal(err)
	}
	h.at, _, err = h.index.ChainEnd(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// quiet lets time pass, and the background work be done.
func (h *house) quiet() {
	h.t.Helper()
	for range 2 { // the first reads events, the second finds the series quiet
		h.mu.Lock()
		h.now = h.now.Add(time.Minute)
		h.mu.Unlock()
		var err error
		if h.at, err = h.ready.step(context.Background(), h.at); err != nil {
			h.t.Error(err)
		}
	}
}

func (h *house) close() {
	h.t.Helper()
	if err := errors.Join(h.index.Close(), h.store.Close()); err != nil {
		h.t.Error(err)
	}
}

func numbered(n int) func(*dataset.Set) {
	return func(s *dataset.Set) { s.PutInt(tag.InstanceNumber, dicom.IS, int64(n)) }
}

const (
	readySeries   = "/studies/1.2.3/series/1.2.3.4"
	readyMetadata = readySeries + "/metadata"
)

// The metadata of a series are made once, compressed, and given out after a restart without a look at the objects, in every
// coding; not when the series changed, nor by another program, nor with an index that is not the one they were made from.
func TestReadyOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	h := openHouse(t, dir, "one")
	for i := range 10 {
		h.put(file(fmt.Sprintf("1.2.3.5.%d", i), patient("NGUYỄN^VĂN"), numbered(i)))
	}
	codings := []string{"gzip", "zstd", ""}
	body, tags := "", map[string]string{}
	for _, c := range codings {
		w := h.get(readyMetadata, "Accept-Encoding: "+c)
		h.want(w, 200)
		tags[c], body = w.Header().Get("ETag"), decoded(t, w)
	}
	if tags["gzip"] == tags["zstd"] || tags["gzip"] == tags[""] {
		t.Error("different representations have one strong entity tag", tags)
	}
	if len(h.shelf.Keys()) > 0 {
		t.Error("written before the series was quiet")
	}
	h.quiet()
	if n := len(h.shelf.Keys()); n != 2 {
		t.Errorf("%d documents, want one in gzip and one in zstd", n)
	}
	h.close()

	h = openHouse(t, dir, "one")
	for _, c := range codings {
		w := h.get(readyMetadata, "Accept-Encoding: "+c)
		h.want(w, 200)
		if w.Header().Get("ETag") != tags[c] || w.Header().Get("Content-Encoding") != c || decoded(t, w) != body {
			t.Errorf("%q: another answer after the restart: %v", c, w.Header())
		}
		h.want(h.get(readyMetadata, "Accept-Encoding: "+c, "If-None-Match: "+tags[c]), http.StatusNotModified)
		if w := h.do(http.MethodHead, readyMetadata, nil, "Accept-Encoding: "+c); w.Code != 200 || w.Body.Len() > 0 {
			t.Error("HEAD", w.Code, w.Body.Len())
		}
	}
	if n := h.archive.take(); n != 0 {
		t.Errorf("%d objects were opened after the restart", n)
	}
	// Another base is another form, and is made.
	if got := h.want(h.get(readyMetadata, "X-Forwarded-Host: other.test"), 200); got == "" || h.archive.take() == 0 {
		t.Error("a document of another base was given out")
	}
	h.put(file("1.2.3.5.99", numbered(99)))
	if n := len(results(t, h.want(h.get(readyMetadata), 200))); n != 11 {
		t.Errorf("%d instances right after another was stored", n)
	}
	h.quiet() // made again in the background, in the forms that were asked for
	h.close()

	h = openHouse(t, dir, "one")
	if n := len(results(t, decoded(t, h.get(readyMetadata, "Accept-Encoding: gzip")))); n != 11 || h.archive.take() != 0 {
		t.Errorf("%d instances, or objects were opened: not made in the background", n)
	}
	h.close()
	h = openHouse(t, dir, "two")
	h.want(h.get(readyMetadata), 200)
	if h.archive.take() != 11 {
		t.Error("what another program made was given out")
	}
	h.close()
	h = openHouse(t, dir, "one")
	h.ready.History = foreign{h.index}
	h.want(h.get(readyMetadata, "Accept-Encoding: gzip"), 200)
	if h.archive.take() != 11 {
		t.Error("what was made from another history was given out")
	}
	h.close()
}

// foreign is an index in which the same events have other salts, as in a copy of it that went another way.
type foreign struct{ *sqlite.DB }

func (f foreign) EventsSince(ctx context.Context, seq uint64, limit int) ([]halong.Event, error) {
	events, err := f.DB.EventsSince(ctx, seq, limit)
	for i := range events {
		events[i].Chain[0] ^= 1
	}
	return events, err
}

// While several store and delete, readers get what was acknowledged, and nothing that was deleted, at every instant, also when
// documents are written to the shelf all the time.
func TestReadyDuringIngestAndDelete(t *testing.T) {
	h := openHouse(t, t.TempDir(), "one", func(c *Config) { c.Documents = -1 }) // so that the shelf is always asked
	defer h.close()
	h.ready.Quiet = time.Nanosecond
	h.put(file("1.2.3.5.0", numbered(0)))
	stop := make(chan struct{})
	var beside, storing sync.WaitGroup
	beside.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				h.mu.Lock()
				h.now = h.now.Add(time.Second)
				h.mu.Unlock()
				var err error
				if h.at, err = h.ready.step(context.Background(), h.at); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for worker := range 3 {
		storing.Go(func() {
			for i := range 12 {
				sop := fmt.Sprintf("1.2.3.6.%d.%d", worker, i)
				if w := h.do(http.MethodPost, "/studies", body(file(sop, numbered(worker*100+i))), stowType); w.Code != http.StatusOK {
					t.Errorf("store: %d", w.Code)
				}
				has := func(want bool) {
					for _, coding := range []string{"gzip", ""} {
						if got := decoded(t, h.get(readyMetadata, "Accept-Encoding: "+coding)); strings.Contains(got, `"`+sop+`"`) != want {
							t.Errorf("%q: an instance is there: %v, want %v", coding, !want, want)
						}
					}
				}
				has(true)
				if i%3 == 0 {
					gone, err := h.archive.Delete(context.Background(), storage.Deletion{Scope: halong.Everything(), Ref: storage.Ref{Study: "1.2.3", Series: "1.2.3.4", SOP: dicom.UID(sop)}, Reason: "test"})
					if err != nil {
						t.Error(err)
					}
					has(false)
					if i == 3 && len(gone) == 1 {
						if _, err := h.archive.Restore(context.Background(), halong.Everything(), gone[0].ID, halong.Source{}); err != nil {
							t.Error(err)
						}
						has(true)
					}
				}
			}
		})
	}
	storing.Wait()
	close(stop)
	beside.Wait()
	if n := len(results(t, h.want(h.get(readyMetadata), 200))); n != 1+36-12+3 { // a third of all was deleted, one of each worker restored
		t.Errorf("%d instances", n)
	}
	// Of a series that is gone nothing is left on disk.
	h.quiet()
	if len(h.shelf.Keys()) == 0 {
		t.Fatal("nothing was kept ready")
	}
	if _, err := h.archive.Delete(context.Background(), storage.Deletion{Scope: halong.Everything(), Ref: storage.Ref{Study: "1.2.3"}, Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	if k := h.shelf.Keys(); len(k) > 0 {
		t.Errorf("%d documents of a study that is gone", len(k))
	}
	h.want(h.get(readyMetadata), http.StatusNotFound)
}

// What earlier processes left of a series that was deleted while nobody looked goes when the next one sweeps.
func TestReadySweep(t *testing.T) {
	dir := t.TempDir()
	h := openHouse(t, dir, "one")
	h.put(file("1.2.3.5.1"), file("1.2.3.5.2", func(s *dataset.Set) { s.PutString(tag.SeriesInstanceUID, dicom.UI, "1.2.3.40") }))
	for _, series := range []string{"1.2.3.4", "1.2.3.40"} {
		h.want(h.get("/studies/1.2.3/series/"+series+"/metadata"), 200)
	}
	h.quiet()
	if len(h.shelf.Keys()) != 2 {
		t.Fatal(h.shelf.Keys())
	}
	if _, err := h.archive.Delete(context.Background(), storage.Deletion{Scope: halong.Everything(), Ref: storage.Ref{Study: "1.2.3", Series: "1.2.3.4"}, Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	h.close()
	h = openHouse(t, dir, "one")
	defer h.close()
	if err := h.shelf.Scan(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.ready.sweep(context.Background())
	if n := len(h.shelf.Keys()); n != 1 {
		t.Errorf("%d documents", n)
	}
}
