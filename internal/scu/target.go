package scu

import (
	"context"
	"net"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// Target is the Application Entity to talk to.
type Target struct {
	Address   string // host:port
	CalledAE  string
	CallingAE string
	Timeouts  dimse.Timeouts
	// Dial opens the transport connection, over TLS for instance; nil is TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (t *Target) associate(ctx context.Context, contexts []pdu.ProposedContext) (*dimse.Association, error) {
	return t.dial(ctx, dimse.Options{Contexts: contexts})
}

// dial requests an Association with the target.
func (t *Target) dial(ctx context.Context, o dimse.Options) (*dimse.Association, error) {
	o.CallingAE, o.CalledAE, o.Timeouts, o.Dial = t.CallingAE, t.CalledAE, t.Timeouts, t.Dial
	if o.Timeouts.ARTIM == 0 {
		o.Timeouts.ARTIM = 5 * time.Second // a command line does not wait longer for a peer to hang up
	}
	return dimse.Dial(ctx, t.Address, o)
}

// Echo verifies that the target answers C-ECHO and tells how long the exchange
// of messages took. Errors are those of dimse.Dial and dimse.Association.Echo.
func Echo(ctx context.Context, t Target) (time.Duration, error) {
	a, err := t.associate(ctx, []pdu.ProposedContext{{
		AbstractSyntax:   dicom.VerificationSOPClass,
		TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian, dicom.ImplicitVRLittleEndian},
	}})
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	err = a.Echo(ctx)
	took := time.Since(begin)
	if err != nil {
		_ = a.Close() // the first failure is what matters
		return took, err
	}
	return took, a.Release()
}
