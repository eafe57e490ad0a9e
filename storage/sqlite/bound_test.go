package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestNoBareLimit: of a bare parameter in LIMIT or OFFSET SQLite wants to know the value while it plans, and so
// prepares the statement again at each use.
func TestNoBareLimit(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	bare := regexp.MustCompile(`\b(LIMIT|OFFSET) \?[0-9]*([^+0-9]|$)`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if bare.Match(line) {
				t.Errorf("%s:%d: %s", name, i+1, bytes.TrimSpace(line))
			}
		}
	}
}
