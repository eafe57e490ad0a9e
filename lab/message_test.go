package lab

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2"
)

// resent reads the observations of an OBX, writes them as a message, and reads that.
func resent(t *testing.T, obx string) (before, after *Report, m *hl7v2.Message) {
	t.Helper()
	in, err := hl7v2.Parse([]byte("MSH|^~\\&|LIS|LAB|||20261121||ORU^R01|7|P|2.5\rPID|1||X\rOBR|1|P1|F1|CBC^Count^L\r" + obx + "\r"))
	if err != nil {
		t.Fatal(err)
	}
	before = Read(in)[0].Reports[0]
	b := hl7v2.NewBuilder(hl7v2.Header{Type: [3]string{"ORU", "R01", "ORU_R01"}, ControlID: "1"}).Set("PID-3", "X")
	if err := AddResult(b, &Shown{Report: *before}, nil); err != nil {
		t.Fatal(err)
	}
	if m, err = b.Message(hl7v2.Standard, hl7v2.Lenient); err != nil {
		t.Fatal(err)
	}
	return before, Read(m)[0].Reports[0], m
}

// Values of every data type are written so that who reads them finds the components that were sent.
func TestAddResultValues(t *testing.T) {
	for _, obx := range []string{
		"NM|N||5.40", "NM|N||<0.01", "SN|N||<^0.5", "SN|N||^1^:^128", "SN|N||Negative", "SN|N||>^0.5^+", "NA|N||1^2^3", "CWE|N||1^Nose \\T\\ throat^L", "NR|N||1^2", "CQ|N||5^mg&milligram&UCUM", "MO|N||100^VND", "CP|N||100&VND^UP", "ST|N||a \\T\\ b^c & d",
		"TX|N||a\\.br\\b^c", "CE|N||1^Một^L", "CWE|N||1^Một^L", "XPN|N||Lê^Bình^Văn", "XCN|N||12^Lê^Bình", "XAD|N||1 Phố&Huế^^Hà Nội", "XTN|N||^PRN^PH^^84^24^123",
		"XON|N||BV^L^1", "CX|N||1^^^BV&1.2.3&ISO^MR", "EI|N||1^LIS^1.2^ISO", "HD|N||A^1.2^ISO", "TS|N||20261121^D", "DTM|N||20261121", "TM|N||0815", "IS|N||A", "RP|N||http://x^PACS^IM^JPEG",
		"CX|N||1^^^BV~2^^^C&D", "CX|N||1~~3^^^B", "NM|N||1~~3",
	} {
		before, after, m := resent(t, "OBX|1|"+strings.Replace(obx, "|N||", "|N^N^L||", 1)+"||||||F")
		if d := cmp.Diff(before.Observations[0].Values, after.Observations[0].Values); d != "" {
			t.Errorf("%s: %s\n%s", obx, m.First("OBX").Raw(), d)
		}
	}
}

// Coded elements go on with all their components: alternates, versions and the original text.
func TestAddResultCoded(t *testing.T) {
	for _, cwe := range []string{
		"1^Một^L", "1^Một^L^2^Two^LN", "1^Một^L^2^Two^LN^2026^2.79^nguyên văn", "1^^^2^^^^^a \\S\\ b \\T\\ c", "1^Một^L^2^Two^LN^1^2^gốc^3^Ba^I10^4^^^^^^^^^22",
		"1^Một^L^^^^^^gốc", "^^^2^Two^LN", "^^^^^^^^gốc", "^^L^^^^^^gốc", "^^L^2^Two^LN", "^^^2^Two^LN^^^gốc", "^Một", "1",
	} {
		before, after, m := resent(t, "OBX|1|CWE|"+cwe+"||"+cwe+"~"+cwe+"||||||F")
		if d := cmp.Diff(before.Observations[0], after.Observations[0]); d != "" {
			t.Errorf("%s: %s", cwe, d)
		}
		obx := m.First("OBX")
		for _, f := range []hl7v2.Value{obx.Field(3), obx.Field(5).Repetition(1), obx.Field(5).Repetition(2)} {
			if string(f.Raw()) != cwe {
				t.Errorf("%s went on as %s", cwe, f.Raw())
			}
		}
	}
}

// A code of the maps takes CWE.4; what the sender has there moves on, and stays where it cannot.
func TestAddResultMapped(t *testing.T) {
	for sent, want := range map[string]string{
		"1^Một^L":                                      "1^Một^L^2345-7^Glucose^LN",
		"1^Một^L^2^Hai^X^v1^v2^gốc":                    "1^Một^L^2345-7^Glucose^LN^v1^^gốc^2^Hai^X^v2",
		"1^Một^L^^^^v1^^gốc":                           "1^Một^L^2345-7^Glucose^LN^v1^^gốc",
		"1^Một^L^2^Hai^X^v1^v2^gốc^3^Ba^Y^v3^^^^^^^^1": "1^Một^L^2^Hai^X^v1^v2^gốc^3^Ba^Y^v3^^^^^^^^1",
	} {
		in, err := hl7v2.Parse([]byte("MSH|^~\\&|LIS|LAB|||20261121||ORU^R01|7|P|2.7\rPID|1||X\rOBR|1|P1\rOBX|1|NM|" + sent + "||5||||||F\r"))
		if err != nil {
			t.Fatal(err)
		}
		r := Read(in)[0].Reports[0]
		r.Observations[0].Reading = &Reading{Code: &Mapped{Code: "2345-7", Text: "Glucose", By: "map"}}
		b := hl7v2.NewBuilder(hl7v2.Header{Type: [3]string{"ORU", "R01", "ORU_R01"}, ControlID: "1"})
		if err := AddResult(b, &Shown{Report: *r}, nil); err != nil {
			t.Fatal(err)
		}
		m, err := b.Message(hl7v2.Standard, hl7v2.Lenient)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(m.First("OBX").Field(3).Raw()); got != want {
			t.Errorf("%s went on as %s, want %s", sent, got, want)
		}
	}
}

// A text that is too long to be kept whole is not sent on as if it were whole.
func TestAddResultCut(t *testing.T) {
	_, after, _ := resent(t, "OBX|1|TX|N^N^L||"+strings.Repeat("x", maxText+1)+"||||||F\rNTE|1||"+strings.Repeat("y", maxText+2))
	notes := strings.Join(after.Observations[0].Notes, " ") + strings.Join(after.Notes, " ")
	for _, want := range []string{"value of 1048577 bytes cut", "note of 1048578 bytes cut"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note says: %s", want)
		}
	}
}
