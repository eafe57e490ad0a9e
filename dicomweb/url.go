package dicomweb

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/halong-gateway/halong/storage"
)

// baseURL gives the absolute URL of the service as the client sees it: the
// configured one, or that of the request or, behind a trusted proxy, of its Forwarded
// (RFC 7239) or X-Forwarded- headers. Only the caller's own answer depends on them.
func (s *service) baseURL(r *http.Request) string {
	if s.PublicURL != "" {
		return strings.TrimRight(s.PublicURL, "/") + s.Base
	}
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	f := s.forwarded(r)
	if f.proto == "http" || f.proto == "https" {
		scheme = f.proto
	}
	if validHost(f.host) {
		host = f.host
	}
	if !validHost(host) {
		return f.prefix + s.Base
	}
	return scheme + "://" + host + f.prefix + s.Base
}

// validHost tells whether s is a host with an optional port.
func validHost(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(".-_:[]", c) >= 0) {
			return false
		}
	}
	return s != "" && len(s) <= 255
}

// resourceURL gives the Retrieve URL of what an identity names down to its last part.
func resourceURL(base string, id storage.Identity) string {
	u := base + "/studies/" + string(id.Study)
	if id.Series != "" {
		u += "/series/" + string(id.Series)
	}
	if id.SOP != "" {
		u += "/instances/" + string(id.SOP)
	}
	return u
}

// pathOf drops scheme and host.
func pathOf(base string) string {
	if i := strings.Index(base, "://"); i >= 0 {
		if j := strings.IndexByte(base[i+3:], '/'); j >= 0 {
			return base[i+3+j:]
		}
		return ""
	}
	return base
}

// param is one query parameter.
type param struct{ name, value string }

// parseQuery splits a query string at '&'. Unlike net/url it keeps ';', which
// media types in accept contain, and '+' in accept (application/dicom+json). Text is
// UTF-8 (PS3.18 8.3.3.2): other bytes, and NUL, would be left out in matching and find too much.
func parseQuery(raw string) ([]param, error) {
	var list []param
	for raw != "" {
		var one string
		one, raw, _ = strings.Cut(raw, "&")
		if one == "" {
			continue
		}
		name, value, _ := strings.Cut(one, "=")
		unescape := url.QueryUnescape
		if strings.EqualFold(name, "accept") || strings.EqualFold(name, "contentType") {
			unescape = url.PathUnescape
		}
		n, err1 := url.QueryUnescape(name)
		v, err2 := unescape(value)
		if err1 != nil || err2 != nil {
			return nil, fail(http.StatusBadRequest, "The query string is not properly percent-encoded.")
		}
		if !utf8.ValidString(n+v) || strings.IndexByte(v, 0) >= 0 {
			return nil, fail(http.StatusBadRequest, "The query string is not text in UTF-8.")
		}
		list = append(list, param{n, v})
	}
	return list, nil
}
