package conformance

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/tag"
)

const coerceKillRules = `
coerce:
  - name: in
    receive: true
    rules:
      - actions: [{replace: PatientID, regex: '^', with: 'BV1-'}]
`

// TestKillKeepsCoercedPairs kills the process again and again while objects arrive that rules change. Of everything
// acknowledged both must be there: what was received, byte for byte, and what is served, with the same pixels; also
// by an index that was made again.
func TestKillKeepsCoercedPairs(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	rules := filepath.Join(t.TempDir(), "halong.yaml")
	if err := os.WriteFile(rules, []byte(coerceKillRules), 0o600); err != nil {
		t.Fatal(err)
	}
	var acked acknowledged
	for life := range kills(t) {
		p := start(t, data, "--config", rules)
		before, _ := acked.count()
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for worker := range 2 {
			wg.Go(func() { storeWhile(ctx, dimse.CoercionOfElements, p.DICOM, 500+10*life+worker, &acked) })
		}
		eventually(t, "objects are acknowledged", func() bool { n, _ := acked.count(); return n > before })
		time.Sleep(time.Duration(rand.IntN(600)) * time.Millisecond)
		p.kill(t)
		cancel()
		wg.Wait()
	}
	if len(acked.objects) == 0 {
		t.Fatal("nothing was acknowledged: the load did not run")
	}
	t.Logf("%d kills, %d objects acknowledged", kills(t), len(acked.objects))
	for round := range 2 {
		p := start(t, data, "--config", rules)
		for i := range acked.objects {
			checkCoerced(t, p.HTTP, &acked.objects[i])
		}
		p.stop(t)
		t.Log(run(t, "verify", "--data", data))
		checkReceivedFiles(t, data, acked.objects)
		if round == 0 {
			t.Log(run(t, "reindex", "--config", rules, "--data", data))
		}
	}
}

// checkCoerced looks at what WADO-RS gives of an object whose Patient ID was changed.
func checkCoerced(t *testing.T, base string, o *object) {
	t.Helper()
	status, body := get(t, base+"/dicom-web"+o.path(), "application/dicom; transfer-syntax=*")
	if status != http.StatusOK {
		t.Errorf("%s: status %d", o.sop, status)
		return
	}
	_, rest, err := dataset.ReadFileHeader(bytes.NewReader(body), dataset.Limits{})
	if err != nil {
		t.Errorf("%s: %v", o.sop, err)
		return
	}
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	s, err := dataset.NewReader(rest, ts).ReadSet()
	if err != nil {
		t.Errorf("%s: %v", o.sop, err)
		return
	}
	if s.String(tag.PatientID) != "BV1-"+o.patient || !bytes.Equal(s.Get(tag.PixelData).Value, pixelsOf(t, o.data)) {
		t.Errorf("%s: Patient ID %s, or other pixels", o.sop, s.String(tag.PatientID))
	}
}

// checkReceivedFiles compares what `halong export --as-received` writes with what was sent.
func checkReceivedFiles(t *testing.T, data string, objects []object) {
	t.Helper()
	out := t.TempDir()
	run(t, "export", "--data", data, "--as-received", "--quiet", "--out", out)
	all := map[string]string{}
	for _, name := range hashes(t, out) {
		all[filepath.Base(name)] = name
	}
	for i := range objects {
		o := &objects[i]
		got, err := os.ReadFile(all[string(o.sop)+".dataset"])
		if err != nil || !bytes.Equal(got, o.data) {
			t.Errorf("%s: %d bytes differ from the %d received (%v)", o.sop, len(got), len(o.data), err)
		}
	}
}
