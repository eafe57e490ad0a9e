package dimse

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"

	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// Peer is who asks for an Association, as far as the connection tells.
type Peer struct {
	Addr net.Addr
	TLS  *tls.ConnectionState // after the handshake; nil without TLS
}

// Admission is what a Server's Policy gives to those it lets in.
type Admission struct {
	Session any // what Association.Session holds
	// Identity is the server response of User Identity Negotiation (PS3.7 D.3.3.7.2): a Kerberos ticket or a SAML assertion,
	// and empty but not nil for the types that have none. It is sent when the peer asked for a positive response; nil says that
	// the identity was not looked at, and nothing is sent.
	Identity []byte
}

// HandshakeError says why a TLS connection was not made.
type HandshakeError struct{ Err error }

// Error gives the cause.
func (e *HandshakeError) Error() string { return "dimse: TLS handshake: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }

// handshake does the TLS handshake of a connection that has one, within ARTIM. When it fails, conn is closed.
func (s *Server) handshake(conn net.Conn) error {
	c, ok := conn.(interface{ HandshakeContext(context.Context) error })
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.base, s.Timeouts.ARTIM)
	defer cancel()
	err := c.HandshakeContext(ctx)
	if err == nil {
		return nil
	}
	_ = conn.Close() // there is nobody to tell
	if errors.Is(err, io.EOF) {
		return ul.ErrTransportClosed // as one that looks whether somebody listens does
	}
	return &HandshakeError{err}
}

// peerOf tells what a connection, whose TLS handshake is done, tells of its other end.
func peerOf(conn net.Conn) Peer {
	return Peer{conn.RemoteAddr(), stateOf(conn)}
}

// stateOf gives the state of a TLS connection, and nil for others.
func stateOf(conn net.Conn) *tls.ConnectionState {
	c, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return nil
	}
	state := c.ConnectionState()
	return &state
}

// admit asks the Policy.
func (s *Server) admit(p Peer, rq *pdu.AssociateRQ) (Admission, *pdu.Reject) {
	ctx, cancel := context.WithTimeout(s.base, s.Timeouts.ARTIM)
	defer cancel()
	return s.Policy(ctx, p, rq)
}

// TLS gives the state of the connection; nil when it is not encrypted.
func (a *Association) TLS() *tls.ConnectionState { return a.tls }
