package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/internal/app/config"
)

// passcodeLine makes a user's line with halong passcode.
func passcodeLine(t testing.TB, secret string) string {
	t.Helper()
	cmd := exec.Command(program(t), "passcode", "--stdin")
	cmd.Stdin = strings.NewReader(secret + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, rest, ok := strings.Cut(string(out), `passcode: "`)
	line, _, closed := strings.Cut(rest, `"`)
	if !ok || !closed || strings.Contains(string(out), secret) {
		t.Fatalf("halong passcode: %s", out)
	}
	return line
}

// sees asks a gateway as DCMTK's findscu for a study and tells how many answers came.
func sees(t testing.TB, address string, o *object, args ...string) (n int, out string) {
	t.Helper()
	needTool(t, "findscu")
	host, port, _ := net.SplitHostPort(address)
	b, _ := exec.Command("findscu", append(append([]string{"-v", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=" + string(o.study)}, args...), host, port)...).CombinedOutput() // what came of it is in its output
	return strings.Count(string(b), "(Pending)"), string(b)
}

// TestUserIdentity: DCMTK with user names and passcodes, assertions through a verifier, and our own SCU.
func TestUserIdentity(t *testing.T) {
	interop(t, peerDCMTK, "User Identity Negotiation", asSCP, "storescu: user name and passcode, with and without a positive response; wrong ones rejected; SAML and Kerberos through a verifier")
	needTool(t, "storescu")
	asked := make(chan map[string]string, 16)
	verifier := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		var question map[string]string
		if err != nil || json.Unmarshal(b, &question) != nil {
			t.Errorf("the verifier was asked %q, %v", b, err)
		}
		asked <- question
		if question["identity"] != "dGhlIGFzc2VydGlvbg==" { // "the assertion"
			_, _ = io.WriteString(w, `{"allow":false}`) // the gateway waits for it
			return
		}
		_, _ = io.WriteString(w, `{"allow":true,"name":"from elsewhere","facility":"BV2","response":"c2VydmVy"}`)
	}))
	defer verifier.Close()
	c := onLoopback(t.TempDir())
	c.DICOM.Peers = []config.DICOMPeer{{Address: "127.0.0.0/8", Facility: "BV3"}}
	c.DICOM.Identity.Required = true
	c.DICOM.Identity.Verifier.URL = verifier.URL
	c.DICOM.Identity.Users = []config.User{
		{Name: "bs.an", Passcode: passcodeLine(t, "an's passcode"), Facility: "BV1", Facilities: []halong.Facility{"BV2"}},
		{Name: "ct1", Passcode: passcodeLine(t, "ct1's passcode")},
	}
	g := serve(t, c)
	dir := t.TempDir()
	assertion, forged := filepath.Join(dir, "assertion"), filepath.Join(dir, "forged")
	for name, text := range map[string]string{assertion: "the assertion", forged: "forged!"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	an, ct1 := []string{"-usr", "bs.an", "-pwd", "an's passcode"}, []string{"-usr", "ct1", "-pwd", "ct1's passcode"}
	saml, kerberos := []string{"--saml", assertion, "-rsp"}, []string{"-kt", assertion}
	host, port, _ := net.SplitHostPort(g.DICOM)
	for _, x := range []struct {
		name string
		args []string
		ok   bool
	}{
		{"no identity", nil, false},
		{"right", an, true},
		{"right, and says so", append(an[:len(an):len(an)], "-rsp"), true},
		{"right again", ct1, true},
		{"another's passcode", []string{"-usr", "ct1", "-pwd", "an's passcode"}, false},
		{"wrong passcode", []string{"-usr", "bs.an", "-pwd", "guess"}, false},
		{"empty passcode", []string{"-usr", "bs.an", "-epw"}, false},
		{"unknown user", []string{"-usr", "nobody", "-pwd", "an's passcode"}, false},
		{"a name alone", []string{"-usr", "bs.an"}, false},
		{"SAML", saml, true},
		{"Kerberos", kerberos, true},
		{"forged", []string{"--saml", forged}, false},
	} {
		o := newObject(4301, 1, 2000, "BN4301")
		file := filepath.Join(dir, "object.dcm")
		if err := os.WriteFile(file, o.part10(), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("storescu", append(append([]string{"-v", "-aet", "WS1"}, x.args...), host, port, file)...).CombinedOutput()
		if (err == nil) != x.ok {
			t.Errorf("%s: %v\n%s", x.name, err, out)
		}
		if !x.ok && !strings.Contains(string(out), "Rejected Permanent, Source: Service Provider (ACSE Related)") {
			t.Errorf("%s: %s", x.name, out)
		}
	}
	if q := <-asked; q["type"] != "saml" || q["calling_ae"] != "WS1" || q["called_ae"] != "ANY-SCP" || q["address"] != "127.0.0.1" {
		t.Errorf("asked %v", q)
	}

	// Whose it is, and who sees it.
	for study, by := range map[int][]string{4302: an, 4303: ct1, 4304: saml} {
		o := newObject(study, 1, 2000, "BN4301")
		file := filepath.Join(dir, "object.dcm")
		if err := os.WriteFile(file, o.part10(), 0o600); err != nil {
			t.Fatal(err)
		}
		tool(t, "storescu", append(by, host, port, file)...)
	}
	for _, x := range []struct {
		who  string
		args []string
		want map[int]int
	}{
		{"bs.an: BV1 and BV2", []string{"--user", "bs.an", "--passcode", "an's passcode"}, map[int]int{4302: 1, 4303: 0, 4304: 1}},
		{"ct1: the peer's BV3", []string{"--user", "ct1", "--passcode", "ct1's passcode"}, map[int]int{4302: 0, 4303: 1, 4304: 0}},
		{"JSON Web Token: BV2", []string{"--jwt", assertion}, map[int]int{4302: 0, 4303: 0, 4304: 1}},
	} {
		for study, want := range x.want {
			o := newObject(study, 1, 2000, "BN4301")
			out := run(t, append([]string{"find", g.DICOM, "-k", "StudyInstanceUID=" + string(o.study)}, x.args...)...)
			if !strings.Contains(out, fmt.Sprintf("%d answers", want)) {
				t.Errorf("%s: study %d: want %d answers\n%s", x.who, study, want, out)
			}
		}
	}
	if code, out := runCode(t, program(t), "find", g.DICOM, "--user", "bs.an", "--passcode", "guess"); code != 1 || !strings.Contains(out, "rejected") {
		t.Errorf("halong find with a wrong passcode: exit code %d\n%s", code, out)
	}
	checkOwnSCU(t, g)
	for _, secret := range []string{"an's passcode", "ct1's passcode", "the assertion", "dGhlIGFzc2VydGlvbg", "forged!", "guess"} {
		if strings.Contains(g.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// checkOwnSCU: what our own SCU gets in answer to each type of identity.
func checkOwnSCU(t *testing.T, g *gateway) {
	t.Helper()
	for _, x := range []struct {
		id   pdu.UserIdentity
		want *pdu.UserIdentityResponse
		ok   bool
	}{
		{pdu.UserIdentity{Type: 2, ResponseWanted: true, Primary: []byte("bs.an"), Secondary: []byte("an's passcode")}, &pdu.UserIdentityResponse{}, true},
		{pdu.UserIdentity{Type: 2, Primary: []byte("bs.an"), Secondary: []byte("an's passcode")}, nil, true},
		{pdu.UserIdentity{Type: 2, ResponseWanted: true, Primary: []byte("bs.an"), Secondary: []byte("an's passcod")}, nil, false},
		{pdu.UserIdentity{Type: 5, ResponseWanted: true, Primary: []byte("the assertion")}, &pdu.UserIdentityResponse{Server: []byte("server")}, true},
		{pdu.UserIdentity{Type: 5, Primary: []byte("the assertion")}, nil, true},
		{pdu.UserIdentity{Type: 5, ResponseWanted: true, Primary: []byte("a.forged.token")}, nil, false},
		{pdu.UserIdentity{Type: 9, Primary: []byte("the assertion")}, nil, false},
	} {
		a, err := dimse.Dial(context.Background(), g.DICOM, dimse.Options{
			CallingAE: "WS1", CalledAE: "HALONG", User: pdu.UserInformation{Identity: &x.id},
			Contexts: []pdu.ProposedContext{{AbstractSyntax: dicom.VerificationSOPClass, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}}},
		})
		if !x.ok {
			var rj *pdu.Reject
			if !errors.As(err, &rj) || *rj != pdu.RejectACSENoReason {
				t.Errorf("type %d: %v", x.id.Type, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("type %d: %v", x.id.Type, err)
			continue
		}
		if d := cmp.Diff(x.want, a.Peer().IdentityResponse); d != "" {
			t.Errorf("type %d, positive response %v: %s", x.id.Type, x.id.ResponseWanted, d)
		}
		if err := a.Echo(context.Background()); err != nil {
			t.Error(err)
		}
		if err := a.Release(); err != nil {
			t.Error(err)
		}
	}
}

// TestN24FacilityTitles: each facility has an AE title of its own; who calls it stores there and sees that alone. Those who are
// not listed may store by promiscuous mode, and are told that they may not ask.
func TestN24FacilityTitles(t *testing.T) {
	interop(t, peerDCMTK, "C-FIND", asSCP, "findscu: one AE title for each facility; promiscuous mode")
	needTool(t, "storescu")
	c := onLoopback(t.TempDir())
	c.Facilities = []config.Facility{{Name: "BV1", AE: "HALONG_BV1"}, {Name: "BV2", AE: "HALONG_BV2"}}
	c.DICOM.CheckCalledAE, c.DICOM.Promiscuous = true, true
	c.DICOM.Peers = []config.DICOMPeer{{AE: "WS1", Facility: "BV1"}, {AE: "WS 2"}, {AE: "WS3", Facility: "BV1", Facilities: []halong.Facility{"BV2"}}}
	g := serve(t, c)
	host, port, _ := net.SplitHostPort(g.DICOM)
	objects := map[string]*object{}
	for called, study := range map[string]int{"HALONG_BV1": 4401, "HALONG_BV2": 4402, "HALONG": 4403} {
		o := newObject(study, 1, 2000, "BN4401")
		objects[called] = &o
		file := filepath.Join(t.TempDir(), "object.dcm")
		if err := os.WriteFile(file, o.part10(), 0o600); err != nil {
			t.Fatal(err)
		}
		tool(t, "storescu", "-aet", "STRANGER", "-aec", called, host, port, file)
	}
	for _, x := range []struct {
		calling, called string
		want            map[string]int // nil: refused
	}{
		{"WS1", "HALONG_BV1", map[string]int{"HALONG_BV1": 1, "HALONG_BV2": 0, "HALONG": 0}},
		{"WS1", "HALONG", map[string]int{"HALONG_BV1": 1, "HALONG_BV2": 0, "HALONG": 0}},
		{"WS1", "HALONG_BV2", nil},
		{"WS 2", "HALONG_BV2", map[string]int{"HALONG_BV1": 0, "HALONG_BV2": 1, "HALONG": 0}},
		{"WS 2", "HALONG", map[string]int{"HALONG_BV1": 0, "HALONG_BV2": 0, "HALONG": 1}},
		{"WS3", "HALONG_BV2", map[string]int{"HALONG_BV1": 1, "HALONG_BV2": 1, "HALONG": 0}},
		{"WS1", "HALONG_BV3", nil},
		{"WS1", "halong_bv1", nil},
	} {
		for of, o := range objects {
			n, out := sees(t, g.DICOM, o, "-aet", x.calling, "-aec", x.called)
			if n > 0 && !strings.Contains(out, "["+x.called+"]") && !strings.Contains(out, "["+x.called+" ]") {
				t.Errorf("%s at %s is not told to retrieve there\n%s", x.calling, x.called, out)
			}
			refused := strings.Contains(out, "Reason: Called AE Title Not Recognized")
			if n != x.want[of] || refused != (x.want == nil) {
				t.Errorf("%s at %s: %d answers of %s\n%s", x.calling, x.called, n, of, out)
			}
		}
	}
	for _, ae := range []string{"STRANGER", "ws1"} {
		if n, out := sees(t, g.DICOM, objects["HALONG"], "-aet", ae, "-aec", "HALONG"); n != 0 || !strings.Contains(out, "Status: 0x124") {
			t.Errorf("%s: %d answers\n%s", ae, n, out)
		}
	}
	if !strings.Contains(g.log.String(), "dicom.promiscuous: everybody who reaches the listener may store") {
		t.Error("promiscuous mode is not warned of")
	}
}
