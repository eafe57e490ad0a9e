package lab

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2"
)

// obx reads one observation from OBX-2, OBX-5 and OBX-7.
func obx(t *testing.T, typ, value, ref string) Observation {
	t.Helper()
	return obxIn(t, typ, value, "", ref)
}

// obxIn is obx with units.
func obxIn(t *testing.T, typ, value, units, ref string) Observation {
	t.Helper()
	m, err := hl7v2.Parse([]byte("MSH|^~\\&|A||||||||||||||||UNICODE UTF-8\rPID|1||7\rOBR|1\rOBX|1|" + typ + "|C||" + value + "|" + units + "|" + ref + "||||F\r"))
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
		{"NM", `""`, nil, 0},
		{"NM", "1~2", []Value{{Text: "1", Number: "1"}, {Text: "2", Number: "2"}}, 0},
		{"SN", "^182", []Value{{Text: "^182", Number: "182"}}, 0},
		{"SN", ">^100", []Value{{Text: ">^100", Comparator: ">", Number: "100"}}, 0},
		{"SN", "^1^:^128", []Value{{Text: "^1^:^128", Number: "1", Separator: ":", Number2: "128"}}, 0},
		{"SN", "^2^+", []Value{{Text: "^2^+", Number: "2", Separator: "+"}}, 0},
		{"SN", "abc", []Value{{Text: "abc"}}, 1},
		{"SN", "1:128", []Value{{Text: "1:128", Number: "1", Separator: ":", Number2: "128"}}, 1},
		{"SN", ">=1:128", []Value{{Text: ">=1:128", Comparator: ">=", Number: "1", Separator: ":", Number2: "128"}}, 1},
		{"SN", "5-10", []Value{{Text: "5-10", Number: "5", Separator: "-", Number2: "10"}}, 1},
		{"SN", "2+", []Value{{Text: "2+", Number: "2", Separator: "+"}}, 1},
		{"SN", "1:", []Value{{Text: "1:"}}, 1},
		{"ST", "a & b", []Value{{Text: "a & b"}}, 0}, // nHapi#570
		{"TX", "line\\.br\\two", []Value{{Text: "line\ntwo"}}, 0},
		{"CWE", "27268008^Salmonella^SCT", []Value{{Text: "27268008^Salmonella^SCT", Coded: &Coded{"27268008", "Salmonella", "SCT"}}}, 0},
		{"CE", "^^^^^^^^as said", []Value{{Text: "^^^^^^^^as said", Coded: &Coded{Text: "as said"}, Further: []string{"", "", "as said"}}}, 0},
		{"DT", "20261121", []Value{{Text: "20261121", Time: "2026-11-21"}}, 0},
		{"TS", "20261121081530+0700", []Value{{Text: "20261121081530+0700", Time: "2026-11-21T08:15:30+07:00"}}, 0},
		{"TM", "0815", []Value{{Text: "0815", Time: "08:15"}}, 0},
		{"TM", "9999", []Value{{Text: "9999"}}, 0},
		{"ED", "^^^Base64^", []Value{{Attachment: &Attachment{Encoding: "Base64", MediaType: "application/octet-stream"}}}, 0},
		{"ED", "LAB^AP^PDF^Base64^JVBERi0=", []Value{{Attachment: &Attachment{Source: "LAB", Type: "AP", Subtype: "PDF", Encoding: "Base64", Length: 8}}}, 0},
		{"ED", "JVBERi0xLjcKJcOkw7zDtsOfCjIgMCBvYmoKPDwvTGVuZ3RoIDMgMCBSL0ZpbHRlci9GbGF0ZURlY29kZT4+", []Value{{Attachment: &Attachment{Length: 84}}}, 1},
		{"TX", "JVBERi0xLjcKJcOkw7zDtsOfCjIgMCBvYmoKPDwvTGVuZ3RoIDMgMCBSL0ZpbHRlci9GbGF0ZURlY29kZT4+", []Value{{Attachment: &Attachment{Length: 84}}}, 1},
		{"RP", "https://x/1^^image^PICT", []Value{{Text: "https://x/1^^image^PICT", Attachment: &Attachment{Pointer: "https://x/1", Type: "image", Subtype: "PICT", MediaType: "image/x-pict"}}}, 0},
		{"NR", "3^5", []Value{{Text: "3^5", Number: "3", Separator: "-", Number2: "5"}}, 0},
		{"MO", "12.50^VND", []Value{{Text: "12.50^VND", Number: "12.50", Display: "12.50 VND"}}, 0},
		{"CQ", "5^mL&milliliter&UCUM", []Value{{Text: "5^mL&milliliter&UCUM", Number: "5", Display: "5 mL"}}, 0},
		{"CP", "12&USD^UP", []Value{{Text: "12&USD^UP", Number: "12", Display: "12 USD"}}, 0},
		{"IS", "POS", []Value{{Text: "POS", Coded: &Coded{Code: "POS"}}}, 0},
		{"XPN", "Nguyễn^Ánh^Thị", []Value{{Text: "Nguyễn^Ánh^Thị", Display: "Nguyễn^Ánh^Thị"}}, 0},
		{"XCN", "12^Le^Binh", []Value{{Text: "12^Le^Binh", Display: "Le^Binh 12"}}, 0},
		{"XAD", "1 A St&A St^^Hue^^53000^VNM", []Value{{Text: "1 A St&A St^^Hue^^53000^VNM", Display: "1 A St, Hue, 53000, VNM"}}, 0},
		{"XTN", "^PRN^PH^^84^24^123", []Value{{Text: "^PRN^PH^^84^24^123", Display: "84 24 123"}}, 0},
		{"XON", "Lab One^L", []Value{{Text: "Lab One^L", Display: "Lab One"}}, 0},
		{"CX", "7^^^BV1^MR", []Value{{Text: "7^^^BV1^MR", Display: "7 BV1"}}, 0},
		{"SN", ">100", []Value{{Text: ">100", Comparator: ">", Number: "100"}}, 1},
		{"CWE", "a&b^T&U^L", []Value{{Text: "a&b^T&U^L", Coded: &Coded{"a&b", "T&U", "L"}}}, 0}, // unescaped &
		{"TX", "one~~three", []Value{{Text: "one"}, {}, {Text: "three"}}, 0},
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
	both := func(low, high json.Number) Limits { return Limits{Low: low, High: high} }
	for in, want := range map[string]*Range{
		"": nil, `""`: nil,
		"49 - 92":          {Limits: both("49", "92")},
		"~33 - 146":        {}, // the first repetition counts, which is empty
		"3.9-6.4":          {Limits: both("3.9", "6.4")},
		"3,9–6,4":          {Limits: both("3.9", "6.4")},
		"-5 - -1":          {Limits: both("-5", "-1")},
		"[ 80 - 98 ]":      {Limits: both("80", "98")},
		"(3.5-5.1)":        {Limits: both("3.5", "5.1")},
		"70_105":           {Limits: both("70", "105")},
		"80 to 95":         {Limits: both("80", "95")},
		"4,3 đến 6,2":      {Limits: both("4.3", "6.2")},
		"3.9 - 6.4 mmol/L": {Limits: both("3.9", "6.4")},
		"0..5":             {Limits: both("0", "5")},
		"<40":              {Limits: Limits{High: "40", HighExclusive: true}},
		"[ < 0.21 ]":       {Limits: Limits{High: "0.21", HighExclusive: true}},
		"[ > 1.5]":         {Limits: Limits{Low: "1.5", LowExclusive: true}},
		"≤ 40":             {Limits: Limits{High: "40"}},
		">=5":              {Limits: Limits{Low: "5"}},
		"up to 40":         {Limits: Limits{High: "40"}},
		"Dưới 5.2":         nil, // set below: the text differs in case
		"> 1 and <= 5":     {Limits: Limits{Low: "1", LowExclusive: true, High: "5"}},
		"65-99^65^99":      {Limits: both("65", "99")},
		"see^1^2":          {Limits: both("1", "2")},
		"negative":         {Limits: Limits{Normal: "negative"}},
		"Âm tính":          {Limits: Limits{Normal: "Âm tính"}},
		"5-3":              {}, "M: 5-3": {}, "5^5^3": {}, // a slip: every value would be outside
		"-": {}, "[ ]": {}, "< x": {}, "N": {}, "A-B": {}, "1-2-3": {}, "see note": {},
		"M: 13-18; F: 12-16":             {Forms: []RangeForm{{Sex: "M", Limits: both("13", "18")}, {Sex: "F", Limits: both("12", "16")}}},
		"Nam 4.5-5.9, Nữ 4.0-5.2":        {Forms: []RangeForm{{Sex: "M", Limits: both("4.5", "5.9")}, {Sex: "F", Limits: both("4.0", "5.2")}}},
		"Male: 13-18 Female: 12-16":      {Forms: []RangeForm{{Sex: "M", Limits: both("13", "18")}, {Sex: "F", Limits: both("12", "16")}}},
		"(F) 35-45":                      {Forms: []RangeForm{{Sex: "F", Limits: both("35", "45")}}},
		"Adult: <5.2":                    {Forms: []RangeForm{{Age: "Adult", Limits: Limits{High: "5.2", HighExclusive: true}}}},
		"0-1 y: 3-6; 1-12 years: 2-5":    {Forms: []RangeForm{{Age: "0-1 y", Limits: both("3", "6")}, {Age: "1-12 years", Limits: both("2", "5")}}},
		"M >18y: 13-18~F >18y: 12-16":    {Forms: []RangeForm{{Sex: "M", Age: ">18y", Limits: both("13", "18")}, {Sex: "F", Age: ">18y", Limits: both("12", "16")}}},
		"M: 13-18; F: as told":           {}, // half a range misleads
		"Nam: 13 - 18 / Nữ: 12 - 16 g/L": {Forms: []RangeForm{{Sex: "M", Limits: both("13", "18")}, {Sex: "F", Limits: both("12", "16")}}},
	} {
		if in == "Dưới 5.2" {
			want = &Range{Limits: Limits{High: "5.2", HighExclusive: true}}
		}
		if want != nil {
			want.Text = in
		}
		if d := cmp.Diff(want, obx(t, "NM", "1", in).Range); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
}

// A range in another unit than the value's says nothing of the value: 5 mmol/L is not low by "70 - 110 mg/dL".
func TestRangeInAnotherUnit(t *testing.T) {
	for _, c := range []struct{ units, ref, computed string }{
		{"mmol/L", "70 - 110 mg/dL", ""},
		{"mmol/L", "< 110 mg/dL", ""},
		{"mmol/L", "M: 70-110 mg/dL; F: 60-100 mg/dL", ""},
		{"mmol/L", "0.0-0.3%", ""},
		{"mmol/L", "6-8 mmol/l", "low"},
		{"mmol/L", "6-8", "low"},
		{"", "6-8 mmol/L", "low"},
		{"%", "6 - 8 %", "low"},
		{"ug/mL", "6-8 µg/mL", "low"},
		{"µg/mL", "6-8 µg/ml", "low"},
		{"X1^mmol/L^L", "6-8 mmol/L", "low"},
		{"10*9/L", "6-8 x10\\S\\9/L", "low"},
		{"10*9/L", "6-8 x10\\S\\12/L", ""},
	} {
		o := obxIn(t, "NM", "5", c.units, c.ref)
		if _, got := o.interpretation("M"); got != c.computed || o.Range.Text != strings.ReplaceAll(c.ref, `\S\`, "^") || (o.Range.Low+o.Range.High == "" && o.Range.Forms == nil) != (c.computed == "") {
			t.Errorf("5 %s by %q: %q, %+v", c.units, c.ref, got, o.Range)
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
