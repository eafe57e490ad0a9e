package access

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong"
)

func TestTokens(t *testing.T) {
	a := Grant("a", "BV1", nil, halong.DefaultFacility)
	b := Grant("b", "", nil, halong.DefaultFacility)
	ts := Tokens{{SumOf("alpha"), a}, {SumOf("beta"), b}}
	for _, c := range []struct {
		token string
		want  Principal
		ok    bool
	}{{"alpha", a, true}, {"beta", b, true}, {"gamma", Principal{}, false}, {"", Principal{}, false}} {
		got, ok := ts.Authenticate(c.token)
		if ok != c.ok {
			t.Errorf("%q: let in is %v", c.token, ok)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q: %s", c.token, d)
		}
	}
	if _, ok := Tokens(nil).Authenticate(""); ok {
		t.Error("no tokens let somebody in")
	}
}

func TestGrant(t *testing.T) {
	for _, c := range []struct {
		own    halong.Facility
		others []halong.Facility
		want   Principal
	}{
		{"", nil, Principal{Name: "n", Facility: "default", Scope: halong.Scope{All: true}}},
		{"BV1", nil, Principal{Name: "n", Facility: "BV1", Scope: halong.Scope{Own: "BV1"}}},
		{"BV1", []halong.Facility{"BV2"}, Principal{Name: "n", Facility: "BV1", Scope: halong.Scope{Own: "BV1", Visible: []halong.Facility{"BV2"}}}},
		{"", []halong.Facility{"BV2"}, Principal{Name: "n", Facility: "BV2", Scope: halong.Scope{Visible: []halong.Facility{"BV2"}}}},
	} {
		if d := cmp.Diff(c.want, Grant("n", c.own, c.others, "default")); d != "" {
			t.Error(d)
		}
	}
}

func TestParseSum(t *testing.T) {
	sum := SumOf("secret")
	hex := "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
	for _, s := range []string{hex, "sha256:" + hex, " " + hex + "\n"} {
		if got, err := ParseSum(s); err != nil || got != sum {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"", "secret", hex[1:], hex + "0", "zz" + hex[2:]} {
		if _, err := ParseSum(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

func TestBearer(t *testing.T) {
	for header, want := range map[string]string{"Bearer abc": "abc", "bearer  abc ": "abc", "Basic abc": "", "Bearer ": "", "": "", "Bearerabc": ""} {
		if got, ok := Bearer(header); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", header, got, ok)
		}
	}
}

func TestPeers(t *testing.T) {
	net := func(s string) netip.Prefix {
		p, err := ParseNet(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	ps := Peers{
		{AE: "CT1", Net: net("10.1.0.0/16"), Facility: "BV1"},
		{AE: "CT1", Net: net("10.2.0.7"), Facility: "BV2"},
		{Net: net("192.168.0.0/24"), Facility: "BV3"},
		{Net: net("::ffff:172.16.0.0/108"), Facility: "BV4"},
	}
	for _, c := range []struct {
		ae, addr string
		want     halong.Facility
		ok       bool
	}{
		{"CT1", "10.1.2.3", "BV1", true},
		{"CT1 ", "::ffff:10.1.2.3", "BV1", true},
		{"ct1", "10.1.2.3", "", false},
		{"CT1", "10.2.0.7", "BV2", true},
		{"CT1", "10.2.0.8", "", false},
		{"ANY", "192.168.0.9", "BV3", true},
		{"ANY", "172.31.0.9", "BV4", true},
		{"ANY", "172.32.0.9", "", false},
	} {
		p, ok := ps.Match(Caller{AE: c.ae, Addr: netip.MustParseAddr(c.addr)})
		if p.Facility != c.want || ok != c.ok {
			t.Errorf("%s at %s: %q, %v", c.ae, c.addr, p.Facility, ok)
		}
	}
	if _, ok := Peers(nil).Match(Caller{AE: "X", Addr: netip.MustParseAddr("8.8.8.8")}); !ok {
		t.Error("an empty list must let everybody in")
	}
	if _, err := ParseNet("10.1.2.3/16"); err == nil {
		t.Error("host bits were taken")
	}
}

func TestLoopback(t *testing.T) {
	for s, want := range map[string]bool{
		"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "127.9.9.9:0": true, "[::ffff:127.0.0.1]:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "example.org:1": false, "127.0.0.1": false,
	} {
		if Loopback(s) != want {
			t.Errorf("%s: %v", s, !want)
		}
	}
}
