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

func TestFirstFields(t *testing.T) {
	m, err := Parse([]byte("MSH|^~\\&|A|B|C\rOBX|1|NM\rNTE\rPID|" + strings.Repeat("a|", 100)))
	if err != nil {
		t.Fatal(err)
	}
	var dst Fields
	for s := range m.Segments() {
		for _, n := range []int{0, 1, 2, 3, 5, 50, 101} {
			dst = s.FirstFields(dst, n)
			if len(dst) > n+1 {
				t.Errorf("%s: %d fields of %d", s.Name(), len(dst), n)
			}
			for i := range n + 1 {
				if got, want := dst.At(i).Text(), s.Field(i).Text(); got != want {
					t.Errorf("%s-%d of %d: %q, not %q", s.Name(), i, n, got, want)
				}
			}
		}
	}
}
