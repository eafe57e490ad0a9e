package conformance

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// TestDCMTKEcho: echoscu, with 128 Presentation Contexts (N3) and with an A-ABORT at the end (N7); termscu, which asks an SCP of
// DCMTK to end itself, ends nothing here.
func TestDCMTKEcho(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	host, port, _ := net.SplitHostPort(g.DICOM)
	t.Run("echo", func(t *testing.T) {
		interop(t, peerDCMTK, "C-ECHO", asSCP, "echoscu; 128 Presentation Contexts; A-ABORT")
		tool(t, "echoscu", "-aec", "HALONG", host, port)
		tool(t, "echoscu", "-aec", "HALONG", "-ppc", "128", "-pts", "38", "--repeat", "3", host, port)
		tool(t, "echoscu", "-aec", "HALONG", "--abort", host, port)
	})
	t.Run("shutdown", func(t *testing.T) {
		interop(t, peerDCMTK, "Shutdown (private SOP Class)", asSCP, "termscu; nothing is shut down")
		needTool(t, "termscu")
		_ = exec.Command("termscu", host, port).Run() // it fails, or thinks that it succeeded
		tool(t, "echoscu", "-aec", "HALONG", host, port)
	})
}

// TestDCMTKStore: storescu and dcmsend; what is kept is what was on the wire.
func TestDCMTKStore(t *testing.T) {
	dir, _ := sampleFiles(t, 2)
	files := append(list(t, dir), realFiles(t)...)
	for _, c := range []struct {
		name, tool string
		args       []string
	}{
		{"storescu", "storescu", []string{"-R", "-aec", "HALONG"}},
		{"storescu, small PDUs (N1)", "storescu", []string{"-R", "-aec", "HALONG", "-pdu", "4096", "--max-send-pdu", "4096"}},
		{"dcmsend", "dcmsend", []string{"-nuc", "-dn", "-aec", "HALONG"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			interop(t, peerDCMTK, "C-STORE", asSCP, c.name+"; every Data Set as it was on the wire, uncompressed and compressed")
			needTool(t, c.tool)
			g := serve(t, onLoopback(t.TempDir()))
			proxy := newWire(t, g.DICOM)
			host, port, _ := net.SplitHostPort(proxy.addr)
			tool(t, c.tool, append(append(c.args, host, port), files...)...)
			same(t, "kept", kept(t, g, files), proxy.sums())
			if n := len(proxy.sums()); n != len(files) {
				t.Errorf("%d Data Sets passed, want %d", n, len(files))
			}
		})
	}
}

// TestDCMTKReceive: halong send to storescp and dcmrecv, which write down what comes bit by bit; halong echo.
func TestDCMTKReceive(t *testing.T) {
	dir, _ := sampleFiles(t, 2)
	files := append(list(t, dir), realFiles(t)...)
	for name, args := range map[string][]string{"storescp": {"+xa", "+B"}, "dcmrecv": {"+B"}} {
		t.Run(name, func(t *testing.T) {
			interop(t, peerDCMTK, "C-STORE", asSCU, "halong send to "+name+"; every Data Set as it was in its file")
			interop(t, peerDCMTK, "C-ECHO", asSCU, "halong echo to "+name)
			in := t.TempDir()
			sent := files
			if name == "dcmrecv" { // takes uncompressed syntaxes unless a profile says otherwise
				sent = list(t, dir)
			}
			address := listening(t, name, func(port string) []string { return append(args, "-od", in, port) })
			run(t, "echo", address)
			out := run(t, append([]string{"send", address}, sent...)...)
			if !strings.Contains(out, fmt.Sprintf("%d sent, 0 failed", len(sent))) {
				t.Errorf("send:\n%s", out)
			}
			same(t, name, sums(t, list(t, in)), sums(t, sent))
		})
	}
}
