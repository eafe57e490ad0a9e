package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
	"github.com/halong-gateway/halong/storage/storagetest"
)

// open gives an empty index. Background failures fail the test.
func open(t testing.TB, log storage.Log, o sqlite.Options) *sqlite.DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "index", "halong.db"), log, o)
}

func openAt(t testing.TB, path string, log storage.Log, o sqlite.Options) *sqlite.DB {
	t.Helper()
	if o.Failed == nil {
		o.Failed = func(err error) { t.Error(err) }
	}
	db, err := sqlite.Open(context.Background(), path, log, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestIndex(t *testing.T) {
	storagetest.Index(t, func(t testing.TB) storage.Index { return open(t, nil, sqlite.Options{}) })
}

func TestMessages(t *testing.T) {
	storagetest.Messages(t, func(t testing.TB) storagetest.MessageIndex { return open(t, nil, sqlite.Options{}) })
}
