package app

import (
	"net"
	"net/netip"
	"slices"

	"github.com/labstack/echo/v4"
)

// proxies are the reverse proxies that are believed about whose requests they pass on (http.proxies).
type proxies []netip.Prefix

// trust tells whether an address is that of one of them.
func (p proxies) trust(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a.Unmap()) })
}

// extractor gives what finds a caller's address: the connection's own or, behind trusted proxies, the last one in X-Forwarded-For that is
// none of theirs. Echo by itself believes everybody.
func (p proxies) extractor() echo.IPExtractor {
	if len(p) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, n := range p {
		bits := n.Addr().BitLen()
		options = append(options, echo.TrustIPRange(&net.IPNet{IP: n.Addr().AsSlice(), Mask: net.CIDRMask(n.Bits(), bits)}))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}
