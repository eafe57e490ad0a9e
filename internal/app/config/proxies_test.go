package config

import (
	"net/netip"
	"strings"
	"testing"
)

// TestProxies: who is believed about whose requests are passed on; nobody by default, and never everybody.
func TestProxies(t *testing.T) {
	for _, x := range []struct {
		proxies []string
		public  string
		h2c     bool
		cert    string
		want    string // part of the error; empty: none
	}{
		{nil, "", false, "", ""},
		{[]string{"127.0.0.1", "10.0.0.0/8", "fd00::/8"}, "https://pacs.example/halong", true, "", ""},
		{[]string{"0.0.0.0/0"}, "", false, "", "http.proxies[0]"},
		{[]string{"10.0.0.1", "::/0"}, "", false, "", "http.proxies[1]"},
		{[]string{"proxy.example"}, "", false, "", "http.proxies[0]"},
		{nil, "pacs.example", false, "", "http.public_url"},
		{nil, "https://u:p@pacs.example", false, "", "http.public_url"},
		{nil, "https://pacs.example/?x", false, "", "http.public_url"},
		{nil, "", true, "cert.pem", "http.h2c"},
	} {
		c := Default()
		c.HTTP.Proxies, c.HTTP.Public, c.HTTP.H2C, c.HTTP.TLS.Cert, c.HTTP.TLS.Key = x.proxies, x.public, x.h2c, x.cert, x.cert
		err := c.Check()
		if x.want == "" && err != nil || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%+v: %v", x, err)
		}
	}
	c := Default()
	c.HTTP.Proxies = []string{"10.1.0.0/16"}
	nets, err := c.TrustedProxies()
	if err != nil || len(nets) != 1 || !nets[0].Contains(netip.MustParseAddr("10.1.2.3")) || nets[0].Contains(netip.MustParseAddr("10.2.0.1")) {
		t.Error(nets, err)
	}
	c.DICOMweb.BulkURI = "none"
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "dicomweb.bulk_uri") {
		t.Error(err)
	}
}
