package dicomweb

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

// request is one request being answered.
type request struct {
	*service
	echo.Context
	ctx      context.Context
	scope    halong.Scope
	seesAll  bool            // the caller sees every facility
	own      halong.Facility // where what it stores goes
	facility halong.Facility // the one of the path, if any
	base     string          // URL of the service for this caller, without trailing slash
	query    []param
	given    map[string]string // what path parameters are called, where query parameters say it
	seen     *Observation
}

// handle wraps a handler: scope, facility, query parameters, CORS headers, errors.
func (s *service) handle(operation string, h func(*request) error) echo.HandlerFunc {
	return s.prepared(operation, (*request).prepare, h)
}

// handleUnscoped is handle for what tells nothing of anything that is stored: nobody is asked who it is.
func (s *service) handleUnscoped(operation string, h func(*request) error) echo.HandlerFunc {
	return s.prepared(operation, (*request).parse, h)
}

func (s *service) prepared(operation string, prepare, h func(*request) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		seen := Observation{Operation: operation}
		start := time.Now()
		defer func() {
			seen.Status, seen.Duration = c.Response().Status, time.Since(start)
			s.Observe(seen)
		}()
		s.allowOrigin(c)
		q := &request{service: s, Context: c, ctx: c.Request().Context(), seen: &seen}
		err := prepare(q)
		if err == nil {
			err = h(q)
		}
		if err == nil {
			return nil
		}
		p := q.gone(asProblem(err))
		seen.Err = err
		if c.Response().Committed {
			// The status is gone out already: break the connection off, so that
			// the client does not take what it has for the whole.
			panic(http.ErrAbortHandler)
		}
		return s.send(c, p)
	}
}

// prepare finds out who asks for what.
func (q *request) prepare() (err error) {
	if q.scope, q.own, err = q.Scope(q.Context); err != nil {
		return err
	}
	q.seesAll = q.scope.All
	if name := q.param("facility"); name != "" {
		q.facility = halong.Facility(name)
		if !q.scope.Sees(q.facility) {
			return fail(http.StatusNotFound, "There is no such facility.")
		}
	}
	for _, name := range []string{"study", "series", "instance"} {
		if u := q.param(name); u != "" && !nameable(u) {
			return fail(http.StatusBadRequest, "The path holds a malformed UID.")
		}
	}
	if q.facility != "" {
		q.scope = halong.Scope{Own: q.facility}
	}
	return q.parse()
}

// parse reads the query parameters and finds out how the caller reaches the service.
func (q *request) parse() (err error) {
	if q.query, err = parseQuery(q.Request().URL.RawQuery); err != nil {
		return err
	}
	q.base = q.baseURL(q.Request())
	if f := q.param("facility"); f != "" {
		q.base += "/facilities/" + url.PathEscape(f)
	}
	return nil
}

// param gives a path parameter, unescaped, or what stands for it.
func (q *request) param(name string) string {
	if v, ok := q.given[name]; ok {
		return v
	}
	v := q.Param(name)
	if strings.IndexByte(v, '%') >= 0 {
		if u, err := url.PathUnescape(v); err == nil {
			return u
		}
	}
	return v
}

func (q *request) uid(name string) dicom.UID { return dicom.UID(q.param(name)) }

// ref gives what the path names.
func (q *request) ref() storage.Ref {
	return storage.Ref{Study: q.uid("study"), Series: q.uid("series"), SOP: q.uid("instance"), Facility: q.facility}
}

// nameable tells whether a UID of a path may be looked up. Real objects bear
// UIDs that break PS3.5 9.1, so letters and leading zeros are let through.
func nameable(u string) bool {
	for i := 0; i < len(u); i++ {
		c := u[i]
		if !(c == '.' || c == '-' || c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z') {
			return false
		}
	}
	return len(u) <= 64
}

// start sends status and headers. It tells whether a body is wanted.
func (q *request) start(status int) (body bool) {
	q.Response().WriteHeader(status)
	return q.Request().Method != http.MethodHead
}

// lazyBody sends the status with the first bytes, so that what fails before them
// can still be answered with an error.
type lazyBody struct {
	q       *request
	status  int // 0: 200
	started bool
}

func (b *lazyBody) begin() {
	if !b.started {
		b.started = true
		b.q.start(cmp.Or(b.status, http.StatusOK))
	}
}

func (b *lazyBody) Write(p []byte) (int, error) {
	b.begin()
	return b.q.Response().Write(p)
}
