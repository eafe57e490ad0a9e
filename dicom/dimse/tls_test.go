package dimse

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// certify makes a certificate for loopback that signed itself, and the pool that trusts it.
func certify(t testing.TB, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}, pool
}

// secured gives the TLS settings of a server and of its peers, who know each other by certificate.
func secured(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	own, ownPool := certify(t, "server")
	their, theirPool := certify(t, "modality")
	return &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: theirPool},
		&tls.Config{Certificates: []tls.Certificate{their}, RootCAs: ownPool}
}

// over lets Dial speak TLS.
func over(c *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	return (&tls.Dialer{Config: c}).DialContext
}

// startTLS is start behind a TLS listener.
func startTLS(t testing.TB, s *Server, c *tls.Config) string {
	t.Helper()
	return startOn(t, s, func(l net.Listener) net.Listener { return tls.NewListener(l, c) })
}

// TestN23TLS: both sides know whom they speak to; messages of any size and C-CANCEL come through as without TLS.
func TestN23TLS(t *testing.T) {
	server, client := secured(t)
	u := &until{pending: 3, cause: make(chan error, 1)}
	k := &keeper{}
	m := testMux(k)
	m.Handle(findClass, Offer{Service: u, Accepts: func(ts dicom.UID) bool { return ts == implicit }})
	peers := make(chan Peer, 1)
	s := &Server{Mux: m, Policy: func(_ context.Context, p Peer, _ *pdu.AssociateRQ) (Admission, *pdu.Reject) {
		peers <- p
		return Admission{Session: p.TLS}, nil
	}}
	a := dial(t, startTLS(t, s, server), func(o *Options) {
		o.Dial = over(client)
		o.Contexts = append(o.Contexts, pdu.ProposedContext{AbstractSyntax: findClass, TransferSyntaxes: []dicom.UID{implicit}})
	})
	if p := <-peers; p.TLS == nil || p.TLS.PeerCertificates[0].Subject.CommonName != "modality" || p.Addr == nil {
		t.Errorf("the policy was told of %+v", p)
	}
	if c := a.TLS(); c == nil || c.PeerCertificates[0].Subject.CommonName != "server" {
		t.Errorf("the requestor knows of %+v", c)
	}
	for _, n := range []int{1, 16 << 10, 300_001} {
		if _, err := a.Store(t.Context(), ctStorage, "1.2", explicit, bytes.NewReader(make([]byte, n))); err != nil {
			t.Fatal(err)
		}
	}
	pc, _ := a.Find(findClass, "")
	for range 3 {
		n, rq := 0, &Command{Field: CFindRQ, AffectedSOPClass: findClass}
		resp, err := a.Call(t.Context(), pc.ID, rq, bytes.NewReader([]byte("query!")), func(*Response) error {
			if n++; n < 3 {
				return nil
			}
			return a.Cancel(pc.ID, rq)
		})
		if err != nil || resp.Status != Cancelled || n != 3 {
			t.Fatalf("%v, %+v, %d pending", err, resp, n)
		}
		if got := <-u.cause; !errors.Is(got, ErrCancelled) {
			t.Fatalf("cause %v", got)
		}
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
	if plain := dial(t, start(t, &Server{Mux: m}), nil); plain.TLS() != nil {
		t.Error("TLS without TLS")
	}
}

// TestN23Handshake: whoever does not get through the handshake is told of by its cause, and gets nothing but a closed connection.
func TestN23Handshake(t *testing.T) {
	server, client := secured(t)
	refused := make(chan error, 1)
	addr := startTLS(t, &Server{Mux: testMux(&keeper{}), Observe: &watcher{refused: refused}}, server)
	stranger, _ := certify(t, "stranger")
	foreign := client.Clone()
	foreign.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &stranger, nil }
	anonymous := client.Clone()
	anonymous.Certificates = nil
	old := client.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	for name, c := range map[string]*tls.Config{"unknown certificate": foreign, "no certificate": anonymous, "TLS 1.1": old} {
		_, err := tryDial(addr, func(o *Options) { o.Dial = over(c) })
		if err == nil {
			t.Fatalf("%s: associated", name)
		}
		var h *HandshakeError
		if err := <-refused; !errors.As(err, &h) {
			t.Errorf("%s: refused for %v", name, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	if _, err := tryDial(addr, nil); err == nil { // an A-ASSOCIATE-RQ without TLS
		t.Error("associated without TLS")
	}
	var h *HandshakeError
	var record tls.RecordHeaderError
	if err := <-refused; !errors.As(err, &h) || !errors.As(err, &record) {
		t.Error(err)
	}
	if err := dial(t, addr, func(o *Options) { o.Dial = over(client) }).Echo(t.Context()); err != nil {
		t.Error(err)
	}
}
