package main

import (
	"bytes"
	"testing"
)

// TestHelp: the command line can be built, and every command explains itself.
func TestHelp(t *testing.T) {
	for _, command := range [][]string{
		{"--help"},
		{"serve", "--help"},
		{"echo", "--help"},
		{"send", "--help"},
		{"find", "--help"},
		{"get", "--help"},
		{"move", "--help"},
		{"commit", "--help"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), command, &out, &errs); code != exitDone || out.Len() == 0 {
			t.Errorf("%v: exit %d, %s", command, code, errs.String())
		}
	}
}

// TestTargetUsage: flags that do not go together are refused before anything is dialled, with exit code 2.
func TestTargetUsage(t *testing.T) {
	for _, args := range [][]string{
		{"echo", "nowhere"},
		{"echo", "127.0.0.1:1", "--ca", "x"},
		{"echo", "127.0.0.1:1", "--tls-insecure"},
		{"echo", "127.0.0.1:1", "--tls", "--cert", "x"},
		{"echo", "127.0.0.1:1", "--call", "12345678901234567"},
		{"echo", "127.0.0.1:1", "--user", "a", "--jwt", "main_test.go"},
		{"find", "127.0.0.1:1", "--timezone", "7"},
		{"find", "127.0.0.1:1", "--level", "patient"},
		{"commit", "127.0.0.1:1"},
		{"commit", "127.0.0.1:1", "--instances", "main_test.go"},
		{"get", "127.0.0.1:1"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, &out, &errs); code != exitUsage {
			t.Errorf("%v: exit %d, %s", args, code, errs.String())
		}
	}
}
