package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Tables as spreadsheets save them.
func TestReadTable(t *testing.T) {
	name := filepath.Join(t.TempDir(), "codes.csv")
	for text, want := range map[string]map[string]string{
		"local,loinc\nGLU,2345-7\n":                 {"GLU": "2345-7"},
		"\ufefflocal,loinc\r\nGLU,2345-7\r\n":       {"GLU": "2345-7"},
		"\ufeff\"local\",loinc\nGLU,2345-7\n":       {"GLU": "2345-7"},
		"note,loinc,local\n\"a,\nb\",718-7,\"H\"\n": {"H": "718-7"},
		"local,loinc\nGLU,1\nGLU,2\n":               nil,
		"local,loinc\nGLU\n":                        nil,
		"":                                          nil,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readTable(name, "local", "loinc")
		if d := cmp.Diff(want, got); d != "" || (err == nil) != (want != nil) {
			t.Errorf("%q: %s %v", text, d, err)
		}
	}
}
