package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	buildOnce  sync.Once
	executable string
	buildErr   error
)

func TestMain(m *testing.M) {
	code := settleInterop(m.Run())
	if executable != "" {
		_ = os.RemoveAll(filepath.Dir(executable)) // a temporary folder
	}
	os.Exit(code)
}

// program builds the program once and gives its path.
func program(t testing.TB) string {
	t.Helper()
	buildOnce.Do(func() {
		dir, err := os.MkdirTemp("", "halong-bin-")
		if err != nil {
			buildErr = err
			return
		}
		executable = filepath.Join(dir, "halong")
		cmd := exec.Command("go", "build", "-o", executable, "github.com/halong-gateway/halong/cmd/halong")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			buildErr = err
			t.Logf("%s", out)
		}
	})
	if buildErr != nil {
		t.Fatalf("building the program: %v", buildErr)
	}
	return executable
}

// process is a running `halong serve`.
type process struct {
	cmd   *exec.Cmd
	DICOM string `json:"dicom"` // host:port
	HL7   string `json:"hl7"`
	HTTP  string `json:"http"` // URL
	ended chan error
	took  time.Duration // from start to ready
}

// start runs `halong serve` on the data folder, on ports the system chooses, and
// waits until it says that it is ready.
func start(t testing.TB, data string, args ...string) *process {
	t.Helper()
	all := append([]string{
		"serve", "--data", data, "--dicom", "127.0.0.1:0", "--http", "127.0.0.1:0", "--hl7", "127.0.0.1:0",
		"--log-format", "json",
	}, args...)
	p := &process{cmd: exec.Command(program(t), all...), ended: make(chan error, 1)}
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr, p.cmd.Stdout = pw, pw
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = pw.Close() // ours; the child has its own
	ready := make(chan struct{})
	var log strings.Builder
	go func() {
		defer pr.Close()
		p.follow(bufio.NewReader(pr), &log, ready)
		p.ended <- p.cmd.Wait()
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // already ended: nothing to do
	select {
	case <-ready:
		p.took = time.Since(began)
	case err := <-p.ended:
		t.Fatalf("the program ended: %v\n%s", err, log.String())
	case <-time.After(60 * time.Second):
		t.Fatal("not ready after a minute")
	}
	return p
}

// follow reads the log until its end; ready is closed when the program says so.
func (p *process) follow(r *bufio.Reader, log io.StringWriter, ready chan struct{}) {
	said := false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		_, _ = log.WriteString(line) // a strings.Builder never fails
		if !said && strings.Contains(line, `"msg":"ready"`) && json.Unmarshal([]byte(line), p) == nil {
			said = true
			close(ready)
		}
	}
}

// kill ends the program as a power cut would end it, as far as a process goes.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.ended
}

// stop ends the program in an orderly way.
func (p *process) stop(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			t.Fatalf("after SIGTERM: %v", err)
		}
	case <-time.After(40 * time.Second):
		t.Fatal("still running 40 s after SIGTERM")
	}
}

// run runs a command of the program to its end and gives what it printed.
func run(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, program(t), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("halong %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// get fetches a URL of the gateway with an Accept header and gives status and body.
func get(t testing.TB, url, accept string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}
