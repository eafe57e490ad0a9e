package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/internal/app/config"
)

// run serves a gateway with HTTP alone.
func run(t *testing.T, change func(*config.Config)) *App {
	t.Helper()
	c := config.Default()
	c.Data, c.HTTP.Listen, c.DICOM.Listen, c.HL7.Listen = t.TempDir(), "127.0.0.1:0", config.Off, config.Off
	change(c)
	a, end := begin(t, c)
	t.Cleanup(end)
	return a
}

// begin serves a gateway until end is called.
func begin(t *testing.T, c *config.Config) (_ *App, end func()) {
	t.Helper()
	a, err := Open(context.Background(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx) }()
	<-a.Ready()
	return a, func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func request(t *testing.T, client *http.Client, method, url string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // read to its end
	return resp
}

const studies = "/dicom-web/studies"

func TestTokens(t *testing.T) {
	sum := access.SumOf("right")
	a := run(t, func(c *config.Config) {
		c.HTTP.Tokens = []config.Token{{SHA256: hex.EncodeToString(sum[:]), Name: "viewer", Facility: "BV1"}}
	})
	url := a.Addresses().URL
	for _, c := range []struct {
		path, authorization string
		want                int
	}{
		{studies, "", 401},
		{studies, "Bearer wrong", 401},
		{studies, "Basic right", 401},
		{studies, "Bearer right", 200},
		{studies, "bearer right", 200},
		{"/metrics", "", 401},
		{"/metrics", "Bearer right", 200},
		{"/api/results/unassigned", "", 401},
		{"/healthz", "", 200},
		{"/readyz", "", 200},
		{"/", "", 200},
		{"/dicom-web/facilities/BV1/studies", "Bearer right", 200},
		{"/dicom-web/facilities/BV2/studies", "Bearer right", 403},
		{"/nowhere", "Bearer right", 404},
	} {
		r := request(t, http.DefaultClient, "GET", url+c.path, "Authorization", c.authorization)
		if r.StatusCode != c.want {
			t.Errorf("%s with %q: %d, want %d", c.path, c.authorization, r.StatusCode, c.want)
		}
		if r.StatusCode == 401 && !strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s: a 401 without WWW-Authenticate", c.path)
		}
	}
}

// Open on loopback: pages of this machine may read, others may not, and a name
// that was made to point here (DNS rebinding) is refused.
func TestOpenOnLoopback(t *testing.T) {
	a := run(t, func(*config.Config) {})
	url := a.Addresses().URL + studies
	for _, c := range []struct {
		header  []string
		status  int
		allowed string
	}{
		{nil, 200, ""},
		{[]string{"Origin", "http://localhost:3000"}, 200, "http://localhost:3000"},
		{[]string{"Origin", "https://evil.example"}, 200, ""},
		{[]string{"Origin", "null"}, 200, ""},
		{[]string{"Host", "evil.example"}, 403, ""},
		{[]string{"Host", "127.0.0.1.evil.example"}, 403, ""},
		{[]string{"Host", "localhost:99"}, 200, ""},
	} {
		r := request(t, http.DefaultClient, "GET", url, c.header...)
		if r.StatusCode != c.status || r.Header.Get("Access-Control-Allow-Origin") != c.allowed {
			t.Errorf("%q: %d, allowed %q", c.header, r.StatusCode, r.Header.Get("Access-Control-Allow-Origin"))
		}
	}
}

// A page of another origin can send what looks like a form without a preflight, so it must change nothing by it, whatever the route takes.
func TestForeignPagesChangeNothing(t *testing.T) {
	url := run(t, func(c *config.Config) {
		c.HTTP.Origins, c.HTTP.Public = []string{"https://viewer.example"}, "https://pacs.example/halong"
	}).Addresses().URL
	const subscribe = "/dicom-web/workitems/1.2.840.10008.5.1.4.34.5/subscribers/PAGE"
	for _, c := range []struct {
		path   string
		header []string
		want   int
	}{
		{subscribe, nil, 201},
		{subscribe, []string{"Origin", "http://localhost:3000"}, 201},
		{subscribe, []string{"Origin", "https://viewer.example"}, 201},
		{subscribe, []string{"Origin", "https://viewer.example", "Sec-Fetch-Site", "cross-site"}, 201},
		{subscribe, []string{"Origin", "https://proxy.example", "Sec-Fetch-Site", "same-origin"}, 201},
		{subscribe, []string{"Origin", "https://pacs.example"}, 201},
		{subscribe, []string{"Origin", "https://evil.example"}, 403},
		{subscribe, []string{"Origin", "null"}, 403},
		{subscribe, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{subscribe + "/suspend", []string{"Origin", "https://evil.example"}, 403},
		{"/dicom-web/workitems/1.2.3/cancelrequest", []string{"Origin", "https://evil.example"}, 403},
		{"/api/orders", []string{"Origin", "https://evil.example", "Content-Type", "text/plain"}, 403},
		{"/api/orders/1/cancel", []string{"Origin", "https://evil.example"}, 403},
		{"/api/worklist/items", []string{"Origin", "https://evil.example"}, 403},
		{"/api/messages/1/reprocess", []string{"Origin", "https://evil.example"}, 403},
	} {
		if r := request(t, http.DefaultClient, "POST", url+c.path, c.header...); r.StatusCode != c.want {
			t.Errorf("%s with %q: %d, want %d", c.path, c.header, r.StatusCode, c.want)
		}
	}
}

// Event channels are opened by GET, which a browser never asks about: pages that may read may open them, others not.
func TestForeignPagesOpenNoChannel(t *testing.T) {
	url := run(t, func(c *config.Config) { c.HTTP.Origins = []string{"https://viewer.example"} }).Addresses().URL
	for origin, want := range map[string]int{"": 101, "https://viewer.example": 101, "http://localhost:3000": 101, "https://evil.example": 403, "null": 403} {
		r, err := http.NewRequest("GET", url+"/dicom-web/ws/subscribers/PAGE", nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{
			"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": origin,
		} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // ends the channel
		if resp.StatusCode != want {
			t.Errorf("%q: %d, want %d", origin, resp.StatusCode, want)
		}
	}
}

// Preflights carry no credentials and are answered; listed origins alone are let in.
func TestPreflight(t *testing.T) {
	sum := access.SumOf("right")
	a := run(t, func(c *config.Config) {
		c.HTTP.Tokens = []config.Token{{SHA256: hex.EncodeToString(sum[:])}}
		c.HTTP.Origins = []string{"https://viewer.example"}
	})
	for origin, want := range map[string]string{"https://viewer.example": "https://viewer.example", "http://localhost:3000": "", "https://evil.example": ""} {
		r := request(t, http.DefaultClient, "OPTIONS", a.Addresses().URL+studies, "Origin", origin,
			"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization")
		if r.StatusCode != 204 || r.Header.Get("Access-Control-Allow-Origin") != want {
			t.Errorf("%s: %d, allowed %q", origin, r.StatusCode, r.Header.Get("Access-Control-Allow-Origin"))
		}
		if want != "" && !strings.Contains(r.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
			t.Errorf("%s: Authorization may not be sent", origin)
		}
	}
}

func TestMutualTLS(t *testing.T) {
	pki := newPKI(t)
	serverCert, serverKey := pki.issue(t, "127.0.0.1")
	a := run(t, func(c *config.Config) {
		c.HTTP.TLS = config.TLS{
			Cert: serverCert, Key: serverKey, ClientCA: pki.file,
			Clients: []config.Client{{Name: "his.bv1", Facility: "BV1"}},
		}
	})
	url := a.Addresses().URL
	if !strings.HasPrefix(url, "https://") {
		t.Fatal(url)
	}
	good, stranger := pki.client(t, "his.bv1"), pki.client(t, "other.bv1")
	for _, c := range []struct {
		name   string
		client *http.Client
		path   string
		want   int
	}{
		{"listed", good, studies, 200},
		{"its facility", good, "/dicom-web/facilities/BV1/studies", 200},
		{"another facility", good, "/dicom-web/facilities/BV2/studies", 403},
		{"not listed", stranger, studies, 403},
	} {
		if r := request(t, c.client, "GET", url+c.path); r.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", c.name, r.StatusCode, c.want)
		}
	}
	if _, err := pki.client(t, "").Get(url + studies); err == nil {
		t.Error("a client without a certificate came in")
	}
	old := pki.client(t, "his.bv1")
	old.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS11
	if _, err := old.Get(url + studies); err == nil {
		t.Error("TLS 1.1 was taken")
	}
}

func TestBase(t *testing.T) {
	a := run(t, func(c *config.Config) { c.HTTP.Base = "/gateway/" })
	url := a.Addresses().URL
	if !strings.HasSuffix(url, "/gateway") {
		t.Fatal(url)
	}
	for _, p := range []string{"/", "/healthz", "/readyz", "/metrics", studies} {
		for _, method := range []string{"GET", "HEAD"} {
			if r := request(t, http.DefaultClient, method, url+p); r.StatusCode != 200 {
				t.Errorf("%s %s: %d", method, p, r.StatusCode)
			}
		}
	}
}

// pki is a certificate authority for one test.
type pki struct {
	dir, file string
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
	serial    int64
}

func newPKI(t *testing.T) *pki {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	p := &pki{dir: t.TempDir(), key: key, serial: 1}
	if p.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	p.file = p.write(t, "ca.pem", "CERTIFICATE", der)
	return p
}

func (p *pki) write(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	file := filepath.Join(p.dir, name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// issue makes a certificate for a name, good for servers on loopback and for clients.
func (p *pki) issue(t *testing.T, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(p.serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, p.cert, &k.PublicKey, p.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return p.write(t, name+".pem", "CERTIFICATE", der), p.write(t, name+".key", "EC PRIVATE KEY", keyDER)
}

// client makes an HTTP client that trusts the authority and shows a certificate for name, if it has one.
func (p *pki) client(t *testing.T, name string) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(p.cert)
	c := &tls.Config{RootCAs: roots}
	if name != "" {
		cert, key := p.issue(t, name)
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	tr := &http.Transport{TLSClientConfig: c}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}
