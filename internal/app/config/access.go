package config

import (
	"fmt"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/access"
)

func (c *Config) peer(address string, f halong.Facility) (p access.Peer, err error) {
	if address != "" {
		if p.Net, err = access.ParseNet(address); err != nil {
			return p, err
		}
	}
	if p.Facility = f; f == "" {
		p.Facility = c.Facility
	}
	return p, ValidFacility(p.Facility)
}

// Tokens gives http.tokens with the principals they stand for.
func (c *Config) Tokens() (access.Tokens, error) {
	var out access.Tokens
	for i, t := range c.HTTP.Tokens {
		sum, err := access.ParseSum(t.SHA256)
		if err != nil {
			return nil, wrong(fmt.Sprintf("http.tokens[%d]", i), "%w", err)
		}
		name := t.Name
		if name == "" {
			name = fmt.Sprintf("token-%d", i+1)
		}
		p, err := c.grant(name, t.Facility, t.Facilities)
		if err != nil {
			return nil, wrong(fmt.Sprintf("http.tokens[%d]", i), "%w", err)
		}
		p.Rights = access.Rights{Delete: t.Delete, Purge: t.Purge}
		out = append(out, access.Token{Sum: sum, Principal: p})
	}
	return out, nil
}

// ClientPrincipal gives what the bearer of a client certificate with these names
// may do. Without a list of clients every certificate of the CA may do everything.
func (c *Config) ClientPrincipal(names []string) (access.Principal, bool) {
	for _, n := range names {
		for _, cl := range c.HTTP.TLS.Clients {
			if cl.Name == n {
				p := access.Grant(n, cl.Facility, cl.Facilities, c.Facility)
				p.Rights = access.Rights{Delete: cl.Delete, Purge: cl.Purge}
				return p, true
			}
		}
	}
	if len(c.HTTP.TLS.Clients) > 0 || len(names) == 0 {
		return access.Principal{}, false
	}
	return access.Grant(names[0], "", nil, c.Facility), true
}

func (c *Config) grant(name string, own halong.Facility, others []halong.Facility) (p access.Principal, err error) {
	for _, f := range append([]halong.Facility{own}, others...) {
		if f == "" {
			continue
		}
		if err := ValidFacility(f); err != nil {
			return p, err
		}
	}
	return access.Grant(name, own, others, c.Facility), nil
}
