package app

import (
	"errors"
	"log/slog"
	"net/http"
	"path"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/intake"
)

// statuses are the HTTP answers to errors of services that no edge translated
// (design: ARCHITECTURE.md, errors).
var statuses = map[halong.Kind]int{
	halong.Invalid:     http.StatusBadRequest,
	halong.Unsupported: http.StatusNotAcceptable,
	halong.NotExist:    http.StatusNotFound,
	halong.Conflict:    http.StatusConflict,
	halong.Permission:  http.StatusForbidden,
	halong.Exhausted:   http.StatusInsufficientStorage,
	halong.Transient:   http.StatusServiceUnavailable,
}

// newEcho makes the router with everything that is the same for all routes.
func (a *App) newEcho() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = a.httpError
	e.IPExtractor = a.proxies.extractor()
	e.Use(a.steady, a.observe, a.gate.cors.middleware, headers)
	return e
}

// headers are on every answer.
func headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set(echo.HeaderXContentTypeOptions, "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		return next(c)
	}
}

// observe counts, times and logs requests by route, never by URL: queries hold
// names. It does so too when an answer is cut short by a panic.
func (a *App) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		defer func() { a.observed(c, time.Since(start)) }()
		if err := next(c); err != nil {
			c.Error(err)
		}
		return nil
	}
}

func (a *App) observed(c echo.Context, took time.Duration) {
	route, method, status := c.Path(), c.Request().Method, c.Response().Status
	if route == "" {
		route = "none"
	}
	if _, ok := methods[method]; !ok {
		method = "other"
	}
	a.metrics.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	a.metrics.requestTime.WithLabelValues(route).Observe(took.Seconds())
	level := slog.LevelDebug
	if status >= 500 && c.Request().Context().Err() == nil { // else nobody waited for it
		level = slog.LevelError
	}
	a.log.Log(c.Request().Context(), level, "http", "method", method, "route", route, "status", status,
		"seconds", took.Seconds(), "bytes", c.Response().Size, "who", principal(c).Name)
}

var methods = map[string]struct{}{"GET": {}, "HEAD": {}, "POST": {}, "PUT": {}, "DELETE": {}, "OPTIONS": {}}

// damagedText is what callers are told who ask for bytes that are not what they were.
const damagedText = "The stored bytes are damaged: they are not those that came."

// httpError answers what a handler returned and did not answer, as a problem (RFC 9457). Texts of 500s
// stay in the log, but that stored bytes are damaged is told.
func (a *App) httpError(err error, c echo.Context) {
	if c.Response().Committed {
		a.log.Error("http: failed after the answer had begun", "route", c.Path(), "error", err)
		return
	}
	status, text := http.StatusInternalServerError, ""
	var he *echo.HTTPError
	var own *halong.Error
	switch {
	case errors.As(err, &he):
		status = he.Code
		if s, ok := he.Message.(string); ok {
			text = s
		}
	case errors.As(err, &own):
		if s, ok := statuses[halong.KindOf(err)]; ok {
			status = s
		}
	}
	if status >= 500 {
		a.log.Error("http: failed", "route", c.Path(), "status", status, "error", err)
	}
	if status == http.StatusInternalServerError || text == http.StatusText(status) {
		text = ""
	}
	if halong.KindOf(err) == halong.Corrupt {
		text = damagedText
	}
	if status == http.StatusServiceUnavailable {
		c.Response().Header().Set(echo.HeaderRetryAfter, "5")
	}
	if err := intake.AnswerProblem(c, status, text); err != nil {
		a.log.Debug("http: the answer could not be written", "error", err)
	}
}

// base gives a path below http.base.
func (a *App) base(p string) string {
	return path.Join("/", a.config.HTTP.Base, p)
}
