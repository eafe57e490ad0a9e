package intake

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
)

// maxResultBody bounds the body of POST /results, in bytes: as large as a message by MLLP.
const maxResultBody = 32 << 20

// resultReceipt is the answer to POST /results.
type resultReceipt struct {
	Message uint64   `json:"message"` // see GET /messages/{id}
	Control string   `json:"control"` // MSH-10
	Reports []lab.ID `json:"reports"`
	Note    string   `json:"note,omitempty"` // why it is only kept
}

// submit answers POST /results: the body becomes an ORU^R01, which is kept, deduplicated and filed like one that came by
// MLLP. The answer is given once it is durable.
func (a *api) submit(c echo.Context) error {
	const op = "intake.submit"
	_, facility, err := a.Scope(c)
	if err != nil {
		return err
	}
	if t, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType)); err != nil || t != echo.MIMEApplicationJSON {
		return echo.NewHTTPError(http.StatusUnsupportedMediaType, "Content-Type is not application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxResultBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return echo.NewHTTPError(http.StatusRequestEntityTooLarge, "the body is larger than "+strconv.Itoa(maxResultBody)+" bytes")
	}
	if err != nil {
		return halong.E(op, halong.Invalid, "", err)
	}
	var r resultMessage
	if err := strict(body, &r); err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, "not a result: "+err.Error()).SetInternal(err)
	}
	raw, err := r.build(body)
	var wrong errResult
	if errors.As(err, &wrong) {
		return echo.NewHTTPError(http.StatusBadRequest, wrong.Error())
	}
	if err != nil {
		return err
	}
	source := halong.Source{Protocol: "HTTP", Address: c.RealIP()}
	if a.Peer != nil {
		source.Peer = a.Peer(c)
	}
	ctx := c.Request().Context()
	_, seq, err := a.Intake.Submit(ctx, Rule{Facility: facility}, source, raw)
	if err != nil {
		return err
	}
	m, err := a.Results.Message(ctx, halong.Everything(), seq)
	if err != nil {
		return err
	}
	reports, err := a.Results.ReportsOf(ctx, seq)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(http.StatusOK, resultReceipt{Message: seq, Control: m.Key.Control, Reports: reports, Note: m.Note})
}
