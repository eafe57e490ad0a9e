package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/client"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
)

// upsPeer drives UPS-RS with Node: fetch, and the WebSocket client of the npm registry.
type upsPeer struct{ cache, notes string }

// run runs one step of ups/steps.mjs to its end. At the check of that name it calls at.
func (u upsPeer) run(t *testing.T, p *process, step string, name string, at func()) {
	t.Helper()
	cmd := exec.Command("node", "ups/steps.mjs", step, p.HTTP+"/dicom-web", u.cache, u.notes)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	checks := 0
	for lines := bufio.NewScanner(out); lines.Scan(); checks++ {
		var said struct{ Check, Error string }
		if err := json.Unmarshal(lines.Bytes(), &said); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		if said.Error != "" {
			t.Errorf("%s: %s: %s", step, said.Check, said.Error)
		}
		if name != "" && said.Check == name {
			at()
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v", step, err)
	}
	t.Logf("%s: %d checks", step, checks)
}

// W28: Transaction UIDs, statuses and Warnings, subscriptions to one and to many workitems, suspended ones, channels that are opened
// again after kill -9 and reindex: against a peer that is not ours.
func TestW28UPS(t *testing.T) {
	dir := t.TempDir()
	u := upsPeer{npmCache(t, "ups", "npm.sh", "ups"), filepath.Join(dir, "notes.json")}
	data := filepath.Join(dir, "data")
	p := start(t, data)
	for _, step := range []string{"life", "more", "refused", "subscribe"} {
		u.run(t, p, step, "", nil)
	}
	before := workitems(t, p)
	events := changes(t, p)
	p.kill(t)
	p = start(t, data)
	if d := cmp.Diff(before, workitems(t, p)); d != "" {
		t.Errorf("after kill -9: %s", d)
	}
	p.kill(t)
	if err := os.RemoveAll(filepath.Join(data, "index")); err != nil {
		t.Fatal(err)
	}
	done, err := app.Reindex(context.Background(), onLoopback(data), quiet())
	if err != nil || done.Lost > 0 || done.Records == 0 {
		t.Fatalf("reindex: %+v, %v", done, err)
	}
	p = start(t, data)
	if d := cmp.Diff(before, workitems(t, p)); d != "" {
		t.Errorf("after reindex: %s", d)
	}
	if d := cmp.Diff(events, changes(t, p)); d != "" {
		t.Errorf("the change feed after reindex: %s", d)
	}
	u.run(t, p, "reopen", "", nil)
	u.run(t, p, "next", "stop now", func() { p.stop(t) })
}

// workitems gives all workitems, with the entity tag of each.
func workitems(t *testing.T, p *process) (all []string) {
	t.Helper()
	get := func(path string) ([]byte, string) {
		t.Helper()
		resp, err := http.Get(p.HTTP + "/dicom-web" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d, %v", path, resp.StatusCode, err)
		}
		return b, resp.Header.Get("ETag")
	}
	list, _ := get("/workitems?includefield=all")
	var sets []map[string]struct{ Value []any }
	if err := json.Unmarshal(list, &sets); err != nil {
		t.Fatal(err)
	}
	for _, s := range sets {
		one, tag := get("/workitems/" + s["00080018"].Value[0].(string))
		all = append(all, tag+" "+string(one))
	}
	if len(all) == 0 {
		t.Fatal("no workitems")
	}
	return append(all, string(list))
}

// changes gives what the change feed tells of workitems.
func changes(t *testing.T, p *process) (list []string) {
	t.Helper()
	resp, err := http.Get(p.HTTP + "/events?limit=1000")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var page struct {
		Events []struct {
			Time, Type string
			Payload    json.RawMessage
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Events {
		if e.Type == "workitem.changed" {
			list = append(list, e.Time+" "+string(e.Payload))
		}
	}
	if !slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, `"COMPLETED"`) }) {
		t.Errorf("no completed workitem in %v", list)
	}
	return list
}

// TestOrdersAreWorkitems: an order by HL7v2 makes workitems, whoever is subscribed is told, cancelling the order cancels what nobody has taken and asks
// who has taken one to; all of it is there again after kill -9 and reindex, where the message makes the workitem a second time.
func TestOrdersAreWorkitems(t *testing.T) {
	data := t.TempDir()
	p := start(t, data)
	post := func(method, path, body string, want int) {
		t.Helper()
		r, err := http.NewRequest(method, p.HTTP+"/dicom-web"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/dicom+json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if b, err := io.ReadAll(resp.Body); resp.StatusCode != want || err != nil {
			t.Fatalf("%s %s: status %d: %s", method, path, resp.StatusCode, b)
		}
	}
	post("POST", "/workitems/1.2.840.10008.5.1.4.34.5/subscribers/READER", "", http.StatusCreated)
	hl7(t, p.HL7, "OMI^O23^OMI_O23", headOrder("NW")...)
	uids := scheduled(t, p, "ReferencedRequestSequence.AccessionNumber=ACC1&ProcedureStepState=SCHEDULED")
	if len(uids) != 2 {
		t.Fatalf("%d workitems", len(uids))
	}
	post("PUT", "/workitems/"+uids[0]+"/state", `{"00741000":{"vr":"CS","Value":["IN PROGRESS"]},"00081195":{"vr":"UI","Value":["2.25.1"]}}`, http.StatusOK)
	hl7(t, p.HL7, "OMI^O23^OMI_O23", headOrder("CA")...)
	if d := cmp.Diff(uids[1:], scheduled(t, p, "ProcedureStepState=CANCELED")); d != "" {
		t.Error(d)
	}
	before := workitems(t, p)
	p.kill(t)
	if err := os.RemoveAll(filepath.Join(data, "index")); err != nil {
		t.Fatal(err)
	}
	p = start(t, data)
	if d := cmp.Diff(before, workitems(t, p)); d != "" {
		t.Errorf("after reindex: %s", d)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(p.HTTP, "http")+"/dicom-web/ws/subscribers/READER", nil)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string][]string{}
	for len(told[uids[0]])+len(told[uids[1]]) < 6 {
		_, frame, err := c.Read(ctx)
		if err != nil {
			t.Fatalf("%v after %v", err, told)
		}
		var r map[string]struct{ Value []any }
		if err := json.Unmarshal(frame, &r); err != nil {
			t.Fatal(err)
		}
		uid := r["00001000"].Value[0].(string)
		if state := r["00741000"].Value; len(state) > 0 {
			told[uid] = append(told[uid], state[0].(string))
		}
		if why := r["00741238"].Value; len(why) > 0 && r["00001002"].Value[0].(float64) == 2 { // UPS Cancel Requested
			told[uid] = append(told[uid], why[0].(string))
		}
	}
	want := map[string][]string{uids[0]: {"SCHEDULED", "IN PROGRESS", "the order is cancelled"}, uids[1]: {"SCHEDULED", "IN PROGRESS", "CANCELED"}}
	if d := cmp.Diff(want, told); d != "" {
		t.Error(d)
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

// TestWorkitemsMoveTheirOrders: who claims, completes or cancels the workitem of an order by UPS-RS starts, completes or cancels its step: the Modality Worklist and
// the placer see it. It is the same after the index was made again.
func TestWorkitemsMoveTheirOrders(t *testing.T) {
	g := serve(t, withWorklist(t))
	c := &client.Client{URL: g.URL + "/dicom-web"}
	ctx := t.Context()
	order := func(control, number, accession string) (uids []string) {
		t.Helper()
		segments := headOrder(control)
		for i := range segments {
			segments[i] = strings.NewReplacer("PL1", number, "ACC1", accession, "2.25.7001000801", "2.25.70010008"+number[2:], "SPS", number+"S").Replace(segments[i])
		}
		hl7(t, g.HL7, "OMI^O23^OMI_O23", segments...)
		for _, code := range []string{"CTP1", "CTP2"} {
			uids = append(uids, scheduled(t, &process{HTTP: g.URL}, "ReferencedRequestSequence.AccessionNumber="+accession+"&ScheduledWorkitemCodeSequence.CodeValue="+code)...)
		}
		return uids
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	state := func(uid string, transaction dicom.UID, to client.State) {
		t.Helper()
		must(c.ChangeWorkitemState(ctx, dicom.UID(uid), transaction, to))
	}
	is := func(number, want string) {
		t.Helper()
		if got := orderOf(t, g.URL, number).states(); got != want {
			t.Errorf("order %s is %q, want %q", number, got, want)
		}
	}
	one := order("NW", "PL1", "ACC1")
	state(one[0], "2.25.1", client.InProgress)
	is("PL1", "started: started scheduled")
	must(c.UpdateWorkitem(ctx, dicom.UID(one[0]), "2.25.1", workDone(t)))
	state(one[0], "2.25.1", client.Completed)
	is("PL1", "started: completed scheduled")
	must(c.RequestCancellation(ctx, dicom.UID(one[1]), nil))
	is("PL1", "completed: completed cancelled")

	two := order("NW", "PL2", "ACC2")
	state(two[0], "2.25.2", client.InProgress)
	order("CA", "PL2", "ACC2")
	is("PL2", "started: started cancelled")
	if o := orderOf(t, g.URL, "PL2"); !o.CancelRequested {
		t.Error("the order does not tell that its cancellation was asked for")
	}
	if d := cmp.Diff([]string{"PL2S1"}, stepIDs(t, g)); d != "" {
		t.Errorf("worklist: %s", d)
	}
	// An operator puts the step back: there is no second workitem while somebody performs the first.
	r, err := http.Post(g.URL+"/api/orders/"+orderOf(t, g.URL, "PL2").ID+"/status", "application/json", strings.NewReader(`{"status":"scheduled","step":0}`))
	must(err)
	must(r.Body.Close())
	if all := scheduled(t, &process{HTTP: g.URL}, "ReferencedRequestSequence.AccessionNumber=ACC2&ProcedureStepState=SCHEDULED"); len(all) != 0 {
		t.Error(all)
	}
	must(c.UpdateWorkitem(ctx, dicom.UID(two[0]), "2.25.2", workDone(t)))
	state(two[0], "2.25.2", client.Completed)
	is("PL2", "completed: completed cancelled")
	if d := cmp.Diff([]string{"PL1 started workitem", "PL1 completed workitem", "PL2 started workitem", "PL2 scheduled operator", "PL2 completed workitem"}, statusEvents(t, g.URL)); d != "" {
		t.Error(d)
	}
	sameAfterReindex(t, g, "/api/orders?number=PL1", "/api/orders?number=PL2", "/dicom-web/workitems?includefield=all")
}

// TestClaimedWorkitemsAreAskedToStop: with cancel_started: discontinue, too, who performs a workitem is told when its order is cancelled. It is of its order also when the
// client gave it another study.
func TestClaimedWorkitemsAreAskedToStop(t *testing.T) {
	conf := withWorklist(t)
	conf.Worklist.CancelStarted = config.CancelDiscontinue
	g := serve(t, conf)
	p := &process{HTTP: g.URL}
	hl7(t, g.HL7, "OMI^O23^OMI_O23", headOrder("NW")...)
	uid := scheduled(t, p, "ScheduledWorkitemCodeSequence.CodeValue=CTP1")[0]
	c := &client.Client{URL: g.URL + "/dicom-web"}
	another := &dataset.Set{}
	another.PutString(tag.StudyInstanceUID, dicom.UI, "2.25.99")
	if err := c.UpdateWorkitem(t.Context(), dicom.UID(uid), "", another); err != nil {
		t.Fatal(err)
	}
	if err := c.ChangeWorkitemState(t.Context(), dicom.UID(uid), "2.25.1", client.InProgress); err != nil {
		t.Fatal(err)
	}
	if got := orderOf(t, g.URL, "PL1").states(); got != "started: started scheduled" {
		t.Error(got)
	}
	hl7(t, g.HL7, "OMI^O23^OMI_O23", headOrder("CA")...)
	if got := orderOf(t, g.URL, "PL1").states(); got != "discontinued: discontinued cancelled" {
		t.Error(got)
	}
	_, body := get(t, g.URL+"/events?limit=1000", "")
	if n := strings.Count(string(body), `"cancel requested"`); n != 1 {
		t.Errorf("%d were told: %s", n, body)
	}
	sameAfterReindex(t, g, "/api/orders?number=PL1", "/dicom-web/workitems?includefield=all")
}

// workDone is what a workitem must have when it is completed.
func workDone(t *testing.T) *dataset.Set {
	t.Helper()
	code := func(of dicom.Tag, value string) dataset.Element {
		item := &dataset.Set{}
		item.PutString(tag.CodeValue, dicom.SH, value)
		item.PutString(tag.CodingSchemeDesignator, dicom.SH, "L")
		item.PutString(tag.CodeMeaning, dicom.LO, value)
		return dataset.Element{Tag: of, VR: dicom.SQ, Items: []*dataset.Set{item}}
	}
	done := &dataset.Set{}
	done.Put(code(tag.PerformedStationNameCodeSequence, "CT1"))
	done.Put(code(tag.PerformedWorkitemCodeSequence, "CTP1"))
	done.PutString(tag.PerformedProcedureStepStartDateTime, dicom.DT, "20261122093000")
	done.PutString(tag.PerformedProcedureStepEndDateTime, dicom.DT, "20261122094500")
	done.Put(dataset.Element{Tag: tag.OutputInformationSequence, VR: dicom.SQ})
	s := &dataset.Set{}
	s.Put(dataset.Element{Tag: tag.UnifiedProcedureStepPerformedProcedureSequence, VR: dicom.SQ, Items: []*dataset.Set{done}})
	return s
}

// scheduled gives the UIDs of the workitems that a search finds.
func scheduled(t *testing.T, p *process, query string) (uids []string) {
	t.Helper()
	status, body := get(t, p.HTTP+"/dicom-web/workitems?"+query, "")
	var sets []map[string]struct{ Value []any }
	if err := json.Unmarshal(body, &sets); err != nil || status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	for _, s := range sets {
		uids = append(uids, s["00080018"].Value[0].(string))
	}
	return uids
}
