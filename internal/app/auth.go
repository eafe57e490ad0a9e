package app

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/internal/app/config"
)

const principalKey = "halong.principal"

// gate lets HTTP callers in.
type gate struct {
	config *config.Config
	tokens access.Tokens
	open   access.Principal // who everybody is where neither tokens nor client certificates are asked for
	cors   *cors
	cross  *http.CrossOriginProtection
}

func newGate(c *config.Config) (*gate, error) {
	tokens, err := c.Tokens()
	if err != nil {
		return nil, err
	}
	open := access.Grant("anonymous", "", nil, c.Facility)
	if local := access.Loopback(c.HTTP.Listen); local { // whoever is on this machine could as well run halong delete
		open.Rights = access.Rights{Delete: true, Purge: true}
	}
	g := &gate{config: c, tokens: tokens, open: open, cross: http.NewCrossOriginProtection()}
	g.cors = &cors{origins: c.HTTP.Origins, local: g.isOpen() && access.Loopback(c.HTTP.Listen)}
	if u, err := url.Parse(c.HTTP.Public); err == nil && u.Host != "" {
		if err := g.cross.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// isOpen tells whether everybody is let in.
func (g *gate) isOpen() bool { return len(g.tokens) == 0 && g.config.HTTP.TLS.ClientCA == "" }

// middleware finds out who calls, and answers 401 or 403 itself.
func (g *gate) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().Method == http.MethodOptions {
			return next(c) // tells nothing, and preflights carry no credentials
		}
		p, status := g.who(c.Request())
		if status == 0 && g.foreign(c.Request()) {
			return echo.NewHTTPError(http.StatusForbidden, "Pages of this origin may change nothing.")
		}
		if status != 0 {
			if status == http.StatusUnauthorized {
				c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="halong"`)
			}
			return echo.NewHTTPError(status)
		}
		c.Set(principalKey, p)
		return next(c)
	}
}

// who gives the caller, or the status that refuses it. With tokens a token is
// needed even from the bearer of a certificate.
func (g *gate) who(r *http.Request) (access.Principal, int) {
	if len(g.tokens) > 0 {
		token, ok := access.Bearer(r.Header.Get(echo.HeaderAuthorization))
		if !ok {
			return access.Principal{}, http.StatusUnauthorized
		}
		p, ok := g.tokens.Authenticate(token)
		if !ok {
			return access.Principal{}, http.StatusUnauthorized
		}
		return p, 0
	}
	if g.config.HTTP.TLS.ClientCA != "" {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			return access.Principal{}, http.StatusForbidden
		}
		p, ok := g.config.ClientPrincipal(access.CertificateNames(r.TLS.PeerCertificates[0]))
		if !ok {
			return access.Principal{}, http.StatusForbidden
		}
		return p, 0
	}
	if access.Loopback(g.config.HTTP.Listen) && !loopbackHost(r.Host) {
		return access.Principal{}, http.StatusForbidden // a page elsewhere that had its name point here (DNS rebinding)
	}
	p := g.open
	if !fromHere(r) {
		p.Rights = access.Rights{}
	}
	return p, 0
}

// foreign tells whether the request would change something and comes from a web page that may not read the answer: a browser sends it
// with the user's certificate, or from the user's machine, without asking first as long as it looks like a form. A token it does not send.
func (g *gate) foreign(r *http.Request) bool {
	return len(g.tokens) == 0 && !g.trusts(r.Header.Get(echo.HeaderOrigin)) && g.cross.Check(r) != nil
}

// trusts tells whether pages of the origin may do what the user's certificate or machine may. That all origins may read without
// credentials does not mean those with a certificate.
func (g *gate) trusts(origin string) bool {
	return origin != "" && (g.cors.lists(origin) || g.isOpen() && g.cors.allows(origin))
}

// fromHere tells whether nothing in the request says that it comes from elsewhere: through a proxy on this machine, or from a web page
// of another origin.
func fromHere(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	origin := r.Header.Get(echo.HeaderOrigin)
	u, err := url.Parse(origin)
	return origin == "" || err == nil && loopbackHost(u.Host)
}

// loopbackHost tells whether a Host header or an origin's host means this machine.
func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// principal gives who the gate let in.
func principal(c echo.Context) access.Principal {
	p, _ := c.Get(principalKey).(access.Principal)
	return p
}

// scope gives what the caller may see and whose what it sends will be. A
// facility in the path narrows both.
func scope(c echo.Context) (halong.Scope, halong.Facility, error) {
	p := principal(c)
	f := halong.Facility(c.Param("facility"))
	if f == "" {
		return p.Scope, p.Facility, nil
	}
	if config.ValidFacility(f) != nil || !p.Scope.Sees(f) {
		return halong.Scope{}, "", halong.E("app.scope", halong.Permission, "", nil)
	}
	own := p.Facility // what is only seen is not written to
	if p.Scope.All {
		own = f
	}
	return halong.Scope{Own: f}, own, nil
}
