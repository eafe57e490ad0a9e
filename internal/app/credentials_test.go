package app

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong/internal/app/config"
)

// replace puts a file in another's place as certificate managers do, with a time of modification of its own.
func replace(t *testing.T, from, to string, at time.Time) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, b, at)
}

func write(t *testing.T, to string, b []byte, at time.Time) {
	t.Helper()
	if err := os.WriteFile(to+".new", b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(to+".new", at, at); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(to+".new", to); err != nil {
		t.Fatal(err)
	}
}

// TestN23Reload: changed files are used at the next handshake; a certificate without its key, garbage and missing files leave
// what was there, and are logged once.
func TestN23Reload(t *testing.T) {
	p := newPKI(t)
	dir := t.TempDir()
	files := credentialFiles{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")}
	old := time.Now().Add(-time.Hour)
	firstCert, firstKey := p.issue(t, "first")
	secondCert, secondKey := p.issue(t, "second")
	replace(t, firstCert, files.cert, old)
	replace(t, firstKey, files.key, old)
	replace(t, p.file, files.ca, old)
	var log bytes.Buffer
	c, err := newCredentials(files, serverProfile(tls.RequireAndVerifyClientCert), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	check := func(step, name string, errors, reloads int) {
		t.Helper()
		for range 3 {
			if got := c.current().Certificates[0].Leaf.Subject.CommonName; got != name {
				t.Errorf("%s: certificate of %s, want %s", step, got, name)
			}
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != errors {
			t.Errorf("%s: %d errors logged, want %d\n%s", step, n, errors, log.String())
		}
		if n := strings.Count(log.String(), "read again"); n != reloads {
			t.Errorf("%s: %d times read again, want %d", step, n, reloads)
		}
	}
	before := c.current()
	check("nothing changed", "first", 0, 0)
	if c.current() != before {
		t.Error("files were read without a change")
	}
	replace(t, secondCert, files.cert, old.Add(time.Minute))
	check("certificate without its key", "first", 1, 0)
	replace(t, secondKey, files.key, old.Add(time.Minute))
	check("key too", "second", 1, 1)
	write(t, files.ca, []byte("no certificate"), old.Add(2*time.Minute))
	check("broken authority", "second", 2, 1)
	if err := os.Remove(files.cert); err != nil {
		t.Fatal(err)
	}
	check("missing certificate", "second", 3, 1)
	replace(t, p.file, files.ca, old.Add(3*time.Minute))
	replace(t, firstCert, files.cert, old.Add(3*time.Minute))
	replace(t, firstKey, files.key, old.Add(3*time.Minute))
	check("all is well", "first", 3, 2)
	if strings.Contains(log.String(), "BEGIN") {
		t.Error("the log holds a key")
	}
}

// TestReloadUnsettled: a file that was young when it was read is looked into again, since its time may not tell.
func TestReloadUnsettled(t *testing.T) {
	p := newPKI(t)
	a, aKey := p.issue(t, "aaaa")
	b, bKey := p.issue(t, "bbbb")
	dir := t.TempDir()
	files := credentialFiles{cert: filepath.Join(dir, "c"), key: filepath.Join(dir, "k")}
	now := time.Now().Add(time.Hour) // as on a clock that is ahead
	replace(t, a, files.cert, now)
	replace(t, aKey, files.key, now)
	c, err := newCredentials(files, serverProfile(tls.NoClientCert), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{files.cert: b, files.key: bKey} { // in place: the same file, size and time
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, now, now); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.current().Certificates[0].Leaf.Subject.CommonName; got != "bbbb" {
		t.Errorf("certificate of %s", got)
	}
}

func TestCredentialsRefuse(t *testing.T) {
	p := newPKI(t)
	cert, key := p.issue(t, "x")
	_, otherKey := p.issue(t, "y")
	empty := filepath.Join(t.TempDir(), "empty")
	write(t, empty, nil, time.Now())
	for name, f := range map[string]credentialFiles{
		"missing": {cert: "nowhere", key: "nowhere"}, "another key": {cert: cert, key: otherKey},
		"no authority": {cert, key, empty}, "missing authority": {cert, key, "nowhere"},
	} {
		if _, err := newCredentials(f, clientProfile(""), slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// TestHTTPReload: HTTP shows a changed certificate from the next connection on, and a client's goes with its authority.
func TestHTTPReload(t *testing.T) {
	p, next := newPKI(t), newPKI(t)
	cert, key := p.issue(t, "127.0.0.1")
	nextCert, nextKey := next.issue(t, "127.0.0.1")
	dir := t.TempDir()
	files := credentialFiles{filepath.Join(dir, "cert"), filepath.Join(dir, "key"), filepath.Join(dir, "ca")}
	put := func(from, to string) { replace(t, from, to, time.Now()) }
	put(cert, files.cert)
	put(key, files.key)
	put(p.file, files.ca)
	a := run(t, func(c *config.Config) { c.HTTP.TLS = config.TLS{Cert: files.cert, Key: files.key, ClientCA: files.ca} })
	url := a.Addresses().URL + studies
	open := p.client(t, "his")
	if r := request(t, open, "GET", url); r.StatusCode != 200 {
		t.Fatal(r.StatusCode)
	}
	put(nextCert, files.cert)
	put(nextKey, files.key)
	put(next.file, files.ca)
	if r := request(t, next.client(t, "his"), "GET", url); r.StatusCode != 200 {
		t.Error("after the change:", r.StatusCode)
	}
	if _, err := p.client(t, "his").Get(url); err == nil {
		t.Error("the former authority is still taken")
	}
	if r := request(t, open, "GET", url); r.StatusCode != 200 {
		t.Error("a connection from before:", r.StatusCode)
	}
}

// TestShortKey: an RSA key of 1024 bits proves nothing, though its certificate is of the authority.
func TestShortKey(t *testing.T) {
	p := newPKI(t)
	serverCert, serverKey := p.issue(t, "127.0.0.1")
	a := run(t, func(c *config.Config) {
		c.HTTP.TLS = config.TLS{Cert: serverCert, Key: serverKey, ClientCA: p.file}
	})
	for bits, want := range map[int]bool{1024: false, 2048: true} {
		client := p.client(t, "")
		client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{p.rsa(t, bits)}
		resp, err := client.Get(a.Addresses().URL + studies)
		if (err == nil) != want {
			t.Errorf("%d bits: %v", bits, err)
		}
		if err == nil {
			_ = resp.Body.Close() // it is not read
		}
	}
}

// rsa makes a client's certificate with an RSA key.
func (p *pki) rsa(t *testing.T, bits int) tls.Certificate {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	p.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(p.serial), Subject: pkix.Name{CommonName: "his"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, p.cert, &k.PublicKey, p.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}
}

// TestReloadRetry: what could not be read is tried again after a while, although the files look the same.
func TestReloadRetry(t *testing.T) {
	p := newPKI(t)
	cert, key := p.issue(t, "x")
	dir := t.TempDir()
	files := credentialFiles{cert: filepath.Join(dir, "cert"), key: filepath.Join(dir, "key")}
	replace(t, cert, files.cert, time.Now().Add(-time.Hour))
	replace(t, key, files.key, time.Now().Add(-time.Hour))
	c, err := newCredentials(files, serverProfile(tls.NoClientCert), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	before := c.current()
	c.failed = true // as for want of file descriptors
	if c.current() != before {
		t.Error("tried again at once")
	}
	c.read = c.read.Add(-2 * retry)
	if c.current() == before || c.failed {
		t.Error("not tried again")
	}
}
