package intake

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// TestPythonClient lets python3-hl7's mllp_send deliver results.
func TestPythonClient(t *testing.T) {
	tool, err := exec.LookPath("mllp_send")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("mllp_send of the Debian package python3-hl7 is missing")
		}
		t.Skip("mllp_send of the Debian package python3-hl7 is missing")
	}
	w := newWorld(t)
	w.listen(mllp.Config{})
	_, port, _ := net.SplitHostPort(w.addr)
	file := filepath.Join(t.TempDir(), "messages.hl7")
	text := strings.ReplaceAll(oru("1", "202611210900", "p", "F1", "F", "HGB|140|F")+oru("2", "202611211000", "p", "F1", "C", "HGB|104|C"), "\r", "\n")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "--loose", "--file", file, "-p", port, "127.0.0.1").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "MSA|AA|1\r") || !strings.Contains(string(out), "MSA|AA|2\r") {
		t.Errorf("%v: %q", err, out)
	}
	r := w.results("p", "").Patients[0].Reports
	if len(r) != 1 || r[0].Version != 2 || r[0].Observations[0].Values[0].Number != "104" {
		t.Errorf("%+v", r)
	}
}

// TestLarge sends an ED of 20 MB, and a block that is too large.
func TestLarge(t *testing.T) {
	w := newWorld(t)
	w.listen(mllp.Config{MaxMessage: 24 << 20})
	head := strings.Split(oru("1", "202611210900", "p", "F1", "F"), "\rOBR")[0]
	msg := head + "\rOBR|1||F1|PDF\rOBX|1|ED|DOC||LAB^AP^PDF^Base64^" + strings.Repeat("QUJD", 5<<20) + "||||||F\r"
	c, err := mllp.Dial(t.Context(), w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if a, err := c.Send(t.Context(), []byte(msg)); err != nil || msa(string(a)) != "AA 1" {
		t.Errorf("%q %v", a, err)
	}
	if a := w.results("p", "").Patients[0].Reports[0].Observations[0].Values[0].Attachment; a == nil || a.Length != 20<<20 || a.Subtype != "PDF" {
		t.Errorf("%+v", a)
	}
	if code, body := w.get("/messages/1"); code != 200 || body != msg {
		t.Errorf("raw message: %d, %d bytes", code, len(body))
	}
	if a, err := c.Send(t.Context(), []byte(msg+strings.Repeat("NTE|1||x\r", 1<<20))); err != nil || msa(string(a)) != "AR 1" {
		t.Errorf("%q %v", a, err)
	}
	if a, err := c.Send(t.Context(), []byte(oru("2", "202611211000", "p", "F2", "F", "HGB|140|F"))); err != nil || msa(string(a)) != "AA 2" {
		t.Errorf("after it: %q %v", a, err)
	}
}
