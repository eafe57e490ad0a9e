package mllp

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// Client sends messages over one connection. It is used by one goroutine at a
// time, except that Write and Read may run beside each other.
type Client struct {
	conn net.Conn
	r    *Reader
	out  []byte
}

// NewClient uses an open connection.
func NewClient(c net.Conn) *Client { return &Client{conn: c, r: NewReader(c, Limits{})} }

// Dial connects over TCP.
func Dial(ctx context.Context, addr string) (*Client, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return NewClient(c), nil
}

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Send writes a message and reads one answer, within ctx.
func (c *Client) Send(ctx context.Context, msg []byte) ([]byte, error) {
	if err := c.Write(ctx, msg); err != nil {
		return nil, err
	}
	return c.Read(ctx)
}

// Write writes a message.
func (c *Client) Write(ctx context.Context, msg []byte) error {
	defer until(ctx, c.conn.SetWriteDeadline)()
	c.out = Append(c.out[:0], msg)
	_, err := c.conn.Write(c.out)
	return cause(ctx, err)
}

// ErrUnframed is given by Read when the peer sent something that is no message block.
var ErrUnframed = errors.New("mllp: peer sent bytes that are not a message block")

// Read reads the next message block. With ErrUnframed it gives the bytes that came. The
// bytes are the caller's.
func (c *Client) Read(ctx context.Context) ([]byte, error) {
	defer until(ctx, c.conn.SetReadDeadline)()
	f, err := c.r.Next()
	if err != nil {
		return nil, cause(ctx, err)
	}
	b := append([]byte(nil), f.Bytes...)
	if f.Kind != Message {
		return b, ErrUnframed
	}
	return b, nil
}

// until sets a deadline of the connection for as long as ctx lasts.
func until(ctx context.Context, set func(time.Time) error) (undo func()) {
	deadline, _ := ctx.Deadline() // the zero time means none
	_ = set(deadline)             // fails only on a closed connection, where the next call fails too
	stop := context.AfterFunc(ctx, func() { _ = set(time.Unix(1, 0)) })
	return func() { stop() }
}

// cause prefers the context's reason. The connection's deadline is the context's,
// and may pass a moment before the context says so.
func cause(ctx context.Context, err error) error {
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return context.DeadlineExceeded
	}
	return err
}
