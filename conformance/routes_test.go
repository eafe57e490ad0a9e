package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/app"
)

// configure writes a configuration.
func configure(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "halong.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// deliver sends messages over one connection; each must be taken.
func deliver(t testing.TB, addr string, messages ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := mllp.Dial(ctx, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, m := range messages {
		answer, err := c.Send(ctx, []byte(m))
		if err != nil {
			t.Fatal(err)
		}
		a, err := hl7v2.Parse(answer)
		if err != nil || a.Get("MSA-1") != "AA" && a.Get("MSA-1") != "CA" {
			t.Fatalf("%v: %q", err, answer)
		}
	}
}

// TestRoutes: results go to python3-hl7 with local codes replaced, in the order in which they came; what a table lacks ends as dead
// letter with the place, and goes again once somebody asks for it.
func TestRoutes(t *testing.T) {
	port, lines := hl7Listen(t, exec.CommandContext(t.Context(), needPythonHL7(t), "hl7v2/serve.py"))
	p := start(t, t.TempDir(), "--config", configure(t, fmt.Sprintf(`
routes:
  transforms:
    - name: loinc
      tables: [{name: codes, values: {GLU: 2345-7, HB: 718-7}, else: reject}]
      rules:
        - match: {MSH-9.1: ORU}
          actions:
            - {map: 'OBX[*]-3.1', table: codes}
            - {set: MSH-5, value: HIS}
  destinations: [{name: his, mllp: "127.0.0.1:%d", transform: [loinc], charset: UNICODE UTF-8, retry_first: 50ms}]
  rules:
    - {name: results, match: {MSH-9.1: ORU, 'OBX[*]-3.1': 'GLU|XYZ'}, to: [his]}
`, port)))
	oru := func(control, code string) string {
		return "MSH|^~\\&|LAB|BV1|||20260102030405||ORU^R01|" + control + "|P|2.5.1||||||8859/1\rPID|1||7^^^BV1||M\xfcller^A\rOBR|1|||CBC\r" +
			"OBX|1|NM|HB^Hb^L||120|g/l\rOBX|2|NM|" + code + "^Some^L||5.1|mmol/l|||||F\r"
	}
	deliver(t, p.HL7, oru("R1", "GLU"), oru("R2", "OTHER"), oru("R3", "XYZ"), oru("R4", "GLU"))
	for _, control := range []string{"R1", "R4"} {
		var got struct{ Control, Raw string }
		if err := json.Unmarshal(lines(), &got); err != nil || got.Control != control {
			t.Fatalf("%v: %+v", err, got)
		}
		m, err := hl7v2.Parse([]byte(strings.Trim(got.Raw, "\x0b\x1c\r")))
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{
			"MSH-5": "HIS", "MSH-18": "UNICODE UTF-8", "PID-5.1": "Müller", "OBX[1]-3.1": "718-7", "OBX[2]-3.1": "2345-7", "OBX[2]-3.2": "Some", "OBX[2]-11": "F",
		} {
			if m.Get(path) != want {
				t.Errorf("%s: %s is %q", control, path, m.Get(path))
			}
		}
	}
	eventually(t, "two are done, one is dead", func() bool {
		a := account(t, p.HTTP, "his")
		return a.Done == 2 && a.Dead == 1 && a.Entered == 3
	})
	var list app.MessageList
	if err := json.Unmarshal([]byte(run(t, "hl7", "list", "--url", p.HTTP, "--json", "--control", "R3")), &list); err != nil || len(list.Messages) != 1 {
		t.Fatalf("%v: %+v", err, list)
	}
	number := fmt.Sprint(list.Messages[0].Message)
	if said := run(t, "hl7", "show", "--url", p.HTTP, number); !strings.Contains(said, "to his: dead, 1 attempts") ||
		!strings.Contains(said, `rule "rule 1" at OBX[2]-3.1: the value is not in table codes`) || !strings.Contains(said, "Müller") {
		t.Error(said)
	}
	if said := run(t, "hl7", "list", "--url", p.HTTP, "--patient", "7"); strings.Count(said, "ORU^R01") != 4 {
		t.Error(said)
	}
	if err := json.Unmarshal([]byte(run(t, "hl7", "list", "--url", p.HTTP, "--json", "--control", "R1")), &list); err != nil || len(list.Messages) != 1 {
		t.Fatalf("%v: %+v", err, list)
	}
	run(t, "hl7", "resend", "--url", p.HTTP, fmt.Sprint(list.Messages[0].Message))
	var got struct{ Control string }
	if err := json.Unmarshal(lines(), &got); err != nil || got.Control != "R1" {
		t.Fatal(err, got)
	}
}

// TestRouteKill kills the gateway again and again while it sends messages on to another one, in original and in enhanced mode: all of
// them arrive, in order, and what is sent twice bears the same control ID, by which the receiver knows it.
func TestRouteKill(t *testing.T) {
	const messages = 400
	far := start(t, t.TempDir())
	data := t.TempDir()
	args := []string{"--config", configure(t, fmt.Sprintf(`
routes:
  destinations: [{name: far, mllp: %q, retry_first: 50ms, retry_most: 500ms}]
  rules: [{to: [far]}]
`, far.HL7))}
	near := start(t, data, args...)
	count := func() int {
		var list app.MessageList
		status, body := get(t, far.HTTP+"/api/messages?limit=500", "")
		if err := json.Unmarshal(body, &list); err != nil || status != 200 {
			t.Fatal(status, err)
		}
		return len(list.Messages)
	}
	for life := range 8 {
		var batch []string
		for i := range messages / 8 {
			mode := ""
			if i%2 == 1 {
				mode = "|||AL|AL"
			}
			n := life*messages/8 + i
			batch = append(batch, fmt.Sprintf("MSH|^~\\&|LAB|BV1|||20260102030405||ORU^R01|K%04d|P|2.5%s\rPID|1||%d^^^BV1\rOBR|1|||CBC\rOBX|1|NM|HB||%d|g/l|||||F\r", n, mode, n, n))
		}
		// Acknowledged messages must survive what comes now.
		for _, m := range batch {
			deliver(t, near.HL7, m)
			if rand.IntN(len(batch)) == 0 {
				near.kill(t)
				near = start(t, data, args...)
			}
		}
		near.kill(t)
		near = start(t, data, args...)
	}
	eventually(t, "everything arrives", func() bool { return count() >= messages && account(t, near.HTTP, "far").Done == messages })
	var list app.MessageList
	_, body := get(t, far.HTTP+"/api/messages?limit=500", "")
	if err := json.Unmarshal(body, &list); err != nil || len(list.Messages) != messages {
		t.Fatalf("%v: %d messages", err, len(list.Messages))
	}
	for i, m := range list.Messages { // the newest first
		if want := fmt.Sprintf("K%04d", messages-1-i); m.Control != want || m.Repeated {
			t.Fatalf("message %d from the end is %s, repeated %v", i, m.Control, m.Repeated)
		}
	}
}

// TestOrderStatusRoute: the system that placed an order is told of its states.
func TestOrderStatusRoute(t *testing.T) {
	port, lines := hl7Listen(t, exec.CommandContext(t.Context(), needPythonHL7(t), "hl7v2/serve.py"))
	p := start(t, t.TempDir(), "--config", configure(t, fmt.Sprintf(`
routes:
  destinations: [{name: his, mllp: "127.0.0.1:%d", retry_first: 50ms}]
  rules:
    - {name: states, topics: [status], to: [his]}
    - {name: results, topics: [result], to: [his]}
`, port)))
	deliver(t, p.HL7, "MSH|^~\\&|HIS|BV1|RIS|BV1|20260102030405||ORM^O01|O1|P|2.5\rPID|1||7^^^BV1||Nguyễn^Ánh||19850102|F\r"+
		"ORC|NW|P1^HIS|F1^RIS||SC\rOBR|1|P1^HIS|F1^RIS|CT1^CT Head^L||||||||||||||ACC1|RP1|SP1||||CT|||^^^20260103080000\r")
	deliver(t, p.HL7, "MSH|^~\\&|HIS|BV1|RIS|BV1|20260102030505||ORM^O01|O2|P|2.5\rPID|1||7^^^BV1||Nguyễn^Ánh||19850102|F\r"+
		"ORC|CA|P1^HIS|F1^RIS||CA\rOBR|1|P1^HIS|F1^RIS|CT1^CT Head^L||||||||||||||ACC1|RP1|SP1||||CT\r")
	deliver(t, p.HL7, "MSH|^~\\&|LAB|BV1|RIS|BV1|20260102030605||ORU^R01|O3|P|2.5\rPID|1||7^^^BV1||Nguyễn^Ánh||19850102|F\r"+
		"OBR|1|L1|L2|CBC^Count^L|||20260102\rOBX|1|SN|HB^Hb^L||>=^120|g/l|100-150|N|||F\r")
	seen := map[string]*hl7v2.Message{}
	for end := time.Now().Add(patience); seen["ORU"] == nil || seen["ORM CA"] == nil; {
		if time.Now().After(end) {
			t.Fatal(seen)
		}
		var got struct{ Raw string }
		if err := json.Unmarshal(lines(), &got); err != nil {
			t.Fatal(err)
		}
		m, err := hl7v2.Parse([]byte(strings.Trim(got.Raw, "\x0b\x1c\r")))
		if err != nil {
			t.Fatal(err)
		}
		key := m.Get("MSH-9.1")
		if key == "ORM" {
			key += " " + m.Get("ORC-5")
		}
		seen[key] = m
	}
	for _, c := range []struct{ message, path, want string }{
		{"ORM CA", "ORC-2.1", "P1"},
		{"ORM CA", "PID-5.2", "Ánh"},
		{"ORM CA", "MSH-5", "HIS"},
		{"ORM CA", "OBR-18", "ACC1"},
		{"ORU", "OBX-5.1", ">="},
		{"ORU", "OBX-5.2", "120"},
		{"ORU", "OBX-11", "F"},
		{"ORU", "PID-3.1", "7"},
		{"ORU", "OBX-7", "100-150"},
		{"ORU", "OBR-4.2", "Count"},
	} {
		if got := seen[c.message].Get(c.path); got != c.want {
			t.Errorf("%s: %s is %q, not %q", c.message, c.path, got, c.want)
		}
	}
}
