package lab

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
)

func parseMap(t testing.TB, name, csv string) *Map {
	t.Helper()
	m, problems, err := ParseMap(name, strings.NewReader(csv))
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	return m
}

// TestComplaint18Maps: a local map is used although the sender's LOINC is missing (OpenELIS-Global-2#3629), and goes before it.
func TestComplaint18Maps(t *testing.T) {
	maps := Maps{
		parseMap(t, "first.csv", "\ufeff# version: 2\nsender,facility,system,code,text,loinc,display,unit,ucum,note\n"+
			"LIS,,,GLU,,2345-7,Glucose,,,any\n"+
			"LIS,BV2,,GLU,,2339-0,Glucose in Blood,,,\n"+
			",,L,GLU,,14749-6,,,,\n"+
			",,,,Đường huyết,2345-7,,,,\n"+
			",,LN,6690-1,,6690-2,the wrong check digit,,,\n"+
			",,,CRP,,1988-5,CRP,,mg/L,\n"+ // and in which unit it is meant
			",,,,,,,mg%,mg/dL,\n"),
		parseMap(t, "second.csv", "unit;ucum\nG/L;10*9/L\nmg%;g/L\n"),
	}
	code := func(f halong.Facility, sender string, c Coded, alternate ...Coded) string {
		var alt *Coded
		if len(alternate) > 0 {
			alt = &alternate[0]
		}
		if m := maps.Code(f, sender, c, alt); m != nil {
			return m.Code + " " + m.By
		}
		return ""
	}
	for _, c := range []struct{ got, want string }{
		{code("BV1", "LIS", Coded{Code: "GLU"}), "2345-7 map first.csv version 2"},
		{code("BV2", "LIS", Coded{Code: "GLU"}), "2339-0 map first.csv version 2"},
		{code("BV1", "OTHER", Coded{Code: "GLU", System: "L"}), "14749-6 map first.csv version 2"},
		{code("BV1", "LIS", Coded{Code: "GLU", System: "L"}), "2345-7 map first.csv version 2"}, // the sender goes before the system
		{code("BV1", "OTHER", Coded{Code: "GLU"}), ""},
		{code("BV1", "X", Coded{Text: "ĐƯỜNG HUYẾT"}), "2345-7 map first.csv version 2"},
		{code("BV1", "X", Coded{Code: "6690-1", System: "LN"}), "6690-2 map first.csv version 2"},
		{code("BV1", "X", Coded{Code: "6690-2", System: "LN"}), "6690-2 sender"},
		{code("BV1", "X", Coded{Code: "WBC", System: "L"}, Coded{Code: "6690-2", System: "LN"}), "6690-2 sender"},
		{code("BV1", "X", Coded{Code: "6690-3", System: "LN"}), ""},
		{code("BV1", "LIS", Coded{Code: "X"}, Coded{Code: "GLU"}), "2345-7 map first.csv version 2"},
	} {
		if c.got != c.want {
			t.Errorf("%q, not %q", c.got, c.want)
		}
	}
	unit := func(c, u Coded) string {
		if m := maps.Unit("BV1", "LIS", c, u); m != nil {
			return m.Code + " " + m.By
		}
		return ""
	}
	v2 := parseMap(t, "second.csv", "unit;ucum\nG/L;10*9/L\nmg%;g/L\n").Version
	for _, c := range []struct{ got, want string }{
		{unit(Coded{Code: "A"}, Coded{Code: "mg%"}), "mg/dL map first.csv version 2"},
		{unit(Coded{Code: "A"}, Coded{Code: "G/L"}), "10*9/L map second.csv version " + v2},
		{unit(Coded{Code: "CRP"}, Coded{}), "mg/L map first.csv version 2"},
		{unit(Coded{Code: "A"}, Coded{}), ""},
		{unit(Coded{Code: "A"}, Coded{Code: "µmol/L"}), "umol/L syntax"},
		{unit(Coded{Code: "A"}, Coded{Text: "mmol/L"}), "mmol/L syntax"},
		{unit(Coded{Code: "A"}, Coded{Code: "K/uL", System: "UCUM"}), "K/uL sender"},
		{unit(Coded{Code: "A"}, Coded{Code: "K/uL"}), ""},
		{unit(Coded{Code: "A"}, Coded{Code: "nonsense", System: "UCUM"}), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q, not %q", c.got, c.want)
		}
	}
	used := []CodeUse{
		{Facility: "BV1", Sender: "LIS", Code: Coded{Code: "GLU"}, Unit: Coded{Code: "G/L"}, Count: 9},
		{Facility: "BV1", Sender: "LIS", Code: Coded{Code: "X"}, Unit: Coded{Code: "K/uL"}, Count: 2, Last: 5},
		{Facility: "BV1", Sender: "LIS", Code: Coded{Code: "Y"}, Unit: Coded{Code: "K/uL"}, Count: 3, Last: 4},
	}
	codes, units := maps.Unmapped(used)
	if len(codes) != 2 || codes[0].Code.Code != "Y" || len(units) != 1 || units[0].Count != 5 || units[0].Last != 5 {
		t.Errorf("%+v %+v", codes, units)
	}
	var b strings.Builder
	if err := WriteUnmapped(&b, codes, units); err != nil {
		t.Fatal(err)
	}
	if _, problems, _ := ParseMap("x", strings.NewReader(b.String())); len(problems) != 4 { // rows that map to nothing yet, and no others
		t.Errorf("%v", problems)
	}
}

func TestMapProblems(t *testing.T) {
	for in, want := range map[string][]string{
		"":                                      {"line 1: the first line has to name the columns: facility, sender, system, code, text, loinc, display, unit, ucum"},
		"code,loink\n":                          {`line 1: no such column: "loink" (columns are facility, sender, system, code, text, loinc, display, unit, ucum, note)`},
		"code,code,loinc\n":                     {`line 1: column "code" twice`},
		"code,text\n":                           {"line 1: a column loinc or ucum is needed"},
		"code,loinc\n":                          {"line 1: warning: no rows"},
		"code,loinc\nA,2345-7\nA,2345-7\n":      {"line 3: warning: says the same as line 2"},
		"code,loinc\nA,2345-7\nA,2339-0\n":      {"line 3: says otherwise than line 2: 2339-0, not 2345-7"},
		"code,loinc\nA,2345-8\n":                {`line 2: "2345-8" is not a LOINC code: the check digit is wrong, or the form`, "line 1: warning: no rows"},
		"code,loinc\n,2345-7\nB,2345-7\n":       {"line 2: loinc without code or text"},
		"code,loinc\nA,\nB,2345-7\n":            {"line 2: warning: maps to nothing: left out"},
		"unit,ucum\nx,K/uL\ny,furlongs/L\n":     {`line 3: warning: "furlongs/L" is not a unit of UCUM that is known here`},
		"unit,ucum\n,g/L\nx,g/L\n":              {"line 2: ucum without unit or code"},
		"code,loinc\nA,2345-7,x\nB,2345-7\n":    {"line 2: more columns than the first line names"},
		"code,loinc\nA,2345-7\nGL\xFC,2345-7\n": {"line 3: not in UTF-8: save the file as \"CSV UTF-8\""}, // it would match no code
		"code,loinc\n\"A,2345-7\n":              {"line 0: parse error on line 2, column 11: extraneous or missing \" in quoted-field"},
	} {
		_, problems, err := ParseMap("m.csv", strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range problems {
			got = append(got, p.String())
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
}

func TestUCUM(t *testing.T) {
	for _, s := range []string{
		"g", "mg/dL", "mmol/L", "10*9/L", "10^9/L", "10*-3", "%", "/uL", "mm/h", "U/L", "[iU]/L", "m[IU]/mL", "mm[Hg]", "kg/m2", "m2", "s-1", "{copies}/mL", "/[HPF]",
		"umol/(24.h)", "ug{FEU}/mL", "1", "10", "Cel", "[pH]", "mL/min/{1.73_m2}", "ng/mL/h", "cm[H2O]", "[arb'U]/mL", "meq/L", "mosm/kg", "L/L", "fL", "pg",
	} {
		if !ValidUCUM(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{"", "mEq/L", "IU/L", "cells/uL", "x10E3/uL", "mg//dL", "mg/", "g.", "{", "{a", "((g)", "g)", "tera.l-1", "sec", "beats/min", "ftg", "01", strings.Repeat("g.", 100) + "g", "μmol/L"} {
		if ValidUCUM(s) {
			t.Errorf("%q is taken", s)
		}
	}
	for in, want := range map[string]string{"mmol/l": "mmol/l", "µg/L": "ug/L", "10*9/L": "10*9/L", "G/L": "", "K/uL": "", "C": "", "U/L": "U/L", "mm[Hg]": "mm[Hg]", "%": "%", "": ""} {
		if got := obviousUnit(in); got != want {
			t.Errorf("%q is read as %q", in, got)
		}
	}
}

func TestLOINC(t *testing.T) {
	for _, s := range []string{"2345-7", "718-7", "6690-2", "58410-2", "600-7", "11502-2", "8867-4", "26464-8"} {
		if !ValidLOINC(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{"", "-", "2345-8", "23457", "2345-", "2345-77", "a-1", "0-0", "12345678-1", "2345–7", "LP1-2"} {
		if ValidLOINC(s) {
			t.Errorf("%q is taken", s)
		}
	}
}
