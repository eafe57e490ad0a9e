package config

import (
	"fmt"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/access"
)

// HL7 is the MLLP listeners and whom they let in.
type HL7 struct {
	Listen         string    `yaml:"listen"` // host:port; "off" for none
	TLS            HL7TLS    `yaml:"tls"`
	Idle           Duration  `yaml:"idle"`            // a connection without a message for so long is closed
	MessageTime    Duration  `yaml:"message_timeout"` // from a message's first byte to its last
	MaxMessage     Size      `yaml:"max_message"`
	MaxConnections int       `yaml:"max_connections"`
	MaxPerPeer     int       `yaml:"max_connections_per_peer"`
	Peers          []HL7Peer `yaml:"peers"`
}

// HL7TLS is the listener for MLLP over TLS (BCP 195, as DICOM's), with its certificates (PEM files).
type HL7TLS DICOMTLS

func defaultHL7() HL7 {
	return HL7{
		Listen: "127.0.0.1:2575", TLS: HL7TLS{Listen: Off}, Idle: Duration(10 * time.Minute), MessageTime: Duration(2 * time.Minute),
		MaxMessage: 32 << 20, MaxConnections: 256, MaxPerPeer: 64,
	}
}

// Mutual tells whether a peer must show a certificate.
func (t *HL7TLS) Mutual() bool { return (*DICOMTLS)(t).Mutual() }

// HL7Peer is a line of hl7.peers.
type HL7Peer struct {
	Address     string          `yaml:"address"`     // IP address or network
	Certificate string          `yaml:"certificate"` // a name in it, or sha256: and its fingerprint; over TLS alone
	Charset     string          `yaml:"charset"`     // overrides MSH-18
	Facility    halong.Facility `yaml:"facility"`
	Ack         string          `yaml:"ack"`      // paired | plain: ACK also where the standard has a type of its own
	Warnings    *bool           `yaml:"warnings"` // false: acceptances hold no ERR; nil: true
}

// Values of hl7.peers[].ack.
const (
	AckPaired = "paired"
	AckPlain  = "plain"
)

// HL7Rule is a line of hl7.peers, ready for matching.
type HL7Rule struct {
	access.Peer
	PlainAck   bool
	NoWarnings bool
}

// HL7Peers gives hl7.peers as an allow-list.
func (c *Config) HL7Peers() (access.Peers, error) {
	rules, err := c.HL7Rules()
	var out access.Peers
	for _, r := range rules {
		out = append(out, r.Peer)
	}
	return out, err
}

// HL7Rules gives hl7.peers, line by line.
func (c *Config) HL7Rules() (out []HL7Rule, err error) {
	for i, p := range c.HL7.Peers {
		key := fmt.Sprintf("hl7.peers[%d]", i)
		if p.Address == "" && p.Certificate == "" {
			return nil, wrong(key, "an address or a certificate is needed")
		}
		peer, err := c.peer(p.Address, p.Facility)
		if err == nil {
			peer.Certificate, err = access.ParseCertificate(p.Certificate)
		}
		if err != nil {
			return nil, wrong(key, "%w", err)
		}
		if _, ok := hl7v2.LookupCharset(p.Charset); !ok && p.Charset != "" {
			return nil, wrong(key+".charset", "%q is not a character set that is read here (docs/hl7.md)", p.Charset)
		}
		switch {
		case p.Certificate != "" && c.HL7.TLS.Listen == Off:
			return nil, wrong(key+".certificate", "only peers over TLS show one: set hl7.tls.listen")
		case peer.Certificate.Name != "" && c.HL7.TLS.ClientCA == "":
			return nil, wrong(key+".certificate", "a name counts only in a certificate of hl7.tls.client_ca: set that, or give a fingerprint (sha256:…)")
		case p.Ack != "" && p.Ack != AckPaired && p.Ack != AckPlain:
			return nil, wrong(key+".ack", "%q is neither paired nor plain", p.Ack)
		}
		peer.Charset = p.Charset
		out = append(out, HL7Rule{peer, p.Ack == AckPlain, p.Warnings != nil && !*p.Warnings})
	}
	return out, nil
}

// MatchHL7 finds the rule for a caller; ok is false where there are rules and none is its.
func MatchHL7(rules []HL7Rule, c access.Caller) (r HL7Rule, ok bool) {
	for _, r := range rules {
		if _, ok := (access.Peers{r.Peer}).Match(c); ok {
			return r, true
		}
	}
	return HL7Rule{}, len(rules) == 0
}

// checkHL7 checks what only HL7 has.
func (c *Config) checkHL7() error {
	if _, err := c.HL7Rules(); err != nil {
		return err
	}
	t := &c.HL7.TLS
	switch {
	case c.HL7.MaxMessage < 64<<10 || c.HL7.MaxMessage > 1<<30:
		return wrong("hl7.max_message", "want 64KiB to 1GiB")
	case (t.Cert == "") != (t.Key == ""):
		return wrong("hl7.tls", "cert and key go together")
	case t.Listen != Off && t.Cert == "":
		return wrong("hl7.tls.listen", "needs cert and key too")
	case t.Listen == Off && (t.Cert != "" || t.ClientCA != ""):
		return wrong("hl7.tls", "certificates without a listener: set listen, by convention to port 2576")
	case t.RequireClient != nil && *t.RequireClient && t.ClientCA == "":
		return wrong("hl7.tls.require_client", "needs client_ca")
	}
	return nil
}
