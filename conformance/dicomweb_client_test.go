package conformance

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/corpus"
	"github.com/halong-gateway/halong/internal/sample"
)

// rendering are the methods that wait for the pixel issue.
var rendering = map[string]struct{}{
	"retrieveInstanceRendered": {}, "retrieveInstanceThumbnail": {}, "retrieveInstanceFramesRendered": {}, "retrieveInstanceFramesThumbnail": {},
}

// TestDICOMwebClient runs the methods of the npm package dicomweb-client, on which OHIF and Cornerstone are built, that do not
// render: each must succeed, on native, compressed, multi-frame and document objects.
func TestDICOMwebClient(t *testing.T) {
	interop(t, peerDICOMwebClient, "STOW-RS, QIDO-RS, WADO-RS, WADO-URI", asSCP, "every method of the class that does not render; native, compressed, multi-frame and document objects")
	cache := npmCache(t, "dicomwebclient", "npm.sh", "dicomwebclient")
	p := start(t, t.TempDir())
	args := append([]string{"dicomwebclient/methods.mjs", p.HTTP + "/dicom-web", cache}, clientFiles(t)...)
	cmd := exec.Command("node", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ran := map[string]int{}
	var has []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var said struct {
			Method, Error string
			Has           []string
		}
		if err := json.Unmarshal(lines.Bytes(), &said); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		if has = append(has, said.Has...); said.Method == "" {
			continue
		}
		if ran[said.Method]++; said.Error != "" {
			t.Errorf("%s: %s", said.Method, said.Error)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if len(has) < 20 {
		t.Errorf("the class has only %v", has)
	}
	for _, m := range has {
		_, waits := rendering[m]
		switch {
		case ran[m] == 0 && !waits:
			t.Errorf("%s did not run, and is not named as belonging to the pixel issue", m)
		case ran[m] > 0 && waits:
			t.Errorf("%s runs: it does not belong to the pixel issue any more", m)
		}
	}
	t.Logf("calls: %v", ran)
}

// clientFiles are the demo's objects and some of the corpus, in files.
func clientFiles(t *testing.T) (names []string) {
	t.Helper()
	dir := t.TempDir()
	inSeries := map[dicom.UID]int{}
	for _, o := range sample.New(sample.Options{Seed: "dicomweb-client", Time: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}).Objects() {
		if inSeries[o.Series]++; inSeries[o.Series] > 2 {
			continue
		}
		name := filepath.Join(dir, string(o.SOPInstance)+".dcm")
		if err := os.WriteFile(name, o.Part10(), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	root := corpus.Dir(t, "dicom")
	for _, name := range []string{
		"JPEG2000.dcm", "JPEG-lossy.dcm", "MR_small_RLE.dcm", "SC_rgb_rle_2frame.dcm", "ExplVR_BigEnd.dcm", "waveform_ecg.dcm",
	} {
		names = append(names, filepath.Join(root, "pydicom", "test_files", name))
	}
	return names
}
