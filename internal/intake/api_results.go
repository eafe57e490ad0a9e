package intake

import (
	"errors"
	"net/http"

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

// resultOf makes the ORU of a request.
func resultOf(c echo.Context) ([]byte, error) {
	body, err := ReadBody(c, maxResultBody)
	if err != nil {
		return nil, err
	}
	var r resultMessage
	if err := readBody(body, &r); err != nil {
		return nil, err
	}
	return r.build(body)
}

// submit answers POST /results: the body becomes an ORU^R01, which is kept, deduplicated and filed like one that came by
// MLLP. The answer is given once it is durable.
func (a *api) submit(c echo.Context) error {
	const op = "intake.submit"
	_, facility, err := a.Scope(c)
	if err != nil {
		return err
	}
	size := int(c.Request().ContentLength)
	if size < 0 || size > maxResultBody {
		size = maxResultBody
	}
	leave, err := a.Intake.bodies.enter(c.Request().Context(), size)
	if err != nil {
		return halong.E(op, halong.Transient, "", err)
	}
	defer leave()
	raw, err := resultOf(c)
	var wrong *Wrong
	if errors.As(err, &wrong) {
		return AnswerWrong(c, wrong)
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
