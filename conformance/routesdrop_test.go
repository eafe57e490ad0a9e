package conformance

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/internal/app"
)

// TestRouteDrop: python3-hl7 never answers a message that is not UTF-8, and all that come after it wait. The operator finds its entry, and gives it up:
// the others arrive in their order, without a restart. It stays given up over one, and can be sent again.
func TestRouteDrop(t *testing.T) {
	port, lines := hl7Listen(t, exec.CommandContext(t.Context(), needPythonHL7(t), "hl7v2/serve.py"))
	data := t.TempDir()
	args := []string{"--config", configure(t, fmt.Sprintf(`
routes:
  destinations: [{name: his, mllp: "127.0.0.1:%d", answer: 1s, retry_first: 50ms, retry_most: 500ms}]
  rules: [{to: [his]}]
`, port))}
	p := start(t, data, args...)
	oru := func(control, name string) string {
		return "MSH|^~\\&|LAB|BV1|||20260102030405||ORU^R01|" + control + "|P|2.5.1||||||UNICODE UTF-8\rPID|1||7^^^BV1||" + name + "\rOBR|1|||CBC\rOBX|1|NM|HB||120|g/l|||||F\r"
	}
	deliver(t, p.HL7, oru("G1", "Nguyễn"), oru("B1", "M\xffller"), oru("G2", "Ánh"), oru("G3", "Ánh"), oru("G4", "Ánh"))
	last := ""
	arrives := func(control string) {
		t.Helper()
		for {
			var got struct{ Control string }
			if err := json.Unmarshal(lines(), &got); err != nil {
				t.Fatal(err)
			}
			if got.Control == last {
				continue // its answer came too late, and it was sent again
			}
			if last = got.Control; last != control {
				t.Fatalf("%s instead of %s", last, control)
			}
			return
		}
	}
	arrives("G1")
	var head *app.ForwardEntry
	eventually(t, "the second is tried again and again", func() bool {
		a := account(t, p.HTTP, "his")
		head = a.Head
		return a.Done == 1 && head != nil && head.Attempts > 2
	})
	if said := run(t, "forward", "status", "--url", p.HTTP); !strings.Contains(said, fmt.Sprintf("his: all wait for entry %d (%s), here since ", head.ID, head.Message)) ||
		!strings.Contains(said, "no acknowledgement came in time") || !strings.Contains(said, fmt.Sprintf("halong forward drop his %d --reason TEXT", head.ID)) {
		t.Error(said)
	}
	if said := run(t, "forward", "drop", "--url", p.HTTP, "his", fmt.Sprint(head.ID), "--reason", "not UTF-8"); !strings.Contains(said, "1 entries are given up") {
		t.Error(said)
	}
	for _, control := range []string{"G2", "G3", "G4"} {
		arrives(control)
	}
	eventually(t, "nothing waits", func() bool { a := account(t, p.HTTP, "his"); return a.Done == 4 && a.Dead == 1 && a.Head == nil })
	p.kill(t)
	p = start(t, data, args...)
	deliver(t, p.HL7, oru("G5", "Ánh"))
	arrives("G5")
	if said := run(t, "forward", "list", "--url", p.HTTP, "--state", "dead"); !strings.Contains(said, "given up by anonymous: not UTF-8; before that: mllp: no acknowledgement came in time") {
		t.Error(said)
	}
	if said := run(t, "forward", "retry", "--url", p.HTTP, "-d", "his", "--state", "dead"); !strings.Contains(said, "1 entries are sent again") {
		t.Error(said)
	}
	if a := account(t, p.HTTP, "his"); a.Dead != 0 || a.Entered != 6 {
		t.Errorf("%+v", a)
	}
}
