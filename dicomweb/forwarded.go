package dicomweb

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/halong-gateway/halong/dicomweb/multipart"
)

// forwarded is what trusted proxies say of a request as its client sent it.
type forwarded struct {
	proto, host string // empty: not said
	prefix      string // path in front of all others; empty or "/path"
}

// forwarded reads Forwarded (RFC 7239) or, without it, X-Forwarded-Proto, -Host and -Prefix, if the request comes from a trusted proxy. Of
// several proxies' words those of the trusted one that is nearest to the client are taken: whatever stands
// further left was written by nobody who is trusted.
func (s *service) forwarded(r *http.Request) (f forwarded) {
	if !s.trusts(r.RemoteAddr) {
		return f
	}
	hops := 0 // trusted proxies behind the one that called
	if list := r.Header.Values("Forwarded"); len(list) > 0 {
		elements := strings.Split(strings.Join(list, ","), ",")
		at := len(elements) - 1
		for ; at > 0 && s.trusts(element(elements[at]).Get("for")); at-- {
			hops++
		}
		e := element(elements[at])
		f.proto, f.host = strings.ToLower(e.Get("proto")), e.Get("host")
	} else {
		path := listed(r.Header, "X-Forwarded-For")
		for hops < len(path)-1 && s.trusts(path[len(path)-1-hops]) {
			hops++
		}
		f.proto = strings.ToLower(nearest(listed(r.Header, "X-Forwarded-Proto"), hops))
		f.host = nearest(listed(r.Header, "X-Forwarded-Host"), hops)
	}
	f.prefix = prefix(nearest(listed(r.Header, "X-Forwarded-Prefix"), hops))
	return f
}

// element reads one element of Forwarded; its quotes hold no commas in practice, since hosts and addresses have none.
func element(s string) multipart.MediaType {
	m, err := multipart.ParseMediaType("forwarded/element;" + s)
	if err != nil {
		return multipart.MediaType{}
	}
	return m
}

// listed gives the members of a header field.
func listed(h http.Header, name string) (list []string) {
	for _, v := range h.Values(name) {
		for one := range strings.SplitSeq(v, ",") {
			list = append(list, strings.TrimSpace(one))
		}
	}
	return list
}

// nearest gives what the proxy said that is hops away from the one that called. Proxies that set instead of add leave fewer.
func nearest(list []string, hops int) string {
	if len(list) == 0 {
		return ""
	}
	return list[max(0, len(list)-1-hops)]
}

// prefix gives a path that may stand before others.
func prefix(s string) string {
	p := strings.TrimRight(s, "/")
	if p == "" || p[0] != '/' || strings.HasPrefix(p, "//") || (&url.URL{Path: p}).EscapedPath() != p {
		return ""
	}
	return p
}

// trusts tells whether an address, with or without a port, is that of a proxy that is believed.
func (s *service) trusts(address string) bool {
	if s.Proxy == nil || address == "" {
		return false
	}
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	a, err := netip.ParseAddr(strings.Trim(address, "[]"))
	return err == nil && s.Proxy(a.Unmap())
}
