package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/intake"
)

// addHL7 makes the MLLP server, with its listener, the one for TLS, or both.
func (a *App) addHL7() error {
	c := &a.config.HL7
	if c.Listen == config.Off && c.TLS.Listen == config.Off {
		return nil
	}
	s, err := a.mllpServer()
	if err != nil {
		return err
	}
	one := server{name: "hl7", serve: s.Serve, shutdown: s.Shutdown, closed: mllp.ErrServerClosed}
	if c.Listen != config.Off {
		if a.addrs.HL7, err = a.listen(one, c.Listen); err != nil {
			return err
		}
	}
	if c.TLS.Listen == config.Off {
		return nil
	}
	t, err := hl7TLS(c, a.log)
	if err != nil {
		return err
	}
	one.name = "hl7 over TLS"
	one.serve = func(l net.Listener) error { return s.Serve(tls.NewListener(l, t)) }
	if c.Listen != config.Off {
		one.shutdown = func(context.Context) error { return nil } // the server's, which closes all its listeners
	}
	a.addrs.HL7TLS, err = a.listen(one, c.TLS.Listen)
	return err
}

// mllpServer makes the server of both listeners, with the rules of hl7.peers.
func (a *App) mllpServer() (*mllp.Server, error) {
	c := &a.config.HL7
	rules, err := a.config.HL7Rules()
	if err != nil {
		return nil, err
	}
	caller := func(p mllp.Peer) access.Caller {
		return access.Caller{Addr: p.Addr, Shown: p.Certificate, Verified: p.Verified}
	}
	in := a.data.intakeConfig(a.config, a.log)
	in.Peer = func(p mllp.Peer) intake.Rule {
		r, _ := config.MatchHL7(rules, caller(p))
		if r.Facility == "" {
			r.Facility = a.config.Facility
		}
		return intake.Rule{Facility: r.Facility, Charset: r.Charset, PlainAck: r.PlainAck, NoWarnings: r.NoWarnings}
	}
	in.Observe = func(o intake.Outcome, took time.Duration) {
		a.metrics.messages.WithLabelValues(string(o)).Inc()
		a.metrics.messageTime.Observe(took.Seconds())
	}
	return mllp.NewServer(mllp.Config{
		Handler: intake.New(in),
		Admit: func(p mllp.Peer) bool {
			_, ok := config.MatchHL7(rules, caller(p))
			return ok
		},
		MaxMessage: int(c.MaxMessage), MaxConns: c.MaxConnections, MaxPeerConns: c.MaxPerPeer,
		IdleTimeout: c.Idle.Std(), MessageTimeout: c.MessageTime.Std(),
		OnConn:    func(open int) { a.metrics.connections.Set(float64(open)) },
		OnRefused: a.mllpRefused,
	}), nil
}

// mllpRefused tells operators of a connection that was not let in.
func (a *App) mllpRefused(p mllp.Peer, why error) {
	a.metrics.refused.WithLabelValues("hl7").Inc()
	said := []any{"address", p.Addr, "reason", why}
	if p.Certificate != nil && errors.Is(why, mllp.ErrNotAdmitted) {
		said = append(said, "certificate", access.CertificateNames(p.Certificate))
	}
	a.log.Warn("mllp connection refused", said...)
}

// hl7TLS loads the certificates of MLLP, as dicomTLS those of DICOM.
func hl7TLS(c *config.HL7, log *slog.Logger) (*tls.Config, error) {
	known := slices.ContainsFunc(c.Peers, func(p config.HL7Peer) bool { return p.Certificate != "" })
	return peerTLS("hl7.tls", config.DICOMTLS(c.TLS), known, log)
}
