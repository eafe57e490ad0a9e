package dicomweb

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong/dicomweb/multipart"
)

const (
	mediaForm = "application/x-www-form-urlencoded"
	// mostForm is the longest form in bytes: that of more than 10,000 UIDs.
	mostForm = 1 << 20
)

// searchForm answers a search whose parameters stand in the body, as HTML forms write them, instead of the query string, which proxies and
// servers cut at some thousand characters: lists of UIDs are longer. PS3.18 defines no such transaction; otherwise it is
// that of 10.6, at the same resources. Parameters of the query string count too.
func searchForm(res resource) func(*request) error {
	answer := search(res)
	return func(q *request) error {
		if !isForm(q.Request()) {
			q.Response().Header().Set("Accept-Post", mediaForm)
			return fail(http.StatusUnsupportedMediaType, "Content-Type must be "+mediaForm+".")
		}
		if err := q.readForm(); err != nil {
			return err
		}
		return answer(q)
	}
}

// isForm tells a search from Store at the one resource that has both, /studies: by the media type of the payload.
func isForm(r *http.Request) bool {
	m, err := multipart.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	return err == nil && m.Type == mediaForm
}

// readForm adds the parameters of the body to those of the query string.
func (q *request) readForm() error {
	r := q.Request()
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		q.Response().Header().Set("Accept-Encoding", "identity")
		return fail(http.StatusUnsupportedMediaType, "A compressed body is not taken.")
	}
	if r.ContentLength > mostForm {
		return fail(http.StatusRequestEntityTooLarge, "The form is too large.")
	}
	b, err := io.ReadAll(http.MaxBytesReader(q.Response(), r.Body, mostForm))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return fail(http.StatusRequestEntityTooLarge, "The form is too large.")
	case err != nil:
		return &problem{http.StatusBadRequest, "The body cannot be read.", err}
	}
	form, err := parseQuery(strings.TrimRight(string(b), "\r\n"))
	if err != nil {
		return err
	}
	q.query = append(q.query, form...)
	return nil
}
