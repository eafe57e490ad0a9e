package lab

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2"
)

// reports reads the reports of a message given by lines.
func reports(t testing.TB, lines ...string) []*Report {
	t.Helper()
	m, err := hl7v2.Parse([]byte(strings.Join(lines, "\r") + "\r"))
	if err != nil {
		t.Fatal(err)
	}
	var all []*Report
	for _, g := range Read(m) {
		all = append(all, g.Reports...)
	}
	return all
}

func header(typ string) string { return "MSH|^~\\&|LIS|BV1|||20261121090000||" + typ + "|1|P|2.5.1" }

// outline writes a report as "service placer/filler specimen: code=value/status ...".
func outline(r *Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%s", r.Service.Code, r.Placer.key(), r.Filler.key())
	for _, s := range append([]Specimen{deref(r.Specimen)}, r.Specimens...) {
		if s.ID != "" || s.Container != "" {
			fmt.Fprintf(&b, " [%s %s %s %s", s.ID, s.Container, s.Type.Code, s.Role)
			for _, o := range s.Observations {
				b.WriteString(" " + o.Code.Code)
			}
			b.WriteString("]")
		}
	}
	b.WriteString(":")
	for _, o := range r.Observations {
		b.WriteString(" " + o.Code.Code)
		if len(o.Notes) > 0 {
			fmt.Fprintf(&b, "%q", o.Notes)
		}
	}
	return b.String()
}

func deref(s *Specimen) Specimen {
	if s == nil {
		return Specimen{}
	}
	return *s
}

// TestForms reads the orders in which segments stand in messages of each kind.
func TestForms(t *testing.T) {
	pid := "PID|1||7^^^BV1"
	for name, c := range map[string]struct{ in, want []string }{
		"ORU^R01": {
			[]string{header("ORU^R01"), pid, "ORC|RE|P1|F1", "OBR|1|||CBC", "NTE|1||x", "OBX|1|NM|A||1", "NTE|1||n1", "NTE|2||n2~n3", "OBX|2|NM|B||2", "SPM|1|S1||BLD"},
			[]string{`CBC P1/F1 [S1  BLD ]: A["n1" "n2" "n3"] B`},
		},
		"complaint 17: results after SPM": { // LinuxForHealth/hl7v2-fhir-converter#533
			[]string{header("ORU^R01"), pid, "OBR|1|P1|F1|CBC", "SPM|1|S1||BLD", "OBX|1|NM|A||1", "OBX|2|NM|B||2"},
			[]string{"CBC P1/F1 [S1  BLD ]: A B"},
		},
		"several specimens of one order": {
			[]string{header("ORU^R01"), pid, "OBR|1|P1|F1|CULT", "OBX|1|NM|A||1", "SPM|1|S1", "SPM|2|S2", "SPM|2|S2"},
			[]string{"CULT P1/F1 [S1   ] [S2   ]: A"},
		},
		"OUL^R22: specimen, container, orders with ORC after OBR": {
			[]string{
				header("OUL^R22"), pid, "SPM|1|S1&L||SER|||||||P", "OBX|1|NM|VOL||3", "SAC||ACC|C1", "OBR|1|P1||GLU", "ORC|OK||F1", "OBX|1|NM|GLU||5", "OBR|2|P2|F2|CRP", "OBX|1|NM|CRP||1",
				"SPM|2|S2||URN|||||||Q", "OBR|3|P3|F3|UA", "OBX|1|NM|PH||6",
			},
			[]string{"GLU P1/F1 [S1 C1 SER P VOL]: GLU", "CRP P2/F2 [S1 C1 SER P]: CRP", "UA P3/F3 [S2  URN Q]: PH"},
		},
		"OUL^R22: the same test of two specimens are two reports": {
			[]string{header("OUL^R22"), pid, "SPM|1|S1", "OBR|1||F|GLU", "OBX|1|NM|G||1", "SPM|2|S2", "OBR|1||F|GLU", "OBX|1|NM|G||2"},
			[]string{"GLU /F [S1   ]: G", "GLU /F [S2   ]: G"},
		},
		"OUL^R22 without a patient, containers only": {
			[]string{header("OUL^R22"), "SAC|||C1", "OBR|1||F1|GLU", "OBX|1|NM|G||1", "SAC|||C2", "OBR|1||F2|GLU", "OBX|1|NM|G||2"},
			[]string{"GLU /F1 [C1 C1  ]: G", "GLU /F2 [C2 C2  ]: G"},
		},
		"OUL^R22: results of a specimen without OBR": {
			[]string{header("OUL^R22"), pid, "SPM|1|S1", "OBX|1|NM|A||1", "SPM|2|S2", "OBX|1|NM|B||1"},
			[]string{" / [S1    A]:", " / [S2    B]:"},
		},
		"OUL^R24: order, specimen, container, results": {
			[]string{header("OUL^R24"), pid, "OBR|1|P1||GLU", "ORC|OK||F1", "SPM|1|S1||SER", "SAC|||C1", "OBX|1|NM|G||1", "OBR|2|P2||CRP", "ORC|OK||F2", "OBX|1|NM|C||1"},
			[]string{"GLU P1/F1 [S1 C1 SER ]: G", "CRP P2/F2: C"},
		},
		"OUL^R21: container, order, results": {
			[]string{header("OUL^R21"), pid, "SAC|||C1", "ORC|RE|P1|F1", "OBR|1|||GLU", "OBX|1|NM|G||1"},
			[]string{"GLU P1/F1 [C1 C1  ]: G"},
		},
		"observations of the patient": {
			[]string{header("ORU^R01"), pid, "OBX|1|NM|HEIGHT||1", "ORC|RE|P1|F1", "OBR|1|||GLU", "OBX|1|NM|G||1"},
			[]string{" /: HEIGHT", "GLU P1/F1: G"},
		},
		"ORU^R03 of version 2.1": {
			[]string{"MSH|^~\\&|LIS|BV1|||19910101||ORU^R03|1|P|2.1", "PID|1|7", "OBR|1|P1|F1|GLU", "OBX|1|NM|GLU||5"},
			[]string{"GLU P1/F1: GLU"},
		},
		"MDM^T02": {
			[]string{header("MDM^T02"), pid, "ORC|RE|P1|F1", "OBR|1|||ECHO^Echo", "TXA|1|DI|TX|20261121||||||||D1|D0|P9|F9|f.pdf|AU||AV", "OBX|1|TX|T||a", "OBX|2|ED|P||^application^pdf^Base64^aGk="},
			[]string{"ECHO P1/F1: T P"},
		},
		"MDM^T02 without an order": {
			[]string{header("MDM^T02"), pid, "TXA|1|DS|TX|20261121||||||||D1||P9|F9||LA", "OBX|1|TX|T||a"},
			[]string{"DS P9/F9: T"},
		},
		"MDM^T01 has no content": {
			[]string{header("MDM^T01"), pid, "TXA|1|DS|TX|20261121|||||||D1"},
			[]string{"DS /:"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range reports(t, c.in...) {
				got = append(got, outline(r))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestDocumentStatus: TXA-17 and the event tell how a document stands.
func TestDocumentStatus(t *testing.T) {
	for in, want := range map[string]Status{
		"T02 AU AV": Final, "T02 LA AV": Final, "T02 DI AV": Preliminary, "T02 IP UN": Preliminary, "T02  AV": Final, // its content is
		"T04 AU AV": Final, "T08 AU AV": Corrected, "T08 IN AV": Preliminary, "T10 LA AV": Corrected, "T11 AU AV": EnteredInError, "T02 AU CA": EnteredInError, "T02 AU OB": Cancelled,
	} {
		f := strings.Split(in, " ")
		r := reports(t, header("MDM^"+f[0]), "PID|1||7", "TXA|1|DS||||||||||D1|D0||||"+f[1]+"||"+f[2], "OBX|1|TX|T||a")[0]
		if r.Status != want || r.Observations[0].Status == "" || len(r.Observations[0].Warnings) > 0 {
			t.Errorf("%s: %s, %+v", in, r.Status, r.Observations[0])
		}
	}
}

// TestStatusTables has every letter of tables 0085 and 0123.
func TestStatusTables(t *testing.T) {
	want := map[string]Status{
		"F": Final, "U": Final, "V": Final, "C": Corrected, "A": Corrected, "B": Corrected, "P": Preliminary, "R": Preliminary, "S": Preliminary,
		"I": Registered, "O": Registered, "N": Registered, "X": Cancelled, "W": EnteredInError, "D": Deleted, "": Final, "?": Final,
	}
	for letter, status := range want {
		o := reports(t, header("ORU^R01"), "PID|1||7", "OBR|1|||A||||||||||||||||||||", "OBX|1|NM|A||1||||||"+letter)[0].Observations[0]
		if o.Status != status {
			t.Errorf("OBX-11 %q: %s, not %s", letter, o.Status, status)
		}
		if odd := letter == "" || letter == "?"; odd != (len(o.Warnings) > 0) {
			t.Errorf("OBX-11 %q: %q", letter, o.Warnings)
		}
		if (letter == "N") != (o.Absent == "not-asked") {
			t.Errorf("OBX-11 %q: absent %q", letter, o.Absent)
		}
	}
	for letter, status := range map[string]Status{
		"O": Registered, "I": Registered, "S": Registered, "N": Registered, "Y": Registered, "Z": Registered, "A": Preliminary, "P": Preliminary,
		"R": Preliminary, "M": Preliminary, "F": Final, "C": Corrected, "X": Cancelled,
	} {
		if got := reports(t, header("ORU^R01"), "PID|1||7", "OBR|1|||A|||||||||||||||||||||"+letter)[0].Status; got != status {
			t.Errorf("OBR-25 %q: %s, not %s", letter, got, status)
		}
	}
}

// TestComplaint20Duplicates: the same OBX twice is one result, and both are kept (CDCgov/prime-reportstream#5279).
func TestComplaint20Duplicates(t *testing.T) {
	r := reports(
		t, header("ORU^R01"), "PID|1||7", "OBR|1|||A",
		"OBX|1|NM|A||1|g||H|||F", "OBX|2|NM|A||1|g||H|||F", "OBX|3|NM|A||2|g||H|||F",
		"OBX|4|TX|T||line", "OBX|5|TX|T||line", "OBX|6|NM|B|1|1", "OBX|7|NM|B|2|1",
	)[0]
	var got []string
	for _, o := range r.Observations {
		got = append(got, fmt.Sprintf("%s %v %d", o.Code.Code, o.Duplicate, len(o.Warnings)))
	}
	// TX and B have no OBX-11, which is a warning too
	want := []string{"A false 0", "A true 0", "A false 1", "T false 1", "T false 1", "B false 1", "B false 1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestSpecimenNames: SPM-2.1 and SPM-2.2 are two names of one specimen, of each report of it, and are sent on as they came.
func TestSpecimenNames(t *testing.T) {
	for field, want := range map[string]Specimen{
		"P1^L1": {ID: "P1", Filler: "L1"}, "P1": {ID: "P1"}, "^L1": {ID: "L1"}, "P1&HIS^L1&LIS": {ID: "P1", Filler: "L1"},
	} {
		for _, r := range reports(t, header("OUL^R22"), "PID|1||7", "SPM|1|"+field, "OBR|1|1|1|A", "OBX|1|NM|X||1", "OBR|2|2|2|B", "OBX|1|NM|Y||1") {
			if r.Specimen == nil || r.Specimen.ID != want.ID || r.Specimen.Filler != want.Filler {
				t.Errorf("%s: %+v", field, r.Specimen)
				continue
			}
			n := r.Numbers()
			if all := n.All(); slices.Contains(all, "L1") != strings.Contains(field, "L1") || slices.Contains(n.Specimens, want.Filler) {
				t.Errorf("%s: %+v", field, n)
			}
			b := hl7v2.NewBuilder(hl7v2.Header{})
			addSpecimen(b, r.Specimen)
			m, err := b.Message(hl7v2.Standard, hl7v2.Lenient)
			if err != nil || m.Get("SPM-2.1") != want.ID || m.Get("SPM-2.2") != want.Filler {
				t.Errorf("%s: %v, %v", field, m, err)
			}
		}
	}
}
