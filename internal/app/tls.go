package app

import (
	"crypto/rsa"
	"crypto/tls"
	"fmt"
	"log/slog"
	"slices"

	"github.com/halong-gateway/halong/internal/app/config"
)

// suites are those of BCP 195 (RFC 9325 4.2) for TLS 1.2: forward secrecy and
// authenticated encryption. TLS 1.3 has no others.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// profile is what all connections have in common: the BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile (PS3.15
// B.12). TLS 1.2 or later; renegotiation, compression and 0-RTT are not there at all in crypto/tls, as server.
func profile() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites, Renegotiation: tls.RenegotiateNever, VerifyConnection: strong}
}

// minRSA is the length of RSA keys, in bits, below which a peer's certificate proves nothing (RFC 9325 4.5).
const minRSA = 2048

// strong refuses a peer whose certificates have short keys.
func strong(s tls.ConnectionState) error {
	for _, c := range s.PeerCertificates {
		if k, ok := c.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() < minRSA {
			return fmt.Errorf("a certificate with an RSA key of %d bits", k.N.BitLen())
		}
	}
	return nil
}

// serverProfile is the profile for a listener. Where peers are asked for certificates, every handshake asks again: a
// resumed session would outlive the authority's removal.
func serverProfile(auth tls.ClientAuthType, protocols ...string) func(material) *tls.Config {
	return func(m material) *tls.Config {
		t := profile()
		t.NextProtos, t.ClientCAs, t.ClientAuth = protocols, m.ca, auth
		t.SessionTicketsDisabled = auth != tls.NoClientCert
		if m.pair != nil {
			t.Certificates = []tls.Certificate{*m.pair}
		}
		return t
	}
}

// clientProfile is the profile for connections that we open.
func clientProfile(serverName string) func(material) *tls.Config {
	return func(m material) *tls.Config {
		t := profile()
		t.ServerName, t.RootCAs = serverName, m.ca
		if m.pair != nil {
			t.Certificates = []tls.Certificate{*m.pair}
		}
		return t
	}
}

// serving gives the configuration of a listener: each handshake is done with the files as they are then.
func (c *credentials) serving() *tls.Config {
	t := c.current().Clone()
	t.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current(), nil }
	return t
}

// httpTLS loads the certificates of HTTP; nil when none are configured. With a client CA every client must show a
// certificate of it.
func httpTLS(c config.TLS, log *slog.Logger) (*tls.Config, error) {
	if c.Cert == "" {
		return nil, nil
	}
	auth := tls.NoClientCert
	if c.ClientCA != "" {
		auth = tls.RequireAndVerifyClientCert
	}
	x, err := newCredentials(credentialFiles{c.Cert, c.Key, c.ClientCA}, serverProfile(auth, "h2", "http/1.1"), log)
	if err != nil {
		return nil, fmt.Errorf("http.tls: %w", err)
	}
	return x.serving(), nil
}

// dicomTLS loads the certificates of DICOM. Without a client CA peers are asked for certificates where dicom.peers knows
// some by their fingerprint; those are not verified otherwise.
func dicomTLS(c *config.DICOM, log *slog.Logger) (*tls.Config, error) {
	known := slices.ContainsFunc(c.Peers, func(p config.DICOMPeer) bool { return p.Certificate != "" })
	return peerTLS("dicom.tls", c.TLS, known, log)
}

// peerTLS loads the certificates of a listener whose peers are known by theirs, or by other things; key names it in the configuration.
func peerTLS(key string, c config.DICOMTLS, known bool, log *slog.Logger) (*tls.Config, error) {
	auth := tls.NoClientCert
	switch {
	case c.Mutual():
		auth = tls.RequireAndVerifyClientCert
	case c.ClientCA != "":
		auth = tls.VerifyClientCertIfGiven
	case known:
		auth = tls.RequestClientCert
	}
	x, err := newCredentials(credentialFiles{c.Cert, c.Key, c.ClientCA}, serverProfile(auth), log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return x.serving(), nil
}
