package app

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/intake"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/storage"
)

// labDepot keeps documents of reports; during a replay it finds those that are stored.
type labDepot struct {
	*storage.Archive
	data *Data
}

// Stored tells where an equal blob lies that no row speaks of yet.
func (l labDepot) Stored(d halong.Digest) (storage.Place, bool) {
	if l.data.locate == nil {
		return storage.Place{}, false
	}
	return l.data.locate(d)
}

// originals reads messages again.
func (d *Data) originals() intake.Originals {
	return intake.Originals{Messages: d.Index, Blobs: d.Store}
}

// library gives out versions of reports.
func (d *Data) library() lab.Library {
	return lab.Library{Store: d.Index, Messages: d.originals()}
}

// documents opens documents of reports.
func (d *Data) documents() *intake.Documents {
	return &intake.Documents{Archive: d.Archive, Updater: d.Index, Keeper: d.Index, Originals: d.originals()}
}

// registerLab adds the API of results (docs/lab.md).
func (a *App) registerLab(g *echo.Group) {
	intake.RegisterAPI(g, intake.APIConfig{
		Results: a.data.Index, MapVersions: a.data.Index, Blobs: a.data.Store, Scope: scope, Maps: a.labMaps,
		Documents: a.data.documents(), Intake: a.data.intake, Peer: func(c echo.Context) string { return principal(c).Name },
	})
}

// labGroup is how many versions of reports are indexed before others are let in.
const labGroup = 5000

// IndexLab finds out what is found out about results after the fact: which codes senders use, which numbers reports bear.
func (d *Data) IndexLab(ctx context.Context) error {
	for {
		behind, err := d.library().IndexLab(ctx, labGroup)
		if behind == 0 || err != nil || ctx.Err() != nil {
			return err
		}
	}
}
