package app

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"github.com/halong-gateway/halong/internal/app/config"
)

// dialTime bounds a TCP connection with its TLS handshake.
const dialTime = 20 * time.Second

// Dial is how a transport connection is opened.
type Dial = func(ctx context.Context, network, address string) (net.Conn, error)

// dialer gives how to reach a destination: over TCP, or over TLS with its certificates. Changed files are read
// again at the next call.
func (a *App) dialer(d config.Destination) (Dial, error) { return NewDial(d, a.log) }

// NewDial is dialer for commands that have no App.
func NewDial(d config.Destination, log *slog.Logger) (Dial, error) {
	plain := &net.Dialer{Timeout: dialTime}
	if !d.TLS {
		return plain.DialContext, nil
	}
	c, err := newCredentials(credentialFiles{cert: d.Cert, key: d.Key, ca: d.CA}, clientProfile(d.ServerName), log)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return (&tls.Dialer{NetDialer: plain, Config: c.current()}).DialContext(ctx, network, address)
	}, nil
}
