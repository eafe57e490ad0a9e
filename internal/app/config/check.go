package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/access"
)

// Check refuses what cannot work or would be open to strangers. All faults are
// told at once.
func (c *Config) Check() error {
	return errors.Join(
		c.checkWords(),
		c.checkListeners(),
		c.checkExposure(),
		c.checkTLS(),
		c.checkDICOM(),
		c.checkHL7(),
		c.checkLists(),
		c.checkCoerce(),
		c.checkForward(),
		c.checkRoutes(),
		c.checkDICOMweb(),
		c.checkProxies(),
		c.checkLab(),
		c.checkRemoval(),
		c.checkPatients(),
		c.checkWorklist(),
		c.checkUPS(),
	)
}

func (c *Config) checkWords() error {
	var errs []error
	for _, w := range []struct {
		key, value string
		allowed    []string
	}{
		{"log.format", c.Log.Format, []string{"text", "json"}},
		{"log.level", c.Log.Level, []string{"debug", "info", "warn", "error"}},
		{"dicom.unknown_sop_classes", c.DICOM.UnknownSOPClasses, []string{"accept", "reject"}},
		{"storage.index", c.Storage.Index, []string{"sqlite"}},
		{"storage.blobs", c.Storage.Blobs, []string{"disk"}},
		{"storage.versions", c.Storage.Versions, []string{"first", "last", "quarantine"}},
	} {
		if !slices.Contains(w.allowed, w.value) {
			errs = append(errs, wrong(w.key, "%q is not served by this version; one of: %s", w.value, strings.Join(w.allowed, ", ")))
		}
	}
	if !validAE(c.AE) {
		errs = append(errs, wrong("ae", "%q is not an AE title (1 to 16 printable ASCII characters, no backslash)", c.AE))
	}
	if c.Data == "" {
		errs = append(errs, wrong("data", "a folder is needed"))
	}
	if err := ValidFacility(c.Facility); err != nil {
		errs = append(errs, wrong("facility", "%w", err))
	}
	if c.Storage.Budget < 4<<20 {
		errs = append(errs, wrong("storage.budget", "at least 4MiB"))
	}
	if c.HTTP.Stall < Duration(time.Second) {
		errs = append(errs, wrong("http.stall", "at least 1s"))
	}
	for _, n := range []struct {
		key   string
		value int64
	}{
		{"dicom.max_associations", int64(c.DICOM.MaxAssociations)},
		{"dicom.max_associations_per_peer", int64(c.DICOM.MaxPerPeer)},
		{"dicom.idle", int64(c.DICOM.Idle)},
		{"hl7.idle", int64(c.HL7.Idle)},
		{"hl7.message_timeout", int64(c.HL7.MessageTime)},
		{"hl7.max_connections", int64(c.HL7.MaxConnections)},
		{"hl7.max_connections_per_peer", int64(c.HL7.MaxPerPeer)},
	} {
		if n.value < 1 {
			errs = append(errs, wrong(n.key, "must be more than 0"))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) checkListeners() error {
	var errs []error
	for _, l := range []struct {
		key, listen string
		off         bool
	}{
		{"dicom.listen", c.DICOM.Listen, true},
		{"dicom.tls.listen", c.DICOM.TLS.Listen, true},
		{"hl7.listen", c.HL7.Listen, true},
		{"hl7.tls.listen", c.HL7.TLS.Listen, true},
		{"http.listen", c.HTTP.Listen, false},
	} {
		if l.off && l.listen == Off {
			continue
		}
		if _, _, err := net.SplitHostPort(l.listen); err != nil {
			errs = append(errs, wrong(l.key, "%w (want HOST:PORT)", err))
		}
	}
	if !validBase(c.HTTP.Base) {
		errs = append(errs, wrong("http.base", "%q is not a path such as /halong (letters, digits, - . _ ~)", c.HTTP.Base))
	}
	for i, o := range c.HTTP.Origins {
		if !validOrigin(o) {
			errs = append(errs, wrong(fmt.Sprintf("http.origins[%d]", i), "%q is not an origin such as https://viewer.example, nor *", o))
		}
	}
	return errors.Join(errs...)
}

// checkExposure keeps each listener on loopback unless it knows its peers.
func (c *Config) checkExposure() error {
	if c.Insecure {
		return nil
	}
	var errs []error
	refuse := func(key, listen, need string) {
		if listen != Off && !access.Loopback(listen) {
			errs = append(errs, wrong(key, "%s is reachable beyond this machine; set %s, or say --insecure", listen, need))
		}
	}
	if len(c.DICOM.Peers) == 0 && !c.DICOM.Promiscuous {
		refuse("dicom.listen", c.DICOM.Listen, "dicom.peers, or dicom.promiscuous")
		if !c.DICOM.TLS.Mutual() {
			refuse("dicom.tls.listen", c.DICOM.TLS.Listen, "dicom.peers, dicom.tls.client_ca or dicom.promiscuous")
		}
	}
	if len(c.HL7.Peers) == 0 {
		refuse("hl7.listen", c.HL7.Listen, "hl7.peers")
		if !c.HL7.TLS.Mutual() {
			refuse("hl7.tls.listen", c.HL7.TLS.Listen, "hl7.peers or hl7.tls.client_ca")
		}
	}
	if len(c.HTTP.Tokens) == 0 && c.HTTP.TLS.ClientCA == "" {
		refuse("http.listen", c.HTTP.Listen, "http.tokens or http.tls.client_ca")
	}
	return errors.Join(errs...)
}

// Warnings tells what is allowed and still worth a line in the log at every start.
func (c *Config) Warnings() (w []string) {
	for _, l := range []struct {
		key, listen string
		open        bool
	}{
		{"dicom.listen", c.DICOM.Listen, len(c.DICOM.Peers) == 0 && !c.DICOM.Promiscuous},
		{"dicom.tls.listen", c.DICOM.TLS.Listen, len(c.DICOM.Peers) == 0 && !c.DICOM.Promiscuous && !c.DICOM.TLS.Mutual()},
		{"hl7.listen", c.HL7.Listen, len(c.HL7.Peers) == 0},
		{"hl7.tls.listen", c.HL7.TLS.Listen, len(c.HL7.Peers) == 0 && !c.HL7.TLS.Mutual()},
		{"http.listen", c.HTTP.Listen, len(c.HTTP.Tokens) == 0 && c.HTTP.TLS.ClientCA == ""},
	} {
		if l.open && l.listen != Off && !access.Loopback(l.listen) {
			w = append(w, l.key+": everybody who reaches it is let in (insecure)")
		}
	}
	w = append(w, c.dicomWarnings()...)
	if c.HTTP.TLS.Cert == "" && len(c.HTTP.Tokens) > 0 && !access.Loopback(c.HTTP.Listen) {
		w = append(w, "http.listen: tokens and data travel in clear without http.tls")
	}
	return w
}

func (c *Config) checkTLS() error {
	t := c.HTTP.TLS
	switch {
	case (t.Cert == "") != (t.Key == ""):
		return wrong("http.tls", "cert and key go together")
	case t.ClientCA != "" && t.Cert == "":
		return wrong("http.tls.client_ca", "needs cert and key too")
	case len(t.Clients) > 0 && t.ClientCA == "":
		return wrong("http.tls.clients", "needs client_ca")
	}
	return nil
}

func (c *Config) checkLists() error {
	var errs []error
	if _, err := c.Tokens(); err != nil {
		errs = append(errs, err)
	}
	for i, cl := range c.HTTP.TLS.Clients {
		if cl.Name == "" {
			errs = append(errs, wrong(fmt.Sprintf("http.tls.clients[%d]", i), "a name is needed"))
		}
	}
	return errors.Join(errs...)
}

// validAE tells whether s can be an AE title (PS3.5 6.2: AE).
func validAE(s string) bool {
	if strings.TrimSpace(s) == "" || len(s) > 16 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e || r == '\\' })
}

// validBase tells whether s is a path that needs no escaping and means itself.
func validBase(s string) bool {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/-._~", r))
	}
	return strings.HasPrefix(s, "/") && !strings.ContainsFunc(s, odd) && path.Clean(s) == "/"+strings.Trim(s, "/")
}

// validOrigin tells whether s can be what a browser sends as Origin (RFC 6454 7.1), or stands for all.
func validOrigin(s string) bool {
	u, err := url.Parse(s)
	return s == "*" || err == nil && u.Scheme != "" && u.Host != "" && s == u.Scheme+"://"+u.Host
}

// ValidFacility refuses names that could not stand in a URL or a folder's name.
func ValidFacility(f halong.Facility) error {
	ok := len(f) > 0 && len(f) <= 64 && f[0] != '.'
	for _, r := range f {
		ok = ok && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	}
	if !ok {
		return fmt.Errorf("%q is not a facility's name (letters, digits, - _ . and at most 64 of them)", f)
	}
	return nil
}
