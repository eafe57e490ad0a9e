package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
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
		{"echo", "127.0.0.1:1", "--call", " "},
		{"echo", "127.0.0.1:1", "--call", ""},
		{"echo", "127.0.0.1:1", "--ae", "A\\B"},
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

// TestNothingNamed: a list without an object is not everything, and not a wrong command either.
func TestNothingNamed(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"commit", "127.0.0.1:1", "--instances", list}, &out, &errs); code != exitFailed {
		t.Errorf("exit %d, %s", code, errs.String())
	}
}

// TestNoTableWithoutAnswer: the head of a table is not printed before it is known that there is one.
func TestNoTableWithoutAnswer(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"find", "127.0.0.1:1"}, &out, &errs); code != exitFailed || out.Len() > 0 {
		t.Errorf("exit %d, %q, %s", code, out.String(), errs.String())
	}
}

// TestBecause: what was interrupted is told in words.
func TestBecause(t *testing.T) {
	if got := because(errors.Join(context.Canceled, errors.New("ul: interrupted"))); !strings.Contains(got, "interrupted") || strings.Contains(got, "canceled") {
		t.Error(got)
	}
}
