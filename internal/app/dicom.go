package app

import (
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
