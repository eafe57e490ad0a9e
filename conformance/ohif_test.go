package conformance

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom/tag"
)

// gridOHIF is how many cells a picture is divided into, across and down.
const gridOHIF = 24

// viewOHIF is a study to be opened in OHIF.
type viewOHIF struct {
	Name  string `json:"name"`
	Study string `json:"study"`
	Frame int    `json:"frame,omitempty"` // counted from 1
	PDF   bool   `json:"pdf,omitempty"`

	file []byte  // as it is stored
	want picture // what must be on the screen; nil: whatever is not blank
	as   string  // name of a view before it that must look the same
	sky  bool    // the picture of the sea under an ochre sky
	// others are the other frames, which the picture must be less like.
	others []picture
}

// seenOHIF is what view.mjs prints of a view.
type seenOHIF struct {
	Name                     string
	Seconds                  float64
	Requests, Failed, Errors []string
	Picture                  *struct {
		Columns, Rows, Frames, Levels int
		Cells                         picture
	}
	Document *struct {
		SHA256      string
		White, Dark float64 // how much of it is paper and ink
	}
}

// TestOHIFOpensStudies opens studies in OHIF, in one headless Chromium, and compares the picture on the screen with the pixels that were
// encoded: native and compressed ones, which OHIF decodes by itself, frames of loops, and a document.
func TestOHIFOpensStudies(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"node", "npm", "chromium", "dcmcjpeg", "dcmcjpls", "dcmcrle"} {
		needTool(t, tool)
	}
	interop(t, peerOHIF, "QIDO-RS, WADO-RS", asSCP, "in headless Chromium: CT, radiograph, frames of ultrasound loops, a PDF; JPEG, JPEG Lossless, JPEG-LS, RLE, JPEG 2000 and HTJ2K; the picture is that of the encoded pixels")
	cache := npmCache(t, "ohif", "ohif/setup.sh")
	views := viewsOHIF(t)
	config := filepath.Join(t.TempDir(), "halong.yaml")
	if err := os.WriteFile(config, []byte("http:\n  origins: ['*']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, t.TempDir(), "--config", config)
	for i, v := range views {
		contentType, body := stowBody(t, v.file)
		resp, err := http.Post(p.HTTP+"/dicom-web/studies", contentType, body)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // not read
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", v.Name, resp.StatusCode)
		}
		views[i].Study = string(uidIn(t, v.file, tag.StudyInstanceUID))
	}
	seen := openInOHIF(t, cache, p.HTTP+"/dicom-web", views)
	for _, v := range views {
		t.Run(v.Name, func(t *testing.T) { v.check(t, seen) })
	}
}

// check compares what was seen of a view with what is wanted.
func (v *viewOHIF) check(t *testing.T, all map[string]*seenOHIF) {
	s := all[v.Name]
	if s == nil {
		t.Fatal("the browser did not come to it")
	}
	for _, f := range s.Failed {
		t.Errorf("request failed: %s", f)
	}
	if v.PDF {
		t.Logf("%.1f s, %d requests", s.Seconds, len(s.Requests))
		sum := sha256.Sum256(documentIn(t, v.file))
		if s.Document == nil || s.Document.SHA256 != hex.EncodeToString(sum[:]) || s.Document.White < 0.1 || s.Document.Dark == 0 {
			t.Errorf("the document is not shown: %+v; requests %v, errors %v", s.Document, s.Requests, s.Errors)
		}
		return
	}
	if s.Picture == nil || s.Picture.Levels < 8 {
		t.Fatalf("no picture: %+v; requests %v; errors %v", s.Picture, s.Requests, s.Errors)
	}
	got, want := s.Picture.Cells, v.want
	if v.as != "" && all[v.as] != nil && all[v.as].Picture != nil {
		want = all[v.as].Picture.Cells
	}
	off := 0.0
	if want != nil {
		if off = got.mean(want); off > 4 {
			t.Errorf("the picture is another: %.1f grey levels off on average", off)
		}
		if far := got.worst(want); far > 40 {
			t.Errorf("a place of the picture is %.1f grey levels off", far)
		}
		for _, o := range v.others {
			if got.mean(o) < 1.5*got.mean(want) {
				t.Errorf("the picture is as much like another frame (%.2f) as like this (%.2f)", got.mean(o), got.mean(want))
			}
		}
	}
	if top := got[gridOHIF/2]; v.sky && !(top[0] > top[1]+20 && top[1] > top[2]+40) {
		t.Errorf("the sky is %v", top)
	}
	t.Logf("%.1f s, %d requests, %d frames of %dx%d, %d levels, %.2f off", s.Seconds, len(s.Requests), s.Picture.Frames, s.Picture.Columns, s.Picture.Rows, s.Picture.Levels, off)
}

// openInOHIF opens the views one after the other.
func openInOHIF(t *testing.T, cache, dicomweb string, views []viewOHIF) map[string]*seenOHIF {
	t.Helper()
	order, err := json.Marshal(map[string]any{
		"ohif": serveOHIF(t, cache, dicomweb), "dicomweb": dicomweb, "grid": gridOHIF, "views": views, "screenshots": os.Getenv("HALONG_SCREENSHOTS"),
	})
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("ohif/view.mjs")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", script, string(order))
	cmd.Dir = cache
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]*seenOHIF{}
	lines := bufio.NewScanner(out)
	for lines.Buffer(nil, 8<<20); lines.Scan(); {
		var s seenOHIF
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Errorf("%v in %.500s", err, lines.Text())
			continue
		}
		seen[s.Name] = &s
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return seen
}

// serveOHIF serves OHIF's pages, set to talk to the gateway.
func serveOHIF(t *testing.T, cache, dicomweb string) string {
	t.Helper()
	config, err := os.ReadFile("ohif/app-config.js")
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.ReplaceAll(config, []byte("'DICOMWEB'"), fmt.Appendf(nil, "'%s'", dicomweb))
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
