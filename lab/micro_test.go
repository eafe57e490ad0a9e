package lab

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shownOf folds the reports of messages.
func shownOf(t testing.TB, messages ...[]string) []Shown {
	t.Helper()
	var versions []Version
	for i, lines := range messages {
		for k, r := range reports(t, lines...) {
			id := NewID(uint64(i+1), k)
			versions = append(versions, Version{
				Head:   Head{ID: id, First: id, Number: 1, Received: time.Unix(int64(i), 0), Status: r.Status, Link: r.link()},
				report: r,
			})
		}
	}
	all, err := Fold(versions, false)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// trees writes isolates as "report organism: drug=result(value) ...".
func trees(all []Shown) (out []string) {
	Relate(all)
	for _, r := range all {
		if r.Related == nil {
			continue
		}
		for _, i := range r.Isolates {
			s := fmt.Sprintf("%s %s:", i.Report, i.Organism.Text)
			for _, x := range i.Susceptibilities {
				s += fmt.Sprintf(" %s %s=%s(%s)", x.Report, x.Drug.Code, x.Result, x.Value.Text)
			}
			out = append(out, s)
		}
	}
	return out
}

func TestMicrobiology(t *testing.T) {
	pid := "PID|1||7"
	culture := []string{
		header("ORU^R01"), pid, "OBR|1|P1|F1|CULT^Culture",
		"OBX|1|CWE|600-7^Bacteria^LN|1|112283007^Escherichia coli^SCT||||||F", "OBX|2|CWE|600-7^Bacteria^LN|2|3092008^Staphylococcus aureus^SCT||||||F",
	}
	for name, c := range map[string]struct {
		in   [][]string
		want []string
	}{
		"children by OBR-26 and OBR-29": {
			[][]string{append(
				culture,
				"OBR|2|P1|F2|SUSC^Susceptibility|||||||||||||||||||||F|600-7&Bacteria&LN^1^Escherichia coli|||P1^F1", "OBX|1|SN|AMP^Ampicillin||>^16|ug/mL||R|||F", "OBX|2|NM|CIP||0.5|ug/mL||S|||F",
				"OBR|3|P1|F3|SUSC^Susceptibility|||||||||||||||||||||F|600-7&Bacteria&LN^2^S. aureus|||P1^F1", "OBX|1|NM|OXA||0.25|ug/mL||S|||F",
			)},
			[]string{"1.0 Escherichia coli: 1.1 AMP=R(>^16) 1.1 CIP=S(0.5)", "1.0 Staphylococcus aureus: 1.2 OXA=S(0.25)"},
		},
		"children in a later message": {
			[][]string{culture, {header("ORU^R01"), pid, "OBR|1|P1|F2|SUSC|||||||||||||||||||||F|600-7^2|||^F1", "OBX|1|NM|OXA||0.25|ug/mL||S|||F"}},
			[]string{"1.0 Staphylococcus aureus: 2.0 OXA=S(0.25)"},
		},
		"in one report, by sub-ID": {
			[][]string{append(culture, "OBX|3|NM|AMP|1|16|||R|||F", "OBX|4|ST|CIP|1.2|S|||||F", "OBX|5|ST|OXA|2|R|||||F", "OBX|6|NM|WBC|10|5||||||F")},
			[]string{"1.0 Escherichia coli: 1.0 AMP=R(16) 1.0 CIP=S(S)", "1.0 Staphylococcus aureus: 1.0 OXA=R(R)"},
		},
		"without OBR-29: the same order": {
			[][]string{append(culture, "OBR|2|P1||SUSC|||||||||||||||||||||F|600-7^1", "OBX|1|NM|AMP||16|||R|||F")},
			[]string{"1.0 Escherichia coli: 1.1 AMP=R(16)"},
		},
		"a parent that is not there": {
			[][]string{{header("ORU^R01"), pid, "OBR|1|P1|F2|SUSC|||||||||||||||||||||F|600-7^2|||^F9", "OBX|1|NM|OXA||0.25|ug/mL||S|||F"}},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, trees(shownOf(t, c.in...))); d != "" {
				t.Error(d)
			}
		})
	}
}

// Antibiograms of two isolates under one order are two reports, also when one of them is corrected.
func TestMicrobiologyVersions(t *testing.T) {
	child := func(sub string) *Report {
		return reports(t, header("ORU^R01"), "PID|1||7", "OBR|2|P1|F1|SUSC|||||||||||||||||||||C|600-7^"+sub+"|||P1^F1")[0]
	}
	a, b, again := child("1").link(), child("2").link(), child("2").link()
	if a.Service == b.Service || b != again {
		t.Errorf("%+v %+v %+v", a, b, again)
	}
}
