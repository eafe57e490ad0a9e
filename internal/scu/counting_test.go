package scu

import (
	"context"
	"net"
	"sync/atomic"
)

// counting calls a function after some reads from a connection.
type counting struct {
	n    int32
	then func()
	seen atomic.Int32
}

func (c *counting) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return &countedConn{conn, c}, err
}

type countedConn struct {
	net.Conn
	c *counting
}

func (c *countedConn) Read(p []byte) (int, error) {
	if c.c.seen.Add(1) == c.c.n {
		c.c.then()
	}
	return c.Conn.Read(p)
}
