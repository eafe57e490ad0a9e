package worklist_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/worklist"
)

const patientOne = "PID|1||P1^^^A||Nguyễn^An"

// omi gives the segments of an order of two steps.
func omi(control, state string, more ...string) []string {
	return append([]string{patientOne, "ORC|" + control + "|PL1|||" + state, "OBR|1|PL1||CT^CT^L", "IPC|A1|RP1|2.25.1|S1|CT|P1^First^L||R1|CT1", "IPC|A1|RP1|2.25.1|S2|CT|P2^Second^L||R1|CT1"}, more...)
}

// numbered gives segments other numbers, so that one world holds many orders.
func numbered(n int, segments []string) []string {
	x := strconv.Itoa(n)
	all := strings.Join(segments, "\r")
	return strings.Split(strings.NewReplacer("PL1", "PL1."+x, "|A1|", "|A1."+x+"|", "|RP1|", "|RP1."+x+"|", "|2.25.1|", "|2.25.1"+x+"|").Replace(all), "\r")
}

// What later messages do to an order.
func TestLifeOfAnOrder(t *testing.T) {
	worlds := map[bool]*world{}
	for _, may := range []bool{false, true} {
		worlds[may] = newWorld(t, worklist.PresetIHE, func(x *worklist.Config) { x.Mapping.CancelStarted = may })
	}
	n := 0
	for name, c := range map[string]struct {
		then     []string // control codes with states, sent without OBR unless "+"
		want     string
		answer   string
		asked    bool
		mayClose bool
	}{
		"cancelled":                {[]string{"CA"}, "cancelled: cancelled cancelled", "CR", false, false},
		"cancelled, with states":   {[]string{"CA CA"}, "cancelled: cancelled cancelled", "CR", false, false},
		"cancelled by the filler":  {[]string{"OC"}, "cancelled: cancelled cancelled", "CR", false, false},
		"discontinued":             {[]string{"DC"}, "discontinued: discontinued discontinued", "CR", false, false},
		"held":                     {[]string{"HD"}, "held: held held", "OK", false, false},
		"released":                 {[]string{"HD", "RL"}, "scheduled: scheduled scheduled", "OK", false, false},
		"begun":                    {[]string{"SC IP"}, "started: started started", "OK", false, false},
		"done":                     {[]string{"SC CM"}, "completed: completed completed", "OK", false, false},
		"cancelled when begun":     {[]string{"SC IP", "CA"}, "started: started started", "UC", true, false},
		"discontinued when begun":  {[]string{"SC IP", "CA"}, "discontinued: discontinued discontinued", "CR", false, true},
		"cancelled when done":      {[]string{"SC CM", "CA"}, "completed: completed completed", "UC", true, false},
		"cancelled, then new":      {[]string{"CA", "NW+"}, "scheduled: scheduled scheduled", "OK", false, false},
		"changed when begun":       {[]string{"SC IP", "XO+"}, "started: started started", "OK", false, false},
		"without a known code":     {[]string{"QQ"}, "scheduled: scheduled scheduled", "UA", false, false},
		"a step is left out by XO": {[]string{"XO-"}, "scheduled: scheduled cancelled", "OK", false, false},
		"ordered anew, less":       {[]string{"XO-", "CA", "NW-"}, "scheduled: scheduled cancelled", "OK", false, false},
		"left out, said again":     {[]string{"XO-", "XO-"}, "scheduled: scheduled cancelled", "OK", false, false},
		"left out, then ordered":   {[]string{"XO-", "XO+"}, "scheduled: scheduled scheduled", "OK", false, false},
		"cancelled, then released": {[]string{"CA", "RL"}, "scheduled: scheduled scheduled", "OK", false, false},
		"held, one left out":       {[]string{"HD", "RL", "NW-"}, "scheduled: scheduled scheduled", "OK", false, false}, // an NW may bring steps one by one
	} {
		w := worlds[c.mayClose]
		n++
		w.message("OMI^O23", numbered(n, omi("NW", "SC"))...)
		var last worklist.Outcome
		for _, x := range c.then {
			control, state, _ := strings.Cut(x, " ")
			segments := []string{patientOne, "ORC|" + strings.TrimRight(control, "+-") + "|PL1|||" + state}
			switch control[len(control)-1] {
			case '+':
				segments = omi(control[:len(control)-1], state)
			case '-':
				segments = omi(control[:len(control)-1], state)[:4]
			}
			last = w.message("OMI^O23", numbered(n, segments)...)[0]
		}
		o := w.order("PL1." + strconv.Itoa(n))
		if states(o) != c.want || last.Control != c.answer || o.Requested != c.asked {
			t.Errorf("%s: %s, answer %s (%s), cancellation asked for %v", name, states(o), last.Control, last.Remark, o.Requested)
		}
	}
	worlds[false].replayed()
	worlds[true].replayed()
}

// An update changes what it says, keeps what it does not, deletes what is "". Study and IDs stay.
func TestUpdate(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	w.message("ORM^O01", patientOne, "PV1|1|O|W1", "ORC|NW|PL1", "OBR|1|PL1||A^Head^L||||||||Danger|Alert|||||||||||CT|||^^^20261122100000^^S||||Reason")
	before := w.order("PL1")
	w.message("ORM^O01", patientOne, "ORC|XO|PL1|FL9", "OBR|1|PL1|FL9|B^Chest^L|||||||||\"\"||||||||||||||^^^20261123110000")
	o := w.order("PL1")
	s := o.Steps[0].Attributes
	got := []string{
		o.Filler.ID, o.Service.Value, s.String(tag.RequestedProcedureDescription), s.String(tag.PatientState), s.String(tag.MedicalAlerts),
		s.String(tag.ReasonForTheRequestedProcedure), o.Priority, o.Steps[0].Start, s.String(tag.CurrentPatientLocation),
	}
	if d := cmp.Diff([]string{"FL9", "B", "Chest", "Danger", "", "Reason", "STAT", "20261123110000", "W1"}, got); d != "" {
		t.Error(d)
	}
	if a, b := before.Steps[0], o.Steps[0]; before.ID != o.ID || a.Study != b.Study || a.ID != b.ID || a.Procedure != b.Procedure || len(a.ID) > 16 || len(a.Procedure) > 16 {
		t.Errorf("%+v %+v", a, b)
	}
	w.message("ORM^O01", patientOne, "ORC|RP|PL1", "OBR|1|PL1||B", "ORC|RO|PL2", "OBR|1|PL2||C^New^L||||||||||||||||||||MR")
	if old, fresh := w.order("PL1"), w.order("PL2"); states(old) != "cancelled: cancelled" || states(fresh) != "scheduled: scheduled" || fresh.Steps[0].Modality != "MR" {
		t.Errorf("replaced: %s, %s", states(old), states(fresh))
	}
	w.replayed()
}

// A change that names another patient than the order had is carried out, and does not go unnoticed: it may be a merge, or a mistake.
func TestAnotherPatient(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	w.patient = 1
	w.message("ORM^O01", patientOne, "ORC|NW|PL1", "OBR|1|PL1||A^Head^L||||||||||||||||||||CT")
	for _, c := range []struct {
		patient int64
		want    string
	}{{1, ""}, {2, "the message names another patient than the order had before"}} {
		w.patient = c.patient
		done := w.message("ORM^O01", patientOne, "ORC|XO|PL1", "OBR|1|PL1||B^Chest^L||||||||||||||||||||CT")
		if len(done) != 1 || done[0].Remark != c.want || done[0].Control != "OK" {
			t.Errorf("patient %d: %+v", c.patient, done)
		}
	}
}

// Numbers are used again: by another patient after the order is over, by another sender, under other accession numbers.
func TestNumbers(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	count := func() int {
		all, err := w.db.List(context.Background(), halong.Everything(), worklist.Listing{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	w.message("ORM^O01", patientOne, "ORC|NW|PL1^A", "OBR|1|PL1^A||X||||||||||||||ACC1")
	w.message("ORM^O01", patientOne, "ORC|NW|PL1^A", "OBR|1|PL1^A||X||||||||||||||ACC1")
	if n := count(); n != 1 {
		t.Errorf("sent twice: %d orders", n)
	}
	w.message("ORM^O01", patientOne, "ORC|NW|PL1^B", "OBR|1|PL1^B||X||||||||||||||ACC2")
	w.message("ORM^O01", patientOne, "ORC|NW|PL1^A", "OBR|1|PL1^A||X||||||||||||||ACC3")
	if n := count(); n != 3 {
		t.Errorf("other authority, other accession number: %d orders", n)
	}
	w.message("ORM^O01", patientOne, "ORC|CA|PL1^A|||", "OBR|1|PL1^A||X||||||||||||||ACC1")
	w.patient = 8
	w.message("ORM^O01", "PID|1||P8", "ORC|NW|PL1^A", "OBR|1|PL1^A||X||||||||||||||ACC1")
	if n := count(); n != 4 {
		t.Errorf("another patient: %d orders", n)
	}
	if out := w.message("ORM^O01", patientOne, "ORC|CA|NONE")[0]; out.Control != "UC" || out.Order != nil {
		t.Errorf("unknown: %+v", out)
	}
	if out := w.message("ORM^O01", patientOne, "ORC|NW|", "OBR|1|||X")[0]; out.Control != "UA" {
		t.Errorf("without any number: %+v", out)
	}
	w.replayed()
}

// An appointment says when and where an order is done. One without an order is in the worklist if a rule gives it a station.
func TestAppointments(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, func(c *worklist.Config) {
		c.Mapping.Assign = []worklist.Assignment{{Procedure: "SA*", Stations: []string{"US1"}, As: "US"}}
	})
	w.message("OMI^O23", omi("NW", "SC")...)
	w.message("SIU^S12", "SCH|AP1|||||||||||||||||||||||||PL1", patientOne, "RGS|1", "AIS|1||CT^CT^L|20261201083000", "AIL|1||ROOM5^^^H")
	o := w.order("PL1")
	if o.Steps[0].Start != "20261201083000" || o.Steps[1].Start != "20261201083000" || inStep(&o.Steps[0]).String(tag.ScheduledProcedureStepLocation) != "ROOM5^^^H" || o.Service.Value != "CT" {
		t.Errorf("%+v", o.Steps)
	}
	w.message("SIU^S15", "SCH|AP1|||||||||||||||||||||||||PL1", patientOne, "RGS|1", "AIS|1||CT^CT^L|20261201083000")
	if got := states(w.order("PL1")); got != "cancelled: cancelled cancelled" {
		t.Error(got)
	}
	w.message("SIU^S12", "SCH|AP2", patientOne, "RGS|1", "AIS|1||SA01^Abdomen^L|20261202090000")
	w.message("SIU^S12", "SCH|AP3", patientOne, "RGS|1", "AIS|1||BLOOD^Blood^L|20261202090000")
	w.message("SIU^S13", "SCH|AP2", patientOne, "RGS|1", "AIS|1||SA01^Abdomen^L|20261203090000")
	two, three := w.order("AP2"), w.order("AP3")
	if two.Kind != worklist.Imaging || two.Steps[0].Modality != "US" || two.Steps[0].Start != "20261203090000" || three.Kind != worklist.Other || len(three.Steps) != 0 {
		t.Errorf("%+v %+v", two, three)
	}
	w.replayed()
}

// An appointment moves an order that somebody else placed; it does not say whose it is.
func TestAppointmentOfAnotherPatient(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	w.message("ORM^O01", patientOne, "ORC|NW|PL1", "OBR|1|PL1||A^Head^L||||||||||||||||||||CT")
	w.patient = 8
	out := w.messageOf("BOOK", "SIU^S13", "SCH|1|2|||||||||^^^20261130100000|||||||||||||||PL1", "PID|1||P8^^^A||Other^Patient", "RGS|1", "AIS|1||A|20261130100000")
	o := w.order("PL1")
	if len(out) != 1 || out[0].Remark == "" || o.Patient != 7 || o.Steps[0].Start != "20261130100000" {
		t.Errorf("%+v: patient %d, start %s", out, o.Patient, o.Steps[0].Start)
	}
	// Of an order that it made itself it does, and the worklist says so.
	for _, id := range []string{"P7", "P8"} {
		w.patient++
		w.message("SIU^S12", "SCH|AP9|AF9|||||||||^^^20261130100000", "PID|1||"+id+"^^^A||Name^Of"+id, "RGS|1", "AIS|1||A|20261130100000")
		if o := w.order("AP9"); o.Patient != w.patient || o.Sent.ID != id || o.Item().String(tag.PatientID) != id {
			t.Errorf("patient %d is %+v, %s", o.Patient, o.Sent, o.Item().String(tag.PatientID))
		}
	}
	w.replayed()
}

// An appointment need not say the service again (HL7 10.4): one without AIS is of the order that SCH names. The appointment's own numbers are none
// of the order, where its are said.
func TestAppointmentsWithoutService(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	w.message("OMI^O23", omi("NW", "SC")...)
	const sch = "SCH|AP1|AF1|||||||||^^^20261202093000|||||||||||||||PL1"
	w.message("SIU^S13", sch, patientOne, "RGS|1", "AIL|1||ROOM5^^^H")
	o := w.order("PL1")
	if o.Steps[0].Start != "20261202093000" || o.Steps[1].Start != "20261202093000" || inStep(&o.Steps[0]).String(tag.ScheduledProcedureStepLocation) != "ROOM5^^^H" {
		t.Errorf("%+v", o.Steps)
	}
	if o.Filler.ID == "AF1" || o.Service.Value != "CT" {
		t.Errorf("%+v", o)
	}
	if out := w.message("SIU^S15", "SCH|AP1|AF1||||||||||||||||||||||||PL1", patientOne)[0]; out.Control != "CR" {
		t.Errorf("%+v", out)
	}
	if got := states(w.order("PL1")); got != "cancelled: cancelled cancelled" {
		t.Error(got)
	}
	if out := w.message("SIU^S12", "SCH|AP7", patientOne)[0]; out.Order != nil || !strings.Contains(out.Remark, "no such order") {
		t.Errorf("%+v", out)
	}
	w.replayed()
}

// An appointment that puts nothing into the worklist, or less than a modality needs, says so; one that gets its station later is in the worklist from then on.
func TestAppointmentsThatLack(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, func(c *worklist.Config) {
		c.Mapping.Assign = []worklist.Assignment{{Procedure: "SA*", Stations: []string{"US1"}, As: "US"}, {Procedure: "X*", Stations: []string{"DR1"}}}
	})
	w.message("OMI^O23", omi("NW", "SC")...)
	for _, c := range []struct{ event, sch, ais, want string }{
		{"S12", "SCH|AP1|||||||||||||||||||||||||PL1", "AIS|1||CT^CT^L|20261201083000", ""},
		{"S12", "SCH|AP2", "AIS|1||SA01^Abdomen^L|20261202090000", ""},
		{"S12", "SCH|AP3", "AIS|1||BLOOD^Blood^L|20261202090000", "no rule of worklist.assign"},
		{"S13", "SCH|AP3", "AIS|1||BLOOD^Blood^L|20261203090000", "no rule of worklist.assign"},
		{"S12", "SCH|AP4", "AIS|1||SA01^Abdomen^L", "no time"},
		{"S12", "SCH|AP5", "AIS|1||X1^Thorax^L|20261202090000", "no modality"},
		{"S15", "SCH|AP9", "AIS|1||X1^Thorax^L|20261202090000", "no such order"},
		{"S13", "SCH|AP3", "AIS|1||SA02^Abdomen^L|20261204090000", ""},
	} {
		if out := w.message("SIU^"+c.event, c.sch, patientOne, "RGS|1", c.ais)[0]; !strings.Contains(out.Remark, c.want) || c.want == "" && out.Remark != "" {
			t.Errorf("%s %s: %q, not %q", c.sch, c.ais, out.Remark, c.want)
		}
	}
	if o := w.order("AP3"); o.Kind != worklist.Imaging || len(o.Steps) != 1 || o.Steps[0].Start != "20261204090000" || o.Steps[0].Stations[0] != "US1" || o.Steps[0].Status != worklist.Scheduled {
		t.Errorf("%+v", o)
	}
	w.replayed()
}

// found gives the IDs of the steps that match.
func (w *world) found(q worklist.Query) (ids []string) {
	w.t.Helper()
	if q.Now.IsZero() {
		q.Now = at
	}
	for s, err := range w.Search(context.Background(), halong.Everything(), q) {
		if err != nil {
			w.t.Fatal(err)
		}
		ids = append(ids, s.ID)
	}
	return ids
}

// inSequence makes a key of an attribute of the step.
func inSequence(t *testing.T, tg dicom.Tag, value string) query.Key {
	t.Helper()
	k, err := query.Parse([]dicom.Tag{tag.ScheduledProcedureStepSequence, tg}, dicom.VROf(tg), value)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Ranges of date and time together are one interval, also where one of them is open, and without extended negotiation.
func TestOneInterval(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	for i, start := range []string{"202611210900", "202611211900", "202611220700", "202611221200", "202611230800"} {
		n := string(rune('1' + i))
		w.message("OMI^O23", patientOne, "ORC|NW|PL"+n, "TQ1|1||||||"+start, "OBR|1|PL"+n, "IPC|A"+n+"|R"+n+"||S"+n+"|CT")
	}
	for _, c := range []struct{ date, time, want string }{
		{"20261121-20261122", "1000-0800", "S2 S3"},
		{"20261121-20261123", "1000-0800", "S2 S3 S4 S5"},
		{"20261121-20261122", "", "S1 S2 S3 S4"},
		{"20261122", "0600-1100", "S3"},
		{"20261122", "1200", "S4"},
		{"20261121-20261122", "1000-", "S2 S3 S4"},
		{"20261121-20261122", "-0800", "S1 S2 S3"},
		{"20261122-", "0800-1000", "S4 S5"},
		{"-20261121", "0800-1000", "S1"},
		{"", "0600-0830", "S3 S5"},
		{"20261201-", "", ""},
	} {
		var keys []query.Key
		if c.date != "" {
			keys = append(keys, inSequence(t, tag.ScheduledProcedureStepStartDate, c.date))
		}
		if c.time != "" {
			keys = append(keys, inSequence(t, tag.ScheduledProcedureStepStartTime, c.time))
		}
		for _, separate := range []bool{false, true} {
			if got := strings.Join(w.found(worklist.Query{Keys: keys, Rules: query.Rules{Separate: separate}}), " "); got != c.want {
				t.Errorf("%s %s: %q, not %q", c.date, c.time, got, c.want)
			}
		}
	}
}

// What is not to be done, what is another station's and, by configuration, what is long past or has begun, is not answered.
func TestShown(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	for i, c := range []struct{ start, state, station string }{
		{"20261122100000", "", "CT1"},
		{"20261122110000", "SC CM", "CT1"},
		{"20261122120000", "CA", "CT1"},
		{"20261122130000", "HD", "CT1"},
		{"20261122140000", "SC IP", "CT1"},
		{"20261001090000", "", "CT2"},
	} {
		n := string(rune('1' + i))
		w.message("OMI^O23", patientOne, "ORC|NW|PL"+n, "TQ1|1||||||"+c.start, "OBR|1|PL"+n, "IPC|A"+n+"|R"+n+"||S"+n+"|CT||||"+c.station)
		if control, state, _ := strings.Cut(c.state, " "); control != "" {
			w.message("OMI^O23", patientOne, "ORC|"+control+"|PL"+n+"|||"+state)
		}
	}
	for name, c := range map[string]struct {
		shown worklist.Shown
		q     worklist.Query
		want  string
	}{
		"by default":     {want: "S6 S1 S5"},
		"not begun":      {shown: worklist.Shown{HideStarted: true}, want: "S6 S1"},
		"of late":        {shown: worklist.Shown{Past: 48 * 3600e9}, want: "S1 S5"},
		"own station":    {q: worklist.Query{Stations: []string{"CT2", "CT3"}}, want: "S6"},
		"nobody's":       {q: worklist.Query{Stations: []string{}}, want: ""},
		"by station":     {q: worklist.Query{Keys: []query.Key{inSequence(t, tag.ScheduledStationAETitle, "CT1")}}, want: "S1 S5"},
		"by wildcard":    {q: worklist.Query{Keys: []query.Key{inSequence(t, tag.ScheduledStationAETitle, "CT?")}}, want: "S6 S1 S5"},
		"by step":        {q: worklist.Query{Keys: []query.Key{inSequence(t, tag.ScheduledProcedureStepID, "S5")}}, want: "S5"},
		"by name folded": {q: worklist.Query{Keys: []query.Key{{Path: []dicom.Tag{tag.PatientName}, VR: dicom.PN, Values: []string{"nguyen^*"}}}}, want: "S6 S1 S5"},
		"by accessions":  {q: worklist.Query{Keys: []query.Key{{Path: []dicom.Tag{tag.AccessionNumber}, VR: dicom.SH, Values: []string{"A1", "A6", "A2"}}}}, want: "S6 S1"},
	} {
		w.config.Shown = c.shown
		x := w.config
		x.Updater, x.Journal, x.Orders, x.Procedures, x.Watch, x.Reader, x.Events = w.db, w, w.db, w.db, w.db, w.db, w.db
		w.Service = worklist.New(x)
		if got := strings.Join(w.found(c.q), " "); got != c.want {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
}

// A step for which only a day is said is past when the day is.
func TestDayIsPast(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, func(c *worklist.Config) { c.Shown.Past = time.Hour })
	w.message("OMI^O23", patientOne, "ORC|NW|PL1", "TQ1|1||||||20261122", "OBR|1|PL1", "IPC|A1|R1||S1|CT||||CT1")
	for hour, want := range map[int]int{16: 1, 24: 1, 26: 0} {
		n := 0
		for _, err := range w.Search(t.Context(), halong.Everything(), worklist.Query{Now: time.Date(2026, 11, 22, hour, 30, 0, 0, time.Local)}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != want {
			t.Errorf("%d:30: %d steps", hour, n)
		}
	}
}

// A merge changes who the worklist says it is, its undoing brings back what was sent.
func TestIdentity(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	w.message("OMI^O23", omi("NW", "SC")...)
	w.message("OML^O21", patientOne, "ORC|NW|LAB1", "OBR|1|LAB1||GLU")
	change := func(serve worklist.Serve) {
		t.Helper()
		if err := w.db.Update(context.Background(), func(tx halong.Tx) error { return w.PatientChanged(tx, "BV1", 7, serve, at) }); err != nil {
			t.Fatal(err)
		}
	}
	names := func() []string {
		s, l := w.order("PL1").Steps[1].Attributes, w.order("LAB1").Item()
		return []string{s.String(tag.PatientID), s.String(tag.PatientName), l.String(tag.PatientID), l.String(tag.IssuerOfPatientID)}
	}
	change(func(sent worklist.Identity) worklist.Identity {
		sent.ID, sent.Name, sent.Issuer = "P2", "Trần^Bình", ""
		return sent
	})
	if d := cmp.Diff([]string{"P2", "Trần^Bình", "P2", ""}, names()); d != "" {
		t.Error(d)
	}
	if ids := w.found(worklist.Query{Keys: []query.Key{{Path: []dicom.Tag{tag.PatientID}, VR: dicom.LO, Values: []string{"P2"}}}}); !slices.Equal(ids, []string{"S1", "S2"}) {
		t.Errorf("found as %v", ids)
	}
	change(nil)
	if d := cmp.Diff([]string{"P1", "Nguyễn^An", "P1", "A"}, names()); d != "" {
		t.Error(d)
	}
}

// The message that goes back says the state in the words of ORC-1 and ORC-5, and reads as it was written.
func TestStatusMessage(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	w.message("OMI^O23", omi("NW", "SC")...)
	w.message("ORM^O01", patientOne, "ORC|NW|PL2^HIS|FL2", "OBR|1|PL2^HIS|FL2|A^Đầu^L||||||||||||||ACC2")
	w.message("ORM^O01", patientOne, "ORC|SC|PL2^HIS|||CM")
	w.message("OMI^O23", patientOne, "ORC|CA|PL1")
	for number, want := range map[string][]string{
		"PL1": {"OMI^O23^OMI_O23", "HIS", "OC", "CA", "PL1", "P1", "Nguyễn", "S2"}, "PL2": {"ORM^O01^ORM_O01", "HIS", "SC", "CM", "PL2", "P1", "Nguyễn", ""},
	} {
		m, err := worklist.StatusMessage(w.order(number), hl7v2.Header{ControlID: "X", Time: at}).Message(hl7v2.Standard, hl7v2.Lenient)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{m.At("MSH-9").Text(), m.Get("MSH-5"), m.Get("ORC-1"), m.Get("ORC-5"), m.Get("OBR-2.1"), m.Get("PID-3.1"), m.Get("PID-5.1"), m.Get("IPC[2]-4.1")}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", number, d)
		}
	}
}

// Who placed an order is told of its states in messages of the type that it sends itself, whoever else says something of the order.
func TestStatusType(t *testing.T) {
	order := []string{patientOne, "ORC|NW|PL2^HIS|FL2", "OBR|1|PL2^HIS|FL2|A^Đầu^L||||||||||||||ACC2"}
	booked := []string{"SCH|A1||||||||||^^^20261123090000|||||||||||||||PL2^HIS", patientOne, "AIS|1||A"}
	for name, c := range map[string]struct {
		messages func(w *world)
		want     string
	}{
		"cancelled by another system": {func(w *world) {
			w.message("ORM^O01", order...)
			w.messageOf("operator", "OMI^O23", patientOne, "ORC|CA|PL2^HIS")
		}, "ORM"},
		"moved by an appointment": {func(w *world) {
			w.message("OMG^O19", order...)
			w.message("SIU^S13", booked...)
		}, "OMG"},
		"ordered after its appointment": {func(w *world) {
			w.messageOf("BOOKING", "SIU^S12", booked...)
			w.message("OMG^O19", order...)
		}, "OMG"},
		"its sender speaks otherwise now": {func(w *world) {
			w.message("ORM^O01", order...)
			w.message("OMG^O19", append([]string{patientOne, "ORC|XO|PL2^HIS|FL2"}, order[2:]...)...)
		}, "OMG"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worklist.PresetIHE, nil)
			c.messages(w)
			m, err := worklist.StatusMessage(w.order("PL2"), hl7v2.Header{ControlID: "X", Time: at}).Message(hl7v2.Standard, hl7v2.Lenient)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Get("MSH-9.1") + " " + m.Get("MSH-5"); got != c.want+" HIS" {
				t.Errorf("%s, not %s", got, c.want)
			}
		})
	}
}
