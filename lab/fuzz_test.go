package lab

import (
	"encoding/json"
	"strings"
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
				v := Version{Head: Head{ID: id, First: NewID(7, 0), Number: 1, Received: time.Unix(0, 0), Link: r.link()}, report: r}
				versions = append(versions, v)
				b, err := json.Marshal(r)
				if err != nil {
					t.Fatal(err)
				}
				v.Content = b
				back, err := v.decode()
				if err != nil {
					t.Fatalf("%v: %s", err, b)
				}
				if d := cmp.Diff(r, back, cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); d != "" {
					t.Fatal(d)
				}
			}
		}
		if got != want {
			t.Fatalf("%d of %d observations", got, want)
		}
		if d := cmp.Diff(filed(Read(m)), filed(Outline(m))); d != "" {
			t.Fatal(d)
		}
		if _, err := Fold(versions, true); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzMap reads any file as a map: never a panic, few problems, and what is kept can be looked up.
func FuzzMap(f *testing.F) {
	f.Add("# version: 1\nsender;code;loinc;unit;ucum\nLIS;GLU;2345-7;mg%;mg/dL\n;;;G/L;10*9/L")
	f.Add("code,loinc\n\"a\"\"b\",718-7\n")
	f.Fuzz(func(t *testing.T, in string) {
		m, problems, err := ParseMap("m", strings.NewReader(in))
		if err != nil || len(problems) > maxProblems || len(m.codes) > m.Codes || len(m.units) > m.Units {
			t.Fatalf("%v, %d problems, %+v", err, len(problems), m)
		}
		maps := Maps{m}
		for k, want := range m.codes {
			if got := maps.Code(k.facility, k.sender, Coded{Code: k.code, Text: k.text, System: k.system}, nil); got == nil {
				t.Fatalf("%+v is not found: %+v", k, want)
			}
		}
		maps.Unit("BV1", "LIS", Coded{Code: in}, Coded{Code: in, System: "UCUM"})
	})
}

// FuzzRange reads any text as a range: limits are numbers of JSON, and a value can be placed.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"3-6", "M: 13-18; F: 12-16", "<5", "> 1 and <= 5", "Nam 4,5-5,9 / Nữ 4-5", "0-1 y: 3-6", "[ ]", "\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		o := obx(t, "NM", "5", strings.NewReplacer("|", " ", "\r", " ", "\n", " ").Replace(in))
		if o.Range == nil {
			return
		}
		all := []Limits{o.Range.Limits}
		for _, x := range o.Range.Forms {
			all = append(all, x.Limits)
		}
		for _, l := range all {
			for _, n := range []json.Number{l.Low, l.High} {
				var v any
				if n != "" && json.Unmarshal([]byte(n), &v) != nil {
					t.Fatalf("%q is no number", n)
				}
			}
		}
		o.interpretation("M")
	})
}
