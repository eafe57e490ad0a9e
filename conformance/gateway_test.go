package conformance

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
)

// gateway is a whole gateway in this process.
type gateway struct {
	app.Addresses
	config *config.Config
	log    *logBuffer
	stop   func() error // drains it; safe to call twice
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// onLoopback is the configuration without any argument, on free ports.
func onLoopback(data string) *config.Config {
	c := config.Default()
	c.Data, c.DICOM.Listen, c.HTTP.Listen, c.HL7.Listen = data, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	c.Log.Level = "debug"
	return c
}

// serve starts a gateway and waits until it is ready.
func serve(t testing.TB, c *config.Config, parts ...app.Parts) *gateway {
	t.Helper()
	g := &gateway{config: c, log: &logBuffer{}}
	a, err := app.Open(context.Background(), c, app.NewLogger(g.log, c.Log), parts...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx) }()
	<-a.Ready()
	g.Addresses = a.Addresses()
	g.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(time.Minute):
			return context.DeadlineExceeded
		}
	})
	t.Cleanup(func() {
		if err := g.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return g
}

// ask sends a GET under a fixed Host, so that answers of two gateways can be
// compared byte for byte.
func (g *gateway) ask(t testing.TB, path, accept string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+g.HTTP+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "localhost:8080"
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, b
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
