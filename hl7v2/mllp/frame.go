package mllp

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
}

// Append adds msg to dst as a block. msg must not hold VT or FS: no receiver
// could tell where it ends.
func Append(dst, msg []byte) []byte {
	dst = append(dst, startBlock)
	dst = append(dst, msg...)
	return append(dst, endBlock, carriage)
}
