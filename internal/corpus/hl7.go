package corpus

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// HL7 is one message of the corpus.
type HL7 struct {
	Name string // file, and number of the message in it
	Raw  []byte // segments ended by CR, as on the wire
}

// HL7Messages gives the 1,165 HL7v2 messages of the corpus in a fixed order, with
// line ends made CR. A file is one message; Simulated Hospital's output is divided at its empty lines.
func HL7Messages(t testing.TB) []HL7 {
	t.Helper()
	dir := Dir(t, "hl7v2")
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.hl7"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(dir, "*", "messages", "*.hl7"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, more...)
	slices.Sort(files)
	var all []HL7
	for _, f := range append(files, filepath.Join(dir, "simhospital", "docs", "artifacts", "messages.out")) {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		parts := [][]byte{b}
		if filepath.Base(f) == "messages.out" {
			parts = bytes.Split(b, []byte("\n\n"))
		}
		for i, p := range parts {
			p = bytes.ReplaceAll(p, []byte("\r\n"), []byte("\r"))
			p = bytes.ReplaceAll(p, []byte("\n"), []byte("\r"))
			if len(bytes.TrimSpace(p)) > 0 {
				all = append(all, HL7{Name: filepath.Base(f) + "#" + strconv.Itoa(i+1), Raw: p})
			}
		}
	}
	return all
}
