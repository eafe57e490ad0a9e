package dicomweb

import (
	"slices"

	"github.com/labstack/echo/v4"
)

// Headers that a page of another origin may send and read.
const (
	requestHeaders  = "Accept, Authorization, Cache-Control, Content-Type, If-Match, If-None-Match, If-Range, Range, X-Requested-With, Halong-Reason, Halong-Reason-Code"
	responseHeaders = "Accept-Ranges, Content-Length, Content-Location, Content-Range, ETag, Location, Retry-After, Warning"
)

// allowed tells whether pages of the origin may read answers.
func (s *service) allowed(origin string) bool {
	return origin != "" && (slices.Contains(s.Origins, origin) || slices.Contains(s.Origins, "*"))
}

// allowOrigin sets the CORS headers of an answer. An origin listed by name may
// use credentials, "*" may not: any page could then read as the user.
func (s *service) allowOrigin(c echo.Context) {
	h := c.Response().Header()
	if len(s.Origins) == 0 {
		return
	}
	h.Add(echo.HeaderVary, echo.HeaderOrigin)
	origin := c.Request().Header.Get(echo.HeaderOrigin)
	if !s.allowed(origin) {
		return
	}
	if slices.Contains(s.Origins, origin) {
		h.Set(echo.HeaderAccessControlAllowOrigin, origin)
		h.Set(echo.HeaderAccessControlAllowCredentials, "true")
	} else {
		h.Set(echo.HeaderAccessControlAllowOrigin, "*")
	}
	h.Set(echo.HeaderAccessControlExposeHeaders, responseHeaders)
}
