package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/internal/app/config"
)

// committed reads what halong commit --json printed: whether each object is safe, and why not.
func committed(t *testing.T, out string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(out) {
		var v struct {
			SOPInstance, Reason string
			Safe                bool
		}
		if json.Unmarshal([]byte(line), &v) != nil || v.SOPInstance == "" {
			continue // what was said beside
		}
		all[v.SOPInstance] = v.Reason
		if v.Safe {
			all[v.SOPInstance] = "safe"
		}
	}
	return all
}

// TestOrthancCommits: Halong asks Orthanc, which reports on an Association that it opens to the address it knows for us.
func TestOrthancCommits(t *testing.T) {
	interop(t, peerOrthanc, "Storage Commitment", asSCU, "halong commit; the report comes on a new Association, with and without failures")
	o := startOrthanc(t)
	listen := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	o.knows(t, "halong", "HALONG", listen)
	dir, objects := sampleFiles(t, 3)
	files := list(t, dir)
	o.take(t, files...)
	to := []string{"commit", o.DICOM, "--call", o.AE, "--listen", listen}

	code, out := runCode(t, program(t), append(append(to, "--json"), files...)...)
	if got := committed(t, out); code != 0 || len(got) != len(objects) || !strings.Contains(out, fmt.Sprintf("%d safe, 0 not safe", len(objects))) {
		t.Errorf("files: exit %d\n%s", code, out)
	}
	code, out = runCode(t, program(t), append(to, "--study", string(objects[0].Study))...)
	if want := len(ofStudy(t, dir, objects, objects[0].Study)); code != 0 || strings.Count(out, " safe\n")+strings.Count(out, " safe ") < want {
		t.Errorf("--study: exit %d, want %d\n%s", code, want, out)
	}
	some := filepath.Join(t.TempDir(), "instances")
	text := fmt.Sprintf("# comment\n%s %s\n\n%s 2.25.404\n", objects[0].SOPClass, objects[0].SOPInstance, objects[0].SOPClass)
	if err := os.WriteFile(some, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out = runCode(t, program(t), append(to, "--json", "--instances", some)...)
	if got := committed(t, out); code != 3 || len(got) != 2 || got[string(objects[0].SOPInstance)] != "safe" || !strings.Contains(got["2.25.404"], "0112") {
		t.Errorf("--instances: exit %d\n%s", code, out)
	}
	code, out = runCode(t, program(t), append([]string{"commit", o.DICOM, "--call", o.AE, "--wait", "2s"}, files...)...)
	if code != 1 || !strings.Contains(out, "nothing is known") {
		t.Errorf("without --listen: exit %d\n%s", code, out)
	}
}

// TestHalongCommits: Halong asks Halong: on the same Association, on a new one, and of an object that is not there.
func TestHalongCommits(t *testing.T) {
	listen := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	c := onLoopback(t.TempDir())
	c.DICOM.Destinations = []config.Destination{{AE: "HALONG", Address: listen}}
	g := serve(t, c)
	dir, objects := sampleFiles(t, 3)
	files := list(t, dir)
	sendFiles(t, g.DICOM, files[1:]...)
	for name, more := range map[string][]string{"same association": nil, "new association": {"--listen", listen, "--hold", "1ns"}} {
		code, out := runCode(t, program(t), append(append([]string{"commit", g.DICOM, "--json"}, more...), files...)...)
		got := committed(t, out)
		bad := 0
		for _, reason := range got {
			if reason != "safe" {
				bad++
			}
		}
		if code != 3 || len(got) != len(objects) || bad != 1 || !strings.Contains(out, "0112 no such object instance") {
			t.Errorf("%s: exit %d\n%s", name, code, out)
		}
	}
	sendFiles(t, g.DICOM, files[0])
	if code, out := runCode(t, program(t), append([]string{"commit", g.DICOM, "-q"}, files...)...); code != 0 || !strings.Contains(out, "0 not safe") {
		t.Errorf("exit %d\n%s", code, out)
	}
}
