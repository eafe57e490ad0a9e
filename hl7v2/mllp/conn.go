package mllp

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"
)

// serverConn is one accepted connection.
type serverConn struct {
	s    *Server
	c    net.Conn
	peer Peer
	r    *Reader
	out  []byte

	mu       sync.Mutex
	began    time.Time // first byte of the unfinished message; zero between messages
	draining bool
}

// identify does the handshake of TLS, if that is spoken, and asks whether the peer is let in.
func (c *serverConn) identify(ctx context.Context) error {
	if t, ok := c.c.(*tls.Conn); ok {
		ctx, cancel := context.WithTimeout(ctx, c.s.cfg.WriteTimeout)
		defer cancel()
		if err := t.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("mllp: TLS handshake: %w", err)
		}
		state := t.ConnectionState()
		c.peer.TLS, c.peer.Verified = true, len(state.VerifiedChains) > 0
		if len(state.PeerCertificates) > 0 {
			c.peer.Certificate = state.PeerCertificates[0]
		}
	}
	if c.s.cfg.Admit != nil && !c.s.cfg.Admit(c.peer) {
		return ErrNotAdmitted
	}
	return nil
}

// serve reads, handles and answers frame by frame until the peer leaves, a time
// runs out or the server closes.
func (c *serverConn) serve(ctx context.Context) {
	defer func() { _ = c.c.Close() }() // everything to be said has been written
	c.r = NewReader(timedReader{c}, Limits{MaxMessage: c.s.cfg.MaxMessage, Large: c.s.takeLarge, EndForeign: true})
	defer c.r.done()
	for {
		f, err := c.r.Next()
		if err != nil {
			return
		}
		c.setBegan(time.Time{})
		answers := c.s.cfg.Handler.Handle(ctx, c.peer, f)
		if c.write(answers) != nil || c.isDraining() && !c.r.Partial() {
			return
		}
	}
}

// write sends all answers to one frame in a single write.
func (c *serverConn) write(answers [][]byte) error {
	c.out = c.out[:0]
	for _, a := range answers {
		c.out = Append(c.out, a)
	}
	if len(c.out) == 0 {
		return nil
	}
	if err := c.c.SetWriteDeadline(time.Now().Add(c.s.cfg.WriteTimeout)); err != nil {
		return err
	}
	_, err := c.c.Write(c.out)
	if cap(c.out) > LargeMessage {
		c.out = nil
	}
	return err
}

// timedReader sets the deadline before each read: short once a message has
// begun, long between messages, at once between messages when draining.
type timedReader struct{ c *serverConn }

func (t timedReader) Read(b []byte) (int, error) {
	if err := t.c.setDeadline(); err != nil {
		return 0, err
	}
	return t.c.c.Read(b)
}

func (c *serverConn) setDeadline() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch {
	case c.r.Partial():
		if c.began.IsZero() {
			c.began = now
		}
		return c.c.SetReadDeadline(c.began.Add(c.s.cfg.MessageTimeout))
	case c.draining:
		return c.c.SetReadDeadline(now)
	}
	c.began = time.Time{}
	return c.c.SetReadDeadline(now.Add(c.s.cfg.IdleTimeout))
}

func (c *serverConn) setBegan(t time.Time) {
	c.mu.Lock()
	c.began = t
	c.mu.Unlock()
}

func (c *serverConn) isDraining() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining
}

// drain makes the connection end after the message it is receiving or handling.
func (c *serverConn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	if c.began.IsZero() {
		_ = c.c.SetReadDeadline(time.Now()) // an idle read returns; failing means it is closed already
	}
}
