package sqlite_test

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// TestHeldCloseReading: an index that is closed while a reader is about to tell that it committed what was held waits for it. The race
// detector sees it where it does not.
func TestHeldCloseReading(t *testing.T) {
	db := openAt(t, filepath.Join(t.TempDir(), "halong.db"), nil, sqlite.Options{})
	journaled(t, db, addPerson(db, "1"))
	read := make(chan struct{})
	go func() {
		defer close(read)
		db.PatientsByIdentifier(t.Context(), halong.Everything(), "1") // it may be closed already
	}()
	for db.HeldOpen() {
		runtime.Gosched()
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	<-read
}
