package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// missing ends a test for want of something: it is skipped with the reason, and
// fails under CI=true, where everything is to be there.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("missing: " + what)
	}
	t.Skip("missing: " + what)
}

// needTool ends the test unless the program is installed.
func needTool(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		missing(t, name+" (make deps installs it)")
	}
}

// npmCache is the folder with packages of the npm registry; script fills it once, called with args and that folder.
func npmCache(t testing.TB, name, script string, args ...string) string {
	t.Helper()
	needTool(t, "node")
	needTool(t, "npm")
	base, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(base, "halong-conformance", name)
	if out, err := exec.Command("sh", append(append([]string{script}, args...), dir)...).CombinedOutput(); err != nil {
		missing(t, name+" from the npm registry: "+err.Error()+"\n"+string(out))
	}
	return dir
}
