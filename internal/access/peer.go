package access

import (
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strings"

	"github.com/halong-gateway/halong"
)

// Peer is one line of an allow-list. Empty fields match everything.
type Peer struct {
	AE          string       // calling AE title; DICOM alone
	Net         netip.Prefix // the zero Prefix matches every address
	Certificate Certificate  // the line matches over TLS alone, with this certificate; DICOM alone
	Facility    halong.Facility
	Facilities  []halong.Facility // further ones that the peer sees, and may store into by their AE titles
	Charset     string            // MLLP alone: how the peer's messages are encoded, when MSH-18 is absent or wrong
}

// Caller is what an allow-list is asked about.
type Caller struct {
	AE       string // calling AE title; empty for MLLP
	Addr     netip.Addr
	Shown    *x509.Certificate // the certificate whose key the peer proved to have; nil without one
	Verified bool              // a trusted authority vouches for Shown
}

// Peers is an allow-list. The first line that matches decides; an empty list
// lets everybody in.
type Peers []Peer

// Match finds the line for a caller. Spaces around AE titles do not count, their
// case does (PS3.8 9.3.2, PS3.5 6.2).
func (ps Peers) Match(c Caller) (Peer, bool) {
	ae := strings.TrimSpace(c.AE)
	addr := c.Addr.Unmap().WithZone("")
	for _, p := range ps {
		if p.AE != "" && p.AE != ae {
			continue
		}
		if p.Net.IsValid() && !p.Net.Contains(addr) {
			continue
		}
		if !p.Certificate.admits(c.Shown, c.Verified) {
			continue
		}
		return p, true
	}
	return Peer{}, len(ps) == 0
}

// mapped is how many bits of an IPv6 address come before an IPv4 address that it stands for (RFC 4291 2.5.5.2).
const mapped = 96

// ParseNet reads an address ("10.1.0.9") or a network ("10.1.0.0/16").
func ParseNet(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return p, err
		}
		if p != p.Masked() {
			return p, errors.New(s + " has bits beside the network's: write " + p.Masked().String())
		}
		if a := p.Addr(); a.Is4In6() && p.Bits() >= mapped { // as peers' addresses are compared
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-mapped)
		}
		return p, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// Address gives the IP address of a connection's end; the zero Addr when it has none.
func Address(a net.Addr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// Loopback tells whether a listening address ("127.0.0.1:11112") is reachable
// from this machine alone. Names other than localhost do not count: what
// they stand for may change.
func Loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
