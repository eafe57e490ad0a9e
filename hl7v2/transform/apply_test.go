package transform

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2"
)

func at(t *testing.T, s string) Where {
	t.Helper()
	w, err := ParseWhere(s)
	if err != nil {
		t.Fatal(s, err)
	}
	return w
}

func when(t *testing.T, pairs ...string) (list []Match) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		m, err := NewMatch(pairs[i], pairs[i+1])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	return list
}

const message = "MSH|^~\\&|LAB|BV1|HIS|BV1|20260102030405||ORU^R01|7|P|2.5.1\r" +
	"PID|1||0012^^^BV1~9^^^X||Nguyễn^Ánh\r" +
	"OBR|1|P1^HIS||CBC^Blood\rNTE|1||a\r" +
	"OBX|1|NM|GLU^Glucose^L||5.1|mmol/l\rNTE|1||b\r" +
	"OBX|2|NM|HB^Hb^L||120|g/l\r"

func TestApply(t *testing.T) {
	for name, c := range map[string]struct {
		actions []Action
		from    string
		to      string // what from becomes
	}{
		"set a component":         {[]Action{{Kind: Set, Where: at(t, "PID-3.4"), Value: "BV2"}}, "0012^^^BV1~", "0012^^^BV2~"},
		"set a subcomponent":      {[]Action{{Kind: Set, Where: at(t, "PID-3[2].4.2"), Value: "1.2"}}, "9^^^X|", "9^^^X&1.2|"},
		"set text":                {[]Action{{Kind: Set, Where: at(t, "PID-5.1"), Value: "A^B|C"}}, "Nguyễn^Ánh", `A\S\B\F\C^Ánh`},
		"set a field":             {[]Action{{Kind: Set, Where: at(t, "PID-3"), Value: "1^^^Z~2"}}, "0012^^^BV1~9^^^X", "1^^^Z~2"},
		"set a repetition":        {[]Action{{Kind: Set, Where: at(t, "PID-3[2]"), Value: "1^^^Z"}}, "9^^^X", "1^^^Z"},
		"set every repetition":    {[]Action{{Kind: Set, Where: at(t, "PID-3[*].5"), Value: "PI"}}, "0012^^^BV1~9^^^X", "0012^^^BV1^PI~9^^^X^PI"},
		"set beyond the end":      {[]Action{{Kind: Set, Where: at(t, "OBX[2]-8"), Value: "H"}}, "HB^Hb^L||120|g/l\r", "HB^Hb^L||120|g/l||H\r"},
		"set where nothing is":    {[]Action{{Kind: Set, Where: at(t, "ZZZ-1"), Value: "H"}}, "g/l", "g/l"},
		"set every segment":       {[]Action{{Kind: Set, Where: at(t, "OBX[*]-11"), Value: "F"}}, "mmol/l\r", "mmol/l|||||F\r"},
		"copy a field":            {[]Action{{Kind: Copy, Where: at(t, "PID-3"), To: at(t, "PID-2")}}, "PID|1||", "PID|1|0012^^^BV1~9^^^X|"},
		"copy a repetition":       {[]Action{{Kind: Copy, Where: at(t, "PID-3[2]"), To: at(t, "PID-2[1]")}}, "PID|1||", "PID|1|9^^^X|"},
		"copy to another segment": {[]Action{{Kind: Copy, Where: at(t, "OBR-2.1"), To: at(t, "PID-18.1")}}, "Ánh\r", "Ánh|||||||||||||P1\r"},
		"copy within every one":   {[]Action{{Kind: Copy, Where: at(t, "OBX[*]-3.2"), To: at(t, "OBX[*]-3.5")}}, "HB^Hb^L", "HB^Hb^L^^Hb"},
		"map":                     {[]Action{{Kind: Map, Where: at(t, "OBX[*]-3.1"), Table: &Table{Values: map[string]string{"HB": "718-7"}}}}, "HB^Hb", "718-7^Hb"},
		"map, default":            {[]Action{{Kind: Map, Where: at(t, "OBX[*]-6"), Table: &Table{Values: map[string]string{"g/l": "g/L"}, Else: Use, Default: "?"}}}, "mmol/l", "?"},
		"map a whole field":       {[]Action{{Kind: Map, Where: at(t, "OBR-4"), Table: &Table{Values: map[string]string{"CBC^Blood": "58410-2^CBC^LN"}}}}, "CBC^Blood", "58410-2^CBC^LN"},
		"replace":                 {[]Action{{Kind: Replace, Where: at(t, "PID-3.1"), Pattern: regexp.MustCompile("^0+(.)"), With: "K$1"}}, "0012", "K12"},
		"remove a value":          {[]Action{{Kind: Remove, Where: at(t, "PID-5")}}, "Nguyễn^Ánh", ""},
		"remove a repetition":     {[]Action{{Kind: Remove, Where: at(t, "PID-3[2]")}}, "9^^^X", ""},
		"remove segments":         {[]Action{{Kind: Remove, Where: at(t, "NTE[*]")}}, "NTE|1||b\r", ""},
		"remove one":              {[]Action{{Kind: Remove, Where: at(t, "NTE[2]")}}, "NTE|1||b\r", ""},
		"add": {
			[]Action{{Kind: Add, Where: at(t, "ZDS"), After: "PID"}, {Kind: Set, Where: at(t, "ZDS-1"), Value: "1.2.3"}}, "OBR|1", "ZDS|1.2.3\rOBR|1",
		},
	} {
		for i := range c.actions {
			if err := c.actions[i].Check(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		m, err := hl7v2.Parse([]byte(message))
		if err != nil {
			t.Fatal(err)
		}
		steps := 0
		e, err := Apply([]Rule{{Name: "r", Actions: c.actions}}, m, func(Step) { steps++ })
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := e.Encode(nil)
		if err != nil || !strings.Contains(string(got), c.to) || (c.from != c.to && steps == 0) || strings.Contains(string(got), c.from) && !strings.Contains(c.to, c.from) {
			t.Errorf("%s: %v\n%s", name, err, strings.ReplaceAll(string(got), "\r", "\n"))
		}
		if string(m.Bytes()) != message {
			t.Errorf("%s: the message itself was changed", name)
		}
	}
}

func TestApplyDelimiters(t *testing.T) {
	m, err := hl7v2.Parse([]byte("MSH#*~!%#A\rPID#1##7***X%1^2\r"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := Apply([]Rule{{Actions: []Action{
		{Kind: Set, Where: at(t, "PID-5"), Value: "A^B&C#"},
		{Kind: Copy, Where: at(t, "PID-3"), To: at(t, "PID-2")},
	}}}, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Encode(nil)
	if d := cmp.Diff("MSH#*~!%#A\rPID#1#7***X%1^2#7***X%1^2##A*B%C!F!\r", string(got)); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestMatch(t *testing.T) {
	m, err := hl7v2.Parse([]byte(message))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		where, pattern string
		want           bool
	}{
		{"MSH-9.1", "ORU|OUL", true},
		{"MSH-9", `ORU\^R01`, true},
		{"MSH-9.1", "OR", false}, // the whole value
		{"OBX[*]-3.1", "HB", true},
		{"OBX-3.1", "HB", false},
		{"PV1-2", "", true}, // there is none
		{"PV1-2", "I", false},
		{"PID-3[*].4", "X", true},
	} {
		if got := All(when(t, c.where, c.pattern), m); got != c.want {
			t.Errorf("%s %s: %v", c.where, c.pattern, got)
		}
	}
	rules := []Rule{
		{Match: when(t, "OBX[*]-3.1", "K"), Actions: []Action{{Kind: Set, Where: at(t, "MSH-5"), Value: "NO"}}},
		{Match: when(t, "OBX[*]-3.1", "HB"), Actions: []Action{{Kind: Set, Where: at(t, "MSH-5"), Value: "YES"}}},
		{Match: when(t, "MSH-5", "YES"), Actions: []Action{{Kind: Set, Where: at(t, "MSH-6"), Value: "SEEN"}}},
	}
	e, err := Apply(rules, m, nil)
	if err != nil || e.Segment(0).Field(6).Text() != "SEEN" {
		t.Error(err, e.Segment(0).Field(6).Text())
	}
}

func TestReject(t *testing.T) {
	m, err := hl7v2.Parse([]byte(message))
	if err != nil {
		t.Fatal(err)
	}
	table := &Table{Name: "codes", Values: map[string]string{"GLU": "2345-7"}, Else: Reject}
	_, err = Apply([]Rule{{Name: "loinc", Actions: []Action{{Kind: Map, Where: at(t, "OBX[*]-3.1"), Table: table}}}}, m, nil)
	var r *Rejection
	if !errors.As(err, &r) {
		t.Fatal(err)
	}
	if d := cmp.Diff(&Rejection{"loinc", "OBX[2]-3.1", "the value is not in table codes"}, r); d != "" {
		t.Error(d)
	}
}

func TestSteps(t *testing.T) {
	m, err := hl7v2.Parse([]byte(message))
	if err != nil {
		t.Fatal(err)
	}
	var got []Step
	_, err = Apply([]Rule{{Name: "r", Actions: []Action{
		{Kind: Set, Where: at(t, "PID-3[*].4"), Value: "Z"}, {Kind: Remove, Where: at(t, "NTE[*]")},
	}}}, m, func(s Step) { got = append(got, s) })
	want := []Step{
		{"r", Set, "PID[1]-3.4", "BV1", "Z"},
		{"r", Set, "PID[1]-3[2].4", "X", "Z"},
		{"r", Remove, "NTE[2]", "NTE|1||b", ""},
		{"r", Remove, "NTE[1]", "NTE|1||a", ""},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestCheck(t *testing.T) {
	for _, a := range []Action{
		{Kind: Add, Where: at(t, "PID-1")},
		{Kind: Add, Where: at(t, "ZZZ[2]")},
		{Kind: Remove, Where: at(t, "MSH")},
		{Kind: Set, Where: at(t, "PID")},
		{Kind: Map, Where: at(t, "PID-1")},
		{Kind: Replace, Where: at(t, "PID-1")},
		{Kind: Copy, Where: at(t, "PID-3"), To: at(t, "PID-2.1")},
		{Kind: Copy, Where: at(t, "PID-3"), To: at(t, "PID-2[1]")},
		{Kind: Copy, Where: at(t, "PID-3.1"), To: at(t, "PID-2.1.1")},
		{Kind: Copy, Where: at(t, "PID-3[*]"), To: at(t, "PID-2")},
		{Kind: Copy, Where: at(t, "OBX[*]-3.1"), To: at(t, "OBR[*]-4.1")},
		{Kind: Copy, Where: at(t, "PID-3"), To: at(t, "PID")},
		{Where: at(t, "PID-3")},
	} {
		if a.Check() == nil {
			t.Errorf("%v %s: nothing was found", a.Kind, a.Where)
		}
	}
	for _, s := range []string{"", "PID-0", "PID-3.1.1.1", "MSH-1", "MSH-2", "P-1", "PID[*", "PID-3[0]", "PID-x"} {
		if _, err := ParseWhere(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

// Whatever the rules do to whatever message, what comes out can be read, and has the value that was set.
func FuzzApply(f *testing.F) {
	f.Add([]byte(message), "PID-3[*].4", "A^B")
	f.Add([]byte("MSH#*~!%#A\rPID#1##7***X%1\r"), "PID-3", "1^2")
	f.Fuzz(func(t *testing.T, raw []byte, where, value string) {
		m, err := hl7v2.Parse(raw)
		if err != nil {
			return
		}
		w, err := ParseWhere(where)
		if err != nil || w.whole || len(value) > 100 {
			return
		}
		e, err := Apply([]Rule{{Actions: []Action{{Kind: Set, Where: w, Value: value}}}}, m, nil)
		if err != nil {
			return
		}
		out, err := e.Encode(nil)
		if err != nil {
			return
		}
		if _, err := hl7v2.Parse(out); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
	})
}

func BenchmarkApply(b *testing.B) {
	raw := message + strings.Repeat("OBX|3|NM|HB^Hb^L||120|g/l\r", 40)
	m, err := hl7v2.Parse([]byte(raw))
	if err != nil {
		b.Fatal(err)
	}
	w, err := ParseWhere("OBX[*]-3.1")
	if err != nil {
		b.Fatal(err)
	}
	rules := []Rule{{Actions: []Action{{Kind: Map, Where: w, Table: &Table{Values: map[string]string{"HB": "718-7"}}}}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Apply(rules, m, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// A condition is a regular expression by itself, not only with what is put around it.
func TestNewMatch(t *testing.T) {
	for pattern, ok := range map[string]bool{"ORU|OUL": true, "": true, "a)|(b": false, "[": false, "(?i)oru": true} {
		if _, err := NewMatch("MSH-9.1", pattern); (err == nil) != ok || err != nil && strings.Contains(err.Error(), "$") {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}
