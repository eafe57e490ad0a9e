package app

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicomweb"
	"github.com/halong-gateway/halong/storage"
)

// deletedPage is the answer to GET /api/deleted. The next page is that before Next; 0: this was the last.
type deletedPage struct {
	Deleted []storage.Removal `json:"deleted"`
	Next    uint64            `json:"next,omitempty"`
}

// mostRemovals is how many removals are given at once.
const mostRemovals = 500

// withDeletions adds what DELETE needs to the configuration of DICOMweb.
func (a *App) withDeletions(web *dicomweb.Config) {
	web.Deletions = a.data.Archive
	web.NeedsReason = a.config.Storage.NeedsReason
	web.Rights = func(c echo.Context) (deletes, purges bool) {
		p := principal(c)
		deletes = p.Deletes(halong.Facility(c.Param("facility")))
		return deletes, deletes && p.Rights.Purge
	}
}

// registerDeleted adds the routes for what was deleted and rejected, for callers that may delete.
func (a *App) registerDeleted(g *echo.Group) {
	g.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !principal(c).Deletes("") {
				return echo.NewHTTPError(http.StatusForbidden)
			}
			c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
			return next(c)
		}
	})
	g.GET("", a.deletedList)
	g.GET("/:id", a.deletedOne)
	g.POST("/:id/restore", a.deletedEnd(func(echo.Context) bool { return true }, (*storage.Archive).Restore))
	g.POST("/:id/purge", a.deletedEnd(func(c echo.Context) bool { return principal(c).Rights.Purge }, (*storage.Archive).Purge))
}

// deletes gives what a caller that may delete may do so in.
func deletes(c echo.Context) halong.Scope {
	p := principal(c)
	if p.Scope.All {
		return p.Scope
	}
	return halong.Scope{Own: p.Facility}
}

func (a *App) deletedList(c echo.Context) error {
	q := c.QueryParams()
	f := storage.RemovalFilter{Study: dicom.UID(q.Get("study")), Limit: mostRemovals}
	var err error
	if s := q.Get("state"); s != "" {
		err = f.State.UnmarshalText([]byte(s))
	}
	if s := q.Get("kind"); s != "" && err == nil {
		err = f.Kind.UnmarshalText([]byte(s))
	}
	if s := q.Get("before"); s != "" && err == nil {
		f.Before, err = strconv.ParseUint(s, 10, 63)
	}
	if s := q.Get("limit"); s != "" && err == nil {
		f.Limit, err = strconv.Atoi(s)
		f.Limit = max(1, min(f.Limit, mostRemovals))
	}
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, "state is hidden, restored or purged, kind deletion or rejection, before and limit whole numbers")
	}
	list, err := a.data.Archive.Removals(c.Request().Context(), deletes(c), f)
	if err != nil {
		return err
	}
	page := deletedPage{Deleted: append([]storage.Removal{}, list...)}
	if len(list) == f.Limit {
		page.Next = list[len(list)-1].ID
	}
	return c.JSON(http.StatusOK, page)
}

func removalID(c echo.Context) (uint64, error) {
	id, err := strconv.ParseUint(c.Param("id"), 10, 63)
	if err != nil {
		return 0, echo.NewHTTPError(http.StatusNotFound)
	}
	return id, nil
}

func (a *App) deletedOne(c echo.Context) error {
	id, err := removalID(c)
	if err != nil {
		return err
	}
	r, err := a.data.Archive.Removal(c.Request().Context(), deletes(c), id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, r)
}

type endRemoval func(a *storage.Archive, ctx context.Context, scope halong.Scope, id uint64, by halong.Source) (*storage.Removal, error)

// deletedEnd restores or purges. The request must be called JSON: no web page can send that to another site unasked.
func (a *App) deletedEnd(may func(echo.Context) bool, end endRemoval) echo.HandlerFunc {
	return func(c echo.Context) error {
		m, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
		if err != nil || m != echo.MIMEApplicationJSON {
			return echo.NewHTTPError(http.StatusUnsupportedMediaType, "Content-Type must be application/json.")
		}
		var none struct{}
		if err := json.NewDecoder(io.LimitReader(c.Request().Body, maxOrder)).Decode(&none); err != nil && err != io.EOF {
			return echo.NewHTTPError(http.StatusBadRequest, "The body is no JSON object.")
		}
		if !may(c) {
			return echo.NewHTTPError(http.StatusForbidden)
		}
		id, err := removalID(c)
		if err != nil {
			return err
		}
		by := halong.Source{Protocol: "API", Peer: principal(c).Name, Address: c.RealIP()}
		r, err := end(a.data.Archive, c.Request().Context(), deletes(c), id, by)
		if err != nil {
			return err
		}
		status := http.StatusOK
		if r.Restored != nil && r.Restored.Gone > 0 && r.Kind == storage.Deleted {
			status = http.StatusMultiStatus // the body tells which are back and which were purged
		}
		return c.JSON(status, r)
	}
}

// PurgeDue purges what was deleted or rejected so long ago that the configuration gives it up.
func (d *Data) PurgeDue(ctx context.Context, after func(*storage.Removal) time.Duration) (int, error) {
	now := time.Now()
	n, err := d.Archive.PurgeDue(ctx, func(r *storage.Removal) bool {
		keep := after(r)
		return keep > 0 && now.Sub(r.At) >= keep
	})
	if n > 0 {
		d.log.Info("purged what was deleted or rejected", "removals", n)
	}
	return n, err
}
