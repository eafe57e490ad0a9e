package worklist_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/corpus"
	"github.com/halong-gateway/halong/worklist"
)

func TestPresets(t *testing.T) {
	for _, name := range []string{worklist.PresetIHE, worklist.PresetDcm4chee} {
		m, ok := worklist.Preset(name)
		if !ok || len(m.Start) < 3 || len(m.Procedure) == 0 || len(m.Statuses) < 8 {
			t.Errorf("%s: %+v", name, m)
		}
		for _, s := range []worklist.Source{
			m.Accession, m.ProcedureID, m.StepID, m.Study, m.Protocol, m.Modality, m.Station, m.StationName, m.Location, m.Priority, m.Requesting, m.Referring,
			m.Performing, m.Admission,
		} {
			if len(s) == 0 {
				t.Errorf("%s: a place that cannot be read", name)
			}
		}
	}
	if _, ok := worklist.Preset("other"); ok {
		t.Error("a preset that there is not")
	}
}

// The two conventions differ in where start, procedure and priority are looked for.
func TestConventions(t *testing.T) {
	order := []string{
		"PID|1||P1^^^A||Nguyễn^An", "ORC|NW|PL1|FL1||SC||^^^20261122100000", "TQ1|1||||||20261122110000||C",
		"OBR|1|PL1|FL1|A^Ordered^L||||||||||||||ACC1|RP1|SPS1||||CT|||^^^20261122120000|||||||||||||||||B^Performed^L",
	}
	for preset, want := range map[string][]string{
		worklist.PresetIHE:      {"20261122120000", "A", "Ordered", "STAT"},
		worklist.PresetDcm4chee: {"20261122110000", "B", "Performed", "HIGH"},
	} {
		w := newWorld(t, preset, nil)
		w.message("ORM^O01", order...)
		o := w.order("PL1")
		s := o.Steps[0].Attributes
		got := []string{o.Steps[0].Start, o.Service.Value, s.String(tag.RequestedProcedureDescription), o.Priority}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", preset, d)
		}
		in := inStep(&o.Steps[0])
		if in.String(tag.ScheduledProcedureStepID) != "SPS1" || in.String(tag.ScheduledProcedureStepDescription) != "Ordered" || s.String(tag.AccessionNumber) != "ACC1" {
			t.Errorf("%s: %+v", preset, s)
		}
	}
}

// Repetitions of PID-5 that XPN.8 calls ideographic or phonetic are the component groups of the name (PS3.5 6.2.1.1, H).
func TestNamesOfSeveralRepresentations(t *testing.T) {
	for field, want := range map[string]string{
		"YAMADA^TARO^^^^^L^A~山田^太郎^^^^^L^I~ヤマダ^タロウ^^^^^L^P": "YAMADA^TARO=山田^太郎=ヤマダ^タロウ",
		"山田^太郎^^^^^L^I~YAMADA^TARO":                         "YAMADA^TARO=山田^太郎",
		"山田^太郎^^^^^L^I~ヤマダ^タロウ^^^^^L^P":                     "山田^太郎=山田^太郎=ヤマダ^タロウ", // as Japanese systems send it
		"YAMADA~ヤマダ^タロウ^^^^^^P":                             "YAMADA==ヤマダ^タロウ",
		"Alias^A^^^^^A~Nguyễn^Đức^Văn^^^^L":                 "Nguyễn^Đức^Văn",
		"Hong^Gildong~洪^吉洞^^^^^A^I~洪2^吉洞^^^^^L^I":           "Hong^Gildong=洪2^吉洞",
		"": "",
	} {
		w := newWorld(t, worklist.PresetIHE, nil)
		w.message("ORM^O01", "PID|1||P1^^^A||"+field, "ORC|NW|PL1|FL1||SC", "OBR|1|PL1|FL1|A^Ordered^L")
		o := w.order("PL1")
		if got := o.Steps[0].Attributes.String(tag.PatientName); got != want || o.Sent.Name != want {
			t.Errorf("%s: %q, %q", field, got, o.Sent.Name)
		}
	}
}

// Weight and height are in DICOM's units or not there at all: doses are reckoned by them.
func TestWeightAndHeight(t *testing.T) {
	for _, c := range []struct{ obx, weight, size string }{
		{"29463-7^BODY WEIGHT^LN||62.5|kg", "62.5", ""},
		{"29463-7^BODY WEIGHT^LN||62,5|kg", "62.5", ""},
		{"3141-9^Can nang^LN||62.5", "62.5", ""},
		{"WT^Body weight^L||3200|g", "3.2", ""},
		{"29463-7^^LN||150|[lb_av]", "68.03886", ""},
		{"29463-7^^LN||11|stone", "", ""},
		{"29463-7^^LN||0|kg", "", ""},
		{"29463-7^^LN||1,500,0|kg", "", ""},
		{"29463-7^^LN||3,200|g", "", ""},
		{"29463-7^^LN||NaN|kg", "", ""},
		{"29463-7^^LN||Inf|kg", "", ""},
		{"8302-2^BODY HEIGHT^LN||165|cm", "", "1.65"},
		{"8302-2^BODY HEIGHT^LN||1,65|m", "", "1.65"},
		{"8302-2^BODY HEIGHT^LN||165", "", "1.65"},
		{"8302-2^BODY HEIGHT^LN||1.65", "", "1.65"},
		{"8302-2^BODY HEIGHT^LN||70|[in_i]", "", "1.778"},
		{"8302-2^BODY HEIGHT^LN||5|ft", "", ""},
	} {
		w := newWorld(t, worklist.PresetIHE, nil)
		w.message("ORM^O01", patientOne, "ORC|NW|PL1", "OBR|1|PL1||A^Ordered^L", "OBX|1|NM|"+c.obx)
		s := w.order("PL1").Steps[0].Attributes
		if got := s.String(tag.PatientWeight); got != c.weight || s.String(tag.PatientSize) != c.size {
			t.Errorf("%s: weight %q, height %q", c.obx, got, s.String(tag.PatientSize))
		}
	}
}

// What is not taken of an order is remarked.
func TestNotTaken(t *testing.T) {
	m, ok := worklist.Preset(worklist.PresetIHE)
	if !ok {
		t.Fatal("no preset")
	}
	for field, want := range map[string][]string{
		"20261122093000|1.2.3|CT1":             nil,
		"tomorrow|1.2.3|CT1":                   {"the scheduled start is no date and time, and is not taken"},
		"202611|1.2.3|CT1":                     {"the scheduled start is no date and time, and is not taken"},
		"20261122|1.02.3|CT1":                  {"Study Instance UID is not a UID: another is used"},
		"20261122|1.2.3|ABCDEFGHIJKLMNOPQ":     {"a station is no AE title, or one too many, and is not taken"},
		"20261122|1.2.3|CT1^ABCDEFGHIJKLMNOPQ": {"a station is no AE title, or one too many, and is not taken"},
	} {
		f := strings.Split(field, "|")
		h, err := hl7v2.Parse([]byte("MSH|^~\\&|HIS|BV|||20261122080000||OMI^O23|1|P|2.5.1\r" + patientOne + "\rORC|NW|PL1\rTQ1|1||||||" + f[0] + "\rOBR|1|PL1||A^B\rIPC|A|R|" + f[1] + "|S|CT||||" + f[2] + "\r"))
		if err != nil {
			t.Fatal(err)
		}
		list, _ := worklist.Read(h, &m)
		if d := cmp.Diff(want, list[0].Remarks); d != "" {
			t.Errorf("%s: %s", field, d)
		}
	}
}

// What ORC-1 and ORC-5 ask for. Many systems leave ORC-5 empty.
func TestStatuses(t *testing.T) {
	for _, c := range []struct{ control, state, ihe, dcm4chee string }{
		{"NW", "SC", "scheduled", "scheduled"},
		{"NW", "", "scheduled", ""},
		{"NW", "IP", "scheduled", "scheduled"},
		{"XO", "CM", "completed", "completed"},
		{"SC", "A", "completed", "completed"},
		{"SC", "IP", "started", ""},
		{"CA", "CA", "cancelled", "cancelled"},
		{"CA", "", "cancelled", ""},
		{"DC", "CA", "discontinued", "discontinued"},
		{"HD", "", "held", ""},
		{"RP", "", "cancelled", ""},
		{"PR", "", "", ""},
		{"", "", "", ""},
	} {
		for preset, want := range map[string]string{worklist.PresetIHE: c.ihe, worklist.PresetDcm4chee: c.dcm4chee} {
			m, _ := worklist.Preset(preset)
			s, ok := m.Statuses[c.control+"_"+c.state]
			if !ok {
				s = m.Statuses[c.control]
			}
			if string(s) != want {
				t.Errorf("%s %s_%s: %q, not %q", preset, c.control, c.state, s, want)
			}
		}
	}
}

// Complaint 12: all IPCs are used. Those of one Scheduled Procedure Step are its protocols.
func TestComplaint12EveryIPC(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	done := w.message("OMI^O23", "PID|1||P1", "ORC|NW|PL1|||SC", "OBR|1|PL1||CT^CT^L",
		"IPC|A1|RP1|2.25.1|S1|CT|P1^First^L||R1|CT1", "IPC|A1|RP1|2.25.1|S1|CT|P2^Second^L||R1|CT1", "IPC|A1|RP1|2.25.1|S2|MR|P3^Third^L||R2|MR1",
		"ORC|NW|PL2|||SC", "OBR|1|PL2||US^US^L", "IPC|A2|RP2||S3|US|P4^Fourth^L||R3|US1", "OBR|2|PL3||XR^XR^L", "IPC|A3|RP3|bad|S4|DX|P5^Fifth^L||R4|DR1")
	if len(done) != 3 {
		t.Fatalf("%d orders", len(done))
	}
	o := w.order("PL1")
	if len(o.Steps) != 2 || len(inStep(&o.Steps[0]).Get(tag.ScheduledProtocolCodeSequence).Items) != 2 || o.Steps[1].Modality != "MR" {
		t.Errorf("%+v", o.Steps)
	}
	two, three := w.order("PL2"), w.order("PL3")
	if len(two.Steps) != 1 || two.Steps[0].ID != "S3" || two.Steps[0].Study == "" || len(three.Steps) != 1 || three.Steps[0].Stations[0] != "DR1" || !three.Steps[0].Study.Valid() {
		t.Errorf("%+v %+v", two, three)
	}
	if two.Steps[0].Study == three.Steps[0].Study {
		t.Error("two orders have one study")
	}
	w.replayed() // the same UIDs again
}

// Several OBRs with one order number, accession number and requested procedure are protocols of one step; ZDS behind all is for all.
func TestSeveralOBR(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	w.message("ORM^O01", "PID|1||P1",
		"ORC|NW|PL1|FL1", "OBR|1|PL1|FL1|A^Head^L||||||||||||||ACC1|RP1|S1||||CT", "ORC|NW|PL1|FL1", "OBR|2|PL1|FL1|B^Contrast^L||||||||||||||ACC1|RP1|S1||||CT",
		"ORC|NW|PL1|FL1", "OBR|3|PL1|FL1|C^Chest^L||||||||||||||ACC1|RP1|S2||||CT", "ZDS|2.25.77^X^Application^DICOM")
	o := w.order("PL1")
	if len(o.Steps) != 2 || o.Steps[0].Study != "2.25.77" || o.Steps[1].Study != "2.25.77" || len(inStep(&o.Steps[0]).Get(tag.ScheduledProtocolCodeSequence).Items) != 2 {
		t.Errorf("%+v", o)
	}
}

// Prior results, laboratory sections, orders for something else.
func TestKinds(t *testing.T) {
	for name, c := range map[string]struct {
		kind     string
		segments []string
		orders   int
		of       worklist.Kind
	}{
		"laboratory":          {"OML^O21", []string{"PID|1||P1", "ORC|NW|1", "OBR|1|1||GLU^Glucose^L", "SPM|1|B1&LIS^B1&LIS|"}, 1, worklist.Laboratory},
		"specimens first":     {"OML^O33", []string{"PID|1||P1", "SPM|1|B1", "SAC|||C1", "ORC|NW|1", "OBR|1|1||A", "ORC|NW|2", "OBR|1|2||B", "SPM|2|B2", "ORC|NW|3", "OBR|1|3||C"}, 3, worklist.Laboratory},
		"section":             {"ORM^O01", []string{"PID|1||P1", "ORC|NW|1", "OBR|1|1||A||||||||||||||||||||HM"}, 1, worklist.Laboratory},
		"prior results":       {"OMG^O19", []string{"PID|1||P1", "ORC|NW|1", "OBR|1|1||A", "PID|2||P1", "PV1|1|O", "ORC|PR|9", "OBR|1|9||B", "OBX|1|NM|X||1", "ORC|NW|2", "OBR|2|2||C"}, 2, worklist.Imaging},
		"pharmacy":            {"ORM^O01", []string{"PID|1||P1", "ORC|NW|1", "RXO|A"}, 0, ""},
		"nothing":             {"ORM^O01", []string{"PID|1||P1"}, 0, ""},
		"without ORC":         {"ORM^O01", []string{"PID|1||P1", "OBR|1|1||A"}, 1, worklist.Imaging},
		"no trigger event":    {"ORM", []string{"PID|1||P1", "OBR|1|1||A"}, 1, worklist.Imaging},
		"patient comes later": {"ORM^O01", []string{"ORC|NW|1", "OBR|1|1||A", "PID|1||P1", "ZDS|2.25.5"}, 1, worklist.Imaging},
	} {
		m, _ := worklist.Preset(worklist.PresetIHE)
		h, err := hl7v2.Parse([]byte("MSH|^~\\&|H||||2026||" + c.kind + "|C|P|2.5\r" + strings.Join(c.segments, "\r") + "\r"))
		if err != nil {
			t.Fatal(err)
		}
		list, note := worklist.Read(h, &m)
		if len(list) != c.orders || (note == "") != (c.orders > 0) {
			t.Errorf("%s: %d orders, %q", name, len(list), note)
		}
		for _, r := range list {
			if r.Order.Kind != c.of || r.Order.Type != c.kind {
				t.Errorf("%s: %s, %s", name, r.Order.Kind, r.Order.Type)
			}
		}
	}
}

// TestSpecimens: an order names the specimens it is for, by all their identifiers, each once.
func TestSpecimens(t *testing.T) {
	for name, c := range map[string]struct {
		structure, segments string
		want                string
	}{
		"behind the order":      {"O21", "ORC|NW|1,OBR|1|1||A,SPM|1|P1^L1,SAC|||P1,SPM|2|P2,SAC|||C2,ORC|NW|2,OBR|2|2||B", "1: P1 L1 P2 C2; 2:"},
		"before the orders":     {"O33", "SPM|1|P1^L1,SAC|||C1,SAC|||C2,ORC|NW|1,OBR|1|1||A,ORC|NW|2,OBR|1|2||B,SPM|2|P2,ORC|NW|3,OBR|1|3||C", "1: P1 L1 C1 C2; 2: P1 L1 C1 C2; 3: P2"},
		"before each container": {"O35", "SPM|1|P1,SAC|||C1,ORC|NW|1,OBR|1|1||A,SAC|||C2,ORC|NW|2,OBR|1|2||B,SAC|||C3,ORC|NW|3,OBR|1|3||B", "1: P1 C1; 2: P1 C2; 3: P1 C3"},
		"containers alone":      {"O33", "SAC|||C1,ORC|NW|1,OBR|1|1||A,SAC|||C2,ORC|NW|2,OBR|1|2||B", "1: C1; 2: C2"},
		"one without a name":    {"O33", "SPM|1|P1,ORC|NW|1,OBR|1|1||A,SPM|2|,ORC|NW|2,OBR|1|2||B", "1: P1; 2:"},
		"prior results":         {"O21", "ORC|NW|1,OBR|1|1||A,SPM|1|P1,PID|2||X,ORC|PR|9,OBR|1|9||B,SPM|1|OLD,ORC|NW|2,OBR|1|2||B,SPM|1|P2", "1: P1; 2: P2"},
		"behind prior results":  {"O33", "SPM|1|P1,ORC|NW|1,OBR|1|1||A,PID|2||X,ORC|PR|9,OBR|1|9||B,SPM|2|P2,ORC|NW|2,OBR|1|2||B", "1: P1; 2: P2"},
	} {
		m, _ := worklist.Preset(worklist.PresetIHE)
		h, err := hl7v2.Parse([]byte("MSH|^~\\&|H||||2026||OML^" + c.structure + "|C|P|2.5\rPID|1||X\r" + strings.ReplaceAll(c.segments, ",", "\r") + "\r"))
		if err != nil {
			t.Fatal(err)
		}
		list, _ := worklist.Read(h, &m)
		var got []string
		for i := range list {
			got = append(got, strings.TrimSpace(list[i].Order.Placer.ID+": "+strings.Join(list[i].Order.Specimens, " ")))
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %q, not %q", name, s, c.want)
		}
	}
}

// A message is for one patient (HL7 4.4). Orders behind another one's PID are not filed as the first one's: they are left out, and the note says so.
func TestSecondPatient(t *testing.T) {
	const first, second, again = "PID|1||P1^^^A||Nguyễn^An", "PID|2||P2^^^A||Lê^Bình", "PID|3||P1^^^A^MR~7^^^B||Nguyễn^An"
	for name, c := range map[string]struct {
		kind     string
		segments []string
		want     string
		noted    bool
	}{
		"another":             {"ORM^O01", []string{first, "ORC|NW|1", "OBR|1|1||A", second, "PV1|1|I|WARD2", "AL1|1|DA|NUTS", "ORC|NW|2", "OBR|1|2||B", "ORC|NW|3", "OBR|2|3||B", "ZDS|2.25.7"}, "1", true},
		"without ORC":         {"ORM^O01", []string{first, "OBR|1|1||A", second, "OBR|1|2||B"}, "1", true},
		"the same":            {"OMI^O23", []string{first, "ORC|NW|1", "OBR|1|1||A", again, "ORC|NW|2", "OBR|1|2||B"}, "1 2", false},
		"the first again":     {"ORM^O01", []string{first, "ORC|NW|1", "OBR|1|1||A", second, "ORC|NW|2", "OBR|1|2||B", again, "ORC|NW|3", "OBR|1|3||B"}, "1 3", true},
		"laboratory":          {"OML^O21", []string{first, "ORC|NW|1", "OBR|1|1||A", second, "ORC|NW|2", "OBR|1|2||B"}, "1", true},
		"whose prior results": {"OML^O21", []string{first, "ORC|NW|1", "OBR|1|1||A", second, "OBR|1|9||B", "OBX|1|NM|X||1", "ORC|NW|2", "OBR|2|2||C"}, "1 2", false},
		"prior with ORC":      {"OMG^O19", []string{first, "ORC|NW|1", "OBR|1|1||A", second, "ORC|PR|9", "OBR|1|9||B", "ORC|NW|2", "OBR|2|2||C"}, "1 2", false},
	} {
		m, _ := worklist.Preset(worklist.PresetIHE)
		h, err := hl7v2.Parse([]byte("MSH|^~\\&|H||||2026||" + c.kind + "|C|P|2.5\r" + strings.Join(c.segments, "\r") + "\r"))
		if err != nil {
			t.Fatal(err)
		}
		list, note := worklist.Read(h, &m)
		var got []string
		for i := range list {
			got = append(got, list[i].Order.Placer.ID)
			for _, step := range list[i].Order.Steps {
				a := step.Attributes
				if step.Study == "2.25.7" || a.String(tag.CurrentPatientLocation)+a.String(tag.Allergies) != "" {
					t.Errorf("%s: order %s has what is another patient's: %s %q", name, list[i].Order.Placer.ID, step.Study, a.String(tag.Allergies))
				}
			}
		}
		if strings.Join(got, " ") != c.want || (note != "") != c.noted {
			t.Errorf("%s: %q, %q", name, got, note)
		}
	}
}

// Every message of the corpus can be read, and nothing panics.
func TestCorpus(t *testing.T) {
	m, _ := worklist.Preset(worklist.PresetIHE)
	orders := map[string]int{}
	for _, x := range corpus.HL7Messages(t) {
		h, err := hl7v2.Parse(x.Raw)
		if err != nil {
			continue
		}
		code, _, _ := strings.Cut(h.Get("MSH-9"), "^")
		switch code {
		case "ORM", "OMI", "OMG", "OML", "SIU":
			list, note := worklist.Read(h, &m)
			if len(list) == 0 && note == "" {
				t.Errorf("%s: no order, and no word why", x.Name)
			}
			orders[code] += len(list)
		}
	}
	if orders["ORM"] < 5 || orders["OMG"] < 2 || orders["SIU"] < 5 {
		t.Errorf("%v", orders)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"ORM^O01|C|P|2.3\rPID|1||P1\rORC|NW|1\rOBR|1|1||A\rZDS|1.2", "OMI^O23|C|P|2.5\rPID|1||P\rORC|XO|1\rTQ1|||||||2026\rOBR|1\rIPC|A|B|1.2|D|CT|E^F|G|H|I^J",
		"OML^O33|C|P|2.5\rSPM|1|B\rSAC|||C\rORC|NW|1\rOBR|1", "SIU^S12|C|P|2.5\rSCH|1|2\rRGS|1\rAIS|1||A^B|20261122\rAIL|1||R\rAIP|1||X^Y", "OMG^O19|C|P|2.8\rORC\rOBR\rPV1\rORC|PR\rOBX|1|NM|29463-7||70|kg",
	} {
		f.Add("MSH|^~\\&|H||||2026||" + s + "\r")
	}
	m, _ := worklist.Preset(worklist.PresetIHE)
	m.Assign = []worklist.Assignment{{Procedure: "A*", Stations: []string{"X"}}}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := hl7v2.Parse([]byte(s))
		if err != nil {
			return
		}
		list, _ := worklist.Read(h, &m)
		for i := range list {
			if n := len(list[i].Order.Steps); n > 100 {
				t.Errorf("%d steps", n)
			}
		}
	})
}
