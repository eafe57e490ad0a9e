package conformance

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// labHeader begins a message.
func labHeader(typ, control, sent string) string {
	return "MSH|^~\\&|LIS|LAB|HALONG|BV1|" + sent + "||" + typ + "|" + control + "|P|2.5.1||||||UNICODE UTF-8"
}

// labSend sends messages by MLLP; each has to be accepted.
func labSend(t testing.TB, g *gateway, messages ...[]string) {
	t.Helper()
	c, err := mllp.Dial(context.Background(), g.HL7)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, m := range messages {
		answer, err := c.Send(context.Background(), []byte(strings.Join(m, "\r")+"\r"))
		if err != nil || !bytes.Contains(answer, []byte("\rMSA|AA|")) {
			t.Fatalf("%s: %q, %v", m[0], answer, err)
		}
	}
}

// labReport is what a test looks at of a report.
type labReport struct {
	ID, Status string
	Version    int
	Order      *struct {
		ID         string
		By, Status string
	}
	Observations []struct {
		Code   struct{ Code string }
		Status string
		Values []struct {
			Text       string
			Attachment *struct{ Document int }
		}
		Reading *struct {
			Code *struct{ Code, By string }
			Unit *struct{ Code string }
		}
	}
}

// line writes a report as "id vN status: code=value/status ...".
func (r *labReport) line() string {
	var b strings.Builder
	b.WriteString(r.ID + " " + r.Status + ":")
	for _, o := range r.Observations {
		b.WriteString(" " + o.Code.Code + "=")
		if len(o.Values) > 0 {
			b.WriteString(o.Values[0].Text)
		}
		b.WriteString("/" + o.Status)
	}
	return b.String()
}

func labAsk(t testing.TB, g *gateway, path string, v any) {
	t.Helper()
	code, b := g.ask(t, path, "")
	if code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, code, b)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestLabOrderToReport: the laboratory's journey with the running program. An OML^O21 of node-hl7-client, its ORU, a correction and a PDF report, with an orphan whose order
// comes later; the HIS, a python3-hl7 server, is told each result with the order's numbers, the correction as one and the PDF byte for byte; and
// everything reads the same after a reindex.
func TestLabOrderToReport(t *testing.T) {
	csv := filepath.Join(t.TempDir(), "lis.csv")
	if err := os.WriteFile(csv, []byte("# version: 7\nsender,code,loinc,unit,ucum\nLIS,HGB,718-7,,\n,,,mg%,mg/dL\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHIS(t)
	g := setOut(t, fmt.Sprintf(`
lab: {maps: [%q]}
routes:
  destinations: [{name: his, mllp: "127.0.0.1:%d", retry_first: 50ms}]
  rules: [{name: results, topics: [result], to: [his]}]
`, csv, h.Port))
	pid := "PID|1||7^^^BV1^MR||Nguyễn^Ánh^Thị||19850102|F"
	order := func(control, placer, specimen string) []string {
		return []string{labHeader("OML^O21", control, "20261121070000"), pid, "PV1|1|O", "ORC|NW|" + placer + "^HIS|||SC", "OBR|1|" + placer + "^HIS||CBC^Count^L", "SPM|1|" + specimen + "||BLD"}
	}
	result := func(control, sent, placer, status string, obx ...string) []string {
		return append([]string{labHeader("ORU^R01", control, sent), pid, "ORC|RE|" + placer + "^HIS|F" + placer, "OBR|1|" + placer + "^HIS|F" + placer + "|CBC^Count^L|||20261121080000||||||||||||||||||" + status}, obx...)
	}
	var list struct{ Orphans []struct{ Reason, ID string } }

	if a := g.sendBy(t, "node-hl7-client", strings.Join(order("1", "P1", "S1"), "\r")+"\r")[0]; !strings.Contains(a, "|ORL^O22^ORL_O22|") || !strings.Contains(a, "\rORC|OK|P1^HIS") {
		t.Errorf("answer %q", a)
	}
	labSend(t, g.gateway, result("2", "20261121090000", "P1", "P", "OBX|1|NM|HGB^^L||13|g/dL|12-16||||P"), result("3", "20261121090000", "P2", "F", "OBX|1|NM|HGB^^L||9|mg%|12-16||||F"))
	labAsk(t, g.gateway, "/api/orphans", &list)
	if len(list.Orphans) != 1 || list.Orphans[0].ID != "5.0" || list.Orphans[0].Reason != "unknown order" {
		t.Fatalf("%+v", list)
	}
	labSend(t, g.gateway, order("4", "P2", "S2")) // the order of the orphan
	labAsk(t, g.gateway, "/api/orphans", &list)
	if len(list.Orphans) != 0 {
		t.Errorf("%+v", list)
	}
	pdf := append([]byte("%PDF-1.4\n"), bytes.Repeat([]byte("report "), 40_000)...)
	labSend(
		t, g.gateway,
		result("5", "20261121100000", "P1", "F", "OBX|1|NM|HGB^^L||13.5|g/dL|12-16||||F", "OBX|2|ED|PDF^Report^L||LAB^application^pdf^Base64^"+base64.StdEncoding.EncodeToString(pdf)+"||||||F"),
		result("6", "20261121110000", "P1", "P", "OBX|1|NM|HGB^^L||1|g/dL|12-16||||P"), // late: kept, not shown
		result("7", "20261121120000", "P1", "C", "OBX|1|NM|HGB^^L||10.5|g/dL|12-16|L|||C"),
	)
	var r labReport
	labAsk(t, g.gateway, "/api/reports/4.0", &r)
	if d := cmp.Diff("4.0 corrected: HGB=10.5/corrected PDF=/final", r.line()); d != "" || r.Version != 4 {
		t.Error(d, r.Version)
	}
	var placed struct{ Orders []struct{ ID string } }
	labAsk(t, g.gateway, "/api/orders?number=P1", &placed)
	if r.Order == nil || len(placed.Orders) != 1 || placed.Orders[0].ID != r.Order.ID {
		t.Fatalf("%+v is not %+v", r.Order, placed)
	}
	if r.Order.By != "placer" || r.Observations[0].Reading.Code.Code != "718-7" || r.Observations[0].Reading.Code.By != "map lis.csv version 7" {
		t.Errorf("%+v %+v", r.Order, r.Observations[0].Reading)
	}
	req, err := http.NewRequest(http.MethodGet, g.URL+"/api/reports/4.0/documents/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", "bytes=9-14")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	part := readAndClose(t, answer)
	if answer.StatusCode != http.StatusPartialContent || string(part) != "report" || answer.Header.Get("Content-Type") != "application/pdf" {
		t.Errorf("%d %q %v", answer.StatusCode, part, answer.Header)
	}
	post, err := http.Post(g.URL+"/api/results", "application/json", strings.NewReader(`{"sender":"HIS","patient":{"id":"7","authority":"BV1"},
		"reports":[{"service":"CHEM","accession":"A77","observations":[{"code":"GLU","value":"<0.1","units":"mmol/L"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if b := readAndClose(t, post); post.StatusCode != http.StatusOK || !bytes.Contains(b, []byte(`"reports":["10.0"]`)) {
		t.Errorf("%d %s", post.StatusCode, b)
	}
	labOUL(t, g.gateway)
	labTold(t, h, pdf)
	paths := []string{
		"/api/patients/7/results?history=true", "/api/reports?limit=100", "/api/reports/4.0?history=true", "/api/reports/4.0/documents/1", "/api/reports?number=A77", "/api/reports?number=C9",
		"/api/observations?patient=7", "/api/observations?patient=7&code=718-7", "/api/orphans", "/api/lab/unmapped", "/api/lab/maps", "/api/results/unassigned?history=true",
	}
	g.reindexed(t, paths...)
}

// labTold looks at what the HIS received: each version of a report once, in their order, but not the preliminary one that came after its final.
func labTold(t *testing.T, h *his, pdf []byte) {
	t.Helper()
	holds(t, h.next(t), "MSH-9.1", "ORU", "MSH-9.2", "R01", "PID-3.1", "7", "PID-3.4", "BV1", "PID-5.1", "Nguyễn", "ORC-2.1", "P1", "ORC-3.1", "FP1", "OBR-2.1", "P1", "OBR-3.1", "FP1", "OBR-25", "P",
		"OBX-5", "13", "OBX-11", "P")
	holds(t, h.next(t), "OBR-2.1", "P2", "OBR-25", "F", "OBX-5", "9")
	document := base64.StdEncoding.EncodeToString(pdf)
	holds(t, h.next(t), "OBR-2.1", "P1", "OBR-3.1", "FP1", "OBR-25", "F", "OBX[1]-5", "13.5", "OBX[1]-11", "F", "OBX[2]-2", "ED", "OBX[2]-5.4", "Base64", "OBX[2]-5.5", document)
	holds(t, h.next(t), "OBR-2.1", "P1", "OBR-3.1", "FP1", "OBR-25", "C", "OBX[1]-5", "10.5", "OBX[1]-8", "L", "OBX[1]-11", "C", "OBX[2]-5.5", document)
	holds(t, h.next(t), "OBR-4.1", "CHEM", "OBX-5.1", "<", "OBX-5.2", "0.1")
	holds(t, h.next(t), "OBR-2.1", "P9", "OBX-3.1", "GLU", "OBX-5", "5.1")
	holds(t, h.next(t), "OBR-2.1", "P10", "OBX-3.1", "CRP")
}

// labOUL sends an OUL^R22 with python3-hl7, and finds it by the barcode of its container.
func labOUL(t *testing.T, g *gateway) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "oul.hl7")
	m := []string{
		labHeader("OUL^R22", "9", "20261121130000"), "SPM|1|S9||SER|||||||P", "SAC|||C9", "OBR|1|P9||GLU^Glucose^L", "ORC|OK|P9|F9", "OBX|1|NM|GLU^^L||5.1|mmol/L|||||F", "OBR|2|P10||CRP^^L",
		"OBX|1|SN|CRP^^L||<^0.6|mg/L|||||F",
	}
	script := "import sys, hl7.client\nwith hl7.client.MLLPClient('127.0.0.1', int(sys.argv[1])) as c: print(c.send_message(open(sys.argv[2], newline='').read()).decode())\n"
	if err := os.WriteFile(file, []byte(strings.Join(m, "\r")+"\r"), 0o600); err != nil {
		t.Fatal(err)
	}
	port := g.HL7[strings.LastIndexByte(g.HL7, ':')+1:]
	out, err := exec.CommandContext(t.Context(), needPythonHL7(t), "-c", script, port, file).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("MSA|AA|9")) {
		t.Fatalf("%v: %s", err, out)
	}
	var found struct{ Reports []labReport }
	labAsk(t, g, "/api/reports?number=C9", &found)
	var lines []string
	for i := range found.Reports {
		lines = append(lines, found.Reports[i].line())
	}
	if d := cmp.Diff([]string{"11.1 final: CRP=<^0.6/final", "11.0 final: GLU=5.1/final"}, lines); d != "" {
		t.Error(d)
	}
}

// readAndClose reads a body to its end.
func readAndClose(t testing.TB, r *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if cerr := r.Body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}
