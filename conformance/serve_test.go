package conformance

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/sample"
	"github.com/halong-gateway/halong/storage"
)

// Without any configuration the gateway starts on loopback, says that it is
// ready, and shows what a modality and a laboratory sent.
func TestZeroConfiguration(t *testing.T) {
	g := serve(t, onLoopback(filepath.Join(t.TempDir(), "new", "folder")))
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/": "Halong", "/metrics": "halong_build_info"} {
		if status, body := g.ask(t, path, ""); status != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
	}
	p := sample.New(sample.Options{Seed: t.Name(), Slices: 3})
	if err := app.SendSample(context.Background(), g.Addresses, "HALONG", p, func(string) {}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"nguyen*": 3, "NGUYỄN*": 3, "tran*": 0} {
		_, body := g.ask(t, "/dicom-web/studies?PatientName="+name, "application/dicom+json")
		if n := strings.Count(string(body), `"0020000D"`); n != want {
			t.Errorf("PatientName=%s: %d studies, want %d", name, n, want)
		}
	}
	status, body := g.ask(t, "/api/patients/"+p.ID()+"/results", "application/json")
	if status != http.StatusOK || !strings.Contains(string(body), "14682-9") {
		t.Errorf("results: %d %.300s", status, body)
	}
	_, metrics := g.ask(t, "/metrics", "")
	for _, want := range []string{
		`halong_ingest_objects_total{outcome="stored",protocol="C-STORE"} 7`,
		`halong_messages_total{outcome="processed"} 3`,
		`halong_commit_queue_length 0`,
	} {
		if !strings.Contains(string(metrics), want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	checkNoPatientData(t, g, metrics)
}

// Neither logs, at their most talkative, nor metrics name a patient.
func checkNoPatientData(t *testing.T, g *gateway, metrics []byte) {
	t.Helper()
	for _, secret := range []string{"NGUY", "nguyen", "BN000123", "001085012345", "19850312"} {
		if strings.Contains(g.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
		if bytes.Contains(metrics, []byte(secret)) {
			t.Errorf("the metrics hold %q", secret)
		}
	}
}

// A stop in the middle of work answers what was begun, loses nothing that was
// acknowledged, and ends without an error.
func TestGracefulStopUnderLoad(t *testing.T) {
	dir := t.TempDir()
	g := serve(t, onLoopback(dir))
	var acked sync.Map
	var stored atomic.Int32
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				o := newObject(500+worker, n, 40_000, "STOP")
				if !storeOne(g.DICOM, &o) {
					return
				}
				acked.Store(o.sop, true)
				stored.Add(1)
			}
		})
	}
	for deadline := time.Now().Add(patience); stored.Load() < 20; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is stored")
		}
	}
	if err := g.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	wg.Wait()
	d := openData(t, dir)
	defer closeData(t, d)
	have := map[dicom.UID]bool{}
	for in, err := range d.Archive.Instances(context.Background(), halong.Everything(), storage.Ref{}) {
		if err != nil {
			t.Fatal(err)
		}
		have[in.SOP] = true
	}
	acked.Range(func(sop, _ any) bool {
		if !have[sop.(dicom.UID)] {
			t.Errorf("%s was acknowledged and is gone", sop)
		}
		return true
	})
	t.Logf("%d acknowledged, %d there", stored.Load(), len(have))
	if r, err := d.Verify(context.Background(), nil); err != nil || len(r.Damage) > 0 {
		t.Errorf("verify: %v %v", r.Damage, err)
	}
}

// storeOne sends an object over an Association of its own; false when it was
// not acknowledged.
func storeOne(address string, o *object) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a, err := dimse.Dial(ctx, address, dimse.Options{
		CallingAE: "STOP", CalledAE: "HALONG",
		Contexts: []pdu.ProposedContext{{AbstractSyntax: ctImageStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}}},
	})
	if err != nil {
		return false
	}
	_, err = a.Store(ctx, ctImageStorage, o.sop, dicom.ExplicitVRLittleEndian, bytes.NewReader(o.data))
	_ = a.Release() // the answer is what counts
	return err == nil
}

// What would be open to strangers, or cannot work, does not start, and says why.
func TestRefusesToStart(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		want   string
	}{
		{"DICOM without peers", func(c *config.Config) { c.DICOM.Listen = "0.0.0.0:0" }, "dicom.peers"},
		{"MLLP without peers", func(c *config.Config) { c.HL7.Listen = "0.0.0.0:0" }, "hl7.peers"},
		{"HTTP without tokens", func(c *config.Config) { c.HTTP.Listen = "0.0.0.0:0" }, "http.tokens"},
		{"certificate that is not there", func(c *config.Config) { c.HTTP.TLS.Cert, c.HTTP.TLS.Key = "no.pem", "no.key" }, "no.pem"},
	} {
		cfg := onLoopback(t.TempDir())
		c.change(cfg)
		if _, err := app.Open(context.Background(), cfg, quiet()); err == nil {
			t.Errorf("%s: it started", c.name)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A data folder is for one process at a time, and a port too.
func TestOneAtATime(t *testing.T) {
	c := onLoopback(t.TempDir())
	g := serve(t, c)
	if _, err := app.OpenData(context.Background(), c, quiet()); halong.KindOf(err) != halong.Conflict || !strings.Contains(err.Error(), "another halong process") {
		t.Errorf("a second process: %v", err)
	}
	other := onLoopback(t.TempDir())
	other.DICOM.Listen = g.DICOM
	if _, err := app.Open(context.Background(), other, quiet()); err == nil || !strings.Contains(err.Error(), "dicom") {
		t.Errorf("a port that is taken: %v", err)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	closeData(t, openData(t, c.Data)) // the lock is gone with the process
}

// The program's exit codes and messages.
func TestCommandLine(t *testing.T) {
	program := program(t)
	bad := filepath.Join(t.TempDir(), "halong.yaml")
	if err := os.WriteFile(bad, []byte("ae: X\nport: 4242\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty, missing := t.TempDir(), filepath.Join(t.TempDir(), "mistyped")
	if err := os.Mkdir(filepath.Join(empty, "store"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"version"}, 0, "halong"},
		{[]string{"--help"}, 0, "serve"},
		{[]string{"no-such-command"}, 2, "halong --help"},
		{[]string{"serve", "--config", bad}, 2, "[2:1]"},
		{[]string{"serve", "--dicom", "0.0.0.0:11112"}, 2, "dicom.peers"},
		{[]string{"export", "--data", t.TempDir(), "--out", t.TempDir(), "--study", "../x"}, 2, "not a UID"},
		{[]string{"export", "--data", empty, "--out", t.TempDir()}, 3, "nothing to export"},
		{[]string{"delete", "--data", t.TempDir(), "--reason", "test"}, 2, "--study"},
		{[]string{"verify", "--data", empty}, 0, "0 damaged"},
		{[]string{"reindex", "--data", empty}, 0, "0 records"},
		{[]string{"compact", "--data", empty}, 0, "0 blobs"},
		{[]string{"quarantine", "list", "--data", empty}, 0, ""},
		{[]string{"verify", "--data", missing}, 2, "no data folder"},
		{[]string{"reindex", "--data", missing}, 2, "no data folder"},
		{[]string{"export", "--data", missing, "--out", t.TempDir()}, 2, "no data folder"},
		{[]string{"quarantine", "list", "--data", missing}, 2, "no data folder"},
		{[]string{"echo", "127.0.0.1:1"}, 1, "refused"},
		{[]string{"token"}, 0, "sha256: "},
	} {
		code, out := runCode(t, program, c.args...)
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("halong %s: exit %d, want %d: %s", strings.Join(c.args, " "), code, c.code, out)
		}
	}
	if _, err := os.Stat(missing); !os.IsNotExist(err) {
		t.Errorf("a mistyped folder was made: %v", err)
	}
}

// runCode runs the program and gives its exit code and all it wrote.
func runCode(t testing.TB, program string, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}
