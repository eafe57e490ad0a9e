package scu

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// script is a Service that answers as it is told and remembers what it was asked.
type script struct {
	mu    sync.Mutex
	asked []dicom.UID
	reply func(n int, rq *dimse.Request) dimse.Response
}

func (s *script) Serve(_ context.Context, rq *dimse.Request) dimse.Response {
	s.mu.Lock()
	s.asked = append(s.asked, rq.Command.AffectedSOPInstance)
	n := len(s.asked)
	s.mu.Unlock()
	return s.reply(n, rq)
}

// start serves every SOP Class of native transfer syntaxes.
func start(t *testing.T, s *script, policy func(context.Context, dimse.Peer, *pdu.AssociateRQ) (dimse.Admission, *pdu.Reject)) string {
	t.Helper()
	m := &dimse.Mux{}
	m.HandleFunc(func(u dicom.UID) bool { return u != "2.25.9" }, dimse.Offer{Service: s, Accepts: func(ts dicom.UID) bool {
		return ts == dicom.ImplicitVRLittleEndian || ts == dicom.ExplicitVRLittleEndian
	}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dimse.Server{Mux: m, Policy: policy}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-done
	})
	return l.Addr().String()
}

// write makes a Part 10 file with a minimal data set.
func write(t *testing.T, dir, name string, class, instance dicom.UID) string {
	t.Helper()
	b := dataset.AppendFileHeader(nil, class, instance, dicom.ExplicitVRLittleEndian, "")
	set := &dataset.Set{}
	set.PutString(0x00080016, dicom.UI, string(class))
	set.PutString(0x00080018, dicom.UI, string(instance))
	set.PutString(0x00080060, dicom.CS, "OT")
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, set.Append(b, ts), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func collect(results *[]Result) func(Result) {
	return func(r Result) { *results = append(*results, r) }
}

// TestSend: one result for each file: success, warning, failure, no context, unreadable.
func TestSend(t *testing.T) {
	s := &script{reply: func(n int, rq *dimse.Request) dimse.Response {
		switch rq.Command.AffectedSOPInstance {
		case "1.2":
			return dimse.Answer(dimse.CoercionOfElements)
		case "1.3":
			r := dimse.Answer(dimse.OutOfResources)
			r.ErrorComment = "disk full"
			return r
		}
		return dimse.Answer(dimse.Success)
	}}
	addr := start(t, s, nil)
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("not DICOM at all, just text"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := []string{
		write(t, dir, "a", "2.25.1", "1.1"), write(t, dir, "b", "2.25.1", "1.2"), write(t, dir, "c", "2.25.2", "1.3"),
		write(t, dir, "d", "2.25.9", "1.4"), text, filepath.Join(dir, "missing"), write(t, dir, "e", "2.25.1", "1.5"),
	}
	var results []Result
	sum, err := Send(t.Context(), Target{Address: addr, CalledAE: "X", CallingAE: "Y"}, files, collect(&results))
	if err != nil || sum != (Summary{Sent: 3, Failed: 4}) {
		t.Errorf("%+v, %v", sum, err)
	}
	got := map[string]string{}
	for _, r := range results {
		text := "ok"
		if r.Err != nil {
			text = r.Err.Error()
		}
		if r.Answered {
			text += " " + r.Status.String()
		}
		got[filepath.Base(r.Name)] = text
	}
	for name, want := range map[string]string{"a": "ok 0000", "b": "ok B000", "c": "disk full A700", "d": "no presentation context", "text": "not sent", "missing": "no such file", "e": "ok 0000"} {
		if !strings.Contains(got[name], want) {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
}

// TestN6Rejected: an association that is refused, or without any context, gives each file its reason.
func TestN6Rejected(t *testing.T) {
	s := &script{reply: func(int, *dimse.Request) dimse.Response { return dimse.Answer(dimse.Success) }}
	addr := start(t, s, func(context.Context, dimse.Peer, *pdu.AssociateRQ) (dimse.Admission, *pdu.Reject) {
		return dimse.Admission{}, &pdu.RejectCallingAE
	})
	dir := t.TempDir()
	files := []string{write(t, dir, "a", "2.25.1", "1.1"), write(t, dir, "b", "2.25.9", "1.2")}
	var results []Result
	if sum, err := Send(t.Context(), Target{Address: addr}, files, collect(&results)); err != nil || sum.Failed != 2 {
		t.Errorf("%+v, %v", sum, err)
	}
	for _, r := range results {
		if rj := (*pdu.Reject)(nil); !errors.As(r.Err, &rj) || *rj != pdu.RejectCallingAE {
			t.Error(r.Err)
		}
	}
	if _, err := Echo(t.Context(), Target{Address: addr}); err == nil {
		t.Error("echo was not refused")
	}
	results = nil
	if sum, err := Send(t.Context(), Target{Address: start(t, s, nil)}, files[1:], collect(&results)); err != nil || sum.Failed != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
}

// TestLost: an association that is lost costs the file under way; when it happens
// again and again the rest is given up.
func TestLost(t *testing.T) {
	s := &script{reply: func(n int, rq *dimse.Request) dimse.Response {
		if n == 2 || n > 4 {
			_ = rq.Association.Abort() // that is the test
		}
		return dimse.Answer(dimse.Success)
	}}
	addr := start(t, s, nil)
	dir := t.TempDir()
	var files []string
	for _, name := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		files = append(files, write(t, dir, name, "2.25.1", dicom.UID("1."+name)))
	}
	var results []Result
	sum, err := Send(t.Context(), Target{Address: addr}, files, collect(&results))
	if err != nil || sum != (Summary{Sent: 3, Failed: 6}) {
		t.Errorf("%+v, %v", sum, err)
	}
	if len(results) != len(files) || results[1].Err == nil || results[2].Err != nil || !strings.Contains(results[8].Err.Error(), "too many associations") {
		t.Errorf("%+v", results)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if sum, err := Send(ctx, Target{Address: addr}, files, nil); !errors.Is(err, context.Canceled) || sum.Failed != 9 {
		t.Errorf("%+v, %v", sum, err)
	}
}

// TestStorescp: DCMTK's storescp answers echo and keeps what is sent as it was.
func TestStorescp(t *testing.T) {
	path, err := exec.LookPath("storescp")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("storescp is missing: apt-get install dcmtk")
		}
		t.Skip("storescp is missing: apt-get install dcmtk")
	}
	for _, max := range []string{"4096", "131072"} {
		port := strconv.Itoa(15_000 + rand.IntN(15_000)) // below those that the system hands out to connections
		out := t.TempDir()
		cmd := exec.Command(path, "-od", out, "+B", "+xa", "-pm", "-pdu", max, port) // +B: exactly as read from the network
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
		target := Target{Address: "127.0.0.1:" + port, CalledAE: "STORESCP", CallingAE: "HALONG"}
		for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			if _, err = Echo(t.Context(), target); err == nil {
				break
			}
			if time.Since(begin) > time.Minute {
				t.Fatal(err)
			}
		}
		dir := t.TempDir()
		b := dataset.AppendFileHeader(nil, "1.2.840.10008.5.1.4.1.1.7", "1.2.3.4", dicom.ExplicitVRLittleEndian, "")
		set := &dataset.Set{}
		set.PutString(0x00080016, dicom.UI, "1.2.840.10008.5.1.4.1.1.7")
		set.PutString(0x00080018, dicom.UI, "1.2.3.4")
		set.Put(dataset.Element{Tag: 0x7FE00010, VR: dicom.OB, Value: bytes.Repeat([]byte("pixels"), 100_000)})
		ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
		body := set.Append(nil, ts)
		file := filepath.Join(dir, "sc.dcm")
		if err := os.WriteFile(file, append(b, body...), 0o600); err != nil {
			t.Fatal(err)
		}
		var results []Result
		if sum, err := Send(t.Context(), target, []string{file}, collect(&results)); err != nil || sum.Sent != 1 {
			t.Fatalf("%+v, %v, %+v", sum, err, results)
		}
		got, err := filepath.Glob(filepath.Join(out, "*"))
		if err != nil || len(got) != 1 {
			t.Fatalf("%v, %v", got, err)
		}
		kept, err := os.ReadFile(got[0])
		if err != nil || !bytes.HasSuffix(kept, body) {
			t.Errorf("max %s: %d bytes kept, which do not end with the %d sent (%v)", max, len(kept), len(body), err)
		}
	}
}
