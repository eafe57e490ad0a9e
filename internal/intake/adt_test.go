package intake

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// adtMessage makes an ADT message of a trigger event.
func (w *world) adtMessage(event, version string, segments ...string) string {
	w.control++
	return strings.Join(append([]string{
		fmt.Sprintf("MSH|^~\\&|HIS|H|||2026112201%02d00||ADT^%s|F%d|P|%s||||||UNICODE UTF-8", w.control%60, event, w.control, version), "EVN|" + event,
	}, segments...), "\r") + "\r"
}

// adt sends it and gives the answer.
func (w *world) adt(event string, segments ...string) string {
	w.t.Helper()
	a := w.send(w.adtMessage(event, "2.5.1", segments...))
	if len(a) != 1 {
		w.t.Fatalf("%d answers", len(a))
	}
	return a[0]
}

// one gives the only patient with an identifier, who survives.
func (w *world) one(id string) *patient.Patient {
	w.t.Helper()
	found, err := w.db.FindPatients(w.t.Context(), halong.Everything(), patient.Query{Identifier: id})
	if err != nil || len(found.Patients) != 1 {
		w.t.Fatalf("%s: %d patients, %v", id, len(found.Patients), err)
	}
	return found.Patients[0]
}

// id gives the identifier of who survives of a patient.
func (w *world) id(id string) string {
	w.t.Helper()
	who, _ := w.one(id).Identity()
	return who.ID
}

// errOf gives ERR-2 and ERR-3 of an answer.
func errOf(answer string) string {
	_, rest, ok := strings.Cut(answer, "\rERR|")
	if !ok {
		return ""
	}
	f := strings.Split(strings.Split(rest, "\r")[0], "|")
	return f[1] + " " + strings.Split(f[2], "^")[0]
}

func TestADTRegister(t *testing.T) {
	w := newWorld(t)
	pid := "PID|1||7^^^A^MR~001085012345^^^VNM^NI||Nguyễn^Ánh||19850102|F"
	for _, event := range []string{"A01", "A03", "A04", "A05", "A08", "A11", "A28", "A31"} {
		if a := w.adt(event, pid); msa(a) != fmt.Sprint("AA F", w.control) {
			t.Errorf("%s: %q", event, a)
		}
	}
	p := w.one("001085012345")
	if p.Name != "Nguyễn^Ánh" || p.Birth != "1985-01-02" || p.Sex != "F" || !p.Registered || !p.Current {
		t.Errorf("%+v", p)
	}
	w.adt("A08", "PID|1||7^^^A^MR||Nguyễn^Ánh^Thị||19850102|Nữ") // as some HIS write it
	if p := w.one("7"); p.Sex != "F" {
		t.Errorf("%q", p.Sex)
	}
	changes, err := w.db.PatientChanges(t.Context(), p.Key, 0, 100)
	if err != nil || len(changes) != 2 || changes[0].Action != patient.Registered || changes[1].Action != patient.Updated ||
		changes[1].Before != `{"name":"Nguyễn^Ánh","birthDate":"1985-01-02","sex":"F"}` || changes[1].By.Address != "10.1.2.3" || changes[1].Record == 0 {
		t.Errorf("%+v %v", changes, err)
	}
}

// What is registered is served in headers from the first correction on, not from the first announcement.
func TestADTCorrection(t *testing.T) {
	for name, c := range map[string]struct {
		events [][2]string // trigger event, name
		want   bool
	}{
		"announced":               {[][2]string{{"A04", "A^B"}, {"A01", "A^B"}}, false},
		"announced otherwise":     {[][2]string{{"A04", "A^B"}, {"A01", "A^C"}}, true},
		"completed":               {[][2]string{{"A04", ""}, {"A01", "A^C"}}, false},
		"updated":                 {[][2]string{{"A04", "A^B"}, {"A08", "A^B"}}, true},
		"updated before anything": {[][2]string{{"A31", "A^B"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, e := range c.events {
				w.adt(e[0], "PID|1||7^^^A||"+e[1])
			}
			if p := w.one("7"); p.Current != c.want {
				t.Errorf("%+v", p)
			}
		})
	}
}

func TestADTMerge(t *testing.T) {
	w := newWorld(t)
	w.adt("A04", "PID|1||OLD^^^A||Old^Name")
	if a := w.adt("A40", "PID|1||NEW^^^A||New^Name", "MRG|OLD^^^A"); msa(a) != fmt.Sprint("AA F", w.control) {
		t.Error(a)
	}
	if got := w.id("OLD"); got != "NEW" {
		t.Errorf("OLD is %s", got)
	}
	if a := w.adt("A47", "PID|1||NEWER^^^A||New^Name", "MRG|NEW^^^A"); msa(a) != fmt.Sprint("AA F", w.control) || w.id("OLD") != "NEWER" {
		t.Error(a)
	}
	// The other way round: the identifier was right before.
	if a := w.adt("A47", "PID|1||NEW^^^A||New^Name", "MRG|NEWER^^^A"); msa(a) != fmt.Sprint("AA F", w.control) || w.id("OLD") != "NEW" || w.id("NEWER") != "NEW" {
		t.Error(a, w.id("OLD"))
	}
	// Unlinking takes a merge back.
	if a := w.adt("A37", "PID|1||NEW^^^A", "PID|2||OLD^^^A"); msa(a) != fmt.Sprint("AA F", w.control) || w.id("OLD") != "OLD" {
		t.Error(a)
	}
	for _, event := range []string{"A18", "A34", "A36", "A39", "A40"} {
		a := w.adt(event, "PID|1||S"+event+"^^^A", "MRG|M"+event+"1^^^A", "PID|2||T"+event+"^^^A", "MRG|N"+event+"^^^A")
		if msa(a) != fmt.Sprint("AA F", w.control) || w.id("M"+event+"1") != "S"+event || w.id("N"+event) != "T"+event {
			t.Errorf("%s: %s", event, a)
		}
	}
	// MRG-1 may hold several identifiers: who is known by any of them is merged, unless PID has it too.
	for _, id := range []string{"R1^^^A~INS^^^B", "R2^^^A", "R3^^^A", "BOTH^^^B"} {
		w.adt("A04", "PID|1||"+id+"||Some^Body")
	}
	if a := w.adt("A40", "PID|1||R1^^^A~BOTH^^^B", "MRG|R2^^^A~R3^^^A~BOTH^^^B~NONE^^^A"); errOf(a) != "" || w.id("R2") != "R1" || w.id("R3") != "R1" || w.one("INS").Identifiers[0].ID != "R1" {
		t.Errorf("%q: %s, %s", a, w.id("R2"), w.id("R3"))
	}
	if found, err := w.db.FindPatients(t.Context(), halong.Everything(), patient.Query{Identifier: "BOTH", Authority: "B"}); err != nil || !slices.ContainsFunc(found.Patients, func(p *patient.Patient) bool { return p.Identifiers[0].ID == "BOTH" }) {
		t.Errorf("%+v, %v", found, err)
	}
	for note, segments := range map[string][]string{
		"the patients were merged so before": {"PID|1||R1^^^A", "MRG|R2^^^A~R3^^^A"},
		"":                                   {"PID|1||R1^^^A", "MRG|R4^^^A", "MRG|R4^^^A"}, // the second pair says it again
	} {
		a := w.adt("A40", segments...)
		page, err := w.db.FindMessages(t.Context(), halong.Everything(), storage.MessageQuery{Limit: 1})
		if errOf(a) != "" || err != nil || page.Messages[0].Note != note {
			t.Errorf("again: %q, %+v, %v", a, page.Messages[0], err)
		}
	}
	want := []halong.EventType{halong.EventPatientMerged, halong.EventPatientUnmerged}
	events, err := w.db.EventsSince(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[halong.EventType]bool{}
	for _, e := range events {
		seen[e.Type] = true
	}
	for _, e := range want {
		if !seen[e] {
			t.Errorf("no event %s", e)
		}
	}
}

// TestADTOfRetired: what is said later of a patient who was merged away changes nobody else, and the message says so to operators.
func TestADTOfRetired(t *testing.T) {
	w := newWorld(t)
	w.adt("A40", "PID|1||NEW^^^A||New^Name", "MRG|OLD^^^A")
	for _, event := range []string{"A08", "A01", "A31", "A11"} {
		if a := w.adt(event, "PID|1||OLD^^^A||Late^"+event); msa(a) != fmt.Sprint("AA F", w.control) || errOf(a) != "" {
			t.Errorf("%s: %q", event, a)
		}
		page, err := w.db.FindMessages(t.Context(), halong.Everything(), storage.MessageQuery{Limit: 1})
		if err != nil || len(page.Messages) != 1 || page.Messages[0].Note != "the patient is merged into another, who is served in its place" {
			t.Errorf("%s: %+v %v", event, page.Messages[0], err)
		}
		if p := w.one("OLD"); p.Name != "New^Name" || p.Identifiers[0].ID != "NEW" {
			t.Errorf("%s: %+v", event, p)
		}
	}
}

// Complaint 13: a patient is not merged with itself, nor in a circle; identifiers of strangers do not come in. The message is kept, nothing of
// it is done, and its sender learns where the fault is.
func TestComplaint13(t *testing.T) {
	w := newWorld(t)
	w.in.cfg.Patients = patient.New(w.db, patient.Policy{Others: patient.Authorities{Own: "A", Trusted: []string{"B"}}})
	w.adt("A40", "PID|1||P2^^^A", "MRG|P1^^^A")
	w.adt("A40", "PID|1||P3^^^A", "MRG|P2^^^A")
	for name, c := range map[string]struct {
		event    string
		segments []string
		code     string
		err      string
	}{
		"itself":                            {"A40", []string{"PID|1||X^^^A||Name", "MRG|X^^^A"}, "AA", "MRG^1^1 205"},
		"itself, without an authority":      {"A40", []string{"PID|1||X^^^A||Name", "MRG|X"}, "AA", "MRG^1^1 205"},
		"itself, both without":              {"A47", []string{"PID|1||X||Name", "MRG|X"}, "AA", "MRG^1^1 205"},
		"itself, second pair":               {"A40", []string{"PID|1||Y^^^A||Name", "MRG|Z^^^A", "PID|2||X^^^A", "MRG|X^^^A"}, "AA", "MRG^2^1 205"},
		"circle":                            {"A40", []string{"PID|1||P1^^^A", "MRG|P3^^^A"}, "AA", "MRG^1^1 205"},
		"merged elsewhere":                  {"A40", []string{"PID|1||X^^^A", "MRG|P1^^^A"}, "AA", "MRG^1^1 205"},
		"no MRG":                            {"A40", []string{"PID|1||X^^^A"}, "AA", "MRG^1 100"},
		"MRG without identifier":            {"A40", []string{"PID|1||X^^^A", "MRG|"}, "AA", "MRG^1^1 101"},
		"PID without identifier":            {"A40", []string{"PID|1||", "MRG|X^^^A"}, "AA", "PID^1^3 101"},
		"no PID":                            {"A40", []string{"MRG|X^^^A"}, "AA", "PID^1 100"},
		"link with itself":                  {"A24", []string{"PID|1||X^^^A", "PID|2||X^^^A"}, "AA", "PID^2^3 205"},
		"link of one":                       {"A24", []string{"PID|1||X^^^A"}, "AA", "PID^2 100"},
		"unlink of strangers to each other": {"A37", []string{"PID|1||X^^^A", "PID|2||Y^^^A"}, "AA", "PID^2^3 204"},
		"stranger":                          {"A01", []string{"PID|1||X^^^C||Name"}, "AA", ""},
		"stranger survives":                 {"A40", []string{"PID|1||X^^^C||Name", "MRG|P9^^^A"}, "AA", ""},
		"stranger merged":                   {"A40", []string{"PID|1||X^^^A||Name", "MRG|P9^^^C"}, "AA", ""},
		"visit of nobody":                   {"A01", []string{"PV1|1"}, "AA", ""},
	} {
		a := w.adt(c.event, c.segments...)
		if got := msa(a); got != fmt.Sprint(c.code, " F", w.control) || errOf(a) != c.err {
			t.Errorf("%s: %q", name, a)
		}
	}
	for _, id := range []string{"X", "Y", "Z", "P9"} {
		if found, err := w.db.FindPatients(t.Context(), halong.Everything(), patient.Query{Identifier: id}); err != nil || len(found.Patients) > 0 {
			t.Errorf("%s was made: %v", id, err)
		}
	}
	if got := []string{w.id("P1"), w.id("P2"), w.id("P3")}; !cmp.Equal(got, []string{"P3", "P3", "P3"}) {
		t.Errorf("%q", got)
	}
	if w.outcomes()[Kept] != 2 || w.outcomes()[Refused] > 0 || w.outcomes()[NotStored] > 0 {
		t.Errorf("%v", w.outcomes())
	}
	a := w.send(w.adtMessage("A40", "2.3", "PID|1||X^^^A", "MRG|X^^^A")) // ERR-1 and MSA-3 before 2.5
	if len(a) != 1 || !strings.Contains(a[0], "|a patient cannot be merged or linked with itself\r") || !strings.Contains(a[0], "\rERR|MRG^1^1^205&") {
		t.Errorf("%q", a)
	}
	// Of a patient with numbers of strangers among its own only those of strangers are left out.
	w.adt("A01", "PID|1||S^^^C~Q^^^B~R||Name")
	if p := w.one("Q"); !cmp.Equal(p.Identifiers, []patient.Identifier{{ID: "Q", Authority: "B"}, {ID: "R", Authority: "A"}}) {
		t.Errorf("%+v", p)
	}
}

// Complaint 11: patients are updated whatever character set each message comes in.
func TestComplaint11(t *testing.T) {
	w := newWorld(t)
	send := func(charset, name string) {
		t.Helper()
		w.control++
		a := w.send(fmt.Sprintf("MSH|^~\\&|HIS|H|||2026112201%02d00||ADT^A08|F%d|P|2.5.1||||||%s\rPID|1||7^^^A||%s\r", w.control, w.control, charset, name))
		if len(a) != 1 || !strings.HasPrefix(msa(a[0]), "AA") {
			t.Errorf("%q", a)
		}
	}
	for _, c := range []struct{ charset, name, want string }{
		{"8859/1", "M\xfcller^Ren\xe9", "Müller^René"},
		{"UNICODE UTF-8", "Nguyễn^Ánh", "Nguyễn^Ánh"},
		{"8859/2", "Dvo\xf8\xe1k", "Dvořák"},
		{"ASCII", "Plain", "Plain"},
		{"", "Trần^Đức", "Trần^Đức"},
		{"UNICODE UTF-8", "Nguye\u0302\u0303n", "Nguyễn"},
	} {
		send(c.charset, c.name)
		if p := w.one("7"); p.Name != c.want {
			t.Errorf("%s: %q", c.charset, p.Name)
		}
	}
}

func TestADTLink(t *testing.T) {
	w := newWorld(t)
	if a := w.adt("A24", "PID|1||1^^^A||A", "PV1|1", "PID|2||2^^^B||B"); msa(a) != fmt.Sprint("AA F", w.control) {
		t.Error(a)
	}
	linked := func() int {
		g, err := w.db.PatientGroup(t.Context(), w.one("1").Key)
		if err != nil {
			t.Fatal(err)
		}
		return len(g.Linked)
	}
	if linked() != 1 {
		t.Error("not linked")
	}
	if a := w.adt("A37", "PID|1||2^^^B||B", "PID|2||1^^^A||A"); msa(a) != fmt.Sprint("AA F", w.control) || linked() != 0 {
		t.Error(a)
	}
	// A link goes along with a merge, and is taken back by who survives.
	w.adt("A24", "PID|1||1^^^A||A", "PID|2||2^^^B||B")
	w.adt("A40", "PID|1||3^^^B||B", "MRG|2^^^B")
	if a := w.adt("A37", "PID|1||1^^^A||A", "PID|2||3^^^B||B"); errOf(a) != "" || linked() != 0 {
		t.Errorf("%q, %d linked", a, linked())
	}
	if a := w.adt("A37", "PID|1||1^^^A||A", "PID|2||3^^^B||B"); errOf(a) != "PID^2^3 204" {
		t.Errorf("again: %q", a)
	}
}

// A further identifier of MRG-1 costs the merge of the first one nothing, and is nobody's whose number is of another type, or who is named in MRG-4.
func TestADTMergeOfSeveral(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"1^^^A^MR", "2^^^A^MR", "3^^^A^MR", "4^^^A^MR", "5^^^A^MR", "6^^^A^MR", "INS^^^B", "9^^^C", "7", "8", "70"} {
		w.adt("A04", "PID|1||"+id+"||Some^Body")
	}
	w.adt("A40", "PID|1||9^^^C", "MRG|INS^^^B")
	w.adt("A40", "PID|1||2^^^A", "MRG|3^^^A")
	for _, c := range []struct{ pid, mrg, err, note string }{
		{"1^^^A", "4^^^A~INS^^^B", "MRG^1^1 205", "not everybody whom MRG-1 names is merged: the patient is merged into another one already; unmerge it first"}, // elsewhere
		{"1^^^A", "3^^^A~2^^^A", "", ""},       // 3 is merged into 2
		{"1^^^A", "5^^^A^MR~6^^^A^VN", "", ""}, // the number of a visit
		{"7", "8|||70", "", ""},                // an external number
		{"1^^^A", "3^^^A~2^^^A", "", "the patients were merged so before"},
	} {
		a := w.adt("A40", "PID|1||"+c.pid, "MRG|"+c.mrg)
		page, err := w.db.FindMessages(t.Context(), halong.Everything(), storage.MessageQuery{Limit: 1})
		if errOf(a) != c.err || msa(a) != fmt.Sprint("AA F", w.control) || err != nil || page.Messages[0].Note != c.note {
			t.Errorf("%s: %q, %q, %v", c.mrg, a, page.Messages[0].Note, err)
		}
	}
	for range 2 {
		got := map[string]string{}
		for _, id := range []string{"2", "3", "4", "5", "6", "INS", "8", "70"} {
			got[id] = w.id(id)
		}
		if d := cmp.Diff(map[string]string{"2": "1", "3": "1", "4": "1", "5": "1", "6": "6", "INS": "9", "8": "7", "70": "70"}, got); d != "" {
			t.Error(d)
		}
		w.reindex()
	}
}

// What replay makes of ADT messages is what they made when they came, refused ones included.
func TestADTReplay(t *testing.T) {
	w := newWorld(t)
	w.adt("A04", "PID|1||1^^^A||One^Name")
	w.adt("A40", "PID|1||2^^^A||Two^Name", "MRG|1^^^A")
	w.adt("A40", "PID|1||1^^^A||One^Name", "MRG|1^^^A")
	w.adt("A24", "PID|1||2^^^A", "PID|1||9^^^B")
	w.adt("A37", "PID|1||2^^^A", "PID|1||1^^^A")
	w.adt("A40", "PID|1||3^^^A||Three^Name", "MRG|2^^^A")
	state := func() (out []any) {
		for _, id := range []string{"1", "2", "3", "9"} {
			p := w.one(id)
			changes, err := w.db.PatientChanges(t.Context(), p.Key, 0, 100)
			if err != nil {
				t.Fatal(err)
			}
			g, err := w.db.PatientGroup(t.Context(), p.Key)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, p, changes, g)
		}
		events, err := w.db.EventsSince(t.Context(), 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			out = append(out, []any{e.Type, e.Facility, e.Time, string(e.Payload)})
		}
		return out
	}
	before := state()
	w.reindex()
	if d := cmp.Diff(before, state()); d != "" {
		t.Error(d)
	}
}
