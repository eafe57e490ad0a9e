package conformance

import (
	"os"
	"os/exec"
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
