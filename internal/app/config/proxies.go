package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"

	"github.com/halong-gateway/halong/internal/access"
)

// TrustedProxies gives the networks of http.proxies.
func (c *Config) TrustedProxies() (nets []netip.Prefix, err error) {
	var errs []error
	for i, p := range c.HTTP.Proxies {
		n, err := access.ParseNet(p)
		switch {
		case err != nil:
			errs = append(errs, wrong(fmt.Sprintf("http.proxies[%d]", i), "%w", err))
		case n.Bits() == 0:
			errs = append(errs, wrong(fmt.Sprintf("http.proxies[%d]", i), "%s is everybody: name the proxies", p))
		default:
			nets = append(nets, n)
		}
	}
	return nets, errors.Join(errs...)
}

// checkProxies checks what stands in front of HTTP.
func (c *Config) checkProxies() error {
	_, err := c.TrustedProxies()
	if s := c.HTTP.Public; s != "" {
		u, perr := url.Parse(s)
		if perr != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			err = errors.Join(err, wrong("http.public_url", "%q is not a URL such as https://pacs.example/halong", s))
		}
	}
	if c.HTTP.H2C && c.HTTP.TLS.Cert != "" {
		err = errors.Join(err, wrong("http.h2c", "is for listeners without TLS; with TLS HTTP/2 is there anyway"))
	}
	return err
}
