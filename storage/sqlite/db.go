package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// DB is an index in one SQLite file. It implements storage.Index.
type DB struct {
	path    string
	log     storage.Log
	options Options

	writers *sql.DB // one connection
	conn    *sql.Conn
	writer  *writer // on conn; used by whoever holds writing
	full    bool    // a commit is synced; see group.begin
	reader  *Reader

	checkpoints *sql.DB // one connection
	checkpoint  checkpointer
	held        held
	writing     sync.Mutex // held by the committer during a group, and by a checkpoint that needs the log to itself

	closing sync.RWMutex // read-locked while something is put into queue
	closed  bool
	queue   chan *request
	stopped chan struct{} // closed when the committer has ended

	chain      head // of the events; the committer's
	generation [16]byte
	facilities facilities
	sources    sources
	patients   patients   // the committer's
	keys       keys       // of studies and series; the committer's
	identities identities // the committer's
	words      words      // used by whoever holds writing

	tail     eventTail              // the latest events
	notify   atomic.Pointer[func()] // told of events
	removals atomic.Bool            // there may be removals
	pending  atomic.Bool            // studies or orders may wait for their identity
	none     bool                   // the open group found that none do; the committer's
	merged   atomic.Bool            // there may be merged patients

	labIndexed *int64 // how far versions of reports are indexed; nil: not known; the committer's
}

var _ storage.Index = (*DB)(nil)

func random(b []byte) { rand.Read(b) } // never fails since Go 1.24: it ends the program instead

// Read gives the pool of readers.
func (db *DB) Read() *Reader { return db.reader }

// Generation names this index: random, made with the file.
func (db *DB) Generation() string { return hex.EncodeToString(db.generation[:]) }

// load reads what is kept in memory.
func (db *DB) load(ctx context.Context) error {
	if err := db.loadGeneration(ctx); err != nil {
		return err
	}
	if err := db.facilities.load(ctx, db.conn); err != nil {
		return err
	}
	if err := errors.Join(db.loadIdentities(ctx), db.loadMerged(ctx), db.loadPending(ctx)); err != nil {
		return err
	}
	var removals bool
	if err := db.conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM removal)`).Scan(&removals); err != nil {
		return err
	}
	db.removals.Store(removals)
	return db.loadChain(ctx)
}

func (db *DB) loadGeneration(ctx context.Context) error {
	db.options.Random(db.generation[:])
	_, err := db.conn.ExecContext(ctx, `INSERT INTO generation (id, value) VALUES (1, ?) ON CONFLICT DO NOTHING`, db.generation[:])
	if err != nil {
		return err
	}
	var b []byte
	if err := db.conn.QueryRowContext(ctx, `SELECT value FROM generation WHERE id = 1`).Scan(&b); err != nil {
		return err
	}
	if copy(db.generation[:], b) != len(db.generation) {
		return halong.E("sqlite.Open", halong.Corrupt, "", errors.New("the generation is too short"))
	}
	return nil
}

func (db *DB) start() {
	db.checkpoint.start(db)
	go db.commitLoop()
}

// Close lets the transactions that wait finish, refuses new ones, and closes
// the file after a last checkpoint.
func (db *DB) Close() error {
	db.closing.Lock()
	if db.closed {
		db.closing.Unlock()
		return nil
	}
	db.closed = true
	close(db.queue)
	db.closing.Unlock()
	<-db.stopped
	db.writing.Lock() // a reader that committed what was held has told the checkpointer
	err := db.commitHeld()
	db.writing.Unlock()
	db.checkpoint.stop()
	return fail("sqlite.Close", "", errors.Join(err, db.disconnect()))
}

func (db *DB) disconnect() error {
	var errs []error
	if db.writer != nil {
		errs = append(errs, db.writer.close())
	}
	if db.conn != nil {
		errs = append(errs, db.conn.Close())
	}
	pools := []*sql.DB{db.checkpoints, db.writers}
	if db.reader != nil {
		pools = append([]*sql.DB{db.reader.pool}, pools...)
	}
	for _, p := range pools {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	return errors.Join(errs...)
}
