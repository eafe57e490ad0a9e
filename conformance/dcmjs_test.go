package conformance

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// dcmjsVersion is the one that dcmjs/package-lock.json has.
func dcmjsVersion() string {
	b, err := os.ReadFile("dcmjs/package-lock.json")
	if err != nil {
		return "?"
	}
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	if err := json.Unmarshal(b, &lock); err != nil {
		return "?"
	}
	return lock.Packages["node_modules/dcmjs-dimse"].Version
}

var peerDcmjs = implementation{"dcmjs-dimse", dcmjsVersion}

// dcmjsCache is the folder with dcmjs-dimse.
func dcmjsCache(t *testing.T) string {
	t.Helper()
	return npmCache(t, "dcmjs", "npm.sh", "dcmjs")
}

// jsonObject is a JSON object.
type jsonObject map[string]any

// dcmjsSaid is what dcmjs/scu.mjs prints.
type dcmjsSaid struct {
	Requests []struct {
		Op       string
		Statuses []int
		Answers  []jsonObject
		Counts   *struct{ Completed, Failed, Warned int }
	}
	Received []struct {
		Instance, Pixels string
		Name             any
	}
	Reports  []jsonObject
	Errors   []string
	Rejected *struct{ Result, Source, Reason int }
	Accepted *struct {
		AsyncInvoked, AsyncPerformed int
		IdentityAnswered             bool
		Contexts                     []int
	}
}

// final gives the last status of a request, -1 when it had none.
func (s *dcmjsSaid) final(i int) int {
	if i >= len(s.Requests) || len(s.Requests[i].Statuses) == 0 {
		return -1
	}
	return s.Requests[i].Statuses[len(s.Requests[i].Statuses)-1]
}

// dcmjsSCU has dcmjs-dimse carry out requests on one Association; options are those of its Client.send.
func dcmjsSCU(t *testing.T, address string, options jsonObject, requests ...jsonObject) *dcmjsSaid {
	t.Helper()
	said := dcmjsJob(t, address, options, requests...)
	for _, e := range said.Errors {
		t.Errorf("dcmjs-dimse: %s", e)
	}
	return said
}

// dcmjsJob is dcmjsSCU for what the network may fail in.
func dcmjsJob(t *testing.T, address string, options jsonObject, requests ...jsonObject) *dcmjsSaid {
	t.Helper()
	cache := dcmjsCache(t)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	job := jsonObject{"host": host, "port": n, "calling": "DCMJS", "called": "HALONG", "options": options, "requests": requests}
	b, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "job.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("dcmjs/scu.mjs")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", script, file)
	cmd.Dir = cache
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, stderr.String(), out)
	}
	said := &dcmjsSaid{}
	if err := json.Unmarshal(out, said); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return said
}

// dcmjsSCP starts dcmjs-dimse as SCP; what it is sent is written to the folder.
func dcmjsSCP(t *testing.T) (address, folder string) {
	t.Helper()
	cache, folder := dcmjsCache(t), t.TempDir()
	script, err := filepath.Abs("dcmjs/scp.mjs")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", script, folder)
	cmd.Dir = cache
	log := &logBuffer{}
	cmd.Stderr = log
	in, err := cmd.StdinPipe() // it ends when this is closed
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // killed
		if t.Failed() {
			t.Logf("dcmjs-dimse says:\n%s", log.String())
		}
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("dcmjs-dimse does not listen: %v\n%s", err, log.String())
	}
	return net.JoinHostPort("127.0.0.1", strings.TrimSpace(port)), folder
}

// arrived gives the digests of the Data Sets that dcmjs-dimse was sent, sorted, and their Transfer Syntaxes by instance.
func arrived(t *testing.T, folder string) (digests []string, syntaxes map[string]string) {
	t.Helper()
	syntaxes = map[string]string{}
	for _, name := range list(t, folder) {
		base := filepath.Base(name)
		i := strings.Index(base, ".1.2.840.10008.1.2")
		if i < 0 {
			continue // association.json
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digestOf(b))
		syntaxes[base[:i]] = base[i+1:]
	}
	return sorted(digests), syntaxes
}

func text(v any) string { return fmt.Sprint(v) }

func digestOf(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
