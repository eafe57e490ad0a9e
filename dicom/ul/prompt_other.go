//go:build !linux

package ul

import "net"

// promptly does nothing: how soon arrivals are acknowledged is the system's business.
func promptly(net.Conn) func() { return nil }
