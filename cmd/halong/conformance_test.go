package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestConformance: the statement is that of the configuration given, and of the defaults without one.
func TestConformance(t *testing.T) {
	file := filepath.Join(t.TempDir(), "halong.yaml")
	if err := os.WriteFile(file, []byte("ae: BV1PACS\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{"ours is HALONG at": {"conformance"}, "ours is BV1PACS at": {"conformance", "--config", file}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, &out, &errs); code != exitDone || !bytes.Contains(out.Bytes(), []byte(want)) {
			t.Errorf("%v: exit %d, no %q\n%s", args, code, want, errs.String())
		}
	}
	if err := os.WriteFile(file, []byte("aee: X\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"conformance", "--config", file}, &out, &errs); code != exitUsage {
		t.Errorf("wrong configuration: exit %d", code)
	}
}
