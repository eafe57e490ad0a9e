package conformance

import (
	"fmt"
	"strings"
	"testing"
)

// TestOrthancAsSCP: halong's commands echo, send, find, get and move against Orthanc; the Data Sets that come back are
// those that Orthanc holds.
func TestOrthancAsSCP(t *testing.T) {
	o := startOrthanc(t)
	g := serve(t, onLoopback(t.TempDir()))
	o.knows(t, "halong", "HALONG", g.DICOM)
	dir, objects := sampleFiles(t, 3)
	real := realFiles(t)
	study := string(objects[0].Study)
	to := []string{o.DICOM, "--call", o.AE}

	t.Run("C-ECHO", func(t *testing.T) {
		interop(t, peerOrthanc, "C-ECHO", asSCU, "halong echo")
		run(t, append([]string{"echo"}, to...)...)
	})
	t.Run("C-STORE", func(t *testing.T) {
		interop(t, peerOrthanc, "C-STORE", asSCU, "halong send; every Data Set as it was in its file, uncompressed and compressed")
		out := run(t, append(append([]string{"send"}, to...), append(list(t, dir), real...)...)...)
		if !strings.Contains(out, fmt.Sprintf("%d sent, 0 failed", len(objects)+len(real))) {
			t.Errorf("send:\n%s", out)
		}
		have := strings.Join(o.sums(t), " ")
		for i, name := range list(t, dir) {
			if s := sums(t, []string{name})[0]; !strings.Contains(have, s) {
				t.Errorf("%s is not in Orthanc as it was sent", objects[i].What)
			}
		}
	})
	t.Run("C-FIND", func(t *testing.T) {
		interop(t, peerOrthanc, "C-FIND", asSCU, "halong find: study, series and image level, Vietnamese name")
		out := run(t, append([]string{"find", "-k", "PatientName=NGUYỄN*", "-k", "StudyInstanceUID=" + study}, to...)...)
		if !strings.Contains(out, "NGUYỄN^VĂN^AN") || !strings.Contains(out, "1 answers") {
			t.Errorf("studies:\n%s", out)
		}
		out = run(t, append([]string{"find", "--json", "--level", "image", "-k", "StudyInstanceUID=" + study, "-k", "SeriesInstanceUID=" + string(objects[0].Series)}, to...)...)
		if n := strings.Count(out, `"00080018"`); n != 3 {
			t.Errorf("%d images\n%s", n, out)
		}
		out = run(t, append([]string{"find", "--level", "series", "-k", "StudyInstanceUID=" + study, "-k", "Modality=CT"}, to...)...)
		if !strings.Contains(out, "1 answers") {
			t.Errorf("series:\n%s", out)
		}
	})
	t.Run("C-GET", func(t *testing.T) {
		interop(t, peerOrthanc, "C-GET", asSCU, "halong get; every Data Set as it was sent")
		got := t.TempDir()
		run(t, append([]string{"get", "--out", got, "-k", "StudyInstanceUID=" + study}, to...)...)
		same(t, "get", sums(t, list(t, got)), sums(t, ofStudy(t, dir, objects, objects[0].Study)))
	})
	t.Run("C-MOVE", func(t *testing.T) {
		interop(t, peerOrthanc, "C-MOVE", asSCU, "halong move, with halong serve as destination; every Data Set as it was sent")
		files := ofStudy(t, dir, objects, objects[0].Study)
		out := run(t, append([]string{"move", "--to", "HALONG", "-k", "StudyInstanceUID=" + study}, to...)...)
		if !strings.Contains(out, fmt.Sprintf("%d completed", len(files))) {
			t.Logf("move says:\n%s", out)
		}
		same(t, "moved", kept(t, g, files[:1]), sums(t, files))
	})
}
