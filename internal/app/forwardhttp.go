package app

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"math/big"
	"net"
	"net/http"
	"time"

	"github.com/halong-gateway/halong/dicom"
)

// httpClient reaches a service whose certificate is of an authority (PEM file; empty: those of this machine), and shows it a
// certificate if there is one. Changed files are read again at the next connection. Redirects are not followed.
func (a *App) httpClient(ca, cert, key string) (*http.Client, error) {
	c, err := newCredentials(credentialFiles{cert: cert, key: key, ca: ca}, clientProfile(""), a.log)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTime}
	t := &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: dialer.DialContext,
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return (&tls.Dialer{NetDialer: dialer, Config: c.current()}).DialContext(ctx, network, address)
		},
		TLSHandshakeTimeout: dialTime, ExpectContinueTimeout: time.Second, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 16,
		WriteBufferSize: 64 << 10,
	}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// newUID makes a UID of 122 random bits (PS3.5 B.2, RFC 9562 5.4).
func newUID() dicom.UID {
	var b [16]byte
	rand.Read(b[:]) // never fails since Go 1.24: it ends the program instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return dicom.UID("2.25." + new(big.Int).SetBytes(b[:]).String())
}
