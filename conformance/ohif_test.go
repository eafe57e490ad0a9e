package conformance

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong/internal/sample"
)

// TestOHIFOpensAStudy opens studies in OHIF, in headless Chromium, and looks at
// the picture on the screen.
func TestOHIFOpensAStudy(t *testing.T) {
	needTool(t, "node")
	needTool(t, "npm")
	needTool(t, "chromium")
	cache := ohifCache(t)
	interop(t, peerOHIF, "QIDO-RS, WADO-RS", asSCP, "OHIF in headless Chromium opens a CT, a radiograph and an ultrasound loop")
	config := filepath.Join(t.TempDir(), "halong.yaml")
	if err := os.WriteFile(config, []byte("http:\n  origins: ['*']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, t.TempDir(), "--config", config)
	patient := sample.New(sample.Options{Seed: "ohif", Time: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)})
	for _, o := range patient.Objects() {
		contentType, body := stowBody(t, o.Part10())
		resp, err := http.Post(p.HTTP+"/dicom-web/studies", contentType, body)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // not read
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", o.What, resp.StatusCode)
		}
	}
	pages := serveOHIF(t, cache, p.HTTP+"/dicom-web")
	for _, o := range []sample.Object{patient.CT()[0], patient.CR(), patient.US()} {
		t.Run(o.What, func(t *testing.T) { openInOHIF(t, cache, pages, p.HTTP+"/dicom-web", string(o.Study)) })
	}
}

// ohifCache is the folder with OHIF's pages and the browser driver.
func ohifCache(t *testing.T) string {
	t.Helper()
	return npmCache(t, "ohif", "ohif/setup.sh")
}

// serveOHIF serves OHIF's pages, set to talk to the gateway.
func serveOHIF(t *testing.T, cache, dicomweb string) string {
	t.Helper()
	config, err := os.ReadFile("ohif/app-config.js")
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.ReplaceAll(config, []byte("'DICOMWEB'"), []byte("'"+dicomweb+"'"))
	dist := filepath.Join(cache, "package", "dist")
	files := http.FileServer(http.Dir(dist))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/app-config.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write(config) // the browser going away is no failure here
		case strings.Contains(filepath.Base(r.URL.Path), "."):
			files.ServeHTTP(w, r)
		default: // a route of the single-page application
			http.ServeFile(w, r, filepath.Join(dist, "index.html"))
		}
	})}
	go server.Serve(l)
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + l.Addr().String()
}

// seen is what view.mjs prints.
type seen struct {
	Requests, Failed, Errors []string
	Picture                  *struct {
		Width, Height, Levels int
		Bright                float64
	}
}

func openInOHIF(t *testing.T, cache, pages, dicomweb, study string) {
	script, err := filepath.Abs("ohif/view.mjs")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", script, pages, dicomweb, study, filepath.Join(t.TempDir(), "screen.png"))
	if dir := os.Getenv("HALONG_SCREENSHOTS"); dir != "" {
		cmd.Args[len(cmd.Args)-1] = filepath.Join(dir, study+".png")
	}
	cmd.Dir = cache
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var s seen
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for _, f := range s.Failed {
		t.Errorf("request failed: %s", f)
	}
	if s.Picture == nil || s.Picture.Levels < 8 || s.Picture.Bright <= 0.02 {
		t.Errorf("no picture: %+v; requests %v; errors %v", s.Picture, s.Requests, s.Errors)
	}
	frames := 0
	for _, r := range s.Requests {
		if strings.HasPrefix(r, "GET 200") && strings.Contains(r, "/frames/") {
			frames++
		}
	}
	if frames == 0 {
		t.Errorf("no frame was fetched: %v", s.Requests)
	}
	t.Logf("%d requests, %d frames, picture %+v", len(s.Requests), frames, s.Picture)
}
