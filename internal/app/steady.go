package app

import (
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// steadyPiece is how many bytes of an answer over HTTP/2 have to be taken within http.stall.
const steadyPiece = 16 << 10

// steady bounds how long a peer may send nothing of a body and, over HTTP/2, take nothing of an answer: there each answer has a
// window of its own, which the peer may keep closed while it reads the connection. What else is written steadyConn bounds.
func (a *App) steady(next echo.HandlerFunc) echo.HandlerFunc {
	stall := a.config.HTTP.Stall.Std()
	return func(c echo.Context) error {
		r, shared := c.Request(), c.Request().ProtoMajor > 1
		limit := http.NewResponseController(c.Response().Writer)
		if r.ContentLength != 0 {
			b := &steadyBody{ReadCloser: r.Body, limit: limit, stall: stall, shared: shared}
			r.Body = b
			b.begin() // net/http reads what no handler asks for
			defer b.begin()
		}
		if shared {
			w := &steadyWriter{ResponseWriter: c.Response().Writer, limit: limit, stall: stall}
			c.Response().Writer = w
			defer w.begin() // of what is still gathered
		}
		return next(c)
	}
}

// steadyBody is the body of a request.
type steadyBody struct {
	io.ReadCloser
	limit  *http.ResponseController
	stall  time.Duration
	shared bool // HTTP/2: who passes a deadline is cut even while nobody reads
	ended  bool
}

// begin bounds what is read of the connection by others.
func (b *steadyBody) begin() {
	if !b.ended && !b.shared {
		_ = b.limit.SetReadDeadline(time.Now().Add(b.stall)) // fails only when the connection is closed already
	}
}

// Read implements io.Reader.
func (b *steadyBody) Read(p []byte) (int, error) {
	if err := b.limit.SetReadDeadline(time.Now().Add(b.stall)); err != nil {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err == io.EOF
	if b.ended || b.shared { // net/http goes on reading after the body, to hear of a peer that goes
		_ = b.limit.SetReadDeadline(time.Time{}) // see begin
	}
	return n, err
}

// steadyWriter is an answer over HTTP/2.
type steadyWriter struct {
	http.ResponseWriter
	limit *http.ResponseController
	stall time.Duration
}

func (w *steadyWriter) begin() {
	_ = w.limit.SetWriteDeadline(time.Now().Add(w.stall)) // HTTP/2 has it, and it does not fail
}

func (w *steadyWriter) end() { _ = w.limit.SetWriteDeadline(time.Time{}) }

// Write implements io.Writer.
func (w *steadyWriter) Write(p []byte) (n int, err error) {
	defer w.end()
	for {
		w.begin()
		k, err := w.ResponseWriter.Write(p[n:min(n+steadyPiece, len(p))])
		if n += k; err != nil || n == len(p) {
			return n, err
		}
	}
}

// FlushError is how http.ResponseController flushes.
func (w *steadyWriter) FlushError() error {
	w.begin()
	defer w.end()
	return w.limit.Flush()
}

// Unwrap is for http.ResponseController.
func (w *steadyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
