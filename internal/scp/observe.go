package scp

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// observer turns what dimse tells into log lines and metrics.
type observer struct {
	metrics Metrics
	log     *slog.Logger
	closed  func(*dimse.Association) // may be nil
}

// Opened implements dimse.Observer.
func (o *observer) Opened(a *dimse.Association) {
	o.log.Debug("association opened", "calling", a.CallingAE(), "called", a.CalledAE(),
		"address", a.RemoteAddr().String(), "implementation", a.Peer().ImplementationVersion, "contexts", len(a.Contexts()))
	if o.metrics != nil {
		o.metrics.AssociationOpened()
	}
}

// Closed implements dimse.Observer.
func (o *observer) Closed(a *dimse.Association, err error) {
	if o.closed != nil {
		o.closed(a)
	}
	if err != nil {
		o.log.Info("association ended without release", "calling", a.CallingAE(), "address", a.RemoteAddr().String(), "error", err)
	}
	if o.metrics != nil {
		o.metrics.AssociationClosed()
	}
}

// Refused implements dimse.Observer. A connection that closes before it asks
// for anything, as load balancers do to see whether somebody listens, is not worth a line.
func (o *observer) Refused(remote net.Addr, rq *pdu.AssociateRQ, err error) {
	if rq == nil && errors.Is(err, ul.ErrTransportClosed) {
		return
	}
	calling := ""
	if rq != nil {
		calling = rq.CallingAE
	}
	o.log.Warn("association refused", "calling", calling, "address", remote.String(), "error", err)
	if o.metrics != nil {
		o.metrics.AssociationRefused()
	}
}

// Answered implements dimse.Observer.
func (o *observer) Answered(_ *dimse.Association, f dimse.CommandField, s dimse.Status, took time.Duration) {
	if o.metrics != nil {
		o.metrics.Answered(operation(f), s.String(), took)
	}
}

// operation names a request for a metric: one of a closed list, whatever a peer sends.
func operation(f dimse.CommandField) string {
	name, known := strings.CutSuffix(f.String(), "-RQ")
	if !known {
		return "other"
	}
	return name
}
