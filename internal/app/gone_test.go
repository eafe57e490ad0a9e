package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong/dicomweb"
	"github.com/halong-gateway/halong/internal/app/config"
)

// Callers who hang up are no errors of the gateway; what fails while nobody waits any more is one all the same.
func TestCallersWhoHangUp(t *testing.T) {
	ended, end := context.WithCancel(context.Background())
	end()
	served := run(t, func(*config.Config) {})
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want int // lines of errors
	}{
		{ended, fmt.Errorf("store: %w", context.Canceled), 0},
		{ended, errors.New("no space left"), 1},
		{context.Background(), errors.New("no space left"), 2},
	} {
		var log bytes.Buffer
		a := &App{metrics: served.metrics, log: slog.New(slog.NewTextHandler(&log, nil))}
		a.observeWeb(dicomweb.Observation{Operation: "store", Status: 503, Err: c.err})
		e := echo.New().NewContext(httptest.NewRequest("POST", "/", nil).WithContext(c.ctx), httptest.NewRecorder())
		e.Response().WriteHeader(503)
		a.observed(e, time.Second)
		if n := strings.Count(log.String(), "level=ERROR"); n != c.want {
			t.Errorf("%v: %d errors, want %d:\n%s", c.err, n, c.want, &log)
		}
	}
}
