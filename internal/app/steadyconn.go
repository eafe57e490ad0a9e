package app

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// steadyTries is how often a write is tried again within http.stall. The kernel says that it takes bytes again only when a third of
// its buffer is free, which on a slow line can be minutes later; one who just tries is told of each byte that the peer acknowledged.
const steadyTries = 4

// transport is what a *net.TCPConn can do that net/http makes use of.
type transport interface {
	net.Conn
	io.ReaderFrom
	CloseWrite() error
}

// steadyListener gives connections that break off when their peer takes nothing for a time.
type steadyListener struct {
	net.Listener // of TCP
	stall        time.Duration
}

// Accept implements net.Listener.
func (l *steadyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := c.(transport)
	if !ok {
		return nil, errors.Join(errors.New("app: not a connection of TCP"), c.Close())
	}
	return &steadyConn{transport: tcp, window: l.stall / steadyTries, tries: steadyTries}, nil
}

// steadyConn is a connection whose writes fail when the peer has taken nothing for as long as tries windows. However long a write is, it
// goes on while bytes are taken: slow lines are served. It lies below TLS and HTTP/2.
type steadyConn struct {
	transport
	window time.Duration // of one try
	tries  int

	mu    sync.Mutex
	limit time.Time // write deadline that the connection's user set; zero for none
	until time.Time // the write deadline that holds

	in, out atomic.Int64 // bytes that came and went, without those of small reads and writes
}

// smallMove is the length in bytes of what says nothing of progress: frames of HTTP/2 that hold no data, as acknowledgements of PING, and
// records of TLS around them.
const smallMove = 128

// Read implements net.Conn.
func (c *steadyConn) Read(p []byte) (int, error) {
	n, err := c.transport.Read(p)
	if n > smallMove {
		c.in.Add(int64(n))
	}
	return n, err
}

// connKey is the key of the connection in a request's context.
type connKey struct{}

// withConn is http.Server's ConnContext.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// SetWriteDeadline implements net.Conn: the user's own deadline, which ends writes too.
func (c *steadyConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = t
	return c.renewLocked()
}

// SetDeadline implements net.Conn.
func (c *steadyConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// renewLocked begins a window, of seven eighths of its time at least: setting a deadline costs about as much as a small write.
func (c *steadyConn) renewLocked() error {
	t := time.Now().Add(c.window)
	if !c.limit.IsZero() && c.limit.Before(t) {
		t = c.limit
	}
	if d := t.Sub(c.until); d >= 0 && d <= c.window/8 {
		return nil
	}
	c.until = t
	return c.transport.SetWriteDeadline(t)
}

// renew begins a window. It tells whether the user's deadline has passed.
func (c *steadyConn) renew() (over bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.limit.IsZero() && !time.Now().Before(c.limit), c.renewLocked()
}

// patience counts the windows in which nothing was taken.
type patience struct{ idle int }

// lasts tells whether a write goes on that took n bytes and ended with err.
func (p *patience) lasts(c *steadyConn, n int64, over bool, err error) bool {
	if over || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	if p.idle++; n > 0 {
		p.idle = 0
	}
	return p.idle < c.tries
}

// Write implements net.Conn. HTTP/2 writes each frame in a goroutine of its own, whose stack is small: little is called from here.
func (c *steadyConn) Write(p []byte) (n int, err error) {
	var wait patience
	for {
		over, err := c.renew()
		if err != nil {
			return n, err
		}
		k, err := c.transport.Write(p[n:])
		if n += k; len(p) > smallMove {
			c.out.Add(int64(k))
		}
		if err == nil || !wait.lasts(c, int64(k), over, err) {
			return n, err
		}
	}
}

// ReadFrom implements io.ReaderFrom: the operating system sends files (sendfile).
func (c *steadyConn) ReadFrom(r io.Reader) (n int64, err error) {
	l, _ := r.(*io.LimitedReader)
	var f *os.File
	if l != nil {
		f, _ = l.R.(*os.File)
	}
	if f == nil {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	size, wait := l.N, patience{}
	for {
		over, err := c.renew()
		if err != nil {
			return n, err
		}
		k, err := c.transport.ReadFrom(l)
		n += k
		l.N = size - n
		if err == nil || !wait.lasts(c, k, over, err) {
			return n, err
		}
		if _, err := f.Seek(at+n, io.SeekStart); err != nil { // where the system cannot send files, more was read than was taken
			return n, err
		}
	}
}
