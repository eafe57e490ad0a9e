package app

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"

	"github.com/labstack/echo/v4"
)

// maxOrder bounds the body of an operator's order, in bytes.
const maxOrder = 64 << 10

// readOrder reads the body of a request into o. It must be called JSON: no web page can send that to another site unasked (Fetch
// 2.2.2, CORS). Keys that o does not have are an error.
func readOrder(c echo.Context, o any) error {
	m, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || m != echo.MIMEApplicationJSON {
		return echo.NewHTTPError(http.StatusUnsupportedMediaType, "Content-Type must be application/json.")
	}
	d := json.NewDecoder(io.LimitReader(c.Request().Body, maxOrder))
	d.DisallowUnknownFields()
	if err := d.Decode(o); err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, "The body is no such order.")
	}
	return nil
}
