package conformance

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/internal/app/config"
)

// overTLS is a configuration with a TLS listener, and no other.
func overTLS(t testing.TB, a *authority) *config.Config {
	t.Helper()
	own := a.issue(t, "gateway")
	c := onLoopback(t.TempDir())
	c.DICOM.Listen = config.Off
	c.DICOM.TLS = config.DICOMTLS{Listen: "127.0.0.1:0", Cert: own.cert, Key: own.key}
	return c
}

// dcmtkTLS gives the options of a DCMTK tool: with a certificate, or anonymous with nil.
func dcmtkTLS(trusted *authority, c *credential) []string {
	args := []string{"+tla"}
	if c != nil {
		args = []string{"+tls", c.key, c.cert}
	}
	return append(args, "+cf", trusted.file)
}

// associates tells whether DCMTK's echoscu gets an answer, and what it said.
func associates(t testing.TB, address string, args ...string) (bool, string) {
	t.Helper()
	needTool(t, "echoscu")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("echoscu", append(append([]string{"-v"}, args...), host, port)...).CombinedOutput()
	return err == nil && strings.Contains(string(out), "Received Echo Response (Success)"), string(out)
}

// TestN23DCMTK: DCMTK over TLS, anonymous and with certificates.
func TestN23DCMTK(t *testing.T) {
	a, strangers := newAuthority(t), newAuthority(t)
	good, wrong := a.issue(t, "ct1.example"), strangers.issue(t, "ct1.example")
	file := filepath.Join(t.TempDir(), "object.dcm")
	o := newObject(4201, 1, 100_000, "BN4201")
	if err := os.WriteFile(file, o.part10(), 0o600); err != nil {
		t.Fatal(err)
	}

	t.Run("anonymous", func(t *testing.T) {
		interop(t, peerDCMTK, "DICOM over TLS", asSCP, "storescu +tla, echoscu +tla")
		g := serve(t, overTLS(t, a))
		if ok, out := associates(t, g.DICOMTLS, dcmtkTLS(a, nil)...); !ok {
			t.Errorf("echoscu: %s", out)
		}
		if ok, _ := associates(t, g.DICOMTLS, dcmtkTLS(strangers, nil)...); ok {
			t.Error("echoscu trusts a stranger")
		}
		if ok, _ := associates(t, g.DICOMTLS); ok {
			t.Error("without TLS it got in")
		}
		host, port, _ := net.SplitHostPort(g.DICOMTLS)
		tool(t, "storescu", append(dcmtkTLS(a, nil), host, port, file)...)
		checkObject(t, g.URL, &o)
	})
	t.Run("mutual", func(t *testing.T) {
		interop(t, peerDCMTK, "DICOM over TLS", asSCP, "storescu +tls, echoscu +tls: certificate asked for and verified")
		c := overTLS(t, a)
		c.DICOM.TLS.ClientCA = a.file
		g := serve(t, c)
		for name, x := range map[string]struct {
			args []string
			ok   bool
		}{
			"certificate of the authority": {dcmtkTLS(a, good), true},
			"certificate of another":       {dcmtkTLS(a, wrong), false},
			"no certificate":               {dcmtkTLS(a, nil), false},
		} {
			if ok, out := associates(t, g.DICOMTLS, x.args...); ok != x.ok {
				t.Errorf("%s: %v\n%s", name, ok, out)
			}
		}
		host, port, _ := net.SplitHostPort(g.DICOMTLS)
		tool(t, "storescu", append(dcmtkTLS(a, good), host, port, file)...)
		checkObject(t, g.URL, &o)
	})
	t.Run("mutual where shown", func(t *testing.T) {
		no := false
		c := overTLS(t, a)
		c.DICOM.TLS.ClientCA, c.DICOM.TLS.RequireClient = a.file, &no
		g := serve(t, c)
		for name, x := range map[string]struct {
			args []string
			ok   bool
		}{
			"certificate of the authority": {dcmtkTLS(a, good), true},
			"certificate of another":       {dcmtkTLS(a, wrong), false},
			"no certificate":               {dcmtkTLS(a, nil), true},
		} {
			if ok, out := associates(t, g.DICOMTLS, x.args...); ok != x.ok {
				t.Errorf("%s: %v\n%s", name, ok, out)
			}
		}
	})
	t.Run("profiles", func(t *testing.T) {
		interop(t, peerDCMTK, "DICOM over TLS", asSCP, "echoscu with its BCP 195 profiles (+py, +px, +pz); the retired AES profile (+pa) and unencrypted TLS (+pn) are refused")
		g := serve(t, overTLS(t, a))
		for profile, want := range map[string]bool{"+py": true, "+px": true, "+pz": true, "+pa": false, "+pn": false} {
			if ok, out := associates(t, g.DICOMTLS, append(dcmtkTLS(a, nil), profile)...); ok != want {
				t.Errorf("%s: %v\n%s", profile, ok, out)
			}
		}
	})
}

// TestN23Profile: TLS 1.2 and 1.3 with suites of BCP 195, nothing older or weaker; no renegotiation, no compression.
func TestN23Profile(t *testing.T) {
	a := newAuthority(t)
	g := serve(t, overTLS(t, a))
	shake := func(change func(*tls.Config)) (tls.ConnectionState, error) {
		c := a.trusting(nil)
		change(c)
		conn, err := tls.Dial("tcp", g.DICOMTLS, c)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer conn.Close()
		return conn.ConnectionState(), nil
	}
	for _, v := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		if _, err := shake(func(c *tls.Config) { c.MinVersion, c.MaxVersion = v, v }); err == nil {
			t.Errorf("%s was taken", tls.VersionName(v))
		}
	}
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if s, err := shake(func(c *tls.Config) { c.MinVersion, c.MaxVersion = v, v }); err != nil || s.Version != v {
			t.Errorf("%s: %v", tls.VersionName(v), err)
		}
	}
	weak := 0
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if !slices.Contains(suite.SupportedVersions, tls.VersionTLS12) || slices.Equal(suite.SupportedVersions, []uint16{tls.VersionTLS13}) {
			continue
		}
		_, err := shake(func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{suite.ID} })
		good := strings.HasPrefix(suite.Name, "TLS_ECDHE_ECDSA_") && (strings.Contains(suite.Name, "GCM") || strings.Contains(suite.Name, "CHACHA20"))
		if !good {
			weak++
		}
		if (err == nil) != good { // the certificate is of an elliptic curve, so that suites for RSA keys cannot be used either
			t.Errorf("%s: %v", suite.Name, err)
		}
	}
	if weak == 0 {
		t.Error("nothing weak was tried")
	}
}

// TestN23OpenSSL: what another implementation finds when it offers old versions, SHA-1 signatures and renegotiation.
func TestN23OpenSSL(t *testing.T) {
	needTool(t, "openssl")
	a := newAuthority(t)
	g := serve(t, overTLS(t, a))
	client := func(input string, args ...string) string {
		cmd := exec.Command("openssl", append([]string{"s_client", "-connect", g.DICOMTLS, "-CAfile", a.file}, args...)...)
		cmd.Stdin = strings.NewReader(input)
		out, _ := cmd.CombinedOutput() // its exit code says little; what it prints is looked at
		return string(out)
	}
	taken := func(out string) bool {
		return strings.Contains(out, "Verify return code: 0") && !strings.Contains(out, "Cipher is (NONE)")
	}
	for _, x := range []struct {
		args []string
		want bool
	}{
		{[]string{"-tls1_3"}, true},
		{[]string{"-tls1_2"}, true},
		{[]string{"-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"}, false},
		{[]string{"-tls1", "-cipher", "DEFAULT@SECLEVEL=0"}, false},
		{[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA@SECLEVEL=0"}, false},
		{[]string{"-tls1_2", "-cipher", "DEFAULT@SECLEVEL=0", "-sigalgs", "ECDSA+SHA1"}, false},
	} {
		if out := client("", x.args...); taken(out) != x.want {
			t.Errorf("%q: taken %v\n%s", x.args, !x.want, out)
		}
	}
	out := client("R\n", "-tls1_2")
	if !strings.Contains(out, "RENEGOTIATING") || strings.Count(out, "Verify return code: 0")+strings.Count(out, "verify return:1") == 0 {
		t.Fatalf("openssl did not ask for renegotiation:\n%s", out)
	}
	if !strings.Contains(out, "no renegotiation") && !strings.Contains(out, "ssl handshake failure") && !strings.Contains(out, "alert") {
		t.Errorf("renegotiation was not refused:\n%s", out)
	}
	if !strings.Contains(out, "Compression: NONE") {
		t.Errorf("compression:\n%s", out)
	}
}

// TestN23Reload: a certificate and an authority swapped under a running gateway count from the next Association on; the one
// that is open goes on.
func TestN23Reload(t *testing.T) {
	a, b := newAuthority(t), newAuthority(t)
	c := overTLS(t, a)
	dir := t.TempDir()
	second := b.issue(t, "gateway")
	x := &c.DICOM.TLS
	first := *x
	x.Cert, x.Key, x.ClientCA = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")
	overwrite(t, first.Cert, x.Cert)
	overwrite(t, first.Key, x.Key)
	overwrite(t, a.file, x.ClientCA)
	g := serve(t, c)
	ofA, ofB := a.issue(t, "ct1"), b.issue(t, "ct1")
	before, err := associateTLS(g, a.trusting(ofA), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := associateTLS(g, a.trusting(ofB), nil); err == nil {
		t.Error("a certificate of the next authority was taken before its time")
	}

	overwrite(t, second.cert, x.Cert) // without its key: what was there stays
	if again, err := associateTLS(g, a.trusting(ofA), nil); err != nil {
		t.Error("half a change:", err)
	} else if err := again.Release(); err != nil {
		t.Error(err)
	}
	overwrite(t, second.key, x.Key)
	overwrite(t, b.file, x.ClientCA)
	after, err := associateTLS(g, b.trusting(ofB), nil)
	if err != nil {
		t.Fatal("after the change:", err)
	}
	if _, err := associateTLS(g, b.trusting(ofA), nil); err == nil {
		t.Error("a certificate of the former authority is still taken")
	}
	for _, open := range []*dimse.Association{before, after} {
		if err := open.Echo(context.Background()); err != nil {
			t.Error(err)
		}
		if err := open.Release(); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(g.log.String(), "changed certificates cannot be used"); n != 1 {
		t.Errorf("half a change was logged %d times", n)
	}
}

// associateTLS opens an Association for C-ECHO.
func associateTLS(g *gateway, c *tls.Config, change func(*dimse.Options)) (*dimse.Association, error) {
	o := dimse.Options{
		CallingAE: "CT1", CalledAE: "HALONG", Dial: (&tls.Dialer{Config: c}).DialContext,
		Contexts: []pdu.ProposedContext{{AbstractSyntax: dicom.VerificationSOPClass, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}}},
	}
	if change != nil {
		change(&o)
	}
	return dimse.Dial(context.Background(), g.DICOMTLS, o)
}

// TestN23AllowList: AE title, address and certificate decide together, on the plain listener and on that for TLS.
func TestN23AllowList(t *testing.T) {
	interop(t, peerDCMTK, "DICOM over TLS", asSCP, "echoscu +tls: allow-list by AE title, address and certificate")
	a := newAuthority(t)
	ct1, ct2, self := a.issue(t, "ct1.example"), a.issue(t, "ct2.example"), newAuthority(t).issue(t, "self")
	c := overTLS(t, a)
	no := false
	c.DICOM.Listen = "127.0.0.1:0"
	c.DICOM.TLS.ClientCA, c.DICOM.TLS.RequireClient = a.file, &no
	c.DICOM.Peers = []config.DICOMPeer{
		{AE: "CT1", Address: "127.0.0.0/8", Certificate: "ct1.example", Facility: "BV1"},
		{AE: "CT2", Certificate: ct2.fingerprint, Facility: "BV2"},
		{AE: "FAR", Address: "10.1.0.0/16", Certificate: "ct1.example", Facility: "BV1"},
		{AE: "PLAIN", Address: "127.0.0.1", Facility: "BV3"},
	}
	g := serve(t, c)
	for _, x := range []struct {
		ae    string
		shown *credential
		ok    bool
	}{
		{"CT1", ct1, true},
		{"CT1", ct2, false},
		{"CT1", nil, false},
		{"CT2", ct2, true},
		{"CT2", ct1, false},
		{"FAR", ct1, false},
		{"PLAIN", nil, true},
		{"PLAIN", ct1, true},
		{"OTHER", ct1, false},
		{"CT1", self, false},
	} {
		if ok, out := associates(t, g.DICOMTLS, append([]string{"-aet", x.ae}, dcmtkTLS(a, x.shown)...)...); ok != x.ok {
			t.Errorf("%s with %v: %v\n%s", x.ae, x.shown, ok, out)
		}
	}
	for ae, want := range map[string]bool{"CT1": false, "CT2": false, "PLAIN": true, "OTHER": false} {
		if ok, out := associates(t, g.DICOM, "-aet", ae); ok != want {
			t.Errorf("%s without TLS: %v\n%s", ae, ok, out)
		}
	}
}

// TestN23Pinned: without an authority, a peer is known by its certificate's fingerprint.
func TestN23Pinned(t *testing.T) {
	a := newAuthority(t)
	pinned, other := newAuthority(t).issue(t, "old modality"), newAuthority(t).issue(t, "old modality")
	c := overTLS(t, a)
	c.DICOM.Peers = []config.DICOMPeer{{AE: "CT1", Certificate: pinned.fingerprint}}
	g := serve(t, c)
	open, err := associateTLS(g, a.trusting(pinned), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := open.Release(); err != nil {
		t.Error(err)
	}
	for name, x := range map[string]*credential{"another certificate": other, "none": nil} {
		var rj *pdu.Reject
		if _, err := associateTLS(g, a.trusting(x), nil); !errors.As(err, &rj) || *rj != pdu.RejectCallingAE {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestN23Destination: C-MOVE to a destination over TLS that asks for our certificate, and to one that we do not trust.
func TestN23Destination(t *testing.T) {
	interop(t, peerDCMTK, "DICOM over TLS", asSCU, "storescp +tls: C-STORE sub-operations of C-MOVE, with our certificate")
	a, strangers := newAuthority(t), newAuthority(t)
	in := t.TempDir()
	theirs, ours := a.issue(t, "pacs"), a.issue(t, "gateway")
	store := listening(t, "storescp", func(port string) []string {
		return append([]string{"+xa", "-od", in}, append(dcmtkTLS(a, theirs), port)...)
	})
	c := onLoopback(t.TempDir())
	good := config.Destination{AE: "GOOD", Address: store, TLS: true, CA: a.file, Cert: ours.cert, Key: ours.key, User: "halong", Passcode: "secret"}
	distrusted, nameless, misnamed := good, good, good
	distrusted.AE, distrusted.CA = "DISTRUSTED", strangers.file
	nameless.AE, nameless.Cert, nameless.Key = "NAMELESS", "", ""
	misnamed.AE, misnamed.ServerName = "MISNAMED", "elsewhere.example"
	c.DICOM.Destinations = []config.Destination{good, distrusted, nameless, misnamed}
	g := serve(t, c)
	o := newObject(4202, 1, 5000, "BN4202")
	if status := sendOne(t, g.DICOM, o); status != 0 {
		t.Fatalf("status %04X", status)
	}
	for _, x := range []struct{ to, want string }{
		{"DISTRUSTED", `"Completed":0,"Failed":1`}, {"NAMELESS", `"Completed":0,"Failed":1`}, {"MISNAMED", `"Completed":0,"Failed":1`}, {"GOOD", `"Completed":1,"Failed":0`},
	} {
		out, _ := exec.Command(program(t), "move", g.DICOM, "--json", "--to", x.to, "-k", "StudyInstanceUID="+string(o.study)).CombinedOutput() // a failed move exits 1
		if !strings.Contains(string(out), x.want) {
			t.Errorf("%s: %s\n%s", x.to, out, lastLines(g.log.String(), 5))
		}
	}
	if n := len(list(t, in)); n != 1 {
		t.Errorf("%d objects arrived", n)
	}
	if strings.Contains(g.log.String(), "secret") {
		t.Error("the log holds the passcode")
	}
}

// TestN23SlowHandshake: a connection that does not shake hands does not keep others waiting, nor the gateway from stopping.
func TestN23SlowHandshake(t *testing.T) {
	a := newAuthority(t)
	g := serve(t, overTLS(t, a))
	for i := range 8 {
		conn, err := net.Dial("tcp", g.DICOMTLS)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i%2 == 1 { // the beginning of a TLS record, and no more
			if _, err := conn.Write([]byte{22, 3, 1, 2}); err != nil {
				t.Fatal(err)
			}
		}
	}
	open, err := associateTLS(g, a.trusting(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := open.Release(); err != nil {
		t.Error(err)
	}
	if err := g.stop(); err != nil {
		t.Error(err)
	}
}
