package hl7v2

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = "MSH|^~\\&|LAB|BV1|HIS|BV1|20261121081530+0700||ORU^R01^ORU_R01|42|P|2.5.1|||AL|NE||UNICODE UTF-8\r" +
	"PID|1||123^^^BV1&1.2.3&ISO^MR~001085012345^^^VNM^NI||Nguyễn&van^Thị^Ánh^^Bà||19850102|F\r" +
	"OBX|1|ST|A^B||x\\T\\y\\F\\z~second\r" +
	"OBX|2|FT|C||line\\.br\\two\\H\\bold\\N\\\\X0D0A\\end\\E\\\\Zx\\ \"\r" +
	"ZXX|\"\"|a&b^c\r"

func parse(t *testing.T, s string, o ...Option) *Message {
	t.Helper()
	m, err := Parse([]byte(s), o...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestGet(t *testing.T) {
	m := parse(t, sample)
	for path, want := range map[string]string{
		"MSH-1": "|", "MSH-2": `^~\&`, "MSH-3": "LAB", "MSH-9.2": "R01", "MSH-10": "42", "MSH-18": "UNICODE UTF-8", "MSH-19": "",
		"PID-3": "123^^^BV1&1.2.3&ISO^MR", "PID-3.1": "123", "PID-3.1.1": "123", "PID-3.1.2": "", "PID-3.4.2": "1.2.3",
		"PID-3[2].1": "001085012345", "PID-3[2].5": "NI", "PID-3[3].1": "", "PID-5.1": "Nguyễn&van", "PID-5.1.1": "Nguyễn",
		"OBX-5": "x&y|z", "OBX-5[2]": "second", "OBX[2]-5": "line\ntwobold\r\nend\\\\Zx\\ \"", "OBX[3]-5": "", "ZXX-2.1.2": "b",
		"ZXX-1": `""`, "XYZ-1": "", "PID-0": "", "PID": "", "PID-3.1.1.1": "", "PID[0]-3": "", "pid-3": "", "PID-3[x]": "", "PID-3]": "",
	} {
		if got := m.Get(path); got != want {
			t.Errorf("%s is %q, not %q", path, got, want)
		}
	}
	if !m.At("ZXX-1").Null() || m.At("ZXX-2").Null() {
		t.Error("HL7 null")
	}
	if got := m.At("PID-3").Offset(); sample[got:got+3] != "123" {
		t.Errorf("PID-3 at offset %d", got)
	}
	if string(m.Bytes()) != sample {
		t.Error("bytes are not given back")
	}
}

func TestValueLevels(t *testing.T) {
	v := parse(t, sample).First("PID").Field(3)
	if v.Count() != 2 || v.Repetition(1).Count() != 5 || v.Component(4).Count() != 3 || v.Component(4).Sub(1).Count() != 1 {
		t.Error("counts")
	}
	var ids []string
	for i, r := range v.Repetitions() {
		if r.Repetition(1).Raw() == nil || !r.Repetition(2).Empty() {
			t.Errorf("repetition %d of itself", i)
		}
		ids = append(ids, r.CX().ID)
	}
	if d := cmp.Diff([]string{"123", "001085012345"}, ids); d != "" {
		t.Error(d)
	}
	if got := (Value{}).Component(2).Sub(3).Repetition(1).Text(); got != "" {
		t.Errorf("zero value: %q", got)
	}
	if d := cmp.Diff(CX{ID: "123", Authority: "BV1", Type: "MR"}, v.CX()); d != "" {
		t.Error(d)
	}
	if got := parse(t, sample).At("PID-5").XPN().DICOM(); got != "Nguyễn^Thị^Ánh^Bà" {
		t.Errorf("PID-5 %q", got)
	}
}

// TestLines covers line ends, what stands before MSH, and lines that are no segments.
func TestLines(t *testing.T) {
	for name, c := range map[string]struct {
		in    string
		names string
		warn  int
	}{
		"CR":           {"MSH|^~\\&|A\rPID|1\r", "MSH PID", 0},
		"LF":           {"MSH|^~\\&|A\nPID|1\n", "MSH PID", 0},
		"CRLF":         {"MSH|^~\\&|A\r\nPID|1\r\n\r\n", "MSH PID", 0},
		"no last end":  {"MSH|^~\\&|A\rPID|1", "MSH PID", 0},
		"BOM":          {"\ufeffMSH|^~\\&|A\rPID|1", "MSH PID", 0},
		"before":       {"\r\n\x00 \ufeff\nMSH|^~\\&|A\rPID|1", "MSH PID", 0},
		"text":         {"MSH|^~\\&|A\rOBX|1|TX|||first\nsecond line\r\nthird\rNTE|1\r", "MSH OBX NTE", 2},
		"name alone":   {"MSH|^~\\&|A\rPV2\rNTE|1\r", "MSH PV2 NTE", 0},
		"spaces":       {"MSH|^~\\&|A\r   \rPID|1\r", "MSH PID", 0},
		"Z segment":    {"MSH|^~\\&|A\rZ1A|1\rZZZ|2\r", "MSH Z1A ZZZ", 0},
		"other sep":    {"MSH#*~\\&#A\rPID#1*2\rOBX|1#", "MSH PID", 1},
		"escape twice": {"MSH|^~\\\\&|A\rPID|1", "MSH PID", 0},
		"no encoding":  {"MSH||A\rPID|1", "MSH PID", 0},
	} {
		m := parse(t, c.in)
		var names []string
		for s := range m.Segments() {
			names = append(names, s.Name())
		}
		if got := strings.Join(names, " "); got != c.names || len(m.Warnings()) != c.warn {
			t.Errorf("%s: %s, %d warnings", name, got, len(m.Warnings()))
		}
		if string(m.Bytes()) != c.in {
			t.Errorf("%s: bytes are not given back", name)
		}
	}
	m := parse(t, "MSH|^~\\&|A\rOBX|1|TX|||first\nsecond\r")
	if got := m.Get("OBX-5"); got != "first\nsecond" {
		t.Errorf("continued text %q", got)
	}
	if got := parse(t, "MSH|^~\\\\&|A\rPID|a&b").Get("PID-1.1.2"); got != "b" {
		t.Errorf("doubled escape character: %q", got)
	}
}

func TestParseErrors(t *testing.T) {
	for in, want := range map[string]SyntaxError{
		"":                   {Reason: "message does not begin with MSH"},
		"hello world":        {Reason: "message does not begin with MSH"},
		"\r\nPID|1":          {Offset: 2, Reason: "message does not begin with MSH"},
		"MSH":                {Segment: "MSH", Number: 1, Field: 1, Offset: 3, Reason: "header segment ends before the field separator"},
		"MSHA^~\\&A":         {Segment: "MSH", Number: 1, Field: 1, Offset: 3, Reason: "field separator is a letter, digit, space or control character"},
		"MSH|^^\\&|A":        {Segment: "MSH", Number: 1, Field: 1, Offset: 3, Reason: "encoding characters are not distinct punctuation"},
		"MSH|^~\\&#$%&'(|A":  {Segment: "MSH", Number: 1, Field: 1, Offset: 3, Reason: "more than five encoding characters"},
		"MSH|abcd|LAB|BV1\r": {Segment: "MSH", Number: 1, Field: 1, Offset: 3, Reason: "encoding characters are not distinct punctuation"},
	} {
		_, err := Parse([]byte(in))
		var e *SyntaxError
		if !errors.As(err, &e) {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if d := cmp.Diff(want, *e); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
	e := SyntaxError{Segment: "OBX", Number: 7, Field: 5, Offset: 1312, Reason: "reason"}
	if e.Error() != "hl7v2: OBX[7]-5 at offset 1312: reason" {
		t.Error(e.Error())
	}
}

func TestSet(t *testing.T) {
	e := NewEditor(parse(t, "MSH|^~\\&\rPID\rOBX\r"))
	at := map[string]int{"MSH": 0, "PID": 1, "OBX": 2}
	for _, step := range [][2]string{
		{"MSH-3", "HALONG"},
		{"MSH-9.1", "ORU"},
		{"MSH-9.2", "R01"},
		{"MSH-12", "2.5.1"},
		{"PID-3.1", "1|2"},
		{"PID-3.4.2", "a&b"},
		{"PID-3[2].1", "x"},
		{"PID-5.1", "Đặng"},
		{"PID-3.1", "7"},
		{"PID-8", "F"},
		{"OBX-5", "two\r\nlines"},
		{"OBX-5[3]", "~"},
	} {
		p := place(t, step[0])
		if err := e.Set(at[p.Segment], p, step[1]); err != nil {
			t.Fatal(step, err)
		}
	}
	got, err := e.Encode(nil)
	want := "MSH|^~\\&|HALONG||||||ORU^R01|||2.5.1\r" +
		"PID|||7^^^&a\\T\\b~x||Đặng|||F\r" +
		"OBX|||||two\\.br\\lines~~\\R\\\r"
	if d := cmp.Diff(want, string(got)); d != "" || err != nil {
		t.Error(d, err)
	}
	if got := parse(t, string(got)).Get("OBX-5"); got != "two\nlines" {
		t.Errorf("%q", got)
	}
	for _, path := range []string{"MSH-1", "MSH-2", "PID-0"} {
		p, _ := ParsePath(path)
		if e.Set(at[path[:3]], p, "x") == nil {
			t.Errorf("%s was set", path)
		}
	}
}
