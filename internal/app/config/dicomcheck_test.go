package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/access"
)

const somePasscode = "pbkdf2-sha256$100000$c2FsdFNBTFQ$XICeNZwD4luIXPkNsjf96ge+U18notQGSucZtvKZaqo"

// Everything of DICOM that can be said, as a site might.
const dicomDocument = `
ae: HALONG
facilities: [{name: BV1, ae: HALONG_BV1}, {name: BV2, ae: HALONG_BV2}]
dicom:
  listen: "off"
  tls: {listen: "0.0.0.0:2762", cert: cert.pem, key: key.pem, client_ca: ca.pem, require_client: false}
  check_called_ae: true
  async_operations: 4
  promiscuous: true
  promiscuous_sees: [BV2]
  peers:
    - {ae: CT1, address: 10.1.0.0/16, certificate: ct1.bv1.example, facility: BV1, facilities: [BV2]}
    - certificate: sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b
  identity:
    required: true
    users: [{name: bs.an, passcode: ` + somePasscode + `, facility: BV1}]
    verifier: {url: "https://sso.bv1.example/dicom", ca: sso.pem, timeout: 3s}
  destinations:
    - {ae: PACS, address: "10.1.0.9:2762", tls: true, ca: ca.pem, cert: c.pem, key: k.pem, server_name: pacs, user: halong, passcode: secret}
`

func TestDICOMDocument(t *testing.T) {
	c := Default()
	if _, err := decode([]byte(dicomDocument), c); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	no := false
	if d := cmp.Diff(DICOMTLS{"0.0.0.0:2762", "cert.pem", "key.pem", "ca.pem", &no}, c.DICOM.TLS); d != "" {
		t.Error(d)
	}
	titles, err := c.Titles()
	if d := cmp.Diff(map[string]halong.Facility{"HALONG_BV1": "BV1", "HALONG_BV2": "BV2"}, titles); err != nil || d != "" {
		t.Error(err, d)
	}
	sees, err := c.Strangers()
	if d := cmp.Diff(&halong.Scope{Visible: []halong.Facility{"BV2"}}, sees); err != nil || d != "" {
		t.Error(err, d)
	}
	peers, err := c.DICOMPeers()
	if err != nil || len(peers) != 2 || peers[0].Certificate.Name != "ct1.bv1.example" || peers[1].Certificate.Fingerprint == nil || peers[1].Facility != "" {
		t.Errorf("%+v, %v", peers, err)
	}
	users, err := c.Users()
	if err != nil || len(users) != 1 || users[0].Identity.Name != "bs.an" || users[0].Identity.Facility != "BV1" {
		t.Errorf("%+v, %v", users, err)
	}
	want := []string{"dicom.promiscuous: everybody who reaches the listener may store; those not in dicom.peers see what dicom.promiscuous_sees says"}
	if d := cmp.Diff(want, c.Warnings()); d != "" {
		t.Error(d)
	}
}

// A peer without a facility keeps none: the called AE title may say which.
func TestPeerWithoutFacility(t *testing.T) {
	c := Default()
	c.DICOM.Peers = []DICOMPeer{{AE: " CT1 "}}
	peers, err := c.DICOMPeers()
	if d := cmp.Diff(access.Peers{{AE: "CT1"}}, peers, cmp.Comparer(func(a, b access.Peer) bool { return a.AE == b.AE && a.Facility == b.Facility })); err != nil || d != "" {
		t.Error(err, d)
	}
}

func TestMutual(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		t    DICOMTLS
		want bool
	}{
		{DICOMTLS{}, false},
		{DICOMTLS{ClientCA: "ca"}, true},
		{DICOMTLS{ClientCA: "ca", RequireClient: &yes}, true},
		{DICOMTLS{ClientCA: "ca", RequireClient: &no}, false},
	} {
		if got := c.t.Mutual(); got != c.want {
			t.Errorf("%+v: %v", c.t, got)
		}
	}
}

// Each wrong value is told with its key and line.
func TestDICOMFaults(t *testing.T) {
	const tls = "{listen: \"127.0.0.1:2762\", cert: c, key: k}"
	for _, c := range []struct{ name, doc, want string }{
		{"listener", "dicom:\n  tls:\n    listen: 2762\n", "line 3: dicom.tls.listen: "},
		{"no certificate", "dicom:\n  tls:\n    listen: 127.0.0.1:2762\n", "line 3: dicom.tls.listen: needs cert and key"},
		{"half", "dicom:\n  tls: {listen: \"127.0.0.1:2762\", cert: c}\n", "line 2: dicom.tls: cert and key go together"},
		{"no listener", "dicom:\n  tls: {cert: c, key: k}\n", "line 2: dicom.tls: certificates without a listener"},
		{"required of whom", "dicom:\n  tls:\n    listen: 127.0.0.1:2762\n    cert: c\n    key: k\n    require_client: true\n", "line 6: dicom.tls.require_client: needs client_ca"},
		{"open", "dicom:\n  tls: {listen: \":2762\", cert: c, key: k}\n", "line 2: dicom.tls.listen: :2762 is reachable beyond this machine"},
		{"optional certificates are open", "dicom:\n  tls: {listen: \":2762\", cert: c, key: k, client_ca: a, require_client: false}\n", "line 2: dicom.tls.listen: :2762 is reachable"},
		{"mutual alone leaves the plain listener", "dicom:\n  listen: \":104\"\n  tls: {listen: \":2762\", cert: c, key: k, client_ca: a}\n", "line 2: dicom.listen: :104 is reachable"},
		{"certificate without TLS", "dicom:\n  peers:\n    - {ae: A, certificate: a.example}\n", "line 3: dicom.peers[0].certificate: only peers over TLS"},
		{"name without authority", "dicom:\n  tls: " + tls + "\n  peers:\n    - {ae: A, certificate: a.example}\n", "line 4: dicom.peers[0].certificate: a name means something"},
		{"fingerprint", "dicom:\n  tls: " + tls + "\n  peers:\n    - ae: A\n      certificate: sha256:12\n", "line 5: dicom.peers[0].certificate: not the fingerprint"},
		{"empty line", "dicom:\n  peers:\n    - {facility: BV1}\n", "line 3: dicom.peers[0]: ae, address or certificate"},
		{"peer's facilities", "dicom:\n  peers:\n    - ae: A\n      facilities: [BV1, a/b]\n", "line 4: dicom.peers[0].facilities[1]: "},
		{"facility", "ae: A\nfacilities:\n  - {name: a/b, ae: B}\n", "line 3: facilities[0].name: "},
		{"facility's title", "facilities:\n  - name: BV1\n    ae: 'A\\B'\n", "line 3: facilities[0].ae: "},
		{"title of two", "facilities:\n  - {name: BV1, ae: X}\n  - {name: BV2, ae: X}\n", "line 3: facilities[1].ae: \"X\" is that of BV1"},
		{"sees without promiscuous", "dicom:\n  promiscuous_sees: [BV1]\n", "line 2: dicom.promiscuous_sees: means nothing"},
		{"sees nonsense", "dicom:\n  promiscuous: true\n  promiscuous_sees: [BV1, '**']\n", "line 3: dicom.promiscuous_sees[1]: "},
		{"window", "dicom:\n  async_operations: 0\n", "line 2: dicom.async_operations: "},
		{"large window", "dicom:\n  async_operations: 257\n", "line 2: dicom.async_operations: "},
		{"nobody", "dicom:\n  identity:\n    required: true\n", "line 3: dicom.identity.required: needs users"},
		{"passcode in clear", "dicom:\n  identity:\n    users:\n      - name: an\n        passcode: confidential\n", "line 5: dicom.identity.users[0].passcode: not a passcode as"},
		{"nameless", "dicom:\n  identity:\n    users:\n      - {passcode: x}\n", "line 4: dicom.identity.users[0].name: "},
		{"user twice", "dicom:\n  identity:\n    users:\n      - {name: an, passcode: " + somePasscode + "}\n      - {name: an, passcode: " + somePasscode + "}\n", "line 5: dicom.identity.users[1].name: "},
		{"user's facility", "dicom:\n  identity:\n    users:\n      - {name: an, passcode: " + somePasscode + ", facility: a/b}\n", "line 4: dicom.identity.users[0].facility: "},
		{"verifier in clear", "dicom:\n  identity:\n    verifier:\n      url: http://sso.example/\n", "line 4: dicom.identity.verifier.url: want https"},
		{"verifier's secret", "dicom:\n  identity:\n    verifier:\n      url: https://a:b@sso.example/\n", "line 4: dicom.identity.verifier.url: want https"},
		{"verifier's time", "dicom:\n  identity:\n    verifier:\n      url: http://localhost:1/\n      timeout: 0s\n", "line 5: dicom.identity.verifier.timeout: "},
		{"authority of nobody", "dicom:\n  identity:\n    verifier:\n      ca: x\n", "line 4: dicom.identity.verifier.ca: "},
		{"destination's key", "dicom:\n  destinations:\n    - {ae: P, address: \"h:1\", tls: true, cert: c}\n", "line 3: dicom.destinations[0]: cert and key"},
		{"destination's authority", "dicom:\n  destinations:\n    - {ae: P, address: \"h:1\", ca: c}\n", "line 3: dicom.destinations[0]: ca, cert, key"},
		{"destination's passcode", "dicom:\n  destinations:\n    - ae: P\n      address: h:1\n      passcode: c\n", "line 5: dicom.destinations[0].passcode: needs user"},
	} {
		file := filepath.Join(t.TempDir(), "halong.yaml")
		if err := os.WriteFile(file, []byte(c.doc), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (&Flags{Config: file}).Resolve(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %q does not say %q", c.name, err, c.want)
		} else if strings.Contains(err.Error(), "confidential") {
			t.Errorf("%s: the error tells a secret: %v", c.name, err)
		}
	}
}

// Beyond loopback: an allow-list, certificates of an authority, or the word for letting everybody in.
func TestDICOMExposure(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*DICOM)
		ok     bool
		warns  int
	}{
		{"plain", func(d *DICOM) { d.Listen = ":104" }, false, 1},
		{"plain with peers", func(d *DICOM) { d.Listen, d.Peers = ":104", []DICOMPeer{{AE: "A"}} }, true, 0},
		{"plain promiscuous", func(d *DICOM) { d.Listen, d.Promiscuous = ":104", true }, true, 1},
		{"promiscuous on loopback", func(d *DICOM) { d.Promiscuous = true }, true, 1},
		{"mutual TLS", func(d *DICOM) { d.TLS = DICOMTLS{":2762", "c", "k", "a", nil} }, true, 0},
		{"anonymous TLS", func(d *DICOM) { d.TLS = DICOMTLS{":2762", "c", "k", "", nil} }, false, 1},
		{"anonymous TLS with peers", func(d *DICOM) {
			d.TLS, d.Peers = DICOMTLS{":2762", "c", "k", "", nil}, []DICOMPeer{{AE: "A"}}
		}, true, 0},
		{"passcodes in clear", func(d *DICOM) {
			d.Listen, d.Peers = ":104", []DICOMPeer{{AE: "A"}}
			d.Identity.Users = []User{{Name: "an", Passcode: somePasscode}}
		}, true, 1},
		{"passcode in clear to a destination", func(d *DICOM) {
			d.Destinations = []Destination{{AE: "P", Address: "10.0.0.1:104", User: "h", Passcode: "s"}}
		}, true, 1},
	} {
		cfg := Default()
		c.change(&cfg.DICOM)
		if err := cfg.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if w := cfg.Warnings(); len(w) != c.warns {
			t.Errorf("%s: warnings %q", c.name, w)
		}
		cfg.Insecure = true
		if err := cfg.Check(); err != nil {
			t.Errorf("%s with insecure: %v", c.name, err)
		}
	}
}

// The flags lie over the file.
func TestDICOMFlags(t *testing.T) {
	str, yes := func(s string) *string { return &s }, true
	f := Flags{DICOMTLS: str("127.0.0.1:2762"), DICOMCert: str("c"), DICOMKey: str("k"), DICOMClient: str("a"), DICOMPromiscuous: &yes}
	c, err := f.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(DICOMTLS{"127.0.0.1:2762", "c", "k", "a", nil}, c.DICOM.TLS); d != "" || !c.DICOM.Promiscuous {
		t.Error(d, c.DICOM.Promiscuous)
	}
}
