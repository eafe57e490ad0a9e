package ul

import (
	"net"
	"syscall"
)

// tcpQuickAck is TCP_QUICKACK of tcp(7), which package syscall does not name.
const tcpQuickAck = 12

// promptly gives what makes the system acknowledge at once what has arrived and arrives next; nil when the connection is none
// of TCP. Many peers write a message in two pieces with Nagle's algorithm on: the second waits for the acknowledgement of the first,
// which is put off for 40 ms otherwise. The setting does not last, so it is made before each read that may wait for such a piece.
func promptly(conn net.Conn) func() {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = t.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	set := func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpQuickAck, 1) // only speed is lost if it fails
	}
	return func() { _ = raw.Control(set) } // fails when the connection is closed, which the read will tell
}
