package intake

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/lab"
)

// tell writes reports as "id vN status: code=value/status ...".
func tell(reports []lab.Shown) []string {
	var all []string
	for _, r := range reports {
		s := fmt.Sprintf("%s v%d %s:", r.ID, r.Version, r.Status)
		for _, o := range r.Observations {
			s += " " + o.Code.Code + "=" + o.Values[0].Text + "/" + o.HL7Status
		}
		all = append(all, s)
	}
	return all
}

// TestVersions sends messages about one patient and looks at what is shown.
func TestVersions(t *testing.T) {
	for name, c := range map[string]struct {
		send []string
		want []string
	}{
		"final, then correction": {
			[]string{oru("1", "202611210900", "p", "F1", "F", "HGB|140|F", "WBC|5|F"), oru("2", "202611211000", "p", "F1", "C", "HGB|104|C")},
			[]string{"1.0 v2 corrected: HGB=104/C WBC=5/F"},
		},
		"late preliminary is kept, not shown": {
			[]string{oru("1", "202611210900", "p", "F1", "F", "HGB|140|F"), oru("2", "202611211000", "p", "F1", "P", "HGB|99|P")},
			[]string{"1.0 v2 final: HGB=140/F"},
		},
		"preliminary, then final": {
			[]string{oru("1", "202611210900", "p", "F1", "P", "HGB|139|P"), oru("2", "202611211000", "p", "F1", "F", "HGB|140|F")},
			[]string{"1.0 v2 final: HGB=140/F"},
		},
		"results come in parts": {
			[]string{oru("1", "202611210900", "p", "F1", "A", "HGB|140|F"), oru("2", "202611211000", "p", "F1", "F", "WBC|5|F")},
			[]string{"1.0 v2 final: HGB=140/F WBC=5/F"},
		},
		"preliminary of a further analyte after a final report": {
			[]string{oru("1", "202611210900", "p", "F1", "F", "HGB|140|F"), oru("2", "202611211000", "p", "F1", "P", "WBC|5|P")},
			[]string{"1.0 v2 final: HGB=140/F WBC=5/P"},
		},
		"deleted, wrong and cancelled": {
			[]string{oru("1", "202611210900", "p", "F1", "F", "A|1|F", "B|2|F", "C|3|F"), oru("2", "202611211000", "p", "F1", "C", "A|1|D", "B|2|W", "C||X")},
			nil, // see below: C has no value
		},
		"final that was sent before the correction": {
			[]string{oru("1", "202611210900", "p", "F1", "F", "HGB|140|F"), oru("3", "202611211100", "p", "F1", "C", "HGB|104|C"), oru("2", "202611211000", "p", "F1", "F", "HGB|140|F")},
			[]string{"1.0 v3 corrected: HGB=104/C"},
		},
		"blank OBX-11 of a corrected report": { // prime-reportstream#4551
			[]string{oru("1", "202611210900", "p", "F1", "F", "HGB|140|F"), oru("2", "202611211000", "p", "F1", "C", "HGB|104|")},
			[]string{"1.0 v2 corrected: HGB=104/"},
		},
		"another order": {
			[]string{oru("1", "202611210900", "p", "F1", "F", "HGB|140|F"), oru("2", "202611211000", "p", "F2", "F", "HGB|141|F")},
			[]string{"2.0 v1 final: HGB=141/F", "1.0 v1 final: HGB=140/F"},
		},
		"no order numbers: service and time of observation": {
			[]string{oru("1", "202611210900", "p", "", "F", "HGB|140|F"), oru("2", "202611211000", "p", "", "C", "HGB|104|C")},
			[]string{"1.0 v2 corrected: HGB=104/C"},
		},
		"sequence numbers begin again every day": {
			[]string{oru("1", "202611210900", "p", "17", "F", "HGB|140|F"), strings.Replace(oru("2", "202611231000", "p", "17", "F", "HGB|141|F"), "20261121080000", "20261123080000", 1)},
			[]string{"2.0 v1 final: HGB=141/F", "1.0 v1 final: HGB=140/F"},
		},
		"the same report twice in a message is one": {
			[]string{oru("1", "202611210900", "p", "F1", "F", "HGB|140|F") + "OBR|2||F1|CBC^Công thức máu^L|||20261121080000\rOBX|1|NM|WBC^WBC^L||5|||||" + "|F\r"},
			[]string{"1.0 v1 final: HGB=140/F WBC=5/F"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, m := range c.send {
				if got := msas(w.send(m)); !strings.HasPrefix(got, "AA ") {
					t.Fatal(got)
				}
			}
			p := w.results("p", "?history=true").Patients[0]
			if c.want == nil {
				obs := p.Reports[0].Observations
				if len(obs) != 2 || obs[0].Status != lab.EnteredInError || obs[1].Status != lab.Cancelled {
					t.Errorf("%+v", obs)
				}
			} else if d := cmp.Diff(c.want, tell(p.Reports)); d != "" {
				t.Error(d)
			}
			for _, r := range p.Reports {
				if len(r.History) != r.Version {
					t.Errorf("%d of %d versions in the history", len(r.History), r.Version)
				}
			}
			_, before := w.get("/patients/p/results?history=true")
			w.reindex()
			if _, after := w.get("/patients/p/results?history=true"); before != after {
				t.Error(cmp.Diff(before, after))
			}
		})
	}
}

// TestPatients keeps patients of several authorities and facilities apart.
func TestPatients(t *testing.T) {
	w := newWorld(t)
	send := func(control, pid string) {
		m := "MSH|^~\\&|LIS|BV1|||202611210900||ORU^R01|" + control + "|P|2.5\r" + pid + "\rOBR|1||F" + control + "|GLU\rOBX|1|NM|GLU||<0,5|mmol/L|3.9-6.4|LL|||F\r"
		if got := msas(w.send(m)); got != "AA "+control {
			t.Fatal(got)
		}
	}
	send("1", "PID|1||7^^^A^MR~001085012345^^^VNM^NI||Nguyễn^Ánh^Thị||19850102|F")
	send("2", "PID|1||7^^^B^MR||Lê^Bình")
	send("3", "PID|1||7^^^A^MR||Nguyễn^Ánh^Thị|||M")
	send("4", "PID|1||^^^A^MR||No^Number")
	got := w.results("7", "").Patients
	if len(got) != 2 || got[0].Authority != "A" || len(got[0].Reports) != 2 || got[0].Sex != "M" || got[0].BirthDate != "1985-01-02" || got[1].Name != "Lê^Bình" {
		t.Errorf("%+v", got)
	}
	if got := w.results("7", "?authority=B").Patients; len(got) != 1 || got[0].Name != "Lê^Bình" {
		t.Errorf("%+v", got)
	}
	cccd := w.results("001085012345", "").Patients
	if len(cccd) != 1 || cccd[0].ID != "7" || cccd[0].Identifiers[1].System == "" {
		t.Errorf("%+v", cccd)
	}
	if n := len(w.unassigned()); n != 1 {
		t.Errorf("%d reports without a patient", n)
	}
	v := got[0].Reports[0].Observations[0]
	if v.Values[0].Comparator != "<" || v.Values[0].Number != "0.5" || v.Values[0].Text != "<0,5" || len(v.Warnings) != 2 {
		t.Errorf("%+v", v)
	}
	for path, want := range map[string]int{
		"/patients/nobody/results": http.StatusNotFound, "/patients/7/results?authority=C": http.StatusNotFound,
		"/patients/7/results?history=perhaps": http.StatusBadRequest, "/messages/99": http.StatusNotFound, "/messages/x": http.StatusBadRequest,
		"/patients/7/results?authority=": http.StatusNotFound,
	} {
		if code, body := w.get(path); code != want {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}
