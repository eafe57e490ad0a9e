package lab

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/corpus"
)

// standard is what encoding/json writes.
func standard(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// TestEncodeCorpus writes every report of the corpus as encoding/json does.
func TestEncodeCorpus(t *testing.T) {
	for _, c := range corpus.HL7Messages(t) {
		m, err := hl7v2.Parse(c.Raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range Read(m) {
			for _, r := range g.Reports {
				got := string(appendReport(nil, r))
				if want := standard(t, r); got != want {
					t.Fatalf("%s: %s", c.Name, cmp.Diff(want, got))
				}
			}
		}
	}
}

// TestEncodeAll writes a report of which every field is set.
func TestEncodeAll(t *testing.T) {
	c := Coded{"a", "b<c>&\"\\\u2028\x00\xff\t\n\r\b\f\x7f€", "c"}
	o := &Order{"1", "n"}
	full := Report{
		Service: c, Status: Final, HL7Status: "F", Placer: o, Filler: o, Accession: "a", Visit: "v", Observed: "o", Reported: "r", Section: "s",
		Orderer: &Person{"i", "n"}, Interpreter: &Person{ID: "i"}, Specimens: []Specimen{{ID: "2"}, {}},
		Specimen: &Specimen{"id", "b", "a", c, "P", "t1", "t2", []Observation{{Code: c}}}, Document: &Document{"T02", "i", "p", "t", "n", "f", "AU", "AV", "r"}, ParentResult: "p", ParentOrder: "q", Parent: &Parent{c, "1", "t", o, o}, Notes: []string{"n", ""}, Sent: "t", Sender: "s", Warnings: []string{"w"},
		Observations: []Observation{{
			Code: c, Alternate: &c, Further: []string{"", "2", "a<b"}, Sub: "1", Type: "NM", Units: &c, Range: &Range{"1-2", Limits{"1", "2", true, true, "neg"}, []RangeForm{{"M", "adult", Limits{Low: "1"}}, {}}}, Flags: []string{"H"},
			Values: []Value{{"t", "<", "1.50", "-", "2", &c, &c, []string{"x", "", "y"}, "12:00", "d", &Attachment{"s", "p", "t", "u", "e", 7, 1, "m", "sha256:", 9}}, {}},
			Absent: "unknown", Observer: &Person{"i", "n"}, Duplicate: true,
			Status: Corrected, HL7Status: "C", Observed: "o", Analysed: "a", Producer: "p", Method: "m", Equipment: "e", Notes: []string{"n"}, Warnings: []string{"w", "x"},
		}, {}},
	}
	if d := cmp.Diff(standard(t, full), string(appendReport(nil, &full))); d != "" {
		t.Error(d)
	}
	for _, r := range []Report{{Observations: []Observation{}}, {Observations: []Observation{}, Specimen: &Specimen{ID: "S1"}}} {
		if d := cmp.Diff(standard(t, r), string(appendReport(nil, &r))); d != "" {
			t.Error(d)
		}
		if bytes.Contains(appendReport(nil, &r), []byte(`"type"`)) {
			t.Error("an empty specimen type was written")
		}
	}
}

func TestQuoted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "s"))
		w := writer{}
		w.quoted(s)
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var a, b string
		if json.Unmarshal(w.b, &a) != nil || json.Unmarshal(want, &b) != nil || a != b {
			t.Fatalf("%q: %s", s, w.b)
		}
	})
}
