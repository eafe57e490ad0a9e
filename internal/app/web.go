package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong/dicomweb"
	"github.com/halong-gateway/halong/internal/intake"
)

// addHTTP makes the HTTP server: DICOMweb, the API, pages, health and metrics.
func (a *App) addHTTP() error {
	t, err := httpTLS(a.config.HTTP.TLS, a.log)
	if err != nil {
		return err
	}
	web, err := a.dicomweb()
	if err != nil {
		return err
	}
	h := &http.Server{
		Handler:           a.routes(web),
		TLSConfig:         t,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ConnContext:       withConn,
		MaxHeaderBytes:    384 << 10, // a query by 5,000 UIDs
		Protocols:         httpProtocols(a.config.HTTP.H2C),
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	scheme := "http"
	if t != nil {
		scheme = "https"
	}
	address, err := a.listen(server{
		name: "http",
		serve: func(l net.Listener) error {
			l = &steadyListener{l, a.config.HTTP.Stall.Std()}
			if t != nil {
				l = tls.NewListener(l, t)
			}
			return h.Serve(l)
		},
		shutdown: func(ctx context.Context) error {
			channels := make(chan error, 1) // they are no requests to h any more; neither waits for the other
			go func() { channels <- a.data.ups.Stop(ctx) }()
			err := errors.Join(h.Shutdown(ctx), <-channels)
			if err != nil {
				err = errors.Join(err, h.Close())
			}
			return err
		},
		closed: http.ErrServerClosed,
	}, a.config.HTTP.Listen)
	a.addrs.HTTP = address
	a.addrs.URL = scheme + "://" + address + strings.TrimSuffix(a.base("/"), "/")
	return err
}

// httpProtocols gives what the listener speaks: HTTP/1.1, HTTP/2 over TLS, and where h2c says so HTTP/2 in clear, by prior knowledge (RFC 9113 3.3).
func httpProtocols(h2c bool) *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(h2c)
	return p
}

func (a *App) routes(web dicomweb.Config) *echo.Echo {
	e := a.newEcho()
	g := e.Group(strings.TrimSuffix(a.base("/"), "/"))
	read := []string{http.MethodGet, http.MethodHead} // load balancers ask with HEAD
	g.Match(read, "/", a.page)
	g.Match(read, "/healthz", a.healthy)
	g.Match(read, "/readyz", a.readiness)
	g.Match(read, "/metrics", echo.WrapHandler(a.metrics.handler()), a.gate.middleware)
	a.withServices(&web)
	dicomweb.Register(g.Group("/dicom-web", a.gate.middleware), web)
	g.Match(read, "/events", a.events, a.gate.middleware)
	dicomweb.RegisterURI(g.Group("/wado", a.gate.middleware), web)
	a.registerLab(g.Group("/api", a.gate.middleware))
	intake.RegisterReprocess(g.Group("/api", a.gate.middleware), a.data.intake, scope)
	a.registerPatients(g.Group("/api/patients", a.gate.middleware))
	a.registerForward(g.Group("/api/forward", a.gate.middleware))
	a.registerMessages(g.Group("/api/messages", a.gate.middleware))
	a.registerOrders(g.Group("/api/orders", a.gate.middleware))
	a.registerWorklist(g.Group("/api/worklist", a.gate.middleware))
	a.registerDeleted(g.Group("/api/deleted", a.gate.middleware))
	return e
}

// observeWeb logs why a DICOMweb request failed, unless its caller hung up; its error holds no patient data.
func (a *App) observeWeb(o dicomweb.Observation) {
	if o.Err != nil && o.Status >= 500 && !errors.Is(o.Err, context.Canceled) {
		a.log.Error("dicomweb", "operation", o.Operation, "status", o.Status, "error", o.Err)
	}
}
