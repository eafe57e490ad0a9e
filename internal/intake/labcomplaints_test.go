package intake

import (
	"strings"
	"testing"

	"github.com/halong-gateway/halong/lab"
)

// The numbers are those of hl7-lab.md section 5.

// TestComplaint14LabValues: an unescaped & in OBX-5 is text (nHapiNET/nHapi#570), in plain and in coded values; a value of 1 MB is
// whole (#594).
func TestComplaint14LabValues(t *testing.T) {
	w := newLabWorld(t)
	long := strings.Repeat("Vi khuẩn & nấm ", 50_000)
	w.must(msh("ORU^R01", "1", "20261121090000"), "PID|1||7^^^BV1", "OBR|1||F1|A&B^C & D^L",
		"OBX|1|ST|X||a & b||||||F", "OBX|2|CWE|Y||1&2^S & T^L||||||F", "OBX|3|TX|Z||"+long+"||||||F", "OBX|4|NM|N||5&6|g|||||F")
	var r lab.Shown
	w.json("/reports/1.0", &r)
	o := r.Observations
	if r.Service.Code != "A&B" || o[0].Values[0].Text != "a & b" || o[1].Values[0].Coded.Text != "S & T" || o[2].Values[0].Text != long || o[3].Values[0].Text != "5&6" || len(o[3].Warnings) != 1 {
		t.Errorf("%+v %d", r.Service, len(o[2].Values[0].Text))
	}
}

// TestComplaint17AfterSPM: OBX after SPM are results, in ORU as in OUL (LinuxForHealth/hl7v2-fhir-converter#533).
func TestComplaint17AfterSPM(t *testing.T) {
	w := newLabWorld(t)
	w.must(msh("ORU^R01", "1", "20261121090000"), "PID|1||7^^^BV1", "ORC|RE|P1|F1", "OBR|1|||CBC", "SPM|1|S1||BLD", "OBX|1|NM|A||1||||||F", "OBX|2|NM|B||2||||||F")
	w.must(msh("OUL^R22", "2", "20261121090000"), "PID|1||7^^^BV1", "SPM|1|S2||BLD", "OBX|1|NM|C||3||||||F")
	var out struct{ Observations []observation }
	w.json("/observations?patient=7", &out)
	if len(out.Observations) != 2 {
		t.Errorf("%d observations", len(out.Observations))
	}
	var r lab.Shown
	w.json("/reports/2.0", &r)
	if r.Specimen == nil || len(r.Specimen.Observations) != 1 || r.Specimen.ID != "S2" {
		t.Errorf("%+v", r.Specimen)
	}
}

// TestComplaint18Analyzer: results of an analyzer whose codes nobody knows are taken, listed as unmapped, and read by a map as soon as
// there is one (DIGI-UW/OpenELIS-Global-2#3629, #3191).
func TestComplaint18Analyzer(t *testing.T) {
	w := newLabWorld(t)
	w.must(strings.Replace(msh("ORU^R01", "1", "20261121090000"), "LIS|BV1", "|", 1), "PID|1||7^^^BV1", "OBR|1||F1|PANEL", "OBX|1|NM|WBC^White cells||5.1|G/L|||||F")
	var l unmappedList
	w.json("/lab/unmapped", &l)
	if len(l.Codes) != 1 || l.Codes[0].Code.Code != "WBC" || l.Codes[0].Sender != "" || len(l.Units) != 1 {
		t.Fatalf("%+v", l)
	}
	m, problems, err := lab.ParseMap("a.csv", strings.NewReader("sender;code;loinc;unit;ucum\n;WBC;6690-2;;\n;;;G/L;10*9/L\n"))
	if err != nil || problems != nil {
		t.Fatal(err, problems)
	}
	w.maps = lab.Maps{m}
	var r lab.Shown
	w.json("/reports/1.0", &r)
	if o := r.Observations[0]; o.Reading.Code.Code != "6690-2" || o.Reading.Unit.Code != "10*9/L" || o.Code.Code != "WBC" || o.Units.Code != "G/L" {
		t.Errorf("%+v", o)
	}
	var after unmappedList
	if w.json("/lab/unmapped", &after); len(after.Codes)+len(after.Units) != 0 {
		t.Errorf("%+v", after)
	}
}

// TestComplaint20Results: a correction with a blank OBX-11 is one (CDCgov/prime-reportstream#4551), the same OBX twice is one result (#5279), and
// a test without LOINC is taken (#7691).
func TestComplaint20Results(t *testing.T) {
	w := newLabWorld(t)
	obr := "OBR|1||F1|CBC|||20261121080000|||||||||||||||||" + "|"
	w.must(msh("ORU^R01", "1", "20261121090000"), "PID|1||7^^^BV1", obr+"F", "OBX|1|NM|HGB^^L||140|g/L|||||F", "OBX|2|NM|WBC^^L||5|10*9/L|||||F")
	w.must(msh("ORU^R01", "2", "20261121100000"), "PID|1||7^^^BV1", obr+"C", "OBX|1|NM|HGB^^L||104|g/L||||||", "OBX|2|NM|HGB^^L||104|g/L||||||")
	var r lab.Shown
	w.json("/reports/1.0?history=true", &r)
	if len(r.Observations) != 2 || r.Status != lab.Corrected || r.Observations[0].Status != lab.Corrected || r.Observations[0].Values[0].Text != "104" || len(r.History[1].Observations) != 2 {
		t.Errorf("%+v", r)
	}
}
