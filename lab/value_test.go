package lab

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2"
)

// obx reads one observation from OBX-2, OBX-5 and OBX-7.
func obx(t *testing.T, typ, value, ref string) Observation {
	t.Helper()
	m, err := hl7v2.Parse([]byte("MSH|^~\\&|A\rPID|1||7\rOBR|1\rOBX|1|" + typ + "|C||" + value + "||" + ref + "||||F\r"))
	if err != nil {
		t.Fatal(err)
	}
	o := Read(m)[0].Reports[0].Observations[0]
	return o
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		typ, in string
		want    []Value
		warn    int
	}{
		{"NM", "98.00", []Value{{Text: "98.00", Number: "98.00"}}, 0},
		{"NM", "<0.01", []Value{{Text: "<0.01", Comparator: "<", Number: "0.01"}}, 1},
		{"NM", ">= 100", []Value{{Text: ">= 100", Comparator: ">=", Number: "100"}}, 1},
		{"NM", "+3", []Value{{Text: "+3", Number: "3"}}, 0},
		{"NM", "-.5", []Value{{Text: "-.5", Number: "-0.5"}}, 0},
		{"NM", "007", []Value{{Text: "007", Number: "7"}}, 0},
		{"NM", "3,5", []Value{{Text: "3,5", Number: "3.5"}}, 1},
		{"NM", "1,234", []Value{{Text: "1,234"}}, 1},
		{"NM", "0,125", []Value{{Text: "0,125", Number: "0.125"}}, 1},
		{"NM", "1.5e3", []Value{{Text: "1.5e3", Number: "1.5e3"}}, 0},
		{"NM", "None", []Value{{Text: "None"}}, 1},
		{"NM", "1.2.3", []Value{{Text: "1.2.3"}}, 1},
		{"NM", "", nil, 0},
		{"NM", `""`, []Value{{Text: `""`}}, 0},
		{"NM", "1~2", []Value{{Text: "1", Number: "1"}, {Text: "2", Number: "2"}}, 0},
		{"SN", "^182", []Value{{Text: "^182", Number: "182"}}, 0},
		{"SN", ">^100", []Value{{Text: ">^100", Comparator: ">", Number: "100"}}, 0},
		{"SN", "^1^:^128", []Value{{Text: "^1^:^128", Number: "1", Separator: ":", Number2: "128"}}, 0},
		{"SN", "^2^+", []Value{{Text: "^2^+", Number: "2", Separator: "+"}}, 0},
		{"SN", "abc", []Value{{Text: "abc"}}, 1},
		{"ST", "a & b", []Value{{Text: "a & b"}}, 0}, // nHapi#570
		{"TX", "line\\.br\\two", []Value{{Text: "line\ntwo"}}, 0},
		{"CWE", "27268008^Salmonella^SCT", []Value{{Text: "27268008^Salmonella^SCT", Coded: &Coded{"27268008", "Salmonella", "SCT"}}}, 0},
		{"CE", "^^^^^^^^as said", []Value{{Text: "^^^^^^^^as said", Coded: &Coded{Text: "as said"}}}, 0},
		{"DT", "20261121", []Value{{Text: "20261121", Time: "2026-11-21"}}, 0},
		{"TS", "20261121081530+0700", []Value{{Text: "20261121081530+0700", Time: "2026-11-21T08:15:30+07:00"}}, 0},
		{"TM", "0815", []Value{{Text: "0815", Time: "08:15"}}, 0},
		{"TM", "9999", []Value{{Text: "9999"}}, 0},
		{"ED", "LAB^AP^PDF^Base64^JVBERi0=", []Value{{Attachment: &Attachment{Source: "LAB", Type: "AP", Subtype: "PDF", Encoding: "Base64", Length: 8}}}, 0},
		{"RP", "https://x/1^^image^PICT", []Value{{Text: "https://x/1^^image^PICT", Attachment: &Attachment{Pointer: "https://x/1", Type: "image", Subtype: "PICT"}}}, 0},
		{"XYZ", "kept^as&is", []Value{{Text: "kept^as&is"}}, 0},
		{"", "no type", []Value{{Text: "no type"}}, 0},
	} {
		o := obx(t, c.typ, c.in, "")
		if d := cmp.Diff(c.want, o.Values); d != "" || len(o.Warnings) != c.warn {
			t.Errorf("%s %q: %s %q", c.typ, c.in, d, o.Warnings)
		}
	}
}

func TestRanges(t *testing.T) {
	for in, want := range map[string]*Range{
		"": nil, `""`: nil,
		"49 - 92":     {Text: "49 - 92", Low: "49", High: "92"},
		"3.9-6.4":     {Text: "3.9-6.4", Low: "3.9", High: "6.4"},
		"3,9–6,4":     {Text: "3,9–6,4", Low: "3.9", High: "6.4"},
		"-5 - -1":     {Text: "-5 - -1", Low: "-5", High: "-1"},
		"<40":         {Text: "<40", High: "40", HighExclusive: true},
		"≤ 40":        {Text: "≤ 40", High: "40"},
		">=5":         {Text: ">=5", Low: "5"},
		"65-99^65^99": {Text: "65-99^65^99", Low: "65", High: "99"},
		"see^1^2":     {Text: "see^1^2", Low: "1", High: "2"},
		"negative":    {Text: "negative"}, "-": {Text: "-"}, "70_105": {Text: "70_105"}, "[ ]": {Text: "[ ]"}, "< x": {Text: "< x"},
	} {
		if d := cmp.Diff(want, obx(t, "NM", "1", in).Range); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
}

func TestID(t *testing.T) {
	id := NewID(4711, 3)
	b, _ := id.MarshalText()
	var back ID
	if err := back.UnmarshalText(b); err != nil || back != id || string(b) != "4711.3" || id.Message() != 4711 {
		t.Errorf("%s %v", b, err)
	}
	for _, s := range []string{"", "1", "1.", ".1", "1.-1", "1.1048576", "99999999999999999999.0"} {
		if back.UnmarshalText([]byte(s)) == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

func TestNumberIsJSON(t *testing.T) {
	for _, s := range []string{"+3", "-.5", "007", "3,5", "1.", "1e5", "1E+05", "-0", "0,125", "00.10"} {
		n, _, ok := number(s)
		var v any
		if err := json.Unmarshal([]byte(n), &v); !ok || err != nil {
			t.Errorf("%q gives %q: %v", s, n, err)
		}
	}
	for _, s := range []string{"", "-", ".", "e5", "1e", "1e+-5", "1e1234", "--1", "+-1", "0x1", "1 2", "NaN", "1,2,3"} {
		if n, _, ok := number(s); ok {
			t.Errorf("%q gives %q", s, n)
		}
	}
}
