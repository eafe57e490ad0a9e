package mllp

import (
	"bytes"
	"cmp"
	"errors"
	"io"
)

// Bytes of the block format.
const (
	startBlock = 0x0b // VT
	endBlock   = 0x1c // FS
	carriage   = 0x0d // CR
)

// Kind says what a Frame is.
type Kind uint8

// The kinds of frames.
const (
	Message   Kind = iota // a whole block's content
	Junk                  // bytes outside any block, other than line ends, spaces and NULs
	Truncated             // a block that was never ended: connection or time ran out, or another block began
	Oversized             // the first bytes of a block larger than the limit
)

// String gives the kind in words for operators.
func (k Kind) String() string {
	switch k {
	case Message:
		return "message"
	case Junk:
		return "bytes outside a message block"
	case Truncated:
		return "message block without end"
	case Oversized:
		return "message block larger than the limit"
	}
	return "unknown"
}

// Frame is what the peer sent between two block boundaries.
type Frame struct {
	Kind  Kind
	Bytes []byte // without VT, FS and CR; valid until the next call
	Total int64  // bytes that came; more than len(Bytes) if the limit cut them
	// Reason says, for operators, why what is not a Message could not be framed. It holds nothing of the bytes.
	Reason string
}

// errForeign means that the peer speaks another protocol: it waits for what never comes.
var errForeign = errors.New("mllp: the peer speaks another protocol")

// junkReason tells what bytes outside any block look like.
func junkReason(b []byte) string {
	b = bytes.TrimLeft(b, "\r\n\x00 \t\ufeff")
	if bytes.HasPrefix(b, []byte("MSH")) || bytes.HasPrefix(b, []byte("FHS")) || bytes.HasPrefix(b, []byte("BHS")) {
		return "a message without the start block VT (0x0B): the sender does not use MLLP"
	}
	return cmp.Or(foreign(b), "bytes outside a message block")
}

// mostLine bounds where the end of an HTTP request's first line is looked for, in bytes.
const mostLine = 4 << 10

// foreign names the other protocol that bytes are the beginning of; empty if they are of none that is known. Devices say all kinds of things before
// their first block: a few bytes alike are not enough.
func foreign(b []byte) string {
	line, _, ended := bytes.Cut(b[:min(len(b), mostLine)], []byte("\n"))
	switch {
	case len(b) > 2 && b[0] == 0x16 && b[1] == 3 && b[2] <= 4: // handshake, version (RFC 8446 5.1)
		return "a TLS handshake on a port without TLS"
	case ended && bytes.Contains(line, []byte(" HTTP/")):
		return "an HTTP request"
	case len(b) > 7 && string(b[:4]) == "\x01\x00\x00\x00" && b[6] == 0 && b[7] == 1: // A-ASSOCIATE-RQ, version (PS3.8 9.3.2)
		return "a DICOM association"
	}
	return ""
}

// endReason tells why a block has no end.
func endReason(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, io.EOF):
		return "message block without end: the peer closed the connection within it"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "message block without end: the time for it ran out"
	}
	return "message block without end: the connection broke within it"
}

// Append adds msg to dst as a block. msg must not hold VT or FS: no receiver
// could tell where it ends.
func Append(dst, msg []byte) []byte {
	dst = append(dst, startBlock)
	dst = append(dst, msg...)
	return append(dst, endBlock, carriage)
}
