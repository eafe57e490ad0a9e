package app

import (
	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong/dicomweb"
	"github.com/halong-gateway/halong/internal/app/config"
)

// dicomweb says how the services of PS3.18 are served.
func (a *App) dicomweb() (dicomweb.Config, error) {
	c := &a.config.DICOMweb
	web := dicomweb.Config{
		Archive:        dicomweb.FromStorage(archive{a.data.Archive, a.metrics}),
		Scope:          scope,
		Peer:           func(c echo.Context) string { return principal(c).Name },
		Base:           a.base("/dicom-web"),
		Fuzzy:          true,
		EmptyNoContent: c.Empty == config.EmptyNoContent,
		MaxResults:     c.MaxResults,
		MaxBody:        int64(c.MaxBody),
		Documents:      orNone(c.Documents),
		Observe:        a.observeWeb,
	}
	return web, a.addReady(&web)
}

// orNone gives a size as the package wants it, where 0 is the default and less is none.
func orNone(s config.Size) int64 {
	if s == 0 {
		return -1
	}
	return int64(s)
}
