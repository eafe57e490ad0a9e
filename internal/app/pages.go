package app

import (
	"html/template"
	"net/http"

	"github.com/labstack/echo/v4"
)

var index = template.Must(template.New("index").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Halong {{.Version}}</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:3em auto;padding:0 1em}code{background:#eee;padding:.1em .3em}</style>
</head><body><h1>Halong</h1>
<p>Imaging and laboratory gateway, version {{.Version}}. AE title <code>{{.AE}}</code>.</p>
<ul>
<li><a href="{{.Base}}dicom-web/studies">dicom-web/studies</a>: studies (QIDO-RS)</li>
<li><code>{{.Base}}api/patients/{id}/results</code>: laboratory results</li>
<li><a href="{{.Base}}readyz">readyz</a>, <a href="{{.Base}}healthz">healthz</a>, <a href="{{.Base}}metrics">metrics</a></li>
</ul></body></html>
`))

// page is the small index page: nothing on it is about patients.
func (a *App) page(c echo.Context) error {
	base := a.base("/")
	if base != "/" {
		base += "/"
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, echo.MIMETextHTMLCharsetUTF8)
	h.Set(echo.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'")
	c.Response().WriteHeader(http.StatusOK)
	return index.Execute(c.Response(), struct{ Version, AE, Base string }{Version(), a.config.AE, base})
}

// healthy says that the process runs; ready that it takes work.
func (a *App) healthy(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }

func (a *App) readiness(c echo.Context) error {
	if !a.ready.Load() {
		c.Response().Header().Set(echo.HeaderRetryAfter, "5")
		return c.String(http.StatusServiceUnavailable, "not ready\n")
	}
	return c.String(http.StatusOK, "ready\n")
}
