package app

import (
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// steady bounds how long a peer may send nothing of a body and, over HTTP/2, take nothing of an answer: there each answer has a
// window of its own, which the peer may keep closed while it reads the connection. What else is written steadyConn bounds.
func (a *App) steady(next echo.HandlerFunc) echo.HandlerFunc {
	stall := a.config.HTTP.Stall.Std()
	return func(c echo.Context) error {
		r, limit := c.Request(), http.NewResponseController(c.Response().Writer)
		conn, ok := r.Context().Value(connKey{}).(*steadyConn)
		switch {
		case r.ProtoMajor > 1 && ok:
			r.Body = &watchedBody{r.Body, watch{stall: stall, moved: conn.in.Load, cut: limit.SetReadDeadline}}
			c.Response().Writer = &watchedWriter{c.Response().Writer, limit, watch{stall: stall, moved: conn.out.Load, cut: limit.SetWriteDeadline}}
			defer func() { _ = limit.SetWriteDeadline(time.Now().Add(lastWait * stall)) }() // HTTP/2 has it, and it does not fail
		case r.ContentLength != 0:
			b := &steadyBody{ReadCloser: r.Body, limit: limit, stall: stall}
			r.Body = b
			b.begin() // net/http reads what no handler asks for
			defer b.begin()
		}
		return next(c)
	}
}

// lastWait is in how many times http.stall the end of an answer, which is gathered until the handler returns, has to be taken over HTTP/2. It
// is 4 KiB at most, which may have to wait for other answers.
const lastWait = 10

// steadyBody is the body of a request over HTTP/1.1.
type steadyBody struct {
	io.ReadCloser
	limit *http.ResponseController
	stall time.Duration
	err   error // that it ended with
}

// begin bounds what is read of the connection by others. A body that stopped is not waited for again.
func (b *steadyBody) begin() {
	if b.err == nil {
		_ = b.limit.SetReadDeadline(time.Now().Add(b.stall)) // fails only when the connection is closed already
	}
}

// Read implements io.Reader.
func (b *steadyBody) Read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.err = b.limit.SetReadDeadline(time.Now().Add(b.stall)); b.err != nil {
		return 0, b.err
	}
	if n, b.err = b.ReadCloser.Read(p); b.err == io.EOF { // net/http goes on reading after the body, to hear of a peer that goes
		_ = b.limit.SetReadDeadline(time.Time{}) // see begin
	}
	return n, b.err
}

// watchedBody is the body of a request over HTTP/2.
type watchedBody struct {
	io.ReadCloser
	watch watch
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.watch.begin()
	defer b.watch.end()
	return b.ReadCloser.Read(p)
}

// watchedWriter is an answer over HTTP/2.
type watchedWriter struct {
	http.ResponseWriter
	limit *http.ResponseController
	watch watch
}

// Write implements io.Writer.
func (w *watchedWriter) Write(p []byte) (n int, err error) {
	w.watch.begin()
	defer w.watch.end()
	return w.ResponseWriter.Write(p)
}

// FlushError is how http.ResponseController flushes.
func (w *watchedWriter) FlushError() error {
	w.watch.begin()
	defer w.watch.end()
	return w.limit.Flush()
}

// Unwrap is for http.ResponseController.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
