package conformance

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
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
	t.Parallel()
	dir, _ := sampleFiles(t, 2)
	real := func(name string) string {
		files := realFiles(t)
		return files[slices.IndexFunc(files, func(f string) bool { return filepath.Base(f) == name })]
	}
	for _, c := range []struct {
		name  string
		args  []string
		files []string
	}{
		{"storescu", nil, list(t, dir)},
		{"storescu, PDUs of 4096 bytes (N1)", []string{"-pdu", "4096", "--max-send-pdu", "4096"}, list(t, dir)},
		{"storescu -xi", []string{"-xi"}, list(t, dir)[:1]},
		{"storescu -xb", []string{"-xb"}, []string{real("SC_rgb_expb.dcm")}},
		{"storescu -xd", []string{"-xd"}, []string{real("DeflatedExplicitVRLittleEndian.dcm")}},
		{"storescu -xr", []string{"-xr"}, []string{real("OBXXXX1A_rle.dcm")}},
		{"storescu -xs", []string{"-xs"}, []string{real("JPEG-LL.dcm")}},
		{"storescu -xx", []string{"-xx"}, []string{real("JPGExtended.dcm")}},
		{"storescu -xt", []string{"-xt"}, []string{real("CT1_UNC.fragmented_bot_jpeg_ls.80.dcm")}},
		{"storescu -xw", []string{"-xw"}, []string{real("US1_J2KI.dcm")}},
		{"dcmsend", []string{"-nuc", "-dn"}, append(list(t, dir), realFiles(t)...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			program, _, _ := strings.Cut(strings.ReplaceAll(c.name, ",", " "), " ")
			interop(t, peerDCMTK, "C-STORE", asSCP, c.name+"; every Data Set as it was on the wire")
			g := serve(t, onLoopback(t.TempDir()))
			proxy := newWire(t, g.DICOM)
			host, port, _ := net.SplitHostPort(proxy.addr)
			tool(t, program, append(append(append([]string{"-aec", "HALONG"}, c.args...), host, port), c.files...)...)
			same(t, "kept", kept(t, g, c.files), proxy.sums())
			if n := len(proxy.sums()); n != len(c.files) {
				t.Errorf("%d Data Sets passed, want %d", n, len(c.files))
			}
		})
	}
}

// TestDCMTKReceive: halong send to storescp and dcmrecv, which write down what comes bit by bit; halong echo.
func TestDCMTKReceive(t *testing.T) {
	dir, _ := sampleFiles(t, 2)
	files := append(list(t, dir), realFiles(t)...)
	for name, args := range map[string][]string{"storescp": {"+xa", "+B"}, "dcmrecv": {"+B", "-xf", "/etc/dcmtk/storescp.cfg", "AllDICOM"}} {
		t.Run(name, func(t *testing.T) {
			interop(t, peerDCMTK, "C-STORE", asSCU, "halong send to "+name+"; every Data Set as it was in its file")
			interop(t, peerDCMTK, "C-ECHO", asSCU, "halong echo to "+name)
			in := t.TempDir()
			address := listening(t, name, func(port string) []string { return append(args, "-od", in, port) })
			run(t, "echo", address)
			out := run(t, append([]string{"send", address}, files...)...)
			if !strings.Contains(out, fmt.Sprintf("%d sent, 0 failed", len(files))) {
				t.Errorf("send:\n%s", out)
			}
			same(t, name, sums(t, list(t, in)), sums(t, files))
		})
	}
}
