package conformance

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/corpus"
)

// TestSCUOverTLS: halong send and echo to DCMTK's storescp over TLS with certificates both ways; who is not trusted gets nothing.
func TestSCUOverTLS(t *testing.T) {
	interop(t, peerDCMTK, "TLS", asSCU, "halong send --tls to storescp +tls: certificates of both are verified")
	trusted, strangers := newAuthority(t), newAuthority(t)
	own, theirs, forged := trusted.issue(t, "halong"), trusted.issue(t, "storescp"), strangers.issue(t, "halong")
	in := t.TempDir()
	address := listening(t, "storescp", func(port string) []string {
		return []string{"+tls", theirs.key, theirs.cert, "+cf", trusted.file, "+xa", "+B", "-od", in, port}
	})
	dir, _ := sampleFiles(t, 2)
	files := list(t, dir)
	send := func(want int, says string, more ...string) {
		t.Helper()
		code, out := runCode(t, program(t), append(append([]string{"send", address, "--retries", "1"}, more...), files...)...)
		if code != want || !strings.Contains(out, says) {
			t.Errorf("%v: exit %d, want %d with %q\n%s", more, code, want, says, out)
		}
	}
	shown := []string{"--tls", "--cert", own.cert, "--key", own.key}
	send(1, "certificate signed by unknown authority", append(shown, "--ca", strangers.file)...)
	send(1, "not pacs.example", append(shown, "--ca", trusted.file, "--server-name", "pacs.example")...)
	send(1, "0 sent", "--tls", "--cert", forged.cert, "--key", forged.key, "--ca", trusted.file)
	if n := len(list(t, in)); n != 0 {
		t.Fatalf("%d objects arrived", n)
	}
	send(0, fmt.Sprintf("%d sent, 0 failed", len(files)), append(shown, "--ca", trusted.file, "--server-name", "storescp")...)
	same(t, "sent over TLS", sums(t, list(t, in)), sums(t, files))
	send(0, "WARNING", append(shown, "--tls-insecure")...)
	run(t, append([]string{"echo", address, "--ca", trusted.file}, shown...)...)
}

// TestSCUIdentity: user name and passcode are sent, and confirmed or not.
func TestSCUIdentity(t *testing.T) {
	c := onLoopback(t.TempDir())
	c.DICOM.Identity.Required = true
	c.DICOM.Identity.Users = []config.User{{Name: "bs.an", Passcode: passcodeLine(t, "the passcode")}}
	g := serve(t, c)
	for _, x := range []struct {
		args []string
		want int
	}{
		{nil, 1},
		{[]string{"--user", "bs.an", "--passcode", "guess"}, 1},
		{[]string{"--user", "bs.an", "--passcode", "the passcode"}, 0},
	} {
		code, out := runCode(t, program(t), append([]string{"echo", g.DICOM}, x.args...)...)
		if code != x.want || strings.Contains(out, "did not confirm") {
			t.Errorf("%v: exit %d\n%s", x.args, code, out)
		}
	}
	open := serve(t, onLoopback(t.TempDir()))
	if code, out := runCode(t, program(t), "echo", open.DICOM, "--user", "bs.an"); code != 0 {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// TestSCURetry: halong send begins before its peer listens, and waits for it.
func TestSCURetry(t *testing.T) {
	interop(t, peerDCMTK, "C-STORE", asSCU, "halong send before storescp listens: tried again until it does")
	needTool(t, "storescp")
	port := freePort(t)
	in := t.TempDir()
	dir, _ := sampleFiles(t, 2)
	cmd := exec.Command(program(t), append([]string{"send", fmt.Sprintf("127.0.0.1:%d", port), "--retries", "20"}, list(t, dir)...)...)
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it may have ended
	lines := bufio.NewScanner(said)
	if !lines.Scan() || !strings.Contains(lines.Text(), "trying again") {
		t.Fatalf("said %q", lines.Text())
	}
	peer := exec.Command("storescp", "+xa", "+B", "-od", in, fmt.Sprint(port))
	if err := peer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Process.Kill(); _ = peer.Wait() })
	for lines.Scan() { // to its end
		t.Log(lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	same(t, "sent", sums(t, list(t, in)), sums(t, list(t, dir)))
}

// TestSCUAsync: halong send with several requests under way: every Data Set arrives, as it was in its file, and each file has its result.
func TestSCUAsync(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	dir, _ := sampleFiles(t, 20)
	files := append(list(t, dir), realFiles(t)...)
	out := run(t, append([]string{"send", g.DICOM, "--async", "8", "--json"}, files...)...)
	if n := strings.Count(out, `"status":"0000"`); n != len(files) {
		t.Errorf("%d of %d files have status 0000\n%s", n, len(files), out)
	}
	same(t, "kept", kept(t, g, files), sums(t, files))
}

// corpusFiles gives the corpus's files that are objects, one for each SOP Instance.
func corpusFiles(t *testing.T) (names []string) {
	t.Helper()
	seen := map[string]bool{}
	err := filepath.WalkDir(corpus.Dir(t, "dicom"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		h, _, err := dataset.ReadFileHeader(f, dataset.Limits{})
		if err != nil || h.SOPInstance == "" || seen[string(h.SOPInstance)] || strings.Contains(name, "truncated") {
			return nil // no Part 10 file, or no whole one
		}
		seen[string(h.SOPInstance)] = true
		names = append(names, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// given is a Data Set with its Transfer Syntax.
type given struct {
	syntax dicom.UID
	body   []byte
}

// instances reads the Part 10 files of a folder, by SOP Instance UID; other files are passed over.
func instances(t *testing.T, dir string) map[dicom.UID]given {
	t.Helper()
	all := map[dicom.UID]given{}
	for _, name := range list(t, dir) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		h, _, err := dataset.ReadFileHeader(bytes.NewReader(b), dataset.Limits{})
		if err == nil && h.SOPInstance != "" {
			all[h.SOPInstance] = given{h.TransferSyntax, b[len(h.Raw):]}
		}
	}
	return all
}

// TestCorpusThroughDcmqrscp: everything of the corpus that DCMTK's archive takes comes back by C-GET: nothing is missing, and what the
// archive gives in the Transfer Syntax it keeps it in is what it keeps, byte for byte. (It converts Implicit VR and Big Endian.)
func TestCorpusThroughDcmqrscp(t *testing.T) {
	interop(t, peerDCMTK, "C-GET", asSCU, "halong get from dcmqrscp: what it took of the corpus, all SOP Classes; byte for byte as it keeps it")
	address, db := emptyDcmqrscp(t, "104")
	to := []string{address, "--call", "QR"}
	_, out := runCode(t, program(t), append(append([]string{"send", "-q", "--retries", "0"}, to...), corpusFiles(t)...)...)
	kept := instances(t, db)
	if len(kept) < 100 {
		t.Fatalf("dcmqrscp took %d objects\n%s", len(kept), lastLines(out, 5))
	}
	answers := run(t, append([]string{"find", "--json", "-r", "StudyInstanceUID"}, to...)...)
	dir := t.TempDir()
	var studies []string
	for _, m := range regexp.MustCompile(`"0020000D":\{"vr":"UI","Value":\["([\d.]+)"`).FindAllStringSubmatch(answers, -1) {
		studies = append(studies, m[1])
	}
	t.Log(run(t, append([]string{"get", "--out", dir, "-k", "StudyInstanceUID=" + strings.Join(studies, `\`)}, to...)...))
	got := instances(t, dir)
	exact := 0
	for sop, want := range kept {
		have, ok := got[sop]
		switch {
		case !ok:
			t.Errorf("%s did not come", sop)
		case bytes.Equal(have.body, want.body):
			exact++
		case have.syntax == want.syntax:
			t.Errorf("%s is not what dcmqrscp keeps", sop)
		}
	}
	if exact < 100 || len(got) != len(kept) {
		t.Errorf("%d objects came, %d of them as they are kept; want %d", len(got), exact, len(kept))
	}
}
