package intake

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// world is an intake over the real adapters in a fresh folder.
type world struct {
	t    testing.TB
	dir  string
	disk *disk.Store
	db   *sqlite.DB
	in   *Intake
	addr string
	fail func(halong.Tx) error // nil, or what Update is to fail with

	control int // the last message's number

	mu   sync.Mutex // connections meet in what follows
	now  time.Time
	seen map[Outcome]int
}

// Update runs a transaction, or fails as the test says.
func (w *world) Update(ctx context.Context, fn func(halong.Tx) error) error {
	return w.db.Update(ctx, func(tx halong.Tx) error {
		if w.fail != nil {
			if err := w.fail(tx); err != nil {
				return err
			}
		}
		return fn(tx)
	})
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 21, 1, 2, 3, 456789000, time.UTC), seen: map[Outcome]int{}}
	var err error
	if w.disk, err = disk.Open(filepath.Join(w.dir, "blobs"), disk.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.disk.Close() })
	w.openIndex(w.disk)
	return w
}

func (w *world) openIndex(log storage.Log) {
	w.t.Helper()
	var err error
	if w.db, err = sqlite.Open(context.Background(), filepath.Join(w.dir, "index", "halong.db"), log, sqlite.Options{}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { w.db.Close() })
	w.in = New(Config{
		Updater: w, Journal: w.disk, Messages: w.db, Events: w.db, Patients: patient.New(w.db), Registry: w.db, Lab: lab.New(w.db), Blobs: w.disk,
		Log:     slog.New(slog.NewTextHandler(logTo{w.t}, nil)),
		Now:     w.tick,
		Observe: w.observe,
	})
}

// tick is the world's clock: a second later each time it is looked at, from any connection.
func (w *world) tick() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(time.Second)
	return w.now
}

func (w *world) observe(o Outcome, _ time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[o]++
}

// outcomes counts what the intake said of what came.
func (w *world) outcomes() map[Outcome]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.seen)
}

// logTo writes to the test's log.
type logTo struct{ testing.TB }

func (l logTo) Write(b []byte) (int, error) { l.Log(string(b)); return len(b), nil }

// reindex throws the index away and makes it again from the journal.
func (w *world) reindex() { w.reindexWith(func() {}) }

// reindexWith does so after the intake was changed.
func (w *world) reindexWith(change func()) {
	w.t.Helper()
	if err := w.db.Close(); err != nil {
		w.t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(w.dir, "index")); err != nil {
		w.t.Fatal(err)
	}
	w.openIndex(nil)
	change()
	err := w.disk.Replay(context.Background(), func(rec storage.Record) error {
		return w.db.Update(context.Background(), func(tx halong.Tx) error { return w.in.Replay(tx, rec) })
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// send gives a block to the intake and the answers back.
func (w *world) send(msg string) []string {
	return texts(w.in.Handle(context.Background(), mllp.Peer{Addr: netip.MustParseAddr("10.1.2.3")}, mllp.Frame{Kind: mllp.Message, Bytes: []byte(msg), Total: int64(len(msg))}))
}

func texts(b [][]byte) (s []string) {
	for _, a := range b {
		s = append(s, string(a))
	}
	return s
}

// listen serves MLLP on a loopback port.
func (w *world) listen(c mllp.Config) {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	c.Handler = w.in
	s := mllp.NewServer(c)
	w.addr = l.Addr().String()
	go s.Serve(l)
	w.t.Cleanup(func() { s.Shutdown(context.Background()) })
}

func (w *world) get(path string) (int, string) {
	w.t.Helper()
	r := w.ask(http.MethodGet, path)
	return r.Code, r.Body.String()
}

func (w *world) ask(method, path string) *httptest.ResponseRecorder {
	e := echo.New()
	RegisterAPI(e.Group("/api"), APIConfig{Results: w.db, Blobs: w.disk, Scope: func(echo.Context) (halong.Scope, halong.Facility, error) {
		return halong.Everything(), "", nil
	}})
	r := httptest.NewRecorder()
	e.ServeHTTP(r, httptest.NewRequest(method, "/api"+path, nil))
	return r
}

type apiPatients struct {
	Patients []struct {
		ID, Authority, Name, BirthDate, Sex string
		Identifiers                         []patient.Identifier
		Reports                             []lab.Shown
	}
}

// results asks for a patient's results.
func (w *world) results(id, query string) (out apiPatients) {
	w.t.Helper()
	code, body := w.get("/patients/" + url.PathEscape(id) + "/results" + query)
	if code != http.StatusOK {
		w.t.Fatalf("patient %q: status %d: %s", id, code, body)
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// msa gives MSA-1 and MSA-2 of an answer.
func msa(answer string) string {
	_, rest, _ := strings.Cut(answer, "\rMSA|")
	f := strings.Split(strings.Split(rest, "\r")[0], "|")
	return strings.Join(f[:min(2, len(f))], " ")
}

func msas(answers []string) string {
	var all []string
	for _, a := range answers {
		all = append(all, msa(a))
	}
	return strings.Join(all, ", ")
}
