// Package corpus finds the shared corpus of real files that tests read. It is
// for tests only.
package corpus

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir gives the path of sub in ../shared/corpus beside the repository. When the
// corpus is missing the test is skipped with the reason, or fails under CI=true.
func Dir(t testing.TB, sub string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the working directory")
		}
	}
	path := filepath.Join(filepath.Dir(dir), "shared", "corpus", sub)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("the shared corpus is missing: %s", path)
	}
	t.Skipf("the shared corpus is missing: %s", path)
	return ""
}
