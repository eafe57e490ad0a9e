package config

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/internal/access"
)

// TestHL7: what cannot work is refused with its key.
func TestHL7(t *testing.T) {
	yes := true
	for name, c := range map[string]struct {
		set  func(*HL7)
		want string // part of the error; empty: none
	}{
		"as it is":            {func(*HL7) {}, ""},
		"TLS":                 {func(h *HL7) { h.TLS = HL7TLS{"127.0.0.1:0", "c", "k", "ca", nil} }, ""},
		"no certificate":      {func(h *HL7) { h.TLS.Listen = "127.0.0.1:0" }, "hl7.tls.listen: needs cert and key"},
		"no listener":         {func(h *HL7) { h.TLS.Cert, h.TLS.Key = "c", "k" }, "hl7.tls: certificates without a listener"},
		"half":                {func(h *HL7) { h.TLS.Cert = "c" }, "cert and key go together"},
		"no authority":        {func(h *HL7) { h.TLS = HL7TLS{"127.0.0.1:0", "c", "k", "", &yes} }, "hl7.tls.require_client: needs client_ca"},
		"open over TLS":       {func(h *HL7) { h.TLS = HL7TLS{"0.0.0.0:0", "c", "k", "", nil} }, "hl7.tls.listen: 0.0.0.0:0 is reachable"},
		"known over TLS":      {func(h *HL7) { h.TLS = HL7TLS{"0.0.0.0:0", "c", "k", "ca", nil} }, ""},
		"small":               {func(h *HL7) { h.MaxMessage = 10 }, "hl7.max_message"},
		"empty peer":          {func(h *HL7) { h.Peers = []HL7Peer{{Charset: "VNI"}} }, "hl7.peers[0]: an address or a certificate"},
		"certificate, no TLS": {func(h *HL7) { h.Peers = []HL7Peer{{Certificate: "a.example"}} }, "hl7.peers[0].certificate: only peers over TLS"},
		"name, no authority": {func(h *HL7) {
			h.TLS = HL7TLS{"127.0.0.1:0", "c", "k", "", nil}
			h.Peers = []HL7Peer{{Certificate: "a"}}
		}, "hl7.tls.client_ca"},
		"acknowledgement":       {func(h *HL7) { h.Peers = []HL7Peer{{Address: "10.0.0.1", Ack: "none"}} }, "hl7.peers[0].ack"},
		"character set":         {func(h *HL7) { h.Peers = []HL7Peer{{Address: "10.0.0.1", Charset: "KOI9"}} }, "hl7.peers[0].charset"},
		"Vietnamese, plain ACK": {func(h *HL7) { h.Peers = []HL7Peer{{Address: "10.0.0.1", Charset: "TCVN3", Ack: "plain"}} }, ""},
	} {
		x := Default()
		c.set(&x.HL7)
		err := x.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestMatchHL7: the first line that matches decides.
func TestMatchHL7(t *testing.T) {
	c := Default()
	c.HL7.Peers = []HL7Peer{{Address: "10.0.0.1", Facility: "BV1", Ack: "plain"}, {Address: "10.0.0.0/8", Facility: "BV2"}}
	rules, err := c.HL7Rules()
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{"10.0.0.1": "BV1 true true", "10.0.0.2": "BV2 false true", "11.0.0.1": " false false"} {
		r, ok := MatchHL7(rules, access.Caller{Addr: netip.MustParseAddr(addr)})
		got := string(r.Facility) + map[bool]string{true: " true", false: " false"}[r.PlainAck] + map[bool]string{true: " true", false: " false"}[ok]
		if got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if _, ok := MatchHL7(nil, access.Caller{}); !ok {
		t.Error("without rules nobody is let in")
	}
}
