package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/scp"
)

// addDICOM makes the DIMSE server, with its listener, the one for TLS, or both.
func (a *App) addDICOM() error {
	c := &a.config.DICOM
	if c.Listen == config.Off && c.TLS.Listen == config.Off {
		return nil
	}
	x, err := a.dicomConfig()
	if err != nil {
		return err
	}
	s := scp.New(*x)
	one := server{name: "dicom", serve: s.Serve, shutdown: s.Shutdown, closed: dimse.ErrServerClosed}
	if c.Listen != config.Off {
		if a.addrs.DICOM, err = a.listen(one, c.Listen); err != nil {
			return err
		}
	}
	if c.TLS.Listen == config.Off {
		return nil
	}
	t, err := dicomTLS(c, a.log)
	if err != nil {
		return err
	}
	one.name = "dicom over TLS"
	one.serve = func(l net.Listener) error { return s.Serve(tls.NewListener(l, t)) }
	one.shutdown = func(context.Context) error { return nil } // the server's, which closes all its listeners
	if c.Listen == config.Off {
		one.shutdown = s.Shutdown
	}
	a.addrs.DICOMTLS, err = a.listen(one, c.TLS.Listen)
	return err
}

// dicomConfig says what is served, and to whom.
func (a *App) dicomConfig() (*scp.Config, error) {
	c := &a.config.DICOM
	x := &scp.Config{
		Storer:          archive{a.data.Archive, a.metrics},
		Archive:         a.data.Archive,
		Commitments:     a.data.Index,
		Worklist:        a.data.worklist,
		Worklists:       worklistPeers(a.config),
		Performed:       performed{a.data.worklist, a.data.Index},
		Committed:       func(outcome string) { a.metrics.commitments.WithLabelValues(outcome).Inc() },
		AE:              strings.TrimSpace(a.config.AE),
		CheckCalledAE:   c.CheckCalledAE,
		RejectUnknown:   c.UnknownSOPClasses == "reject",
		Facility:        a.config.Facility,
		MaxAssociations: c.MaxAssociations,
		MaxPerPeer:      c.MaxPerPeer,
		AsyncOperations: c.AsyncOperations,
		Timeouts:        dimse.Timeouts{Idle: c.Idle.Std()},
		Metrics:         associations{a.metrics},
		Log:             a.log,
	}
	var err error
	if x.Peers, err = a.config.DICOMPeers(); err != nil {
		return nil, err
	}
	if x.Titles, err = a.config.Titles(); err != nil {
		return nil, err
	}
	if x.Strangers, err = a.config.Strangers(); err != nil {
		return nil, err
	}
	if x.Identities, err = a.identities(); err != nil {
		return nil, err
	}
	if a.forward != nil {
		x.Reports = a.forward.Inbox()
	}
	x.Destinations, err = a.destinations()
	return x, err
}

// identities are who may say that it is whom; nil when nobody is asked.
func (a *App) identities() (*access.Identities, error) {
	c := &a.config.DICOM.Identity
	users, err := a.config.Users()
	if err != nil {
		return nil, err
	}
	v, err := newVerifier(&c.Verifier, a.log)
	if err != nil {
		return nil, err
	}
	return &access.Identities{Required: c.Required, Users: users, Verifier: v}, nil
}

// destinations are what C-MOVE may send to, and Storage Commitment may report to.
func (a *App) destinations() (out []scp.Destination, err error) {
	for i, d := range a.config.DICOM.Destinations {
		x := scp.Destination{AE: strings.TrimSpace(d.AE), Address: d.Address, Identity: userIdentity(d), AsyncOperations: d.AsyncOperations}
		if x.Dial, err = a.dialer(d); err != nil {
			return nil, fmt.Errorf("dicom.destinations[%d]: %w", i, err)
		}
		if x.Edit, err = a.sendEdit(d.Coerce, d.Deidentify); err != nil {
			return nil, fmt.Errorf("dicom.destinations[%d]: %w", i, err)
		}
		out = append(out, x)
	}
	return out, nil
}

// userIdentity is what a destination is told of us (PS3.7 D.3.3.7.1); nil when nothing is configured.
func userIdentity(d config.Destination) *pdu.UserIdentity {
	switch {
	case d.User == "":
		return nil
	case d.Passcode == "":
		return &pdu.UserIdentity{Type: access.IdentityName, Primary: []byte(d.User)}
	}
	return &pdu.UserIdentity{Type: access.IdentityPasscode, Primary: []byte(d.User), Secondary: []byte(d.Passcode)}
}

// associations counts what the DIMSE edge tells.
type associations struct{ m *metrics }

// AssociationOpened implements scp.Metrics.
func (x associations) AssociationOpened() {
	x.m.accepted.Inc()
	x.m.associations.Inc()
}

// AssociationClosed implements scp.Metrics.
func (x associations) AssociationClosed() { x.m.associations.Dec() }

// AssociationRefused implements scp.Metrics.
func (x associations) AssociationRefused() { x.m.refused.WithLabelValues("dicom").Inc() }

// Answered implements scp.Metrics.
func (x associations) Answered(operation, status string, took time.Duration) {
	x.m.dimse.WithLabelValues(operation, status).Inc()
	x.m.dimseTime.WithLabelValues(operation).Observe(took.Seconds())
}
