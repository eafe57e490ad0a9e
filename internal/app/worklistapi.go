package app

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/internal/intake"
	"github.com/halong-gateway/halong/worklist"
)

// registerWorklist adds the routes for performed procedure steps, mismatches and imported items (docs/worklist.md).
func (a *App) registerWorklist(g *echo.Group) {
	g.Use(problems)
	g.GET("/mismatches", func(c echo.Context) error { return a.listMismatches(c, "mismatches") })
	g.GET("/unmatched", func(c echo.Context) error { return a.listMismatches(c, "unmatched") })
	g.POST("/mismatches/:id/resolve", a.resolveMismatch)
	g.GET("/failed", a.listFailed)
	g.GET("/performed", a.listPerformed)
	g.GET("/performed/:uid", a.getPerformed)
	g.GET("/forward", a.listMPPSQueue)
	g.POST("/forward/retry", a.retryMPPS, everything)
	g.POST("/items", a.postItem)
}

// mismatchLimit is how many mismatches are given at once.
const mismatchLimit = 1000

// listMismatches answers GET /api/worklist/mismatches[?resolved=true], and /unmatched.
func (a *App) listMismatches(c echo.Context, which string) error {
	scope, _, err := scope(c)
	if err != nil {
		return err
	}
	resolved, err := strconv.ParseBool(cmp.Or(c.QueryParam("resolved"), "false"))
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, "resolved is true or false")
	}
	all, err := a.data.Index.Mismatches(c.Request().Context(), scope, worklist.MismatchListing{
		Unmatched: which == "unmatched", Resolved: resolved, Limit: mismatchLimit,
	})
	if err != nil {
		return err
	}
	type view struct {
		*worklist.Mismatch
		Order string `json:"order,omitempty"`
	}
	out := make([]view, 0, len(all))
	for _, m := range all {
		v := view{Mismatch: m}
		if m.Order != 0 {
			v.Order = strconv.FormatInt(m.Order, 10)
		}
		out = append(out, v)
	}
	return noStore(c, http.StatusOK, map[string]any{which: out})
}

// failedStudy is a study that could not be compared with orders.
type failedStudy struct {
	Facility halong.Facility `json:"facility"`
	Study    dicom.UID       `json:"study"`
	Last     time.Time       `json:"last"`  // when its last object came
	Tries    int             `json:"tries"` // that failed
	Reason   string          `json:"reason"`
	Next     time.Time       `json:"next"` // when it is compared again
}

// listFailed answers GET /api/worklist/failed.
func (a *App) listFailed(c echo.Context) error {
	scope, _, err := scope(c)
	if err != nil {
		return err
	}
	all, err := a.data.Index.FailedStudies(c.Request().Context(), scope, mismatchLimit)
	if err != nil {
		return err
	}
	out := make([]failedStudy, 0, len(all))
	for _, w := range all {
		out = append(out, failedStudy{w.Facility, w.Study, w.Last, w.Tries, w.Reason, w.Since.Add(a.config.Worklist.Images.After.Std())})
	}
	return noStore(c, http.StatusOK, map[string]any{"failed": out})
}

// resolveMismatch answers POST /api/worklist/mismatches/{id}/resolve with {"note": …}.
func (a *App) resolveMismatch(c echo.Context) error {
	scope, _, err := scope(c)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return halong.E("app.worklist", halong.NotExist, "", nil)
	}
	var x struct {
		Note string `json:"note"`
	}
	if c.Request().ContentLength != 0 {
		if err := readOrder(c, &x); err != nil {
			return err
		}
		if len(x.Note) > 4096 {
			return &intake.Wrong{Pointer: "/note", Detail: "is longer than 4096 bytes"}
		}
	}
	source := halong.Source{Protocol: "HTTP", Peer: principal(c).Name, Address: c.RealIP()}
	err = a.data.worklist.ResolveMismatch(c.Request().Context(), scope, id, x.Note, source, time.Now().UTC().Truncate(time.Microsecond))
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// performedView is a Performed Procedure Step with its attributes in DICOM JSON.
type performedView struct {
	*worklist.Performed
	Attributes rawJSON `json:"attributes"`
}

// rawJSON is JSON that is written as it is.
type rawJSON []byte

// MarshalJSON implements json.Marshaler.
func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

func viewPerformed(p *worklist.Performed) performedView {
	return performedView{p, json.AppendSet(nil, p.Attributes, json.Options{})}
}

// listPerformed answers GET /api/worklist/performed?study=UID.
func (a *App) listPerformed(c echo.Context) error {
	scope, _, err := scope(c)
	if err != nil {
		return err
	}
	study := dicom.UID(c.QueryParam("study"))
	if !study.Valid() {
		return echo.NewHTTPError(http.StatusBadRequest, "study is a Study Instance UID")
	}
	all, err := a.data.Index.PerformedOf(c.Request().Context(), scope, study)
	if err != nil {
		return err
	}
	out := make([]performedView, 0, len(all))
	for _, p := range all {
		out = append(out, viewPerformed(p))
	}
	return noStore(c, http.StatusOK, map[string]any{"performed": out})
}

// getPerformed answers GET /api/worklist/performed/{uid}.
func (a *App) getPerformed(c echo.Context) error {
	scope, _, err := scope(c)
	if err != nil {
		return err
	}
	p, err := a.data.Index.FindPerformed(c.Request().Context(), scope, dicom.UID(c.Param("uid")))
	if err != nil {
		return err
	}
	return noStore(c, http.StatusOK, viewPerformed(p))
}

// listMPPSQueue answers GET /api/worklist/forward: MPPS requests that wait for being forwarded, or were given up.
func (a *App) listMPPSQueue(c echo.Context) error {
	scope, _, err := scope(c)
	if err != nil {
		return err
	}
	all, err := a.data.Index.ListDeliveries(c.Request().Context(), scope, mismatchLimit)
	if err != nil {
		return err
	}
	return noStore(c, http.StatusOK, map[string]any{"waiting": append([]*worklist.Delivery{}, all...)})
}

// retryMPPS answers POST /api/worklist/forward/retry: all that waits, or was given up, is tried now.
func (a *App) retryMPPS(c echo.Context) error {
	n, err := a.data.Index.ReviveDeliveries(c.Request().Context(), time.Now())
	if err != nil {
		return err
	}
	return noStore(c, http.StatusOK, map[string]any{"requests": n})
}

// postItem answers POST /api/worklist/items: a worklist item, as a DICOM file or a bare Data Set in Explicit VR Little Endian, becomes an order.
func (a *App) postItem(c echo.Context) error {
	_, f, err := scope(c)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxOrderBody))
	if err != nil {
		return echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	}
	in, err := itemOf(b)
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, reasonOf(err)).SetInternal(err)
	}
	in.Facility, in.Source = f, halong.Source{Protocol: "HTTP", Peer: principal(c).Name, Address: c.RealIP()}
	err = a.data.worklist.Import(c.Request().Context(), in)
	switch {
	case err == nil:
		return c.NoContent(http.StatusCreated)
	case halong.KindOf(err) == halong.Invalid:
		return echo.NewHTTPError(http.StatusBadRequest, reasonOf(err)).SetInternal(err)
	}
	return err
}

// itemOf takes a worklist item out of a file, with or without preamble and File Meta Information.
func itemOf(b []byte) (in worklist.Inbound, err error) {
	h, rest, err := dataset.ReadFileHeader(bytes.NewReader(b), dataset.Limits{})
	if err != nil {
		return in, err
	}
	in.Syntax, in.At = h.TransferSyntax, time.Now().UTC().Truncate(time.Microsecond)
	in.Data, err = io.ReadAll(rest)
	return in, err
}
