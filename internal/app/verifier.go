package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/internal/app/config"
)

// maxVerdict bounds a verifier's answer, in bytes: a SAML response fits into the 64 KiB of its sub-item, in base64.
const maxVerdict = 128 << 10

// question is what a verifier is asked.
type question struct {
	Type      string `json:"type"`     // kerberos, saml or jwt
	Identity  []byte `json:"identity"` // base64
	CallingAE string `json:"calling_ae"`
	CalledAE  string `json:"called_ae"`
	Address   string `json:"address"`
}

// verdict is what it answers. What is not there is not granted.
type verdict struct {
	Allow      bool              `json:"allow"`
	Name       string            `json:"name"`
	Facility   halong.Facility   `json:"facility"`
	Facilities []halong.Facility `json:"facilities"`
	Response   []byte            `json:"response"` // base64; server-response of PS3.7 D.3.3.7.2
}

var assertions = map[uint8]string{access.IdentityKerberos: "kerberos", access.IdentitySAML: "saml", access.IdentityJWT: "jwt"}

// verifier asks a web service about assertions. It fails closed.
type verifier struct {
	url    string
	client *http.Client
}

// newVerifier gives nil when none is configured.
func newVerifier(c *config.Verifier, log *slog.Logger) (access.Verifier, error) {
	if c.URL == "" {
		return nil, nil
	}
	x, err := newCredentials(credentialFiles{ca: c.CA}, clientProfile(""), log)
	if err != nil {
		return nil, fmt.Errorf("dicom.identity.verifier.ca: %w", err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 2, MaxResponseHeaderBytes: 16 << 10}
	transport.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return (&tls.Dialer{Config: x.current()}).DialContext(ctx, network, address)
	}
	return &verifier{c.URL, &http.Client{
		Transport: transport, Timeout: c.Timeout.Std(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // secrets go nowhere else
	}}, nil
}

// Verify implements access.Verifier. Errors name neither the assertion nor what the service said of it.
func (v *verifier) Verify(ctx context.Context, c *access.Claim) (*access.Identity, error) {
	kind, ok := assertions[c.Type]
	if !ok {
		return nil, fmt.Errorf("%w: type %d is none of PS3.7", access.ErrUnverified, c.Type)
	}
	body, err := json.Marshal(question{kind, c.Primary, c.CallingAE, c.CalledAE, c.Address})
	if err != nil {
		return nil, err
	}
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, v.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	rq.Header.Set("Content-Type", "application/json")
	rq.Header.Set("Accept", "application/json")
	resp, err := v.client.Do(rq)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", access.ErrUnavailable, err)
	}
	defer func() { _ = resp.Body.Close() }() // read as far as it matters
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: HTTP status %d", access.ErrUnavailable, resp.StatusCode)
	}
	return judge(io.LimitReader(resp.Body, maxVerdict+1))
}

// judge reads a verdict.
func judge(r io.Reader) (*access.Identity, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", access.ErrUnavailable, err)
	}
	if len(b) > maxVerdict {
		return nil, fmt.Errorf("%w: its answer is too long", access.ErrUnavailable)
	}
	var v verdict
	if json.Unmarshal(b, &v) != nil {
		return nil, fmt.Errorf("%w: its answer is not the JSON that was asked for", access.ErrUnavailable)
	}
	if !v.Allow {
		return nil, access.ErrUnverified
	}
	if err := validVerdict(&v); err != nil {
		return nil, fmt.Errorf("%w: its answer: %w", access.ErrUnavailable, err)
	}
	return &access.Identity{Name: v.Name, Facility: v.Facility, Facilities: v.Facilities, Response: v.Response}, nil
}

// validVerdict refuses what could not stand in a log, in the index or in an A-ASSOCIATE-AC.
func validVerdict(v *verdict) error {
	if len(v.Name) > 256 || strings.ContainsFunc(v.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("name is too long or holds control characters")
	}
	if len(v.Response) > 1<<16-1-64 {
		return errors.New("response is too long")
	}
	for _, f := range append([]halong.Facility{v.Facility}, v.Facilities...) {
		if f == "" {
			continue
		}
		if err := config.ValidFacility(f); err != nil {
			return err
		}
	}
	return nil
}
