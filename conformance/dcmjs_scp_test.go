package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDcmjsAsSCP: halong's commands against dcmjs-dimse, which takes what it is sent and answers C-FIND with one Study.
func TestDcmjsAsSCP(t *testing.T) {
	address, folder := dcmjsSCP(t)
	dir, objects := sampleFiles(t, 2)
	to := []string{address, "--call", "DCMJS"}

	t.Run("C-ECHO", func(t *testing.T) {
		interop(t, peerDcmjs, "C-ECHO", asSCU, "halong echo")
		run(t, append([]string{"echo", "--ae", "CALLER"}, to...)...)
		b, err := os.ReadFile(filepath.Join(folder, "association.json"))
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		want = map[string]any{"calling": "CALLER", "called": "DCMJS", "identity": nil}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
	})
	t.Run("user identity", func(t *testing.T) {
		interop(t, peerDcmjs, "User Identity Negotiation", asSCU, "halong echo: user name and passcode")
		run(t, append([]string{"echo", "--user", "radiologist", "--passcode", "open sesame"}, to...)...)
		b, err := os.ReadFile(filepath.Join(folder, "association.json"))
		if err != nil || !strings.Contains(string(b), `"identity":["radiologist","open sesame"]`) {
			t.Errorf("%v, %s", err, b)
		}
	})
	t.Run("C-STORE", func(t *testing.T) {
		interop(t, peerDcmjs, "C-STORE", asSCU, "halong send; every Data Set as it was in its file, in its own Transfer Syntax")
		files := append(list(t, dir), realFiles(t)...)
		run(t, append(append([]string{"send"}, to...), files...)...)
		got, syntaxes := arrived(t, folder)
		same(t, "sent", got, sums(t, files))
		if ts := syntaxes[string(objects[0].SOPInstance)]; ts != string(objects[0].TransferSyntax) {
			t.Errorf("%s came in %s", objects[0].What, ts)
		}
	})
	t.Run("C-FIND", func(t *testing.T) {
		interop(t, peerDcmjs, "C-FIND", asSCU, "halong find; answer in UTF-8")
		out := run(t, append([]string{"find", "-k", "PatientID=BN7"}, to...)...)
		for _, want := range []string{"TRẦN^THỊ^BÌNH", "BN7", "1 answers"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %s in\n%s", want, out)
			}
		}
	})
}
