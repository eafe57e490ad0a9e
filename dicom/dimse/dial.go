package dimse

import (
	"context"
	"net"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// DefaultMaxLength is the Maximum Length Received that is announced, in bytes:
// large, since fragments are streamed and cost no memory. DCMTK sends no more than this.
const DefaultMaxLength = 128 << 10

// Options say what Association Dial requests.
type Options struct {
	CallingAE string
	CalledAE  string
	Contexts  []pdu.ProposedContext // IDs that are zero are filled in: 1, 3, 5, …
	MaxLength uint32                // announced to the peer; DefaultMaxLength if 0
	Timeouts  Timeouts
	// Dial opens the transport connection, over TLS for instance; nil is TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// User holds further user information: roles, extended negotiation, the Asynchronous Operations Window, user identity. The
	// answers to them are in Association.Peer, the server response to an identity in its IdentityResponse.
	User pdu.UserInformation
	// Mux serves requests of the peer on this Association; nil serves none.
	Mux *Mux
}

// Dial requests an Association. When the peer refuses, the error is a *pdu.Reject; when what is requested cannot be
// encoded, it is of another kind, and no connection was made.
func Dial(ctx context.Context, address string, o Options) (*Association, error) {
	rq := &pdu.AssociateRQ{
		ProtocolVersion: pdu.ProtocolVersion1, CalledAE: o.CalledAE, CallingAE: o.CallingAE,
		ApplicationContext: pdu.ApplicationContext, User: o.User,
	}
	for i, c := range o.Contexts {
		if c.ID == 0 {
			c.ID = uint8(2*i + 1)
		}
		rq.Contexts = append(rq.Contexts, c)
	}
	rq.User.MaxLength = o.MaxLength
	if o.MaxLength == 0 {
		rq.User.MaxLength = DefaultMaxLength
	}
	rq.User.ImplementationClass, rq.User.ImplementationVersion = dicom.ImplementationClassUID, dicom.ImplementationVersionName
	dial := o.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	if err := rq.Check(); err != nil {
		return nil, err
	}
	t := o.Timeouts.withDefaults()
	var conn net.Conn
	u, err := ul.Request(ctx, func(ctx context.Context) (_ net.Conn, err error) {
		conn, err = dial(ctx, "tcp", address)
		return conn, err
	}, rq, ul.Options{ARTIM: t.ARTIM, Timeout: t.Network})
	if err != nil {
		return nil, err
	}
	a := newAssociation(u, o.Mux, t)
	a.tls = stateOf(conn)
	return a, nil
}
