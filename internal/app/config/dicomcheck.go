package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/halong-gateway/halong/internal/access"
)

// maxWindow bounds dicom.async_operations: each request under way takes memory from the budget for arriving objects.
const maxWindow = 256

// checkDICOM checks what only DICOM has.
func (c *Config) checkDICOM() error {
	_, peers := c.DICOMPeers()
	_, titles := c.Titles()
	_, strangers := c.Strangers()
	errs := []error{peers, titles, strangers, c.checkDICOMTLS(), c.checkIdentity()}
	if n := c.DICOM.AsyncOperations; n < 1 || n > maxWindow {
		errs = append(errs, wrong("dicom.async_operations", "want 1 (none) to %d", maxWindow))
	}
	for i := range c.DICOM.Destinations {
		errs = append(errs, c.checkDestination(i))
	}
	return errors.Join(errs...)
}

func (c *Config) checkDICOMTLS() error {
	t := &c.DICOM.TLS
	switch {
	case (t.Cert == "") != (t.Key == ""):
		return wrong("dicom.tls", "cert and key go together")
	case t.Listen != Off && t.Cert == "":
		return wrong("dicom.tls.listen", "needs cert and key too")
	case t.Listen == Off && (t.Cert != "" || t.ClientCA != ""):
		return wrong("dicom.tls", "certificates without a listener: set listen, by convention to port 2762")
	case t.RequireClient != nil && *t.RequireClient && t.ClientCA == "":
		return wrong("dicom.tls.require_client", "needs client_ca")
	}
	return nil
}

func (c *Config) checkIdentity() error {
	x := &c.DICOM.Identity
	users, err := c.Users()
	if err != nil {
		return err
	}
	if x.Required && len(users) == 0 && x.Verifier.URL == "" {
		return wrong("dicom.identity.required", "needs users or a verifier: nobody could associate")
	}
	v := &x.Verifier
	if v.URL == "" {
		if v.CA != "" {
			return wrong("dicom.identity.verifier.ca", "means nothing without url")
		}
		return nil
	}
	if u, err := url.Parse(v.URL); err != nil || u.Host == "" || u.User != nil || !private(u) {
		return wrong("dicom.identity.verifier.url", "want https://…, or http on this machine: identities are secrets")
	}
	if v.Timeout <= 0 {
		return wrong("dicom.identity.verifier.timeout", "must be more than 0")
	}
	return nil
}

// private tells whether nobody on the network can read what is sent to u.
func private(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return u.Scheme == "https" || u.Scheme == "http" && access.Loopback(net.JoinHostPort(u.Hostname(), port))
}

func (c *Config) checkDestination(i int) error {
	d := &c.DICOM.Destinations[i]
	key := fmt.Sprintf("dicom.destinations[%d]", i)
	var errs []error
	if _, _, err := net.SplitHostPort(d.Address); err != nil || !validAE(d.AE) {
		errs = append(errs, wrong(key, "want an AE title and HOST:PORT"))
	}
	if slices.ContainsFunc(c.DICOM.Destinations[:i], func(o Destination) bool { return strings.TrimSpace(o.AE) == strings.TrimSpace(d.AE) }) {
		errs = append(errs, wrong(key+".ae", "%q is there twice", d.AE))
	}
	if d.AsyncOperations > maxWindow {
		errs = append(errs, wrong(key+".async_operations", "want 1 (none) to %d", maxWindow))
	}
	switch {
	case (d.Cert == "") != (d.Key == ""):
		errs = append(errs, wrong(key, "cert and key go together"))
	case !d.TLS && (d.CA != "" || d.Cert != "" || d.ServerName != ""):
		errs = append(errs, wrong(key, "ca, cert, key and server_name mean nothing without tls: true"))
	case d.Passcode != "" && d.User == "":
		errs = append(errs, wrong(key+".passcode", "needs user too"))
	}
	return errors.Join(errs...)
}

// dicomWarnings are those of Warnings about DICOM.
func (c *Config) dicomWarnings() (w []string) {
	d := &c.DICOM
	if d.Promiscuous {
		sees := "see nothing"
		if len(d.PromiscuousSees) > 0 {
			sees = "see what dicom.promiscuous_sees says"
		}
		w = append(w, "dicom.promiscuous: everybody who reaches the listener may store; those not in dicom.peers "+sees)
	}
	if len(d.Identity.Users) > 0 && d.Listen != Off && !access.Loopback(d.Listen) {
		w = append(w, "dicom.listen: passcodes of dicom.identity.users travel in clear; let users associate over dicom.tls alone")
	}
	for i := range d.Destinations {
		x := &d.Destinations[i]
		if x.Passcode != "" && !x.TLS && !access.Loopback(x.Address) {
			w = append(w, fmt.Sprintf("dicom.destinations[%d]: the passcode travels in clear without tls", i))
		}
	}
	return w
}
