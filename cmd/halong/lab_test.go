package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// A map is checked: its mistakes are counted, in words for one and for several.
func TestLabMapCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "map.csv")
	for rows, c := range map[string]struct {
		exit int
		want string
	}{
		"GLU,2345-7\n":     {0, "1 codes, 0 units"},
		"GLU,1-1\n":        {1, "map.csv has 1 mistake\n"},
		"GLU,1-1\nK,2-2\n": {1, "map.csv has 2 mistakes\n"},
	} {
		write(t, file, "code,loinc\n"+rows)
		if out := command(t, c.exit, "lab", "map", "check", file); !strings.Contains(out, c.want) {
			t.Errorf("%q: %s", rows, out)
		}
	}
}
