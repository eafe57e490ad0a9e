package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
)

// hl7In sends a message in a character set that MSH-18 names.
func hl7In(t *testing.T, addr, term string, set *charmap.Charmap, kind string, segments ...string) string {
	t.Helper()
	text := fmt.Sprintf("MSH|^~\\&|HIS|H|HALONG||20261122010203||%s|L%d|P|2.5.1||||||%s\r%s\r", kind, control.Add(1), term, strings.Join(segments, "\r"))
	b, err := set.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c, err := mllp.Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer, err := c.Send(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// TestComplaint11CharacterSetsDiffer: an order in one character set, its change in another, and the patient's update in a third are one order of one
// patient, whose name is never damaged.
func TestComplaint11CharacterSetsDiffer(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	latin := hl7In(t, g.HL7, "8859/1", charmap.ISO8859_1, "ORM^O01", "PID|1||P1||Müller^Jörg", "ORC|NW|PL1", "OBR|1|PL1||A^Schädel^L||||||||||||||||||||CT")
	if !strings.Contains(latin, "\rMSA|AA|") {
		t.Fatalf("%q", latin)
	}
	name := func() (name, what string) {
		t.Helper()
		answers, _ := worklistOf(t, g.DICOM, "MODALITY", keys{tag.PatientName: "", tag.RequestedProcedureDescription: ""}.query(keys{tag.ScheduledProcedureStepID: ""}))
		if len(answers) != 1 {
			t.Fatalf("%d answers", len(answers))
		}
		return answers[0].String(tag.PatientName), answers[0].String(tag.RequestedProcedureDescription)
	}
	if n, what := name(); n != "Müller^Jörg" || what != "Schädel" {
		t.Errorf("%q %q", n, what)
	}
	if a := hl7(t, g.HL7, "ORM^O01", "PID|1||P1||Nguyễn^Đức", "ORC|XO|PL1", "OBR|1|PL1||A^Sọ não^L"); !strings.Contains(a, "\rORC|OK|PL1") {
		t.Errorf("%q", a)
	}
	if n, what := name(); n != "Nguyễn^Đức" || what != "Sọ não" {
		t.Errorf("%q %q", n, what)
	}
	if a := hl7In(t, g.HL7, "8859/2", charmap.ISO8859_2, "ADT^A08", "EVN|A08|20261122", "PID|1||P1||Dvořák^Antonín"); !strings.Contains(a, "\rMSA|AA|") {
		t.Errorf("%q", a)
	}
	if n, _ := name(); n != "Dvořák^Antonín" {
		t.Errorf("after the update: %q", n)
	}
	if o := orderOf(t, g.URL, "PL1"); len(o.Steps) != 1 {
		t.Errorf("%+v", o)
	}
}

// TestComplaint19OrdersAreNeverLost: whatever becomes of an order message it is kept, and says why it made no order; what a modality's absence or a peer's
// keeps waiting is in a queue that survives.
func TestComplaint19OrdersAreNeverLost(t *testing.T) {
	c := onLoopback(t.TempDir())
	c.Worklist.Preset = "dcm4chee"
	c.DICOM.Destinations = []config.Destination{{AE: "RIS", Address: freeAddress(t)}}
	c.Worklist.MPPS.Forward = []string{"RIS"}
	g := serve(t, c)
	if a := hl7(t, g.HL7, "ORM^O01", "PID|1||P1||Lê^An", "ORC|NW|PL1", "OBR|1|PL1||A^B^L"); !strings.Contains(a, "\rMSA|AA|") || !strings.Contains(a, "\rORC|UA|PL1") {
		t.Errorf("%q", a)
	}
	status, body := get(t, g.URL+"/api/messages/1", "")
	if status != http.StatusOK || !bytes.Contains(body, []byte("ORC|NW|PL1")) {
		t.Errorf("kept: %d %s", status, body)
	}
	noted := func(kind, want string) {
		t.Helper()
		if _, list := get(t, g.URL+"/api/messages?type="+kind, ""); !bytes.Contains(list, []byte(want)) {
			t.Errorf("messages: %s", list)
		}
	}
	noted("ORM%5EO01", "makes no order")
	// An appointment that no modality will see: its sender and the hospital's people learn of it.
	a := hl7(t, g.HL7, "SIU^S12^SIU_S12", "SCH|AP1", "PID|1||P1||Lê^An", "RGS|1", "AIS|1||SA01^Siêu âm^L|20261202090000")
	if !strings.Contains(a, "\rMSA|AA|") || !strings.Contains(a, "\rERR|||0^Message accepted^HL70357|W||||an appointment of an order that is not known, and no rule") {
		t.Errorf("%q", a)
	}
	noted("SIU%5ES12", "no rule of worklist.assign")
	said := dcmjsSCU(t, g.DICOM, nil, jsonObject{"op": "perform", "instance": "2.25.803", "elements": performed(nil)})
	if said.final(0) != 0 {
		t.Fatalf("status %04X", said.final(0))
	}
	waits := func(base string) bool {
		_, body := get(t, base+"/api/worklist/forward", "")
		return bytes.Contains(body, []byte(`"instance":"2.25.803"`))
	}
	eventually(t, "an attempt fails", func() bool {
		_, body := get(t, g.URL+"/api/worklist/forward", "")
		return bytes.Contains(body, []byte(`"failure":"`))
	})
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(c.Data, "index")); err != nil {
		t.Fatal(err)
	}
	again := serve(t, c)
	if !waits(again.URL) {
		t.Error("what was to be forwarded is gone with the index")
	}
}

// TestN16WorklistStatuses: a match is FF00, or FF01 when a key was asked for that the worklist does not know; none matching is Success; every answer says its
// character set, whatever that of the query is.
func TestN16WorklistStatuses(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	hl7(t, g.HL7, "OMI^O23^OMI_O23", headOrder("NW")...)
	hl7(t, g.HL7, "ORM^O01", "PID|1||P2||Müller^Jörg", "ORC|NW|PL2", "OBR|1|PL2||A^B^L||||||||||||||||||||MR")
	hl7(t, g.HL7, "ORM^O01", "PID|1||P3||Smith^Anne", "ORC|NW|PL3", "OBR|1|PL3||A^B^L||||||||||||||||||||US")
	for _, c := range []struct {
		name, modality, charset string
		more                    dicom.Tag
		status                  dimse.Status
		want                    []string // name and character set
	}{
		{"two steps", "CT", "", 0, dimse.Pending, []string{"Nguyễn^Đức^Văn ISO_IR 192", "Nguyễn^Đức^Văn ISO_IR 192"}},
		{"in Latin 1", "MR", "ISO_IR 100", 0, dimse.Pending, []string{"Müller^Jörg ISO_IR 100"}},
		{"Latin 1 lacks the letters", "CT", "ISO_IR 100", 0, dimse.Pending, []string{"Nguyễn^Đức^Văn ISO_IR 192", "Nguyễn^Đức^Văn ISO_IR 192"}},
		{"in ASCII", "US", "ISO_IR 192", 0, dimse.Pending, []string{"Smith^Anne "}},
		{"a known optional key", "US", "", tag.PatientComments, dimse.Pending, []string{"Smith^Anne "}},
		{"an unknown key", "US", "", tag.Manufacturer, dimse.PendingOptionalMissing, []string{"Smith^Anne "}},
		{"a private key", "US", "", dicom.NewTag(0x0009, 0x1001), dimse.PendingOptionalMissing, []string{"Smith^Anne "}},
		{"an unknown key with a value", "US", "", tag.Manufacturer, dimse.PendingOptionalMissing, []string{"Smith^Anne "}},
		{"nothing", "XA", "", 0, dimse.Pending, nil},
	} {
		q := keys{tag.PatientName: ""}.query(keys{tag.Modality: c.modality})
		if c.charset != "" {
			q.PutString(tag.SpecificCharacterSet, dicom.CS, c.charset)
		}
		if c.more != 0 {
			q.Put(dataset.Element{Tag: c.more, VR: dicom.LO})
		}
		if strings.HasSuffix(c.name, "with a value") { // it is as if it had none (PS3.4 K.4.1.1.3)
			q.PutString(c.more, dicom.LO, "ACME")
		}
		answers, statuses := worklistOf(t, g.DICOM, "MODALITY", q)
		var got []string
		for i, a := range answers {
			got = append(got, a.String(tag.PatientName)+" "+a.String(tag.SpecificCharacterSet))
			if statuses[i] != c.status {
				t.Errorf("%s: %v", c.name, statuses[i])
			}
		}
		if d := cmp.Diff(c.want, got); d != "" || statuses[len(statuses)-1] != dimse.Success {
			t.Errorf("%s: %v %s", c.name, statuses, d)
		}
	}
}

// TestP13WorklistRoundTrip: a Vietnamese name goes from the order over the worklist into the images and back unharmed, composed or not, and is found under each
// spelling; a modality that knows only Latin letters gets them without their marks.
func TestP13WorklistRoundTrip(t *testing.T) {
	c := withWorklist(t)
	c.Worklist.Stations = []config.WorklistStation{{AE: "OLDCT", Charset: "ISO_IR 6"}, {AE: "OLDMR", Charset: "ISO_IR 100"}, {AE: "CT9", Sees: []string{"CT9"}}}
	g := serve(t, c)
	long := strings.Repeat("Đ", 70)
	hl7(t, g.HL7, "OMI^O23^OMI_O23", "PID|1||P1||Nguyễn^Đức^Văn", "ORC|NW|PL1|||SC", "OBR|1|PL1||CT01^"+long+"^L", "IPC|ACC1|RP1|2.25.7001000810|S1|CT|P^"+long+"^L|||CT1")
	for _, spelled := range []string{"Nguyễn*", "NGUYEN^DUC*", "Nguye\u0302\u0303n^*", "nguyễn^đức^văn"} {
		q := keys{tag.PatientName: spelled, tag.RequestedProcedureDescription: "", tag.AccessionNumber: "", tag.StudyInstanceUID: ""}.query(keys{tag.ScheduledProcedureStepDescription: ""})
		q.PutString(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
		answers, _ := worklistOf(t, g.DICOM, "MODALITY", q)
		if len(answers) != 1 || answers[0].String(tag.PatientName) != "Nguyễn^Đức^Văn" {
			t.Fatalf("%q: %d answers", spelled, len(answers))
		}
		if n := len([]rune(answers[0].String(tag.RequestedProcedureDescription))); n != 64 { // characters, not bytes
			t.Errorf("%d characters", n)
		}
	}
	for ae, want := range map[string]string{"OLDCT": "Nguyen^Duc^Van ", "OLDMR": "Nguyen^Duc^Van ISO_IR 100", "MODALITY": "Nguyễn^Đức^Văn ISO_IR 192", "CT9": ""} {
		answers, _ := worklistOf(t, g.DICOM, ae, keys{tag.PatientName: ""}.query(keys{tag.Modality: ""}))
		got := ""
		for _, a := range answers {
			got += a.String(tag.PatientName) + " " + a.String(tag.SpecificCharacterSet)
		}
		if got != want {
			t.Errorf("%s: %q", ae, got)
		}
	}
	o := imaged(810, "2.25.7001000810", "P1", "ACC1", "S1")
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	s, err := dataset.Parse(o.data, ts, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s.PutString(tag.PatientName, dicom.PN, "Nguyễn^Đức^Văn") // as the modality was told
	o.data = s.Append(nil, ts)
	if !storeOne(g.DICOM, &o) {
		t.Fatal("not stored")
	}
	eventually(t, "the images close the step", func() bool { return orderOf(t, g.URL, "PL1").Status == "completed" })
	if _, body := get(t, g.URL+"/dicom-web/studies?PatientName=nguyen*duc*", "application/dicom+json"); !bytes.Contains(body, []byte("Nguyễn^Đức^Văn")) {
		t.Errorf("%s", body)
	}
}

// TestMergeInTheWorklist: a merge (A40) changes who the worklist says the patient is, for orders that are there and that come; its undoing takes that back.
func TestMergeInTheWorklist(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	hl7(t, g.HL7, "ADT^A04", "EVN|A04|20261122", "PID|1||P001^^^BV1^MR||Nguyễn^Đức^Văn||19700102|M")
	hl7(t, g.HL7, "ADT^A04", "EVN|A04|20261122", "PID|1||P002^^^BV1^MR||Nguyễn^Văn^Đức||19700103|M")
	hl7(t, g.HL7, "OMI^O23^OMI_O23", headOrder("NW")...)
	who := func() []string {
		t.Helper()
		answers, _ := worklistOf(t, g.DICOM, "MODALITY", keys{tag.PatientName: "", tag.PatientID: "", tag.PatientBirthDate: ""}.query(keys{tag.ScheduledProcedureStepID: ""}))
		var list []string
		for _, a := range answers {
			list = append(list, strings.Join([]string{a.String(tag.PatientID), a.String(tag.PatientName), a.String(tag.PatientBirthDate)}, " "))
		}
		slices.Sort(list)
		return slices.Compact(list)
	}
	as := func(what string, want ...string) {
		t.Helper()
		if d := cmp.Diff(want, who()); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	as("ordered", "P001 Nguyễn^Đức^Văn 19700102")
	hl7(t, g.HL7, "ADT^A40", "EVN|A40|20261122", "PID|1||P002^^^BV1^MR||Nguyễn^Văn^Đức||19700103|M", "MRG|P001^^^BV1^MR")
	as("merged", "P002 Nguyễn^Văn^Đức 19700103")
	hl7(t, g.HL7, "OMI^O23^OMI_O23", headOrder("XO")[2:]...)
	as("a change that names no patient", "P002 Nguyễn^Văn^Đức 19700103")
	hl7(t, g.HL7, "ORM^O01", "PID|1||P001^^^BV1^MR||Nguyễn^Đức^Văn||19700102|M", "ORC|NW|PL5", "OBR|1|PL5||A^B^L||||||||||||||||||||US")
	as("a late order under the old number", "P002 Nguyễn^Văn^Đức 19700103")
	if answers, _ := worklistOf(t, g.DICOM, "MODALITY", keys{tag.PatientID: "P002"}.query(keys{tag.Modality: ""})); len(answers) != 3 {
		t.Errorf("%d steps by the surviving number", len(answers))
	}
	if status, body := orderPatient(t, g.URL, "P001/unmerge", app.PatientOrder{Reason: "two people"}); status >= 300 {
		t.Fatalf("status %d: %s", status, body)
	}
	as("taken back", "P001 Nguyễn^Đức^Văn 19700102")
	sameAfterReindex(t, g, "/api/orders")
}

// TestMergeOfManyOrders: a merge of a patient with more open orders than one transaction brings in step is seen in all of them when it is acknowledged.
func TestMergeOfManyOrders(t *testing.T) {
	const many = 120
	g := serve(t, onLoopback(t.TempDir()))
	for i := range many {
		n := fmt.Sprint("MO", i)
		hl7(t, g.HL7, "ORM^O01^ORM_O01", "PID|1||MOA^^^HIS^MR||Old^A", "ORC|NW|"+n+"^HIS", "OBR|1|"+n+"^HIS||CT^CT Thorax^L|||||||||||||||A"+n+"|R"+n+"|S"+n+"||||CT")
	}
	count := func(id, name string) (n int) {
		t.Helper()
		answers, _ := worklistOf(t, g.DICOM, "MODALITY", keys{tag.PatientID: id, tag.PatientName: ""}.query(keys{tag.ScheduledProcedureStepID: ""}))
		for _, a := range answers {
			if a.String(tag.PatientName) == name {
				n++
			}
		}
		return n
	}
	hl7(t, g.HL7, "ADT^A40^ADT_A39", "EVN|A40", "PID|1||MOB^^^HIS^MR||New^B", "MRG|MOA^^^HIS^MR")
	if now, before := count("MOB", "New^B"), count("MOA", "Old^A"); now != many || before != 0 {
		t.Errorf("%d steps of the survivor, %d of the other", now, before)
	}
	hl7(t, g.HL7, "ADT^A08^ADT_A01", "EVN|A08", "PID|1||MOB^^^HIS^MR||Newer^B")
	if now := count("MOB", "Newer^B"); now != many {
		t.Errorf("%d steps are corrected", now)
	}
	if status, body := orderPatient(t, g.URL, "MOA/unmerge", app.PatientOrder{}); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if now := count("MOA", "Old^A"); now != many {
		t.Errorf("%d steps after the undoing", now)
	}
	sameAfterReindex(t, g, "/api/orders?limit=200")
}

// TestMismatch: images that name an order and contradict it, in the patient, the Accession Number, the Study Instance UID or the modality, are events and listed until an
// operator has dealt with them; images that name no order contradict none, and are listed for themselves until their order comes.
func TestMismatch(t *testing.T) {
	g := serve(t, withWorklist(t))
	for n := 1; n <= 5; n++ {
		x := fmt.Sprint(n)
		hl7(t, g.HL7, "OMI^O23^OMI_O23", "PID|1||P00"+x+"||Lê^An", "ORC|NW|PL"+x, "OBR|1|PL"+x+"||CT01^CT^L||||||||||||||||||||CT", "IPC|ACC"+x+"|RP"+x+"|2.25.700100081"+x+"|SPS"+x+"|CT")
	}
	hl7(t, g.HL7, "ORM^O01", "PID|1||P006||Lê^An", "ORC|NW|PL6", "OBR|1|PL6||US01^Siêu âm^L||||||||||||||ACC6||||||US")
	for _, o := range []object{
		imaged(811, "2.25.7001000811", "P777", "ACC1", "SPS1"), // wrong patient
		imaged(812, "2.25.7001000812", "P002", "ACC9", ""),     // wrong accession number
		imaged(813, "2.25.66", "P003", "ACC3", ""),             // the modality's own study UID
		imaged(814, "2.25.67", "P004", "ACC99", ""),            // an accession number of no order
		imaged(815, "2.25.7001000815", "P005", "ACC5", "SPS5"), // right
		imaged(816, "2.25.68", "P006", "ACC6", ""),             // CT for an order for ultrasound
	} {
		if !storeOne(g.DICOM, &o) {
			t.Fatal("not stored")
		}
	}
	type mismatch struct {
		ID                                int64
		Differs                           []string
		Order, Study, Expected, Accession string
	}
	list := func(more string) (list []mismatch) {
		if !strings.HasPrefix(more, "/") {
			more = "/api/worklist/mismatches" + more
		}
		_, body := get(t, g.URL+more, "")
		var page struct{ Mismatches, Unmatched []mismatch }
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		return append(page.Mismatches, page.Unmatched...)
	}
	eventually(t, "all are compared", func() bool { return len(list("")) >= 4 && orderOf(t, g.URL, "PL5").Status == "completed" })
	got := map[string]string{}
	for _, m := range list("") {
		got[m.Order] = strings.Join(m.Differs, " ") + " " + m.Study + " " + m.Accession
	}
	want := map[string]string{}
	for number, text := range map[string]string{
		"PL1": "patient 2.25.7001000811 ACC1", "PL2": "accession 2.25.7001000812 ACC2", "PL3": "study 2.25.66 ACC3", "PL6": "study modality 2.25.68 ACC6",
	} {
		want[orderOf(t, g.URL, number).ID] = text
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for number, status := range map[string]string{"PL1": "scheduled", "PL2": "completed", "PL3": "completed", "PL4": "scheduled", "PL5": "completed", "PL6": "scheduled"} {
		if o := orderOf(t, g.URL, number); o.Status != status {
			t.Errorf("%s is %s, not %s", number, o.Status, status)
		}
	}
	if _, events := get(t, g.URL+"/events?limit=1000", ""); bytes.Count(events, []byte(`"order.mismatch"`)) != 4 {
		t.Errorf("events %s", events)
	}
	const unmatched = "/api/worklist/unmatched"
	eventually(t, "the one without an order is told", func() bool { return len(list(unmatched)) == 1 })
	if m := list(unmatched)[0]; m.Study != "2.25.67" || m.Accession != "ACC99" || m.Order != "" {
		t.Errorf("%+v", m)
	}
	hl7(t, g.HL7, "ORM^O01", "PID|1||P004||Lê^An", "ORC|NW|PL99", "OBR|1|PL99||CT01^CT^L||||||||||||||ACC99||||||CT")
	eventually(t, "its order came", func() bool { return len(list(unmatched)) == 0 && orderOf(t, g.URL, "PL99").Status == "completed" })
	m := list("")[0]
	r, err := http.Post(fmt.Sprintf("%s/api/worklist/mismatches/%d/resolve", g.URL, m.ID), "application/json", strings.NewReader(`{"note":"wrong patient chosen"}`))
	if err != nil || r.StatusCode != http.StatusNoContent {
		t.Fatal(r, err)
	}
	if len(list("")) != 4 || len(list("?resolved=true")) != 1 { // the late order has another Study Instance UID
		t.Error("not resolved")
	}
	sameAfterReindex(t, g, "/api/worklist/mismatches", "/api/worklist/mismatches?resolved=true", unmatched+"?resolved=true", "/api/orders")
}

// TestJSONOrders: an order by a system without HL7v2 is a message, idempotent by its number, changed and cancelled by it, and a workitem too.
func TestJSONOrders(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	post := func(path, body string) (int, string, apiOrder) {
		t.Helper()
		r, err := http.Post(g.URL+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(r.Body); err != nil {
			t.Fatal(err)
		}
		var o apiOrder
		_ = json.Unmarshal(b.Bytes(), &o) // errors are text
		return r.StatusCode, r.Header.Get("Location"), o
	}
	body := `{"number":"0000123456-0789","patient":{"id":"BN01","name":"Trần Thị Nữ","birthDate":"1985-03-04","sex":"nữ"},"service":{"code":"XQ01","name":"Chụp X-quang ngực"},
		"modality":"DX","station":"DR1","start":"2026-11-22T09:30","priority":"STAT"}`
	status, location, first := post("/api/orders", body)
	if status != http.StatusCreated || location != "/api/orders/"+first.ID || first.Accession != "0000123456-0789" || first.Steps[0].Start != "20261122093000" || first.Patient.Name != "Trần Thị Nữ" {
		t.Fatalf("%d %s %+v", status, location, first)
	}
	if status, again, _ := post("/api/orders", body); status != http.StatusOK || again != location {
		t.Errorf("once more: %d %s", status, again)
	}
	if status, changed, o := post("/api/orders", strings.Replace(body, "09:30", "10:45", 1)); status != http.StatusOK || changed != location || o.Steps[0].Start != "20261122104500" || o.Steps[0].Study != first.Steps[0].Study {
		t.Errorf("changed: %d %s %+v", status, changed, o)
	}
	answers, _ := worklistOf(t, g.DICOM, "DR1", keys{tag.AccessionNumber: "0000123456-0789", tag.StudyInstanceUID: ""}.query(keys{tag.ScheduledStationAETitle: "DR1", tag.ScheduledProcedureStepStartTime: ""}))
	if len(answers) != 1 || step(answers[0]).String(tag.ScheduledProcedureStepStartTime) != "104500" {
		t.Errorf("%d answers", len(answers))
	}
	if code, found := get(t, g.URL+"/dicom-web/workitems?PatientID=BN01", "application/dicom+json"); code != http.StatusOK || !bytes.Contains(found, []byte("SCHEDULED")) {
		t.Errorf("workitems: %d %s", code, found)
	}
	for bad, want := range map[string]int{
		`{}`: 400, `{"number":"1"}`: 400, `{"number":"1","patient":{"id":"A"},"start":"tomorrow"}`: 400, `{"number":"1","nombre":1}`: 400, `[`: 400,
		`{"number":"1","action":"cancel"}`: 404, `{"number":"1","patient":{"id":"A"},"studyInstanceUID":"x"}`: 400,
	} {
		if status, _, _ := post("/api/orders", bad); status != want {
			t.Errorf("%s: %d", bad, status)
		}
	}
	because := func(path, body, want string) {
		t.Helper()
		r, err := http.Post(g.URL+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if b := readAndClose(t, r); r.Header.Get("Content-Type") != "application/problem+json" || !bytes.Contains(b, []byte(want)) {
			t.Errorf("%s %s: %s %s, not %s", path, body, r.Header.Get("Content-Type"), b, want)
		}
	}
	because("/api/orders", `{"number":"1","action":"cancel"}`, `"status":404,"detail":"/number: there is no order with this number"`)
	because("/api/orders/1/cancel", "", `"status":404`)
	because(location+"/status", `{"status":"gone"}`, `"/status: is no state of an order"`)
	because(location+"/status", `{"status":"arrived","step":1}`, `"/step: is none of the order's 1 steps`)
	if status, _, o := post("/api/orders", `{"number":"0000123456-0789","action":"cancel"}`); status != http.StatusOK || o.states() != "cancelled: cancelled" {
		t.Errorf("cancelled: %d %+v", status, o)
	}
	if ids := stepIDs(t, g); len(ids) != 0 {
		t.Errorf("still there: %v", ids)
	}
	if status, _, o := post(location+"/status", `{"status":"completed"}`); status != http.StatusOK || o.Status != "completed" {
		t.Errorf("by an operator: %d %+v", status, o)
	}
	if status, _, lab := post("/api/orders", `{"number":"XN1","kind":"laboratory","patient":{"id":"BN01","name":"Trần Thị Nữ"},"service":{"code":"GLU"},"specimens":[{"id":"B1"}]}`); status != http.StatusCreated || len(lab.Steps) != 0 {
		t.Errorf("laboratory: %d %+v", status, lab)
	}
	because("/api/orders", `{"number":"0000123456-0789","action":"cancel"}`, `"status":409,"detail":"the order is completed, and is not cancelled"`)
	because(location+"/cancel", "", `"status":409`)
	if status, _, lab := post("/api/orders", `{"number":"XN1","action":"cancel"}`); status != http.StatusOK || lab.Status != "cancelled" {
		t.Errorf("laboratory, cancelled: %d %+v", status, lab)
	}
	if _, list := get(t, g.URL+"/api/messages?type=OML%5EO21", ""); bytes.Count(list, []byte("OML^O21")) != 2 {
		t.Errorf("the cancellation of a laboratory order is none: %s", list)
	}
	if _, all := get(t, g.URL+"/api/orders?patient=BN01&limit=1", ""); !bytes.Contains(all, []byte(`"after":"`)) {
		t.Errorf("pages: %s", all)
	}
	sameAfterReindex(t, g, "/api/orders", "/api/orders?patient=BN01", "/dicom-web/workitems?PatientID=BN01")
}
