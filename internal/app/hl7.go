package app

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/intake"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
)

// intakeConfig says what the HL7v2 edge writes to.
func (d *Data) intakeConfig(c *config.Config, log *slog.Logger) intake.Config {
	return intake.Config{
		Updater: d.Index, Journal: d.Store, Messages: d.Index, Events: d.Index,
		Patients: patient.New(d.Index, c.PatientPolicy()), Registry: d.Index, Lab: lab.New(d.Index), Blobs: d.Store,
		Application: c.AE, Log: log,
	}
}

// catchUp processes the messages that an earlier version of the program only kept.
func (d *Data) catchUp(ctx context.Context) error {
	n, err := d.intake.CatchUp(ctx)
	if n > 0 {
		d.log.Info("messages that an earlier version only kept are processed", "messages", n)
	}
	return err
}

// addHL7 makes the MLLP server.
func (a *App) addHL7() error {
	c := &a.config.HL7
	if c.Listen == config.Off {
		return nil
	}
	peers, err := a.config.HL7Peers()
	if err != nil {
		return err
	}
	in := a.data.intakeConfig(a.config, a.log)
	in.Peer = func(from netip.Addr) intake.Rule {
		p, _ := peers.Match(access.Caller{Addr: from})
		if p.Facility == "" {
			p.Facility = a.config.Facility
		}
		return intake.Rule{Facility: p.Facility, Charset: p.Charset}
	}
	in.Observe = func(o intake.Outcome, took time.Duration) {
		a.metrics.messages.WithLabelValues(string(o)).Inc()
		a.metrics.messageTime.Observe(took.Seconds())
	}
	s := mllp.NewServer(mllp.Config{
		Handler: intake.New(in),
		Admit: func(p mllp.Peer) bool {
			_, ok := peers.Match(access.Caller{Addr: p.Addr})
			return ok
		},
		IdleTimeout: c.Idle.Std(),
		OnConn:      func(open int) { a.metrics.connections.Set(float64(open)) },
		OnRefused: func(p mllp.Peer) {
			a.metrics.refused.WithLabelValues("hl7").Inc()
			a.log.Warn("mllp connection refused", "address", p.Addr)
		},
	})
	a.addrs.HL7, err = a.listen(server{
		name:     "hl7",
		serve:    func(l net.Listener) error { return s.Serve(l) },
		shutdown: s.Shutdown,
		closed:   mllp.ErrServerClosed,
	}, c.Listen)
	return err
}
