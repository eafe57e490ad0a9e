package app

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicomweb"
	"github.com/halong-gateway/halong/internal/app/config"
)

// spoolFolder is where requests wait whose parts have to be put together, below the data folder: on its disk, and as well guarded.
const spoolFolder = "spool"

// dicomweb says how the services of PS3.18 are served.
func (a *App) dicomweb() (dicomweb.Config, error) {
	c := &a.config.DICOMweb
	web := dicomweb.Config{
		Archive:        dicomweb.FromStorage(archive{a.data.Archive, a.metrics}),
		Scope:          scope,
		Peer:           func(c echo.Context) string { return principal(c).Name },
		Base:           a.base("/dicom-web"),
		PublicURL:      a.config.HTTP.Public,
		Proxy:          a.proxies.trust,
		RelativeURI:    c.BulkURI == config.BulkURIRelative,
		Fuzzy:          true,
		EmptyNoContent: c.Empty == config.EmptyNoContent,
		MaxResults:     c.MaxResults,
		MaxBody:        int64(c.MaxBody),
		Documents:      orNone(c.Documents),
		Frames:         orNone(c.Frames),
		Metadata:       int64(c.Metadata),
		Spool:          filepath.Join(a.config.Data, spoolFolder),
		Observe:        a.observeWeb,
		Page:           a.gate.trusts,
	}
	// The files have no names: what is in the folder is of a process that was killed between making one and taking its name away.
	if err := errors.Join(os.RemoveAll(web.Spool), os.MkdirAll(web.Spool, 0o700)); err != nil {
		return web, halong.E("app.Open", halong.Permission, "", err)
	}
	return web, a.addReady(&web)
}

// withServices adds the services that not every archive has. The conformance statement is made of the same list.
func (a *App) withServices(web *dicomweb.Config) {
	a.withDeletions(web)
	web.Workitems = a.data.ups
}

// orNone gives a size as the package wants it, where 0 is the default and less is none.
func orNone(s config.Size) int64 {
	if s == 0 {
		return -1
	}
	return int64(s)
}
