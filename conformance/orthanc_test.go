package conformance

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// orthancProgram is where Debian's package puts Orthanc; /usr/sbin is not in every PATH.
const orthancProgram = "/usr/sbin/Orthanc"

// orthancDICOMweb is Debian's DICOMweb plugin, of the package orthanc-dicomweb.
const orthancDICOMweb = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"

// orthancOptions are keys of Orthanc's configuration file.
type orthancOptions map[string]any

// orthanc is a private process of Debian's Orthanc.
type orthanc struct {
	AE    string // its AE title
	DICOM string // host:port
	HTTP  string // URL of its REST interface, without a slash at the end
}

// startOrthanc starts Debian's Orthanc with a folder, a configuration and ports of its own, and waits until it
// answers. Nothing of Debian's own Orthanc service (ports 4242 and 8042, /etc/orthanc) is read or touched. Anybody
// may echo, store, find, move and get; AE title ORTHANC. Options replace keys of the configuration:
//
//	startOrthanc(t, orthancOptions{"Plugins": []string{orthancDICOMweb}})
func startOrthanc(t testing.TB, options ...orthancOptions) *orthanc {
	t.Helper()
	if _, err := os.Stat(orthancProgram); err != nil {
		missing(t, orthancProgram+" (make deps installs it)")
	}
	dir := t.TempDir()
	for range 5 { // another process may take a port that was free just now
		o, ended := tryOrthanc(t, dir, options)
		if !ended {
			return o
		}
	}
	t.Fatal("Orthanc ends at once; its log is in the test's output")
	return nil
}

// tryOrthanc starts Orthanc once; ended tells that it gave up, as it does when a port is taken.
func tryOrthanc(t testing.TB, dir string, options []orthancOptions) (o *orthanc, ended bool) {
	t.Helper()
	dicomPort, httpPort := freePort(t), freePort(t)
	config := orthancOptions{
		"Name": "conformance", "StorageDirectory": filepath.Join(dir, "db"), "IndexDirectory": filepath.Join(dir, "db"),
		"DicomAet": "ORTHANC", "DicomPort": dicomPort, "DicomCheckCalledAet": false,
		"DicomAlwaysAllowEcho": true, "DicomAlwaysAllowStore": true, "DicomAlwaysAllowFind": true,
		"DicomAlwaysAllowFindWorklist": true, "DicomAlwaysAllowGet": true, "DicomAlwaysAllowMove": true,
		"DicomScuTimeout": 60, "DicomScpTimeout": 60, "SynchronousCMove": true, "DicomModalitiesInDatabase": true,
		"HttpPort": httpPort, "RemoteAccessAllowed": false, "AuthenticationEnabled": false, "HttpCompressionEnabled": false,
		"OverwriteInstances": true, "SaveJobs": false, "StableAge": 1, "Plugins": []string{}, "LuaScripts": []string{},
		"DefaultEncoding": "Utf8",
	}
	for _, more := range options {
		maps.Copy(config, more)
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "orthanc.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	cmd := exec.Command(orthancProgram, file)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { _ = cmd.Wait(); close(over) }() // how it ended is seen in its log
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-over
		if t.Failed() {
			s := log.String()
			t.Logf("Orthanc's log:\n%s", s[max(0, len(s)-4000):])
		}
	})
	o = &orthanc{
		AE: "ORTHANC", DICOM: net.JoinHostPort("127.0.0.1", strconv.Itoa(dicomPort)), HTTP: "http://127.0.0.1:" + strconv.Itoa(httpPort),
	}
	return o, !o.answers(t, over)
}

// answers waits for Orthanc's first answer; false when the process ends before it.
func (o *orthanc) answers(t testing.TB, over <-chan struct{}) bool {
	t.Helper()
	deadline := time.After(90 * time.Second)
	for {
		if resp, err := http.Get(o.HTTP + "/system"); err == nil {
			_ = resp.Body.Close() // not read
			if c, err := net.Dial("tcp", o.DICOM); err == nil {
				_ = c.Close()
				return true
			}
		}
		select {
		case <-over:
			return false
		case <-deadline:
			t.Fatal("Orthanc does not answer after 90 s")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// knows tells Orthanc of a DICOM modality that it may call by the name.
func (o *orthanc) knows(t testing.TB, name, ae, address string, more ...orthancOptions) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	modality := orthancOptions{"AET": ae, "Host": host, "Port": n, "Timeout": 60}
	for _, m := range more {
		maps.Copy(modality, m)
	}
	if status, body := o.rest(t, http.MethodPut, "/modalities/"+name, modality); status != http.StatusOK {
		t.Fatalf("PUT /modalities/%s: %d %s", name, status, body)
	}
}

// rest calls Orthanc's REST interface. A body of []byte goes as it is, any other as JSON; nil is none.
func (o *orthanc) rest(t testing.TB, method, path string, body any) (status int, answer []byte) {
	t.Helper()
	b, raw := body.([]byte)
	if !raw && body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequest(method, o.HTTP+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// call is rest for what must succeed; the JSON answer is put into out unless that is nil.
func (o *orthanc) call(t testing.TB, method, path string, body, out any) {
	t.Helper()
	status, answer := o.rest(t, method, path, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(answer, out); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, answer)
	}
}

// instances gives Orthanc's own identifiers of the instances it holds.
func (o *orthanc) instances(t testing.TB) (ids []string) {
	t.Helper()
	o.call(t, http.MethodGet, "/instances", nil, &ids)
	return ids
}

// files gives the instances it holds, as Part 10 files.
func (o *orthanc) files(t testing.TB) (all [][]byte) {
	t.Helper()
	for _, id := range o.instances(t) {
		status, b := o.rest(t, http.MethodGet, "/instances/"+id+"/file", nil)
		if status != http.StatusOK {
			t.Fatalf("instance %s: %d", id, status)
		}
		all = append(all, b)
	}
	return all
}

// take puts the Part 10 files into Orthanc over REST.
func (o *orthanc) take(t testing.TB, files ...string) {
	t.Helper()
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		o.call(t, http.MethodPost, "/instances", b, nil)
	}
}

// freePort gives a TCP port of loopback that nobody listened on just now. It is below those that the system hands out, from 32768 on: else one of
// the many connections of other tests could have it before it is used, or between two uses.
func freePort(t testing.TB) int {
	t.Helper()
	var err error
	for range 100 {
		port := 15_000 + rand.IntN(15_000)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = l.Close() // nothing came
			return port
		}
	}
	t.Fatal(err)
	return 0
}
