package app

import (
	"crypto/tls"
	"net"
	"time"

	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/scp"
)

// addDICOM makes the DIMSE server.
func (a *App) addDICOM() error {
	c := &a.config.DICOM
	if c.Listen == config.Off {
		return nil
	}
	peers, err := a.config.DICOMPeers()
	if err != nil {
		return err
	}
	s := scp.New(scp.Config{
		Storer:          archive{a.data.Archive, a.metrics},
		Archive:         a.data.Archive,
		Commitments:     a.data.Index,
		Committed:       func(outcome string) { a.metrics.commitments.WithLabelValues(outcome).Inc() },
		Destinations:    destinations(c.Destinations),
		AE:              a.config.AE,
		CheckCalledAE:   c.CheckCalledAE,
		RejectUnknown:   c.UnknownSOPClasses == "reject",
		Peers:           peers,
		Facility:        a.config.Facility,
		MaxAssociations: c.MaxAssociations,
		MaxPerPeer:      c.MaxPerPeer,
		Timeouts:        dimse.Timeouts{Idle: c.Idle.Std()},
		Metrics:         associations{a.metrics},
		Log:             a.log,
	})
	a.addrs.DICOM, err = a.listen(server{
		name:     "dicom",
		serve:    func(l net.Listener) error { return s.Serve(l) },
		shutdown: s.Shutdown,
		closed:   dimse.ErrServerClosed,
	}, c.Listen)
	return err
}

// destinations are what C-MOVE may send to, and Storage Commitment may report to. Over TLS the destination's certificate must be of an authority that this machine trusts.
func destinations(list []config.Destination) (out []scp.Destination) {
	for _, d := range list {
		x := scp.Destination{AE: d.AE, Address: d.Address}
		if d.TLS {
			x.Dial = (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12}}).DialContext
		}
		out = append(out, x)
	}
	return out
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
