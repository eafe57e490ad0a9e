package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/forward"
	"github.com/halong-gateway/halong/lab"
)

// App is a whole gateway: data folder, listeners and servers.
type App struct {
	config  *config.Config
	log     *slog.Logger
	data    *Data
	metrics *metrics
	gate    *gate
	proxies proxies
	labMaps lab.Maps           // of local codes and units
	forward *forward.Forwarder // nil without destinations
	shelf   *shelf             // nil when no metadata are kept ready
	servers []server
	ready   atomic.Bool
	readied chan struct{} // closed when ready was said
	addrs   Addresses
}

// Addresses are where an App listens; empty for what is off. Configuration may
// ask for port 0, these tell the port that was given.
type Addresses struct {
	DICOM, HL7, HTTP string // host:port
	DICOMTLS         string // host:port of DICOM over TLS
	HL7TLS           string // host:port of MLLP over TLS
	URL              string // of the HTTP listener, with http.base, without a slash at its end
}

// server is one listener with what serves it.
type server struct {
	name     string
	listener net.Listener
	serve    func(net.Listener) error
	shutdown func(context.Context) error // stops taking work, waits for what runs until the context ends
	closed   error                       // what serve gives after shutdown
}

// Open opens the data folder, replays what the index lacks and binds all
// listeners; nothing is served yet. Whatever fails, nothing stays open.
func Open(ctx context.Context, c *config.Config, log *slog.Logger, parts ...Parts) (_ *App, err error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	a := &App{config: c, log: log, readied: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if a.gate, err = newGate(c); err != nil {
		return nil, err
	}
	if a.proxies, err = c.TrustedProxies(); err != nil {
		return nil, err
	}
	loaded, err := loadMaps(c)
	if err != nil {
		return nil, err
	}
	a.labMaps = loaded.maps
	if a.data, err = OpenData(ctx, c, log, parts...); err != nil {
		return nil, err
	}
	if err := a.data.keepMaps(ctx, loaded.versions); err != nil {
		return nil, err
	}
	a.metrics = newMetrics(Version(), a.data.Index.Waiting)
	if err := a.addForward(ctx); err != nil {
		return nil, err
	}
	for _, add := range []func() error{a.addDICOM, a.addHL7, a.addHTTP} {
		if err := add(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Addresses tells where the App listens.
func (a *App) Addresses() Addresses { return a.addrs }

// Ready is closed once every listener is served.
func (a *App) Ready() <-chan struct{} { return a.readied }

// listen binds one address.
func (a *App) listen(s server, address string) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("%s: %w", s.name, err)
	}
	s.listener = l
	a.servers = append(a.servers, s)
	return l.Addr().String(), nil
}

// Serve serves until ctx ends, a listener fails, or the index has to be opened anew; it drains for at most the
// configured time, and closes everything. It gives nil after an orderly stop.
func (a *App) Serve(ctx context.Context) error {
	background, stop := context.WithCancel(context.Background())
	defer stop()
	failures := make(chan error, len(a.servers))
	var wg sync.WaitGroup
	for _, s := range a.servers {
		wg.Go(func() {
			if err := s.serve(s.listener); err != nil && !errors.Is(err, s.closed) {
				failures <- fmt.Errorf("%s: %w", s.name, err)
			}
		})
	}
	wg.Go(func() { a.housekeep(background) })
	wg.Go(func() { a.watchImages(background) })
	wg.Go(func() { a.mppsForwarder().Run(background) })
	if a.shelf != nil {
		wg.Go(func() { a.shelf.run(background, a.shelfFailed) })
	}
	if a.forward != nil {
		wg.Go(func() { a.forward.Run(background) })
	}
	a.ready.Store(true)
	close(a.readied)
	for _, w := range a.config.Warnings() {
		a.log.Warn(w)
	}
	said := []any{"version", Version(), "ae", a.config.AE, "dicom", a.addrs.DICOM, "hl7", a.addrs.HL7, "http", a.addrs.URL}
	if a.addrs.DICOMTLS != "" {
		said = append(said, "dicom_tls", a.addrs.DICOMTLS)
	}
	if a.addrs.HL7TLS != "" {
		said = append(said, "hl7_tls", a.addrs.HL7TLS)
	}
	a.log.Info("ready", said...)

	var failure error
	select {
	case <-ctx.Done():
	case failure = <-failures:
		a.log.Error("a listener failed", "error", failure)
	case failure = <-a.data.broken:
		a.log.Error("the index lacks what was acknowledged; the next start makes up for it from the journal", "error", failure)
	}
	a.ready.Store(false)
	drained := a.drain()
	stop()
	wg.Wait()
	err := errors.Join(failure, a.close())
	a.log.Info("stopped", "drained", drained)
	return err
}

// drain stops taking work and waits for what runs; false when the time was over before.
func (a *App) drain() bool {
	a.log.Info("draining", "at most", a.config.Drain.Std())
	ctx, cancel := context.WithTimeout(context.Background(), a.config.Drain.Std())
	defer cancel()
	var wg sync.WaitGroup
	var late atomic.Int32
	for _, s := range a.servers {
		wg.Go(func() {
			if err := s.shutdown(ctx); err != nil {
				late.Add(1)
				a.log.Warn("cut off", "listener", s.name, "error", err)
			}
		})
	}
	wg.Wait()
	return late.Load() == 0
}

// close closes what Open opened.
func (a *App) close() error {
	var errs []error
	for _, s := range a.servers {
		if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	a.servers = nil
	if a.data != nil {
		errs = append(errs, a.data.Close())
		a.data = nil
	}
	return errors.Join(errs...)
}
