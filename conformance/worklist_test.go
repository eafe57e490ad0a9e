package conformance

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/app/config"
)

const worklistFind dicom.UID = "1.2.840.10008.5.1.4.31"

// keys makes the identifier of a worklist query: those of the step stand in its sequence.
type keys map[dicom.Tag]string

func (top keys) query(step keys) *dataset.Set {
	put := func(k keys) *dataset.Set {
		s := &dataset.Set{}
		for t, v := range k {
			s.PutString(t, dicom.VROf(t), v)
		}
		return s
	}
	s := put(top)
	s.Put(dataset.Element{Tag: tag.ScheduledProcedureStepSequence, VR: dicom.SQ, Items: []*dataset.Set{put(step)}})
	return s
}

// worklistOf asks for a worklist and gives the answers as they came, with their statuses.
func worklistOf(t testing.TB, address, calling string, query *dataset.Set) (answers []*dataset.Set, statuses []dimse.Status) {
	t.Helper()
	a, err := dimse.Dial(t.Context(), address, dimse.Options{CallingAE: calling, CalledAE: "HALONG", Contexts: []pdu.ProposedContext{
		{AbstractSyntax: worklistFind, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	final, err := a.Call(t.Context(), 1, &dimse.Command{Field: dimse.CFindRQ, AffectedSOPClass: worklistFind}, bytes.NewReader(query.Append(nil, ts)), func(r *dimse.Response) error {
		s, err := dataset.Parse(bytes.Clone(r.Data), ts, dataset.Limits{})
		answers, statuses = append(answers, s), append(statuses, r.Status)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if final.HasDataSet {
		t.Error("the final response has an identifier")
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
	return answers, append(statuses, final.Status)
}

// step gives the item of an answer's Scheduled Procedure Step Sequence.
func step(s *dataset.Set) *dataset.Set {
	if e := s.Get(tag.ScheduledProcedureStepSequence); e != nil && len(e.Items) == 1 {
		return e.Items[0]
	}
	return &dataset.Set{}
}

// stepIDs gives the Scheduled Procedure Step IDs of a worklist without conditions.
func stepIDs(t testing.TB, g *gateway) (ids []string) {
	t.Helper()
	answers, statuses := worklistOf(t, g.DICOM, "MODALITY", keys{tag.PatientName: ""}.query(keys{tag.ScheduledProcedureStepID: ""}))
	for _, a := range answers {
		ids = append(ids, step(a).String(tag.ScheduledProcedureStepID))
	}
	if s := statuses[len(statuses)-1]; s != dimse.Success {
		t.Fatalf("status %v", s)
	}
	return ids
}

// headOrder are the segments of an order for CT of the head, in two steps.
func headOrder(control string) []string {
	return []string{
		"PID|1||P001^^^BV1^MR||Nguyễn^Đức^Văn||19700102|M", "PV1|1|O|KKB^^^BV1|||||||||||||||||V77",
		"ORC|" + control + "|PL1^HIS|||SC", "TQ1|1||||||20261122093000||S", "OBR|1|PL1^HIS||CT01^Chụp CT sọ não^L||||||||||||BS1^Trần^Bình|||||||||CT",
		"IPC|ACC1|RP1|2.25.7001000801|SPS1|CT|CTP1^Sọ não thường quy^L|^Phòng CT|P2|CT1",
		"IPC|ACC1|RP1|2.25.7001000801|SPS2|CT|CTP2^Sọ não có cản quang^L|^Phòng CT|P2|CT1",
	}
}

// apiOrder is what the API says of an order.
type apiOrder struct {
	ID, Status, Accession string
	CancelRequested       bool
	Placer                struct{ ID string }
	Patient               struct{ ID, Name string }
	Steps                 []struct{ ID, Status, Study, Modality, Start, Performed string }
}

// orderOf gives the newest order with a number.
func orderOf(t testing.TB, base, number string) (o apiOrder) {
	t.Helper()
	status, body := get(t, base+"/api/orders?number="+number, "")
	var page struct{ Orders []apiOrder }
	if err := json.Unmarshal(body, &page); err != nil || status != http.StatusOK || len(page.Orders) == 0 {
		t.Fatalf("order %s: status %d: %s", number, status, body)
	}
	return page.Orders[0]
}

// stepStatuses gives the states of an order and its steps.
func (o apiOrder) states() string {
	out := o.Status + ":"
	for _, s := range o.Steps {
		out += " " + s.Status
	}
	return out
}

// imaged makes a CT image for a step of the order.
func imaged(n int, study, patient, accession, stepID string) object {
	o := newObject(n, 1, 1000, patient)
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	s, err := dataset.Parse(o.data, ts, dataset.Limits{})
	if err != nil {
		panic(err)
	}
	o.study = dicom.UID(study)
	s.PutString(tag.StudyInstanceUID, dicom.UI, study)
	s.PutString(tag.AccessionNumber, dicom.SH, accession)
	if stepID != "" {
		item := &dataset.Set{}
		item.PutString(tag.ScheduledProcedureStepID, dicom.SH, stepID)
		s.Put(dataset.Element{Tag: tag.RequestAttributesSequence, VR: dicom.SQ, Items: []*dataset.Set{item}})
	}
	o.data = s.Append(nil, ts)
	return o
}

// eventTypes gives the changes of state that were told, as "order.status started mpps".
func statusEvents(t testing.TB, base string) (list []string) {
	t.Helper()
	_, body := get(t, base+"/events?limit=1000", "")
	var page struct {
		Events []struct {
			Type    string
			Payload struct{ Placer, Status, Cause string }
		}
	}
	if err := json.Unmarshal(body, &page); err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Events {
		if e.Type == "order.status" {
			list = append(list, strings.Join([]string{e.Payload.Placer, e.Payload.Status, e.Payload.Cause}, " "))
		}
	}
	return list
}

// withWorklist is a configuration in which images close steps soon.
func withWorklist(t testing.TB) *config.Config {
	c := onLoopback(t.TempDir())
	c.Worklist.Images.After = config.Duration(50 * time.Millisecond)
	return c
}

// sameAfterReindex deletes the index of a gateway and compares answers.
func sameAfterReindex(t testing.TB, g *gateway, paths ...string) {
	t.Helper()
	before := map[string]string{}
	for _, p := range paths {
		_, body := g.ask(t, p, "")
		before[p] = string(body)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(g.config.Data, "index")); err != nil {
		t.Fatal(err)
	}
	again := serve(t, g.config)
	for _, p := range paths {
		_, body := again.ask(t, p, "")
		if d := cmp.Diff(before[p], string(body)); d != "" {
			t.Errorf("%s reads otherwise after the index was made again: %s", p, d)
		}
	}
}

// performed are the attributes of an MPPS, as dcmjs names them.
func performed(more jsonObject) jsonObject {
	all := jsonObject{
		"ScheduledStepAttributesSequence": []jsonObject{{
			"StudyInstanceUID": "2.25.7001000801", "AccessionNumber": "ACC1", "RequestedProcedureID": "RP1", "ScheduledProcedureStepID": "SPS1",
		}},
		"PatientName": "Nguyen^Duc", "PatientID": "P001", "PatientBirthDate": "19700102", "PatientSex": "M", "PerformedProcedureStepID": "PPS1",
		"PerformedStationAETitle": "CT1", "PerformedProcedureStepStartDate": "20261122", "PerformedProcedureStepStartTime": "093500",
		"PerformedProcedureStepStatus": "IN PROGRESS", "Modality": "CT", "StudyID": "RP1", "PerformedSeriesSequence": []jsonObject{},
	}
	for k, v := range more {
		if v == nil {
			delete(all, k)
		} else {
			all[k] = v
		}
	}
	return all
}

// performHead carries out the first step of headOrder, with what may go wrong on the way.
func performHead(t *testing.T, g *gateway) {
	t.Helper()
	series := []jsonObject{{"SeriesInstanceUID": "2.25.802", "ProtocolName": "Head", "PerformingPhysicianName": "", "OperatorsName": "", "RetrieveAETitle": "HALONG"}}
	done := jsonObject{"PerformedProcedureStepStatus": "COMPLETED", "PerformedProcedureStepEndDate": "20261122", "PerformedProcedureStepEndTime": "094500", "PerformedSeriesSequence": series}
	type request struct {
		what     string
		set      bool
		instance string
		elements jsonObject
		want     int
	}
	carryOut := func(list ...request) {
		var ask []jsonObject
		for _, x := range list {
			ask = append(ask, jsonObject{"op": "perform", "set": x.set, "instance": x.instance, "elements": x.elements})
		}
		said := dcmjsSCU(t, g.DICOM, nil, ask...)
		for i, x := range list {
			if got := said.final(i); got != x.want {
				t.Errorf("%s: status %04X, not %04X", x.what, got, x.want)
			}
		}
	}
	carryOut([]request{
		{"completed at once", false, "2.25.801", performed(jsonObject{"PerformedProcedureStepStatus": "COMPLETED"}), 0x0106},
		{"without station", false, "2.25.801", performed(jsonObject{"PerformedStationAETitle": nil}), 0x0120},
		{"without modality's value", false, "2.25.801", performed(jsonObject{"Modality": ""}), 0x0121},
		{"set before it is created", true, "2.25.801", done, 0x0112},
		{"created", false, "2.25.801", performed(nil), 0},
		{"created twice", false, "2.25.801", performed(nil), 0x0111},
		{"no such status", true, "2.25.801", jsonObject{"PerformedProcedureStepStatus": "DONE"}, 0x0106},
		{"completed without an end", true, "2.25.801", jsonObject{"PerformedProcedureStepStatus": "COMPLETED", "PerformedSeriesSequence": series}, 0x0120},
	}...)
	if got := orderOf(t, g.URL, "PL1").states(); got != "started: started scheduled" {
		t.Errorf("after N-CREATE: %s", got)
	}
	carryOut([]request{
		{"description", true, "2.25.801", jsonObject{"PerformedProcedureStepDescription": "Sọ não"}, 0},
		{"another patient", true, "2.25.801", jsonObject{"PatientID": "P999"}, 0x0107},
		{"completed", true, "2.25.801", done, 0},
		{"once more", true, "2.25.801", done, 0x0110},
	}...)
	_, body := get(t, g.URL+"/api/worklist/performed?study=2.25.7001000801", "")
	if !bytes.Contains(body, []byte("P001")) || bytes.Contains(body, []byte("P999")) || !bytes.Contains(body, []byte("2.25.802")) {
		t.Errorf("performed: %s", body)
	}
}

// workitem is what a test looks at of a workitem.
type workitem struct {
	uid, state, step string
	json             []byte
}

// workitemsOf gives the workitems of an order, in the order of their steps, of one step those that came first.
func workitemsOf(t testing.TB, base, accession string) (all []workitem) {
	t.Helper()
	status, body := get(t, base+"/dicom-web/workitems?includefield=all&ReferencedRequestSequence.AccessionNumber="+accession, "application/dicom+json")
	var sets []json.RawMessage
	if err := json.Unmarshal(body, &sets); err != nil || status != http.StatusOK && status != http.StatusNoContent {
		t.Fatalf("%d %s", status, body)
	}
	for _, b := range sets {
		var s map[string]struct{ Value []any }
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatal(err)
		}
		code := s["00404018"].Value[0].(map[string]any)["00080100"].(map[string]any)["Value"].([]any)[0]
		all = append(all, workitem{s["00080018"].Value[0].(string), s["00741000"].Value[0].(string), code.(string), b})
	}
	slices.SortStableFunc(all, func(a, b workitem) int { return strings.Compare(a.step, b.step) })
	return all
}

// TestWorkitemsFollowSteps: a step that a modality performs is a workitem in progress, and completed with what was performed; one that is held, or chosen by mistake, is
// cancelled, and another one when it is to be done after all. What a client has claimed stays the client's.
func TestWorkitemsFollowSteps(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	states := func(what string, want ...string) []workitem {
		t.Helper()
		var got []string
		all := workitemsOf(t, g.URL, "ACC1")
		for _, w := range all {
			got = append(got, w.step+" "+w.state)
		}
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", what, d)
		}
		return all
	}
	hl7(t, g.HL7, "OMI^O23^OMI_O23", headOrder("NW")...)
	all := states("ordered", "CTP1 SCHEDULED", "CTP2 SCHEDULED")
	// Types 1 and 2 of PS3.4 table CC.2.5-3, column N-CREATE.
	for _, tag := range []string{
		"00080016", "00080018", "00741200", "00404010", "00741204", "00741202", "00741210", "00404025", "00404026", "00404027", "00404005", "00404018", "00400400", "00404041", "00404021",
		"0020000D", "00100010", "00100020", "00100030", "00100040", "00380010", "00380014", "00081080", "00081084", "0040A370", "00741000",
	} {
		for _, w := range all {
			if !bytes.Contains(w.json, []byte(`"`+tag+`":`)) {
				t.Errorf("%s of %s is missing", tag, w.step)
			}
		}
	}
	perform := func(n string, set bool, elements jsonObject) {
		t.Helper()
		said := dcmjsSCU(t, g.DICOM, nil, jsonObject{"op": "perform", "set": set, "instance": "2.25.80" + n, "elements": elements})
		if said.final(0) != 0 {
			t.Fatalf("status %04X", said.final(0))
		}
	}
	end := jsonObject{"PerformedProcedureStepEndDate": "20261122", "PerformedProcedureStepEndTime": "094500"}
	ended := func(more jsonObject) jsonObject {
		for k, v := range end {
			more[k] = v
		}
		return more
	}
	perform("1", false, performed(nil))
	states("begun", "CTP1 IN PROGRESS", "CTP2 SCHEDULED")
	perform("1", true, ended(jsonObject{"PerformedProcedureStepStatus": "DISCONTINUED", "PerformedProcedureStepDiscontinuationReasonCodeSequence": []jsonObject{
		{"CodeValue": "110514", "CodingSchemeDesignator": "DCM", "CodeMeaning": "Incorrect worklist entry selected"},
	}}))
	states("chosen by mistake", "CTP1 CANCELED", "CTP1 SCHEDULED", "CTP2 SCHEDULED")
	perform("2", false, performed(nil))
	perform("2", true, ended(jsonObject{"PerformedProcedureStepStatus": "COMPLETED", "PerformedSeriesSequence": []jsonObject{{"SeriesInstanceUID": "2.25.802", "ProtocolName": "Head"}}}))
	for _, w := range states("completed", "CTP1 CANCELED", "CTP1 COMPLETED", "CTP2 SCHEDULED") {
		if w.state == "COMPLETED" && (!bytes.Contains(w.json, []byte("20261122094500")) || !bytes.Contains(w.json, []byte(`"CT1"`))) {
			t.Errorf("%s", w.json)
		}
	}
	hl7(t, g.HL7, "ORM^O01", "ORC|HD|PL1^HIS")
	states("held", "CTP1 CANCELED", "CTP1 COMPLETED", "CTP2 CANCELED")
	hl7(t, g.HL7, "ORM^O01", "ORC|RL|PL1^HIS")
	all = states("released", "CTP1 CANCELED", "CTP1 COMPLETED", "CTP2 CANCELED", "CTP2 SCHEDULED")
	claimed := ""
	for _, w := range all {
		if w.state == "SCHEDULED" {
			claimed = w.uid
		}
	}
	r, err := http.NewRequest(http.MethodPut, g.URL+"/dicom-web/workitems/"+claimed+"/state", strings.NewReader(`{"00741000":{"vr":"CS","Value":["IN PROGRESS"]},"00081195":{"vr":"UI","Value":["2.25.1"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/dicom+json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	hl7(t, g.HL7, "ORM^O01", "ORC|CA|PL1^HIS")
	states("claimed", "CTP1 CANCELED", "CTP1 COMPLETED", "CTP2 CANCELED", "CTP2 IN PROGRESS")
	sameAfterReindex(t, g, "/dicom-web/workitems?includefield=all&PatientID=P001", "/api/orders")
}
