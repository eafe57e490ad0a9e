package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong"
)

func TestDefaultIsSound(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Fatal(err)
	}
}

func TestDecode(t *testing.T) {
	const doc = `
ae: BV1
data: /srv/halong
facility: BV1
drain: 5s
dicom:
  listen: 0.0.0.0:104
  peers: [{ae: CT1, address: 10.1.0.0/16, facility: BV2}]
  destinations: [{ae: PACS, address: "10.1.0.9:104", tls: false}]
hl7: {peers: [{address: 10.1.0.0/16, charset: UTF-8, facility: BV1}]}
http:
  tokens:
    - 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b
    - {sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25c, name: viewer, facility: BV1, facilities: [BV2]}
storage: {index: sqlite, blobs: disk, budget: 128MiB}
`
	want := Default()
	want.AE, want.Data, want.Facility, want.Drain = "BV1", "/srv/halong", "BV1", Duration(5*time.Second)
	want.DICOM.Listen = "0.0.0.0:104"
	want.DICOM.Peers = []DICOMPeer{{AE: "CT1", Address: "10.1.0.0/16", Facility: "BV2"}}
	want.DICOM.Destinations = []Destination{{AE: "PACS", Address: "10.1.0.9:104"}}
	want.HL7.Peers = []HL7Peer{{Address: "10.1.0.0/16", Charset: "UTF-8", Facility: "BV1"}}
	want.HTTP.Tokens = []Token{
		{SHA256: "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"},
		{SHA256: "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25c", Name: "viewer", Facility: "BV1", Facilities: []halong.Facility{"BV2"}},
	}
	want.Storage.Budget = 128 << 20
	got := Default()
	if _, err := decode([]byte(doc), got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if err := got.Check(); err != nil {
		t.Error(err)
	}
}

func TestDecodeEmpty(t *testing.T) {
	for _, doc := range []string{"", "# nothing\n", "---\n"} {
		c := Default()
		if _, err := decode([]byte(doc), c); err != nil {
			t.Errorf("%q: %v", doc, err)
		}
		if d := cmp.Diff(Default(), c); d != "" {
			t.Errorf("%q: %s", doc, d)
		}
	}
}

// An unknown key must be an error that names the line.
func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct{ name, doc, want string }{
		{"unknown key", "ae: X\nport: 4242\n", "[2:1]"},
		{"unknown key deeper", "dicom:\n  listen: 127.0.0.1:1\n  lisen: x\n", "[3:3]"},
		{"unknown key of a token", "http:\n  tokens:\n    - {sha: x}\n", "sha"},
		{"twice", "ae: X\nae: Y\n", "[2:1]"},
		{"not a time", "ae: X\ndrain: soon\n", "[2:8] drain: not a time span"},
		{"not a size", "storage:\n  budget: much\n", "[2:11] storage.budget: not a size"},
		{"wrong type", "dicom: 7\n", "[1:"},
		{"empty section", "ae: X\nhl7:\n", "[2:1]"},
		{"second document", "ae: X\n---\nae: Y\n", "line 3"},
		{"not YAML", "ae: [\n", "[1:"},
	} {
		_, err := decode([]byte(c.doc), Default())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %q does not say %q", c.name, err, c.want)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"open DICOM", func(c *Config) { c.DICOM.Listen = ":104" }, "set dicom.peers"},
		{"open HL7", func(c *Config) { c.HL7.Listen = "0.0.0.0:2575" }, "set hl7.peers"},
		{"open HTTP", func(c *Config) { c.HTTP.Listen = "[::]:80" }, "set http.tokens"},
		{"AE title", func(c *Config) { c.AE = "SEVENTEEN LETTERS" }, "ae:"},
		{"AE backslash", func(c *Config) { c.AE = `A\B` }, "ae:"},
		{"PostgreSQL", func(c *Config) { c.Storage.Index = "postgres://x" }, "storage.index"},
		{"address", func(c *Config) { c.DICOM.Peers = []DICOMPeer{{AE: "X", Address: "10.1.0.0/99"}} }, "dicom.peers[0]"},
		{"token", func(c *Config) { c.HTTP.Tokens = []Token{{SHA256: "secret"}} }, "http.tokens[0]"},
		{"key without certificate", func(c *Config) { c.HTTP.TLS.Key = "x" }, "go together"},
		{"facility", func(c *Config) { c.Facility = "../x" }, "facility"},
		{"no time at all", func(c *Config) { c.HTTP.Stall = 0 }, "http.stall: at least 1s"},
		{"port", func(c *Config) { c.HTTP.Listen = "8080" }, "http.listen"},
	} {
		cfg := Default()
		c.change(cfg)
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %q does not say %q", c.name, err, c.want)
		}
		if !strings.HasPrefix(c.name, "open") {
			continue
		}
		cfg.Insecure = true
		if err := cfg.Check(); err != nil {
			t.Errorf("%s with insecure: %v", c.name, err)
		}
	}
}

// Flags win over the environment, it over the file, the file over the defaults.
func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "halong.yaml")
	doc := "ae: FILE\ndata: /file\nfacility: FILE\ndrain: 1s\n"
	if err := os.WriteFile(file, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HALONG_AE", "ENV")
	t.Setenv("HALONG_DATA", "/env")
	t.Setenv("HALONG_CONFIG", file)
	var f Flags
	p, err := kong.New(&f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Parse([]string{"--ae", "FLAG"}); err != nil {
		t.Fatal(err)
	}
	c, err := f.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.AE, want.Data, want.Facility, want.Drain = "FLAG", "/env", "FILE", Duration(time.Second)
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}
}

// A wrong value of the file is told with its line, one of a flag without.
func TestFaultsNameTheLine(t *testing.T) {
	str := func(s string) *string { return &s }
	for _, c := range []struct {
		name, doc, want string
		flags           Flags
	}{
		{"word", "ae: X\nlog:\n  level: loud\n", "line 3: log.level: ", Flags{}},
		{"list", "hl7:\n  peers:\n    - {address: 10.1.0.0/16}\n    - {address: 10.1.0.1/16}\n", "line 4: hl7.peers[1]: ", Flags{}},
		{"character set", "hl7:\n  peers:\n    - address: 10.1.0.0/16\n      charset: FOO\n", "line 4: hl7.peers[0].charset: ", Flags{}},
		{"token", "http:\n  tokens:\n    - secret\n", "line 3: http.tokens[0]: ", Flags{}},
		{"origin", "http: {origins: [viewer.example/]}\n", "line 1: http.origins[0]: ", Flags{}},
		{"base", "http:\n  base: /a b/{x}\n", "line 2: http.base: ", Flags{}},
		{"no time", "\ndicom:\n  idle: 0s\n", "line 3: dicom.idle: ", Flags{}},
		{"number", "dicom:\n  max_associations: 0\n", "line 2: dicom.max_associations: ", Flags{}},
		{"twice", "dicom:\n  destinations:\n    - {ae: P, address: \"h:1\"}\n    - {ae: P, address: \"h:2\"}\n", "line 4: dicom.destinations[1].ae: ", Flags{}},
		{"open", "ae: X\nhl7: {listen: \"0.0.0.0:2575\"}\n", "line 2: hl7.listen: ", Flags{}},
		{"missing half", "http:\n  tls:\n    key: x\n", "line 2: http.tls: ", Flags{}},
		{"flag over file", "ae: X\n", "\nae: ", Flags{AE: str("a\\b")}},
		{"flag beside file", "dicom:\n  idle: 1m\n", "\ndicom.tls.listen: ", Flags{DICOMTLS: str("127.0.0.1:2762")}},
		{"flag over list", "http:\n  tokens: [x]\n", "\nhttp.tokens[0]: ", Flags{HTTPTokens: []string{"y"}}},
	} {
		file := filepath.Join(t.TempDir(), "halong.yaml")
		if err := os.WriteFile(file, []byte(c.doc), 0o600); err != nil {
			t.Fatal(err)
		}
		c.flags.Config = file
		if _, err := c.flags.Resolve(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %q does not say %q", c.name, err, c.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	c := Default()
	if w := c.Warnings(); len(w) > 0 {
		t.Errorf("zero configuration: %q", w)
	}
	c.HL7.Listen, c.DICOM.Listen, c.HTTP.Listen = "0.0.0.0:2575", Off, ":8080"
	c.HTTP.Tokens = []Token{{}}
	want := []string{"hl7.listen: everybody who reaches it is let in (insecure)", "http.listen: tokens and data travel in clear without http.tls"}
	if d := cmp.Diff(want, c.Warnings()); d != "" {
		t.Error(d)
	}
}

func TestClientPrincipal(t *testing.T) {
	c := Default()
	if p, ok := c.ClientPrincipal([]string{"any"}); !ok || !p.Scope.All {
		t.Error("without a list every certificate of the CA may come in")
	}
	if _, ok := c.ClientPrincipal(nil); ok {
		t.Error("a certificate without a name came in")
	}
	c.HTTP.TLS.Clients = []Client{{Name: "his.bv1", Facility: "BV1"}}
	if _, ok := c.ClientPrincipal([]string{"any"}); ok {
		t.Error("a name that is not listed came in")
	}
	if p, ok := c.ClientPrincipal([]string{"x", "his.bv1"}); !ok || p.Facility != "BV1" || p.Scope.All {
		t.Errorf("listed name: %+v, %v", p, ok)
	}
}
