package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong/internal/intake"
)

// maxOrder bounds the body of an operator's order, in bytes.
const maxOrder = 64 << 10

// readOrder reads the body of a request into o: one JSON value, which must be called JSON. No web page can send that to another site
// unasked (Fetch 2.2.2, CORS). Keys that o does not have are an error.
func readOrder(c echo.Context, o any) error {
	b, err := intake.ReadBody(c, maxOrder)
	var wrong *intake.Wrong
	if errors.As(err, &wrong) {
		return echo.NewHTTPError(wrong.Status, wrong.Detail)
	}
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err = d.Decode(o)
	if _, end := d.Token(); err == nil && end == io.EOF {
		return nil
	}
	return echo.NewHTTPError(http.StatusBadRequest, wrongOrder(err))
}

// wrongOrder says what is wrong with an order, without its contents.
func wrongOrder(err error) string {
	const text = "The body is not what this request takes"
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return "The body is more than one JSON value."
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return text + ": the JSON ends too early."
	case errors.As(err, &kind):
		return fmt.Sprintf("%s: %q is of another kind.", text, kind.Field)
	case errors.As(err, &syntax):
		return fmt.Sprintf("%s: not JSON, at byte %d.", text, syntax.Offset)
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return text + ": unknown field " + field + "."
	}
	return text + "."
}
