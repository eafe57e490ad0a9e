package hl7v2

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
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

// A value is cut between characters of its text as it is read (NFC), never between a letter and its marks, whatever bytes they are.
func TestHeadKeepsMarks(t *testing.T) {
	const tones = "Tie\u0302\u0301ng Vie\u0302\u0323t, nga\u0300y u\u031b\u0300, x\u0301\u0323."
	for name, text := range map[string]string{
		"CP1258": "Tiếng Việt, ngày ừ, x\u0323.", "TCVN3": "Tiếng Việt, ngày ừ, x\u0323.", "VNI": "Tiếng Việt, ngày ừ, ĐỖ Ở Ỵ.", "UNICODE UTF-8": tones,
	} {
		set, _ := LookupCharset(name)
		raw, err := set.Encode(text)
		if name == "CP1258" || name == "TCVN3" { // which write a mark only on letters that have one with it
			raw, err = set.Encode(strings.ReplaceAll(text, "x\u0323", "x"))
			raw = append(raw[:len(raw)-1], append(marksOf(set), '.')...)
		}
		if err != nil {
			t.Fatal(name, err)
		}
		m, err := Parse(append([]byte("MSH|^~\\&|A\rOBX|||||"), raw...), WithCharset(set))
		if err != nil {
			t.Fatal(err)
		}
		v := m.First("OBX").Field(5)
		whole := v.Text()
		cuts := map[string]bool{}
		for n := range len(raw) + 1 {
			got := v.Head(n).Text()
			rest, ok := strings.CutPrefix(whole, got)
			if !ok || rest != "" && !norm.NFC.PropertiesString(rest).BoundaryBefore() {
				t.Errorf("%s: %d bytes: %q of %q", name, n, got, whole)
			}
			cuts[got] = true
		}
		if want := len(characters(whole)) + 1; len(cuts) != want {
			t.Errorf("%s: cut in %d places, want %d", name, len(cuts), want)
		}
	}
}

// marksOf gives acute and dot below in a set that has them as characters.
func marksOf(set *Charset) []byte {
	marks := set.own.(*toned).bytes
	return []byte{marks['\u0301'], marks['\u0323']}
}

// characters gives the letters of a text, each with its marks.
func characters(s string) (all []string) {
	for s != "" {
		n := norm.NFC.NextBoundaryInString(s, true)
		all, s = append(all, s[:n]), s[n:]
	}
	return all
}
