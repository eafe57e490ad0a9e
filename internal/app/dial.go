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
	return newDial(d, clientProfile(d.ServerName), log)
}

// NewUnverifiedDial is NewDial that takes any certificate: what is sent is encrypted for whoever answers.
func NewUnverifiedDial(d config.Destination, log *slog.Logger) (Dial, error) {
	profile := clientProfile(d.ServerName)
	return newDial(d, func(m material) *tls.Config {
		t := profile(m)
		t.InsecureSkipVerify = true
		return t
	}, log)
}

func newDial(d config.Destination, profile func(material) *tls.Config, log *slog.Logger) (Dial, error) {
	plain := &net.Dialer{Timeout: dialTime}
	if !d.TLS {
		return plain.DialContext, nil
	}
	c, err := newCredentials(credentialFiles{cert: d.Cert, key: d.Key, ca: d.CA}, profile, log)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return (&tls.Dialer{NetDialer: plain, Config: c.current()}).DialContext(ctx, network, address)
	}, nil
}

// ListenTLS makes a listener one of TLS, with the certificate of a destination; where that has a CA, whoever connects must show
// a certificate of it.
func ListenTLS(l net.Listener, d config.Destination, log *slog.Logger) (net.Listener, error) {
	auth := tls.NoClientCert
	if d.CA != "" {
		auth = tls.RequireAndVerifyClientCert
	}
	c, err := newCredentials(credentialFiles{cert: d.Cert, key: d.Key, ca: d.CA}, serverProfile(auth), log)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(l, c.serving()), nil
}
