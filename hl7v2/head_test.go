package hl7v2

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestHead cuts values at every place: what is left is the beginning of the whole, without half a character or sequence.
func TestHead(t *testing.T) {
	for name, text := range map[string]string{
		"escapes": `a\b\.br\c\T\d\X41\\\F\e`, "not ASCII": "Kết quả ấ", "alone": `C:\temp`, "hex": `\X4142\z\Zlocal\y`,
	} {
		m, err := Parse([]byte("MSH|^~\\&|A\rOBX|||||" + text))
		if err != nil {
			t.Fatal(err)
		}
		v := m.First("OBX").Field(5)
		whole := v.Text()
		for n := range len(text) + 2 {
			got := v.Head(n).Text()
			if !strings.HasPrefix(whole, got) || !utf8.ValidString(got) {
				t.Errorf("%s: %d bytes: %q of %q", name, n, got, whole)
			}
			if n >= len(text) && got != whole {
				t.Errorf("%s: the whole is %q, not %q", name, got, whole)
			}
		}
	}
}
