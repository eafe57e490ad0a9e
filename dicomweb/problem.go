package dicomweb

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
)

// problem is an error with its HTTP answer, sent as application/problem+json
// (RFC 9457). The detail holds no patient data: no values of queries or elements.
type problem struct {
	status int
	detail string
	err    error // for the log; may be nil
}

func fail(status int, detail string) error { return &problem{status: status, detail: detail} }

// Error gives the detail and the cause.
func (p *problem) Error() string {
	if p.err != nil {
		return p.detail + ": " + p.err.Error()
	}
	return p.detail
}

// Unwrap gives the cause.
func (p *problem) Unwrap() error { return p.err }

// asProblem finds the answer to any error.
func asProblem(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &problem{http.StatusRequestEntityTooLarge, "The request is too large.", err}
	}
	var he *echo.HTTPError
	if errors.As(err, &he) {
		return &problem{he.Code, http.StatusText(he.Code), err}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = halong.E("dicomweb", halong.Transient, "", err)
	}
	a := answerOf(err)
	return &problem{a.status, a.text, err}
}

// send answers with the problem.
func (s *service) send(c echo.Context, p *problem) error {
	h := c.Response().Header()
	for _, name := range []string{"ETag", "Content-Type", "Content-Length", "Accept-Ranges", "Content-Encoding"} {
		h.Del(name)
	}
	if p.status == http.StatusServiceUnavailable {
		h.Set(echo.HeaderRetryAfter, s.retryAfter())
	}
	h.Set(echo.HeaderCacheControl, "no-store")
	b, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail,omitempty"`
	}{"about:blank", http.StatusText(p.status), p.status, p.detail})
	if err != nil {
		return err
	}
	return c.Blob(p.status, "application/problem+json", b)
}

// retryAfter gives the value of Retry-After in whole seconds.
func (s *service) retryAfter() string { return strconv.Itoa(max(1, int(s.RetryAfter.Seconds()))) }
