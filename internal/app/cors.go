package app

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// cors lets web pages of other origins read answers and answers their
// preflights (Fetch standard, 3.2). Pages of this machine may, as long as everybody on
// it may; others when they are listed. Credentials are never allowed: a bearer
// token is what a page has to show.
type cors struct {
	origins []string
	local   bool
}

const (
	corsMethods = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
	corsHeaders = "Accept, Authorization, Cache-Control, Content-Type, If-Match, If-None-Match, If-Range, Range, X-Requested-With, Halong-Reason, Halong-Reason-Code"
	corsExposed = "Accept-Ranges, Content-Encoding, Content-Length, Content-Location, Content-Range, ETag, Link, Retry-After, Warning"
)

func (k *cors) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, h := c.Request(), c.Response().Header()
		h.Add(echo.HeaderVary, echo.HeaderOrigin)
		origin := r.Header.Get(echo.HeaderOrigin)
		allowed := origin != "" && k.allows(origin)
		if allowed {
			h.Set(echo.HeaderAccessControlAllowOrigin, origin)
			h.Set(echo.HeaderAccessControlExposeHeaders, corsExposed)
		}
		if r.Method != http.MethodOptions || r.Header.Get(echo.HeaderAccessControlRequestMethod) == "" {
			return next(c)
		}
		if allowed {
			h.Set(echo.HeaderAccessControlAllowMethods, corsMethods)
			h.Set(echo.HeaderAccessControlAllowHeaders, corsHeaders)
			h.Set(echo.HeaderAccessControlMaxAge, "7200")
		}
		return c.NoContent(http.StatusNoContent)
	}
}

func (k *cors) allows(origin string) bool {
	if slices.Contains(k.origins, "*") || k.lists(origin) {
		return true
	}
	u, err := url.Parse(origin)
	return k.local && err == nil && loopbackHost(u.Host)
}

// lists tells whether the origin is listed by its name.
func (k *cors) lists(origin string) bool {
	return slices.ContainsFunc(k.origins, func(o string) bool { return strings.EqualFold(o, origin) })
}
