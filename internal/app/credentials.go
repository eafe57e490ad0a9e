package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// credentialFiles name PEM files. cert and key go together; each may be empty.
type credentialFiles struct{ cert, key, ca string }

// material is what was read from them; nil for what is not configured.
type material struct {
	pair *tls.Certificate
	ca   *x509.CertPool
}

// credentials make a tls.Config of files, and another one once these have changed.
type credentials struct {
	files  credentialFiles
	config func(material) *tls.Config
	log    *slog.Logger

	mu     sync.Mutex
	stamps [3]stamp
	read   time.Time
	failed bool // to read them, at that time
	now    *tls.Config
}

// stamp tells apart the states of a file.
type stamp struct {
	info fs.FileInfo // nil when it could not be looked at
}

// retry is when files that could not be used are tried again, although nothing changed: it may not have been their fault.
const retry = 10 * time.Second

// unsettled is how young a file may be to change again without a new time of modification, on coarse file systems.
const unsettled = 2 * time.Second

// newCredentials reads the files; config makes what they are for.
func newCredentials(files credentialFiles, config func(material) *tls.Config, log *slog.Logger) (*credentials, error) {
	c := &credentials{files: files, config: config, log: log}
	c.stamps, c.read = c.look(), time.Now()
	m, err := files.load()
	if err != nil {
		return nil, err
	}
	c.now = config(m)
	return c, nil
}

// current gives the configuration of the files as they are. It costs three calls of stat. When they cannot be
// used, the one before stays, and that is logged once for each state of the files: a certificate and its key are seldom
// replaced at the same instant.
func (c *credentials) current() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamps := c.look()
	if !c.changed(stamps) {
		return c.now
	}
	again := same(stamps, c.stamps)
	c.stamps, c.read = stamps, time.Now()
	m, err := c.files.load()
	c.failed = err != nil
	switch {
	case err == nil:
		c.now = c.config(m)
		if !again {
			c.log.Info("certificates were read again", "cert", c.files.cert, "ca", c.files.ca)
		}
	case !again:
		c.log.Error("changed certificates cannot be used, those from before stay", "error", err)
	}
	return c.now
}

// changed tells whether the files have to be read: they differ, or were so young when read that they may differ unseen.
func (c *credentials) changed(stamps [3]stamp) bool {
	if !same(stamps, c.stamps) || c.failed && time.Since(c.read) > retry {
		return true
	}
	for _, s := range stamps {
		if s.info != nil && c.read.Sub(s.info.ModTime()) < unsettled {
			return true
		}
	}
	return false
}

func (c *credentials) look() (out [3]stamp) {
	for i, name := range []string{c.files.cert, c.files.key, c.files.ca} {
		if name == "" {
			continue
		}
		if info, err := os.Stat(name); err == nil { // why it cannot be looked at is told when it is read
			out[i] = stamp{info}
		}
	}
	return out
}

func same(a, b [3]stamp) bool {
	for i := range a {
		x, y := a[i].info, b[i].info
		if (x == nil) != (y == nil) {
			return false
		}
		if x != nil && (!os.SameFile(x, y) || x.Size() != y.Size() || !x.ModTime().Equal(y.ModTime())) {
			return false
		}
	}
	return true
}

func (f credentialFiles) load() (m material, err error) {
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return m, err
		}
		m.pair = &pair
	}
	if f.ca == "" {
		return m, nil
	}
	pem, err := os.ReadFile(f.ca)
	if err != nil {
		return m, err
	}
	m.ca = x509.NewCertPool()
	if !m.ca.AppendCertsFromPEM(pem) {
		return m, fmt.Errorf("%s: %w", f.ca, errNoCertificate)
	}
	return m, nil
}

var errNoCertificate = errors.New("no certificate in the file")
