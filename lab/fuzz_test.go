package lab

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2"
)

// FuzzRead reads any message as results: never a panic, every OBX is found, and
// what is written can be read and folded again.
func FuzzRead(f *testing.F) {
	f.Add(string(results(3)))
	f.Add("MSH|^~\\&|A\rPID|1||7\rOBX|1|NM|a||<0,5|g|1-2|H|||F\rORC|RE|1\rOBX|2|SN|b||>^1^-^2\rOBR|1||2\rSPM|1|s\rOBX|3|ED|c||^IM^^Base64^aGk=\rNTE|1||n~m\r")
	f.Add("MSH|^~\\&|A\rOBR|1\rOBX||CE|||a^b^c~d|||||||||||20261121\rOBX||TM|||0815\rOBX||RP|||x^^y\rOBX||DT|||2026")
	f.Add("MSH|^~\\&|A|||||||OUL^R22\rPID|1||7\rSPM|1|s\rOBX|1|NM|v||1\rSAC|||c\rOBR|1||2\rORC|OK|3\rOBX|1|NM|a||1\rSPM|2|t\rOBX|1|NM|b||1")
	f.Add("MSH|^~\\&|A|||||||MDM^T10\rPID|1||7\rOBR|1||2\rTXA|1|DI||||||||||D2|D1||||AU\rOBX|1|TX|a||1\rTXA|2\rOBX|2|ED|b||^^^A^x")
	f.Fuzz(func(t *testing.T, raw string) {
		m, err := hl7v2.Parse([]byte(raw))
		if err != nil {
			return
		}
		want, got := 0, 0
		for s := range m.Segments() {
			if s.Is("OBX") {
				want++
			}
		}
		var versions []Version
		for _, g := range Read(m) {
			for _, r := range g.Reports {
				for range r.Each() {
					got++
				}
				id := NewID(7, len(versions))
				v := Version{Head: Head{ID: id, First: NewID(7, 0), Number: 1, Received: time.Unix(0, 0), Link: r.link()}, Content: appendReport(nil, r)}
				versions = append(versions, v)
				var back Report
				if err := json.Unmarshal(v.Content, &back); err != nil {
					t.Fatalf("%v: %s", err, v.Content)
				}
				if d := cmp.Diff(*r, back, cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); d != "" {
					t.Fatal(d)
				}
			}
		}
		if got != want {
			t.Fatalf("%d of %d observations", got, want)
		}
		if _, err := Fold(versions, true); err != nil {
			t.Fatal(err)
		}
	})
}
