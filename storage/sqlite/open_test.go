package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
)

func change(t testing.TB, db *sqlite.DB, statement string, args ...any) {
	t.Helper()
	if err := db.Update(context.Background(), func(tx halong.Tx) error {
		_, err := tx.(*sqlite.Tx).Exec(statement, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// TestNewerSchema: a file of a newer program is refused, with words that say what to do.
func TestNewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "halong.db")
	db := openAt(t, path, nil, sqlite.Options{})
	change(t, db, `INSERT INTO schema_version (version, name) VALUES (9000, '9000_future.sql')`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(context.Background(), path, nil, sqlite.Options{})
	if !errors.Is(err, sqlite.ErrNewerSchema) || halong.KindOf(err) != halong.Conflict || !strings.Contains(err.Error(), "9000") {
		t.Fatalf("error %v", err)
	}
}

// TestNotAnIndex: other files are refused and left alone.
func TestNotAnIndex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "halong.db")
	content := strings.Repeat("this is no database\n", 1000)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(context.Background(), path, nil, sqlite.Options{}); halong.KindOf(err) != halong.Corrupt {
		t.Fatalf("error %v, want one of kind corrupt", err)
	}
	after, err := os.ReadFile(path)
	if err != nil || string(after) != content {
		t.Fatalf("the file was changed: %v", err)
	}
	if _, err := sqlite.Open(context.Background(), "/dev/null/halong.db", nil, sqlite.Options{}); halong.KindOf(err) != halong.Permission {
		t.Fatalf("error %v, want one of kind permission", err)
	}
}

// TestTampered: an event that is changed, removed or given another payload is found; an erased payload is not held against the chain.
func TestTampered(t *testing.T) {
	for _, c := range []struct {
		name, statement string
		want            string // in the error; empty: none
	}{
		{"payload", `UPDATE event SET payload = x'00' WHERE seq = 3`, "event 3: corrupt: has another payload"},
		{"type", `UPDATE event SET type = 'x' WHERE seq = 3`, "event 3: corrupt: breaks the chain"},
		{"time", `UPDATE event SET time = time + 1 WHERE seq = 4`, "event 4: corrupt: breaks the chain"},
		{"removed", `DELETE FROM event WHERE seq = 2`, "event 2: corrupt: is missing"},
		{"erased", `UPDATE event SET payload = NULL, salt = NULL WHERE seq = 2`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := open(t, nil, sqlite.Options{})
			for i := range 5 {
				if err := db.Update(context.Background(), store(db, nil, i)); err != nil {
					t.Fatal(err)
				}
			}
			change(t, db, c.statement)
			err := db.VerifyEvents(context.Background())
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestCheckpoints: the write-ahead log stays small under commits without end.
func TestCheckpoints(t *testing.T) {
	path := filepath.Join(t.TempDir(), "halong.db")
	db := openAt(t, path, nil, sqlite.Options{WAL: 256 << 10})
	var last, anew int64
	for i, deadline := 0, time.Now().Add(time.Minute); anew < 3; i++ {
		if time.Now().After(deadline) {
			t.Fatalf("after %d commits the write-ahead log has begun anew %d times, and has %d bytes", i, anew, last)
		}
		if err := db.Update(t.Context(), func(tx halong.Tx) error {
			for j := range 20 {
				if _, err := db.AddInstance(tx, instance(20*i+j).Instance(), storage.ServeFirst); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() < last {
			anew++
		}
		last = info.Size()
	}
}

// TestLogIsEmptiedWhenQuiet: readers need not look into the write-ahead log once nothing is written any more: after the
// start, and after commits.
func TestLogIsEmptiedWhenQuiet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "halong.db")
	db := openAt(t, path, nil, sqlite.Options{})
	empty := func() {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			switch info, err := os.Stat(path + "-wal"); {
			case err != nil:
				t.Fatal(err)
			case info.Size() == 0:
				return
			case time.Now().After(deadline):
				t.Fatalf("the write-ahead log still has %d bytes", info.Size())
			}
		}
	}
	empty()
	for i := range 2 {
		if err := db.Update(context.Background(), func(tx halong.Tx) error {
			_, err := db.AddInstance(tx, instance(i).Instance(), storage.ServeFirst)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		empty()
	}
}

// TestFull: a full disk is said to be one, costs nothing that was acknowledged, and passes.
func TestFull(t *testing.T) {
	l := &log{}
	db := open(t, l, sqlite.Options{})
	change(t, db, `PRAGMA max_page_count = 120`)
	stored := 0
	var err error
	for ; err == nil && stored < 10_000; stored++ {
		err = db.Update(context.Background(), store(db, l, stored))
	}
	if halong.KindOf(err) != halong.Exhausted {
		t.Fatalf("after %d instances error %v, want one of kind exhausted", stored, err)
	}
	stored--
	change(t, db, `PRAGMA max_page_count = 100000`)
	if has(t, db, stored) {
		t.Fatal("the instance that did not fit is there")
	}
	for i := range stored {
		if !has(t, db, i) {
			t.Fatalf("instance %d of %d is gone", i, stored)
		}
	}
	if err := db.Update(context.Background(), store(db, l, stored)); err != nil {
		t.Fatal(err)
	}
	if len(l.committed) != stored+1 {
		t.Errorf("%d records of %d instances", len(l.committed), stored+1)
	}
	checkStored(t, db)
	if err := db.VerifyEvents(context.Background()); err != nil {
		t.Fatal(err)
	}
}
