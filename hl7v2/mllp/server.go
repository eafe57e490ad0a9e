package mllp

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Peer is the other end of a connection.
type Peer struct {
	Addr        netip.Addr // without port; an IPv4 address is never written as IPv6
	TLS         bool
	Certificate *x509.Certificate // that the peer showed over TLS, whose key it proved to have; nil without one
	Verified    bool              // a trusted authority vouches for the certificate
}

// Handler is what a Server calls. Frames of one connection come one after the
// other, in order; those of several connections at the same time.
type Handler interface {
	// Handle takes one frame, of any kind, and gives the messages to be answered, each without its block
	// characters; they are written together, in order. The frame's bytes are valid only during the call.
	Handle(ctx context.Context, p Peer, f Frame) (answers [][]byte)
}

// Config sets a Server up. Zero values stand for the defaults.
type Config struct {
	Handler        Handler
	Admit          func(Peer) bool   // asked once the peer is known, over TLS after the handshake; nil: everybody
	MaxMessage     int               // bytes; DefaultMaxMessage
	MaxLarge       int               // messages above LargeMessage in memory at a time; 4
	MaxConns       int               // 256
	MaxPeerConns   int               // of one address; 64
	IdleTimeout    time.Duration     // between messages; 10 minutes
	MessageTimeout time.Duration     // from a message's first byte to its last; 2 minutes
	WriteTimeout   time.Duration     // of an answer, and of a TLS handshake; 30 s
	OnConn         func(open int)    // told the number of open connections when it changes
	OnRefused      func(Peer, error) // told of connections over a limit, not admitted or without TLS, and why
}

func orDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Server accepts connections and answers messages.
type Server struct {
	cfg   Config
	large chan struct{}

	mu     sync.Mutex
	conns  map[*serverConn]struct{}
	peers  map[netip.Addr]int
	lis    map[net.Listener]struct{}
	closed bool
	wg     sync.WaitGroup
	ctx    context.Context // ends when Shutdown's patience does
	stop   context.CancelFunc
}

// NewServer makes a Server.
func NewServer(c Config) *Server {
	orDefault(&c.MaxMessage, DefaultMaxMessage)
	orDefault(&c.MaxLarge, 4)
	orDefault(&c.MaxConns, 256)
	orDefault(&c.MaxPeerConns, 64)
	orDefault(&c.IdleTimeout, 10*time.Minute)
	orDefault(&c.MessageTimeout, 2*time.Minute)
	orDefault(&c.WriteTimeout, 30*time.Second)
	s := &Server{
		cfg: c, large: make(chan struct{}, c.MaxLarge), conns: map[*serverConn]struct{}{},
		peers: map[netip.Addr]int{}, lis: map[net.Listener]struct{}{},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// ErrServerClosed is what Serve returns after Shutdown.
var ErrServerClosed = errors.New("mllp: server closed")

// Serve accepts connections until Shutdown or until the listener fails.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrServerClosed
	}
	s.lis[l] = struct{}{}
	s.mu.Unlock()
	for wait := time.Duration(0); ; {
		c, err := l.Accept()
		switch {
		case err == nil:
			wait = 0
			s.start(c)
		case s.isClosed():
			return ErrServerClosed
		case errors.Is(err, net.ErrClosed) || wait > time.Second:
			return err
		default: // out of file descriptors, or the peer left at once
			wait = 2*wait + 5*time.Millisecond
			time.Sleep(wait)
		}
	}
}

// Why a connection is refused.
var (
	ErrTooMany     = errors.New("mllp: too many connections")
	ErrNotAdmitted = errors.New("mllp: peer not admitted")
)

// start counts a connection in, finds out who its peer is, and serves it.
func (s *Server) start(c net.Conn) {
	sc := &serverConn{s: s, c: c, peer: Peer{Addr: addrOf(c.RemoteAddr())}}
	if !s.add(sc) {
		s.refuse(sc, ErrTooMany)
		return
	}
	go func() {
		defer s.wg.Done()
		defer s.remove(sc)
		if err := sc.identify(s.ctx); err != nil {
			s.refuse(sc, err)
			return
		}
		sc.serve(s.ctx)
	}()
}

func (s *Server) refuse(c *serverConn, why error) {
	if s.cfg.OnRefused != nil {
		s.cfg.OnRefused(c.peer, why)
	}
	_ = c.c.Close() // refused: nothing to lose
}

func (s *Server) add(c *serverConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) >= s.cfg.MaxConns || s.peers[c.peer.Addr] >= s.cfg.MaxPeerConns {
		return false
	}
	s.conns[c] = struct{}{}
	s.peers[c.peer.Addr]++
	s.wg.Add(1)
	s.tell()
	return true
}

func (s *Server) remove(c *serverConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.peers[c.peer.Addr]--; s.peers[c.peer.Addr] == 0 {
		delete(s.peers, c.peer.Addr)
	}
	s.tell()
}

func (s *Server) tell() {
	if s.cfg.OnConn != nil {
		s.cfg.OnConn(len(s.conns))
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// takeLarge waits for a place for a large message.
func (s *Server) takeLarge() (release func(), err error) {
	t := time.NewTimer(s.cfg.MessageTimeout)
	defer t.Stop()
	select {
	case s.large <- struct{}{}:
		return func() { <-s.large }, nil
	case <-t.C:
		return nil, errors.New("mllp: no place for a large message")
	case <-s.ctx.Done():
		return nil, ErrServerClosed
	}
}

// Shutdown stops accepting, lets messages that have begun to arrive be
// received, handled and answered until ctx ends, and closes all connections.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	for l := range s.lis {
		_ = l.Close() // only stops Accept
	}
	for c := range s.conns {
		c.drain()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
		s.stop()
		return nil
	case <-ctx.Done():
	}
	s.stop()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.c.Close() // patience is over: reads and writes fail now
	}
	s.mu.Unlock()
	<-done
	return ctx.Err()
}

func addrOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	if p, err := netip.ParseAddrPort(a.String()); err == nil {
		return p.Addr().Unmap()
	}
	return netip.Addr{}
}
