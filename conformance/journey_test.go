package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/app"
)

// his is python3-hl7 as a hospital's information system, which is told of states and results.
type his struct {
	Port  int
	lines func() []byte
}

func newHIS(t *testing.T) *his {
	t.Helper()
	h := &his{}
	h.Port, h.lines = hl7Listen(t, exec.CommandContext(t.Context(), needPythonHL7(t), "hl7v2/serve.py"))
	return h
}

// next gives the next message that it received.
func (h *his) next(t *testing.T) *hl7v2.Message {
	t.Helper()
	var got struct{ Raw string }
	if err := json.Unmarshal(h.lines(), &got); err != nil {
		t.Fatal(err)
	}
	m, err := hl7v2.Parse([]byte(strings.Trim(got.Raw, "\x0b\x1c\r")))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// holds compares what stands at places of a message; odd strings are places, what follows each is wanted there.
func holds(t *testing.T, m *hl7v2.Message, pairs ...string) {
	t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		if got := m.Get(pairs[i]); got != pairs[i+1] {
			t.Errorf("%s of %s: %q, not %q", pairs[i], m.Get("MSH-10"), got, pairs[i+1])
		}
	}
}

// journey is the running program with a configuration.
type journey struct {
	*gateway // its addresses
	p        *process
	data     string
	args     []string
}

func setOut(t *testing.T, yaml string) *journey {
	t.Helper()
	j := &journey{data: t.TempDir(), args: []string{"--config", configure(t, yaml)}}
	j.start(t)
	return j
}

func (j *journey) start(t *testing.T) {
	t.Helper()
	j.p = start(t, j.data, j.args...)
	j.gateway = &gateway{Addresses: app.Addresses{DICOM: j.p.DICOM, HL7: j.p.HL7, URL: j.p.HTTP, HTTP: strings.TrimPrefix(j.p.HTTP, "http://")}}
}

// reindexed stops the program, runs halong reindex, and compares answers.
func (j *journey) reindexed(t *testing.T, paths ...string) {
	t.Helper()
	answers := func() map[string]string {
		all := map[string]string{}
		for _, p := range paths {
			_, body := j.ask(t, p, "")
			all[p] = string(body)
		}
		return all
	}
	before := answers()
	j.p.stop(t)
	run(t, append([]string{"reindex", "--data", j.data}, j.args...)...)
	j.start(t)
	if d := cmp.Diff(before, answers()); d != "" {
		t.Errorf("after halong reindex: %s", d)
	}
}

// sendBy has a library send messages, which must be accepted; it gives the answers.
func (j *journey) sendBy(t *testing.T, library string, messages ...string) (answers []string) {
	t.Helper()
	_, port, _ := net.SplitHostPort(j.HL7)
	for _, s := range hl7Senders() {
		if s.name != library {
			continue
		}
		for _, a := range hl7Run(t, s.command, port, messages).Answers {
			if a.Code != "AA" {
				t.Fatalf("%s: %q", library, a.Raw)
			}
			answers = append(answers, a.Raw)
		}
	}
	if len(answers) != len(messages) {
		t.Fatalf("%s: %d answers", library, len(answers))
	}
	return answers
}

// placed makes a message of a HIS.
func placed(kind, control string, segments ...string) string {
	return "MSH|^~\\&|HIS|BV1|HALONG|BV1|20261122081500||" + kind + "|" + control + "|P|2.5.1||||||UNICODE UTF-8\r" + strings.Join(segments, "\r") + "\r"
}

// storescu sends objects with DCMTK's storescu.
func storescu(t *testing.T, address string, objects ...object) {
	t.Helper()
	dir := t.TempDir()
	host, port, _ := net.SplitHostPort(address)
	args := []string{"-aet", "CT1", "-aec", "HALONG", host, port}
	for i := range objects {
		name := filepath.Join(dir, fmt.Sprint(i, ".dcm"))
		if err := os.WriteFile(name, objects[i].part10(), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	tool(t, "storescu", args...)
}

// TestOrderToImages: the radiology department's whole day with the running program and real peers. python3-hl7 sends an OMI^O23, findscu gets it as a worklist, dcmjs-dimse
// performs the first step by MPPS, storescu sends the images of the second, of a modality without MPPS; the HIS, a python3-hl7 server, is told each state with
// the order's numbers. So it is for an ORM^O01 of node-hl7-client whose modality sends images alone. What was performed reaches another gateway, and
// halong reindex says the same as before.
func TestOrderToImages(t *testing.T) {
	interop(t, peerDcmjs, "N-CREATE, N-SET", asSCP, "Modality Performed Procedure Step, forwarded to another Halong")
	for _, name := range []string{"findscu", "storescu"} {
		needTool(t, name)
	}
	far, h := serve(t, onLoopback(t.TempDir())), newHIS(t)
	j := setOut(t, fmt.Sprintf(`
dicom: {destinations: [{ae: RIS, address: %q}]}
worklist: {images: {after: 50ms}, mpps: {forward: [RIS]}}
routes:
  destinations: [{name: his, mllp: "127.0.0.1:%d", retry_first: 50ms}]
  rules: [{name: states, topics: [status], to: [his]}]
`, far.DICOM, h.Port))

	answer := j.sendBy(t, "python3-hl7", placed("OMI^O23^OMI_O23", "J1", headOrder("NW")...))[0]
	if !strings.Contains(answer, "|ORI^O24^ORI_O24|") || !strings.Contains(answer, "\rORC|OK|PL1^HIS") {
		t.Errorf("answer %q", answer)
	}
	worklist := func(station string) string {
		t.Helper()
		return strings.Join(findscuWorklist(t, j.DICOM, "-k", "PatientName", "-k", "AccessionNumber", "-k", "StudyInstanceUID", "-k", "(0040,0100)[0].ScheduledStationAETitle="+station,
			"-k", "(0040,0100)[0].ScheduledProcedureStepStartDate=20261122", "-k", "(0040,0100)[0].ScheduledProcedureStepID"), "")
	}
	if list := worklist("CT1"); strings.Count(list, "(0040,0009)") != 2 || strings.Count(list, "Nguyễn^Đức^Văn") != 2 || strings.Count(list, "2.25.7001000801") != 2 || !strings.Contains(list, "ACC1") {
		t.Errorf("worklist %s", list)
	}
	performHead(t, j.gateway)
	if got := orderOf(t, j.URL, "PL1").states(); got != "started: completed scheduled" {
		t.Errorf("after MPPS: %s", got)
	}
	of := []string{
		"MSH-9.1", "OMI", "MSH-9.2", "O23", "MSH-5", "HIS", "MSH-6", "BV1", "PID-3.1", "P001", "PID-5.1", "Nguyễn", "ORC-1", "SC", "ORC-2.1", "PL1", "ORC-2.2", "HIS", "OBR-2.1", "PL1",
		"OBR-4.1", "CT01", "OBR-18", "ACC1", "IPC[1]-1.1", "ACC1", "IPC[1]-3.1", "2.25.7001000801", "IPC[1]-4.1", "SPS1", "IPC[2]-4.1", "SPS2",
	}
	holds(t, h.next(t), append(of, "ORC-5", "IP")...)
	storescu(t, j.DICOM, imaged(801, "2.25.7001000801", "P001", "ACC1", "SPS2"))
	holds(t, h.next(t), append(of, "ORC-5", "CM")...)
	if list := worklist("CT1"); list != "" {
		t.Errorf("still in the worklist: %s", list)
	}

	// A modality that has no MPPS: its images end the order.
	answer = j.sendBy(t, "node-hl7-client", placed("ORM^O01^ORM_O01", "J2", "PID|1||P002^^^BV1^MR||Trần^Bình||19800102|F",
		"ORC|NW|PL2^HIS|F2^RIS||SC", "OBR|1|PL2^HIS|F2^RIS|CT02^Ngực^L||||||||||||||ACC2|RP2|SPS3||||CT|||^^^20261122100000", "ZDS|2.25.7001000802^HALONG^Application^DICOM"))[0]
	if !strings.Contains(answer, "|ORR^O02^ORR_O02|") || !strings.Contains(answer, "\rORC|OK|PL2^HIS|F2^RIS") {
		t.Errorf("answer %q", answer)
	}
	storescu(t, j.DICOM, imaged(802, "2.25.7001000802", "P002", "ACC2", ""))
	holds(t, h.next(t), "MSH-9.1", "ORM", "MSH-9.2", "O01", "PID-3.1", "P002", "ORC-1", "SC", "ORC-2.1", "PL2", "ORC-2.2", "HIS", "ORC-3.1", "F2", "ORC-3.2", "RIS", "ORC-5", "CM",
		"OBR-2.1", "PL2", "OBR-3.1", "F2", "OBR-4.1", "CT02", "OBR-18", "ACC2", "OBR-19", "RP2", "OBR-20", "SPS3", "OBR-24", "CT")

	// And one that its placer cancels.
	j.sendBy(t, "python3-hl7", placed("ORM^O01^ORM_O01", "J3", "PID|1||P002^^^BV1^MR||Trần^Bình", "ORC|NW|PL3^HIS", "OBR|1|PL3^HIS||XQ02^Cột sống^L"),
		placed("ORM^O01^ORM_O01", "J4", "PID|1||P002^^^BV1^MR||Trần^Bình", "ORC|CA|PL3^HIS"))
	holds(t, h.next(t), "MSH-9.1", "ORM", "ORC-1", "OC", "ORC-2.1", "PL3", "ORC-5", "CA")

	if d := cmp.Diff([]string{"PL1 started mpps", "PL1 completed images", "PL2 completed images", "PL3 cancelled order"}, statusEvents(t, j.URL)); d != "" {
		t.Error(d)
	}
	eventually(t, "the MPPS is forwarded", func() bool {
		status, body := get(t, far.URL+"/api/worklist/performed/2.25.801", "")
		return status == http.StatusOK && bytes.Contains(body, []byte(`"COMPLETED"`))
	})
	eventually(t, "nothing waits any more", func() bool {
		_, body := get(t, j.URL+"/api/worklist/forward", "")
		return strings.TrimSpace(string(body)) == `{"waiting":[]}`
	})
	j.reindexed(t, "/api/orders", "/api/orders?number=PL1", "/api/worklist/performed/2.25.801", "/api/worklist/mismatches", "/api/worklist/forward")
}
