package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
	"github.com/halong-gateway/halong/storage/storagetest"
)

// log is a storage.Log that remembers what was asked of it.
type log struct {
	open      []string // records of the open group
	synced    []string
	committed []string
	calls     []string
	groups    int
	fail      atomic.Bool   // Sync fails
	gate      chan struct{} // Sync waits for it, if set
}

func (l *log) append(r string) { l.open = append(l.open, r) }
func (l *log) Mark() int       { return len(l.open) }
func (l *log) Rewind(mark int) {
	l.calls = append(l.calls, "rewind")
	l.open = l.open[:mark]
}

func (l *log) Sync(context.Context) ([]storage.SegmentState, error) {
	if l.gate != nil {
		<-l.gate
	}
	l.calls = append(l.calls, "sync")
	if l.fail.Load() {
		return nil, halong.E("log.Sync", halong.Transient, "", errors.New("no disk"))
	}
	l.synced = append(l.synced, l.open...)
	l.groups++
	return []storage.SegmentState{{ID: 1, Synced: int64(len(l.synced)), Next: uint64(len(l.synced) + 1)}}, nil
}

func (l *log) Committed() {
	l.calls = append(l.calls, "committed")
	l.committed, l.open = append(l.committed, l.open...), nil
}

func (l *log) Aborted() {
	l.calls = append(l.calls, "aborted")
	l.open = nil
}

func instance(i int) storagetest.Object { return object(i, 50, 2) }

// store adds the i-th instance, a record and an event.
func store(db *sqlite.DB, l *log, i int) func(halong.Tx) error {
	return func(tx halong.Tx) error {
		if l != nil {
			l.append(fmt.Sprint(i))
		}
		if _, err := db.AddInstance(tx, instance(i).Instance(), storage.ServeFirst); err != nil {
			return err
		}
		return db.Emit(tx, halong.Event{Type: halong.EventInstanceStored, Facility: halong.DefaultFacility, Time: storagetest.Arrived, Payload: fmt.Append(nil, i)})
	}
}

func has(t testing.TB, db *sqlite.DB, i int) bool {
	t.Helper()
	n := instance(i).Instance()
	ok, err := db.HasInstance(context.Background(), n.Identity, n.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// TestGroups: callers that wait share a commit; one that fails or panics leaves no record and no row.
func TestGroups(t *testing.T) {
	l := &log{}
	db := open(t, l, sqlite.Options{})
	const callers = 60
	var wg sync.WaitGroup
	started := make(chan struct{})
	wg.Go(func() { // holds the committer until all others wait
		if err := db.Update(context.Background(), func(tx halong.Tx) error {
			close(started)
			for db.Waiting() < callers {
			}
			return store(db, l, 1000)(tx)
		}); err != nil {
			t.Error(err)
		}
	})
	<-started
	failing := errors.New("failing")
	for i := range callers {
		wg.Go(func() {
			err := db.Update(context.Background(), func(tx halong.Tx) error {
				if err := store(db, l, i)(tx); err != nil {
					return err
				}
				if i%3 == 1 {
					return failing
				}
				if i%3 == 2 {
					var none []int
					_ = none[i] // panics
				}
				return nil
			})
			if (i%3 == 0) != (err == nil) || i%3 == 1 && !errors.Is(err, failing) || i%3 == 2 && halong.KindOf(err) != halong.Internal {
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if l.groups != 2 {
		t.Errorf("%d groups, want 2", l.groups)
	}
	var want []string
	for i := range callers {
		if has(t, db, i) != (i%3 == 0) {
			t.Errorf("instance %d is there: %v", i, has(t, db, i))
		}
		if i%3 == 0 {
			want = append(want, fmt.Sprint(i))
		}
	}
	want = append(want, "1000")
	slices.Sort(want)
	slices.Sort(l.committed)
	if diff := cmp.Diff(want, l.committed); diff != "" {
		t.Error(diff)
	}
	if err := db.VerifyEvents(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestSyncFails: nothing of the group is acknowledged, visible or remembered.
func TestSyncFails(t *testing.T) {
	l := &log{}
	path := filepath.Join(t.TempDir(), "halong.db")
	db := openAt(t, path, l, sqlite.Options{})
	update := func(i int) error { return db.Update(context.Background(), store(db, l, i)) }
	if err := update(1); err != nil {
		t.Fatal(err)
	}
	l.fail.Store(true)
	if err := update(100); halong.KindOf(err) != halong.Transient {
		t.Fatalf("error %v, want a transient one", err)
	}
	l.fail.Store(false)
	if has(t, db, 100) {
		t.Fatal("an instance that was not acknowledged is there")
	}
	if err := update(101); err != nil { // of the same study, which must be made again
		t.Fatal(err)
	}
	if !has(t, db, 101) {
		t.Fatal("an instance that was acknowledged is not there")
	}
	if diff := cmp.Diff([]string{"sync", "committed", "sync", "aborted", "sync", "committed"}, l.calls); diff != "" {
		t.Fatal(diff)
	}
	states, err := db.Segments(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]storage.SegmentState{{ID: 1, Synced: 2, Next: 3}}, states); diff != "" {
		t.Fatal(diff)
	}
	if err := db.VerifyEvents(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, path, l, sqlite.Options{})
	if again.Generation() != db.Generation() || len(again.Generation()) != 32 {
		t.Error("the generation changes")
	}
	if err := again.Update(context.Background(), store(again, l, 102)); err != nil {
		t.Fatal(err)
	}
	if err := again.VerifyEvents(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestCommitFails: the rows are gone, the records void, and the next group goes on.
func TestCommitFails(t *testing.T) {
	l := &log{}
	db := open(t, l, sqlite.Options{})
	mend, err := db.Break("COMMIT")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(context.Background(), store(db, l, 1)); err == nil {
		t.Fatal("a failed commit is acknowledged")
	}
	mend()
	if has(t, db, 1) {
		t.Fatal("an instance that was not acknowledged is there")
	}
	if err := db.Update(context.Background(), store(db, l, 2)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"sync", "aborted", "sync", "committed"}, l.calls); diff != "" {
		t.Fatal(diff)
	}
	if err := db.VerifyEvents(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestRolledBack: a failure that ends the whole transaction costs only its own caller.
func TestRolledBack(t *testing.T) {
	l := &log{}
	db := open(t, l, sqlite.Options{})
	started := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := db.Update(context.Background(), func(halong.Tx) error {
			close(started)
			for db.Waiting() < 10 {
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	<-started
	for i := range 10 {
		wg.Go(func() {
			err := db.Update(context.Background(), func(tx halong.Tx) error {
				if err := store(db, l, i)(tx); err != nil {
					return err
				}
				if i == 5 {
					_, err := tx.(*sqlite.Tx).Exec("INSERT OR ROLLBACK INTO generation (id, value) VALUES (1, x'')")
					return err
				}
				return nil
			})
			if (err != nil) != (i == 5) {
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	for i := range 10 {
		if has(t, db, i) == (i == 5) {
			t.Errorf("instance %d is there: %v", i, has(t, db, i))
		}
	}
	if len(l.committed) != 9 {
		t.Errorf("%d records, want 9", len(l.committed))
	}
	if err := db.VerifyEvents(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestWithdraw: a caller whose context ends while it waits is not run; a full queue does not grow.
func TestWithdraw(t *testing.T) {
	l := &log{gate: make(chan struct{})}
	db := open(t, l, sqlite.Options{Queue: 2})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := db.Update(context.Background(), store(db, nil, 1)); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	var ran atomic.Int32
	for range 10 {
		wg.Go(func() {
			err := db.Update(ctx, func(halong.Tx) error { ran.Add(1); return nil })
			if err != nil && halong.KindOf(err) != halong.Transient {
				t.Error(err)
			}
		})
	}
	for db.Waiting() < 2 {
	}
	cancel()
	close(l.gate)
	wg.Wait()
	if ran.Load() > 3 {
		t.Errorf("%d callers ran after their context had ended", ran.Load())
	}
}

// TestClose: what waits is finished, what comes later refused.
func TestClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "index", "halong.db")
	db := openAt(t, path, nil, sqlite.Options{})
	var wg sync.WaitGroup
	var stored [50]bool
	for i := range stored {
		wg.Go(func() {
			err := db.Update(context.Background(), store(db, nil, i))
			if err != nil && halong.KindOf(err) != halong.Transient {
				t.Error(err)
			}
			stored[i] = err == nil
		})
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if err := db.Update(context.Background(), store(db, nil, 99)); halong.KindOf(err) != halong.Transient {
		t.Errorf("error %v, want a transient one", err)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	again := openAt(t, path, nil, sqlite.Options{})
	for i, ok := range stored {
		if has(t, again, i) != ok {
			t.Errorf("instance %d is there: %v, was acknowledged: %v", i, !ok, ok)
		}
	}
}
