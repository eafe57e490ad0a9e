package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
	driver "modernc.org/sqlite"
)

// Options tunes a DB. Zero fields take the defaults said there.
type Options struct {
	Readers int              // connections for reading; default 4, or twice the processors if that is more
	Queue   int              // callers that may wait for the committer; default 1024
	Now     func() time.Time // stamps unreferenced blobs; default time.Now
	Random  func([]byte)     // salts of events, generation of the index; default crypto/rand
	Failed  func(error)      // told of failures of background work (checkpoints); default: ignored
	Lost    func(error)      // told once that the index is to be opened anew: it lacks rows that were acknowledged; default: ignored
	Roomy   func() bool      // tells whether the disk is far from full: only then commits of journaled transactions wait; default: always
	Policy  patient.Policy   // whose studies are served under which identity
	WAL     int64            // bytes of write-ahead log at which a checkpoint starts; default 16 MiB
}

// Sizes of the connections' caches. Readers map the file into memory instead of
// caching much: what they cache is void after every commit.
const (
	writerCache = 64 << 10 // KiB
	readerCache = 8 << 10  // KiB
	mapped      = 1 << 30  // bytes
)

const (
	folderMode = 0o700
	fileMode   = 0o600
)

// Open opens the index in a file, or makes it, with folders of mode 0700 and a
// file of mode 0600. It brings the schema up to date. A nil log commits rows only.
func Open(ctx context.Context, path string, log storage.Log, o Options) (*DB, error) {
	const op = "sqlite.Open"
	o.fill()
	if err := prepare(path); err != nil {
		return nil, halong.E(op, halong.Permission, "", err)
	}
	if log == nil {
		log = noLog{}
	}
	db := &DB{log: log, options: o, queue: make(chan *request, o.Queue), stopped: make(chan struct{}), held: held{states: map[uint32]storage.SegmentState{}}}
	if err := db.connect(ctx, path); err != nil {
		db.disconnect()
		return nil, fail(op, "", err)
	}
	db.start()
	return db, nil
}

func (o *Options) fill() {
	if o.Readers <= 0 {
		o.Readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	if o.Queue <= 0 {
		o.Queue = 1024
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = random
	}
	if o.Failed == nil {
		o.Failed = func(error) {}
	}
	if o.Roomy == nil {
		o.Roomy = func() bool { return true }
	}
	if o.Lost == nil {
		o.Lost = func(error) {}
	}
	if o.WAL <= 0 {
		o.WAL = 16 << 20
	}
}

// prepare makes folder and file, so that SQLite gives its -wal and -shm the same mode.
func prepare(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	return f.Close()
}

// pool makes a pool of connections that run the pragmas when they open.
func pool(path string, size int, pragmas ...string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	q := url.Values{"_pragma": pragmas, "_dqs": {"0"}, "_error_rc": {"1"}}
	c, err := driver.NewConnector((&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, err
	}
	p := sql.OpenDB(c)
	p.SetMaxOpenConns(size)
	p.SetMaxIdleConns(size)
	return p, nil
}

func (db *DB) connect(ctx context.Context, path string) (err error) {
	db.path = path
	if db.writers, err = pool(path, 1, "busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(0)",
		"wal_autocheckpoint(0)", "temp_store(MEMORY)", fmt.Sprintf("cache_size(-%d)", writerCache)); err != nil {
		return err
	}
	conn, err := db.writers.Conn(ctx)
	if err != nil {
		return err
	}
	db.conn, db.full = conn, true
	if db.writer, err = newWriter(conn); err != nil {
		return err
	}
	if err := migrate(ctx, conn, migrationFiles); err != nil {
		return err
	}
	// The file must outlive a crash of the machine under its name.
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return err
	}
	readers, err := pool(path, db.options.Readers, "busy_timeout(5000)", "query_only(1)", "temp_store(MEMORY)",
		fmt.Sprintf("cache_size(-%d)", readerCache), fmt.Sprintf("mmap_size(%d)", mapped))
	if err != nil {
		return err
	}
	db.reader = &Reader{pool: readers, statements: statements{on: readers, before: db.settle}}
	if db.checkpoints, err = pool(path, 1, "busy_timeout(100)", "synchronous(FULL)", "wal_autocheckpoint(0)"); err != nil {
		return err
	}
	return db.load(ctx)
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
