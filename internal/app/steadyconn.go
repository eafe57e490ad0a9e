package app

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
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

func (c *steadyConn) renewLocked() error {
	t := time.Now().Add(c.window)
	if !c.limit.IsZero() && c.limit.Before(t) {
		t = c.limit
	}
	return c.transport.SetWriteDeadline(t)
}

// renew begins a window. It tells whether the user's deadline has passed.
func (c *steadyConn) renew() (over bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.limit.IsZero() && !time.Now().Before(c.limit), c.renewLocked()
}

// steadily calls write, which tells how much was taken, until it ends for another reason than that a window was over.
func (c *steadyConn) steadily(write func() (int64, error)) error {
	for idle := 0; ; {
		over, err := c.renew()
		if err != nil {
			return err
		}
		n, err := write()
		if over || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if n > 0 {
			idle = 0
		} else if idle++; idle == c.tries {
			return err
		}
	}
}

// Write implements net.Conn.
func (c *steadyConn) Write(p []byte) (n int, err error) {
	err = c.steadily(func() (int64, error) {
		k, err := c.transport.Write(p[n:])
		n += k
		return int64(k), err
	})
	return n, err
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
	size := l.N
	err = c.steadily(func() (int64, error) {
		l.N = size - n
		k, err := c.transport.ReadFrom(l)
		if n += k; err != nil { // where the system cannot send files, more was read than was taken
			if _, serr := f.Seek(at+n, io.SeekStart); serr != nil {
				return k, serr
			}
		}
		return k, err
	})
	l.N = size - n
	return n, err
}
