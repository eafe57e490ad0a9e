package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicomweb"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/app/statement"
	"github.com/halong-gateway/halong/internal/scp"
	"github.com/halong-gateway/halong/internal/scu"
	"github.com/halong-gateway/halong/worklist/ups"
)

// Conformance writes the DICOM conformance statement (PS3.2) of a gateway with the configuration. Nothing is opened for it.
func Conformance(w io.Writer, c *config.Config) error {
	a := &App{config: c, log: slog.New(slog.DiscardHandler), data: &Data{ups: &ups.Service{}}}
	a.metrics = newMetrics("", func() int { return 0 })
	served, err := a.dicomConfig()
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(c.DICOM.Listen)
	if err != nil { // off
		port = "none"
	}
	var web dicomweb.Config
	a.withServices(&web)
	return statement.Write(w, &statement.Facts{
		Web: dicomweb.Transactions(web),
		AE:  c.AE, Port: port, CheckCalledAE: c.DICOM.CheckCalledAE, RejectUnknown: served.RejectUnknown,
		MaxAssociations: c.DICOM.MaxAssociations, MaxPerPeer: c.DICOM.MaxPerPeer, AsyncOperations: c.DICOM.AsyncOperations,
		MaxLength: dimse.DefaultMaxLength, Idle: c.DICOM.Idle.Std(), Timeouts: served.Timeouts.WithDefaults(),
		Mux: scp.New(*served).Mux(), Store: scp.StoreOutcomes(), Query: scp.QueryOutcomes(), Performed: scp.PerformedOutcomes(), TLS: profile(), Asked: asked(c),
	})
}

// asked are the requests that the commands make. Who is called hangs up, so that their errors mean nothing.
func asked(c *config.Config) []statement.Activity {
	ctx := context.Background()
	query := func(root bool, level string) scu.Query {
		return scu.Query{PatientRoot: root, Level: level, Keys: &dataset.Set{}, Relational: true, Fuzzy: true}
	}
	both := func(do func(t scu.Target, q scu.Query)) func(scu.Target) {
		return func(t scu.Target) { do(t, query(false, "STUDY")); do(t, query(true, "PATIENT")) }
	}
	var list []statement.Activity
	for _, x := range []struct {
		name string
		do   func(scu.Target)
	}{
		{"halong echo", func(t scu.Target) { _, _ = scu.Echo(ctx, t) }},
		{"halong find", both(func(t scu.Target, q scu.Query) {
			_, _ = scu.Find(ctx, t, q, func(*dataset.Set) error { return nil })
		})},
		{"halong move", both(func(t scu.Target, q scu.Query) { _, _ = scu.Move(ctx, t, q, c.AE, nil) })},
		{"halong get", both(func(t scu.Target, q scu.Query) { _, _ = scu.Get(ctx, t, q, nil, "", nil) })},
		{"halong commit, forwarding", func(t scu.Target) {
			_, _ = scu.Commit(ctx, t, []commitment.Reference{{}}, scu.CommitOptions{Wait: time.Minute})
		}},
		{"MPPS forwarding", func(t scu.Target) { _, _ = scu.Perform(ctx, t, scu.Procedure{}) }},
	} {
		heard := statement.Overhear(func(dial func(context.Context, string, string) (net.Conn, error)) {
			x.do(scu.Target{CallingAE: c.AE, CalledAE: c.AE, Dial: dial})
		})
		list = append(list, statement.Activity{Name: x.name, Requests: heard})
	}
	return list
}
