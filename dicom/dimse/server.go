package dimse

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// Server accepts Associations and serves the SOP Classes of its Mux.
type Server struct {
	Mux *Mux
	// Policy decides whether a peer may associate, after limits were checked. nil lets everybody in. ctx ends after
	// the time-out ARTIM, and when the Server is stopped at once.
	Policy    func(ctx context.Context, p Peer, rq *pdu.AssociateRQ) (Admission, *pdu.Reject)
	MaxLength uint32 // Maximum Length Received announced; DefaultMaxLength if 0
	// AsyncOperations is the Asynchronous Operations Window (PS3.7 D.3.3.3) granted to requestors that propose one:
	// how many of their requests may be outstanding. 1, which is no window, if 0.
	AsyncOperations uint16
	Timeouts        Timeouts
	// MaxAssociations and MaxPerPeer (by IP address) bound Associations; more are
	// rejected as transient. Defaults 256 and 64.
	MaxAssociations, MaxPerPeer int
	Observe                     Observer // may be nil
	// Idle, if not nil, is called each time before an Association waits for a request, by the goroutine that serves it: it
	// may Call the peer, and Wait until there is a reason to. An error aborts the Association, unless it is ul.ErrReleaseRequested
	// from a Call.
	Idle func(ctx context.Context, a *Association) error

	mu       sync.Mutex
	wg       sync.WaitGroup
	conns    map[net.Conn]*Association // every open connection; nil before and after there is an Association
	peers    map[string]load
	opened   int // Associations
	listener map[net.Listener]struct{}
	draining bool
	base     context.Context
	stop     context.CancelFunc
}

// load counts what one peer has open.
type load struct{ conns, associations int }

// Observer is told what happens, for metrics and logs. Its methods are called
// by many goroutines at once and must not block.
type Observer interface {
	// Opened is called for each Association accepted.
	Opened(a *Association)
	// Closed is called when it has ended; err is nil if it was released in order.
	Closed(a *Association, err error)
	// Refused is called when there was none: rq is nil when no request arrived, err a *pdu.Reject when
	// it was rejected, a *HandshakeError when there was no TLS.
	Refused(remote net.Addr, rq *pdu.AssociateRQ, err error)
	// Answered is called for each request after its final response was sent.
	Answered(a *Association, f CommandField, s Status, took time.Duration)
}

// ErrServerClosed is what Serve gives after Shutdown.
var ErrServerClosed = errors.New("dimse: server closed")

func (s *Server) init() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns != nil {
		return
	}
	if s.MaxAssociations <= 0 {
		s.MaxAssociations = 256
	}
	if s.MaxPerPeer <= 0 {
		s.MaxPerPeer = 64
	}
	if s.MaxLength == 0 {
		s.MaxLength = DefaultMaxLength
	}
	s.Timeouts = s.Timeouts.withDefaults()
	s.conns = map[net.Conn]*Association{}
	s.peers = map[string]load{}
	s.listener = map[net.Listener]struct{}{}
	s.base, s.stop = context.WithCancel(context.Background())
}

// acceptPause is how long Serve waits when connections cannot be accepted for
// want of file descriptors.
const acceptPause = 50 * time.Millisecond

// Serve accepts connections until Shutdown, then gives ErrServerClosed. Connections of a TLS listener (tls.NewListener) do
// their handshake each in its own goroutine, within the time-out ARTIM.
func (s *Server) Serve(l net.Listener) error {
	s.init()
	if !s.addListener(l) {
		return errors.Join(ErrServerClosed, l.Close())
	}
	for {
		conn, err := l.Accept()
		if err == nil {
			s.start(conn)
			continue
		}
		if s.isDraining() {
			return ErrServerClosed
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		time.Sleep(acceptPause)
	}
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.listener[l] = struct{}{}
	return true
}

func (s *Server) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// start serves one connection, unless there are so many that not even a
// rejection can be afforded.
func (s *Server) start(conn net.Conn) {
	peer := host(conn.RemoteAddr())
	s.mu.Lock()
	p := s.peers[peer]
	if s.draining || len(s.conns) >= 2*s.MaxAssociations || p.conns >= 2*s.MaxPerPeer {
		s.mu.Unlock()
		_ = conn.Close() // the peer sees it closed; there is nobody else to tell
		if s.Observe != nil {
			s.Observe.Refused(conn.RemoteAddr(), nil, &pdu.RejectTemporaryCongestion)
		}
		return
	}
	p.conns++
	s.peers[peer] = p
	s.conns[conn] = nil
	s.wg.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.wg.Done()
		defer s.forget(conn, peer)
		s.serveConn(conn, peer)
	}()
}

func (s *Server) forget(conn net.Conn, peer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	p := s.peers[peer]
	if p.conns--; p == (load{}) {
		delete(s.peers, peer)
		return
	}
	s.peers[peer] = p
}

func (s *Server) serveConn(conn net.Conn, peer string) {
	if err := s.handshake(conn); err != nil {
		if s.Observe != nil {
			s.Observe.Refused(conn.RemoteAddr(), nil, err)
		}
		return
	}
	var admitted Admission
	var asked *pdu.AssociateRQ
	p := peerOf(conn)
	counted := false
	u, err := ul.Accept(conn, ul.Options{ARTIM: s.Timeouts.ARTIM, Timeout: s.Timeouts.Network},
		func(rq *pdu.AssociateRQ) (ac *pdu.AssociateAC, rj *pdu.Reject) {
			asked = rq
			if rj = s.reserve(peer); rj != nil {
				return nil, rj
			}
			counted = true
			if s.Policy != nil {
				if admitted, rj = s.admit(p, rq); rj != nil {
					return nil, rj
				}
			}
			return s.accept(rq, &admitted), nil
		})
	if counted {
		defer s.unreserve(peer)
	}
	if err != nil {
		if s.Observe != nil {
			s.Observe.Refused(conn.RemoteAddr(), asked, err)
		}
		return
	}
	a := newAssociation(u, s.Mux, s.Timeouts)
	a.Session, a.tls, a.observe, a.idle = admitted.Session, p.TLS, s.Observe, s.Idle
	s.run(conn, a)
}

// run serves one Association to its end.
func (s *Server) run(conn net.Conn, a *Association) {
	s.setAssociation(conn, a)
	if s.Observe != nil {
		s.Observe.Opened(a)
	}
	err := a.serve(s.base)
	s.setAssociation(conn, nil)
	if s.Observe != nil {
		s.Observe.Closed(a, err)
	}
}

func (s *Server) setAssociation(conn net.Conn, a *Association) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[conn] = a
}

// accept makes the A-ASSOCIATE-AC.
func (s *Server) accept(rq *pdu.AssociateRQ, admitted *Admission) *pdu.AssociateAC {
	ac := &pdu.AssociateAC{
		ProtocolVersion: pdu.ProtocolVersion1, CalledAE: rq.CalledAE, CallingAE: rq.CallingAE,
		ApplicationContext: pdu.ApplicationContext, Contexts: s.Mux.Negotiate(rq), User: s.Mux.negotiateUser(&rq.User),
	}
	ac.User.MaxLength, ac.User.Async = s.MaxLength, s.window(rq.User.Async)
	if id := rq.User.Identity; id != nil && id.ResponseWanted && admitted.Identity != nil {
		ac.User.IdentityResponse = &pdu.UserIdentityResponse{Server: admitted.Identity}
	}
	ac.User.ImplementationClass, ac.User.ImplementationVersion = dicom.ImplementationClassUID, dicom.ImplementationVersionName
	return ac
}

// reserve counts an Association, or tells which limit it would exceed.
func (s *Server) reserve(peer string) *pdu.Reject {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[peer]
	switch {
	case s.draining || s.opened >= s.MaxAssociations:
		r := pdu.RejectTemporaryCongestion
		return &r
	case p.associations >= s.MaxPerPeer:
		r := pdu.RejectLocalLimitExceeded
		return &r
	}
	p.associations++
	s.peers[peer] = p
	s.opened++
	return nil
}

func (s *Server) unreserve(peer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[peer]
	p.associations--
	s.peers[peer] = p
	s.opened--
}

// host gives the address without the port.
func host(a net.Addr) string {
	h, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return h
}
