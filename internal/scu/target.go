package scu

import (
	"context"
	"errors"
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
	// Identity is the User Identity to negotiate (PS3.7 D.3.3.7); nil for none.
	Identity *pdu.UserIdentity
	// Async is how many requests Send may have outstanding (PS3.7 D.3.3.3), if the target grants it; 0 stands for 1.
	Async uint16
	// Retries is how often Send tries again, what was not answered, when the target rejects for the moment, cannot be reached or
	// loses the Association.
	Retries int
	Backoff time.Duration // before the first of them, doubled for each further one; 0 stands for a second
	// Notice is told what the caller should know though nothing failed; may be nil.
	Notice func(string)
}

func (t *Target) notice(text string) {
	if t.Notice != nil {
		t.Notice(text)
	}
}

func (t *Target) associate(ctx context.Context, contexts []pdu.ProposedContext) (*dimse.Association, error) {
	return t.dial(ctx, dimse.Options{Contexts: contexts})
}

// dial requests an Association with the target.
func (t *Target) dial(ctx context.Context, o dimse.Options) (*dimse.Association, error) {
	o.CallingAE, o.CalledAE, o.Timeouts, o.Dial = t.CallingAE, t.CalledAE, t.Timeouts, t.connect
	if o.Timeouts.ARTIM == 0 {
		o.Timeouts.ARTIM = 5 * time.Second // a command line does not wait longer for a peer to hang up
	}
	o.User.Identity = t.Identity
	a, err := dimse.Dial(ctx, t.Address, o)
	if err == nil && t.Identity != nil && t.Identity.ResponseWanted && a.Peer().IdentityResponse == nil {
		t.notice("the peer did not confirm the user identity: it may not have looked at it")
	}
	return a, err
}

// connect opens the transport connection, within the time-out if there is one.
func (t *Target) connect(ctx context.Context, network, address string) (net.Conn, error) {
	dial := t.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	if t.Timeouts.Network > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.Timeouts.Network)
		defer cancel()
	}
	return dial(ctx, network, address)
}

// reach is dial with retries.
func (t *Target) reach(ctx context.Context, o dimse.Options) (*dimse.Association, error) {
	for n := 0; ; n++ {
		a, err := t.dial(ctx, o)
		if err == nil || n >= t.Retries || !transient(err) || ctx.Err() != nil {
			return a, err
		}
		t.notice(err.Error() + "; trying again")
		if err := t.pause(ctx, n); err != nil {
			return nil, err
		}
	}
}

// longestBackoff bounds the pause between attempts.
const longestBackoff = 30 * time.Second

// pause waits before the attempt after n failed ones.
func (t *Target) pause(ctx context.Context, n int) error {
	first := t.Backoff
	if first <= 0 {
		first = time.Second
	}
	timer := time.NewTimer(min(first<<min(n, 16), longestBackoff))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// transient tells whether there may be an Association at another attempt: after a rejection that says so, and when there was no
// connection, or not for long enough. A certificate that is not trusted stays so.
func transient(err error) bool {
	var reject *pdu.Reject
	if errors.As(err, &reject) {
		return reject.Result == pdu.RejectedTransient
	}
	return lost(err)
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
