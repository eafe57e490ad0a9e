package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"strings"
)

// Certificate says which certificate a peer must show: one of a trusted authority that bears a name, or one with a
// fingerprint. The zero value asks for none.
type Certificate struct {
	Name        string // a DNS name or URI of the Subject Alternative Name, or the subject's common name
	Fingerprint *Sum   // SHA-256 of the certificate (DER), whoever signed it
}

// ParseCertificate reads a name, or "sha256:" and 64 hexadecimal digits, with or without colons between the bytes, as openssl
// prints them. Empty gives the zero value.
func ParseCertificate(s string) (Certificate, error) {
	digits, pinned := strings.CutPrefix(s, "sha256:")
	if !pinned {
		if s != strings.TrimSpace(s) {
			return Certificate{}, errors.New("spaces around the certificate's name")
		}
		return Certificate{Name: s}, nil
	}
	var sum Sum
	digits = strings.ReplaceAll(digits, ":", "")
	if len(digits) != 2*len(sum) {
		return Certificate{}, errors.New("not the fingerprint of a certificate: want sha256: and 64 hexadecimal digits")
	}
	if _, err := hex.Decode(sum[:], []byte(digits)); err != nil {
		return Certificate{}, errors.New("not the fingerprint of a certificate: " + err.Error())
	}
	return Certificate{Fingerprint: &sum}, nil
}

// Asked tells whether a certificate is asked for.
func (c Certificate) Asked() bool { return c.Name != "" || c.Fingerprint != nil }

// admits tells whether the certificate that a peer showed, nil for none, is the one asked for. A name counts only when an
// authority vouches for it.
func (c Certificate) admits(shown *x509.Certificate, verified bool) bool {
	if !c.Asked() {
		return true
	}
	if shown == nil {
		return false
	}
	if c.Fingerprint != nil {
		sum := sha256.Sum256(shown.Raw)
		return subtle.ConstantTimeCompare(sum[:], c.Fingerprint[:]) == 1
	}
	if !verified {
		return false
	}
	for _, n := range CertificateNames(shown) {
		if n == c.Name {
			return true
		}
	}
	for _, n := range shown.DNSNames { // their case does not matter (RFC 4343)
		if strings.EqualFold(n, c.Name) {
			return true
		}
	}
	return false
}

// CertificateNames gives the names that a certificate is known by here: DNS names and URIs of its Subject Alternative
// Name, then the common name of its subject.
func CertificateNames(c *x509.Certificate) []string {
	out := append([]string(nil), c.DNSNames...)
	for _, u := range c.URIs {
		out = append(out, u.String())
	}
	if c.Subject.CommonName != "" {
		out = append(out, c.Subject.CommonName)
	}
	return out
}
