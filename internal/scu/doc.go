// Package scu is the requesting side of DIMSE behind `halong echo`, `send`, `find`, `get`, `move` and `commit`: what is sent goes in the
// Transfer Syntax it has, byte for byte, where the peer takes it; what comes is written as it comes; and every object is accounted for.
package scu
