package mllp

import (
	"bytes"
	"io"
)

// Defaults of Limits.
const (
	DefaultMaxMessage = 32 << 20 // bytes
	smallBuffer       = 4 << 10
	// LargeMessage is the size in bytes above which a message needs a place in Limits.Large.
	LargeMessage = 256 << 10
)

// Limits bound what a Reader takes into memory.
type Limits struct {
	MaxMessage int // bytes of one message's content; 0: DefaultMaxMessage
	// Large, if set, is asked before a buffer grows beyond LargeMessage, and release is called
	// after such a message. It may wait; an error ends reading.
	Large func() (release func(), err error)
	// EndForeign ends a stream that begins as TLS, HTTP or DICOM does with one frame of what has come, and an error.
	EndForeign bool
}

// Reader finds blocks in a stream. It tolerates an end block without CR, bytes between
// blocks, blocks split over or joined in any number of reads. Each byte is looked at a fixed number of times.
type Reader struct {
	src     io.Reader
	max     int
	large   func() (func(), error)
	release func()
	buf     []byte // unread bytes are buf[at:]
	at      int
	scanned int   // from buf[at] on: already searched for a boundary
	inBlock bool  // buf[at] is the first byte of a block's content
	foreign bool  // nothing was given yet: the stream may be of another protocol (Limits.EndForeign)
	skipCR  bool  // the last byte consumed was FS: a CR that follows belongs to it
	skipped int64 // bytes of an oversized block thrown away after the first max
	cut     bool  // an oversized block is being passed over
	next    *Frame
	err     error
}

// NewReader reads blocks from src.
func NewReader(src io.Reader, l Limits) *Reader {
	if l.MaxMessage <= 0 {
		l.MaxMessage = DefaultMaxMessage
	}
	return &Reader{src: src, max: l.MaxMessage, large: l.Large, foreign: l.EndForeign}
}

// Partial tells whether bytes of an unfinished block or unreported junk have come.
func (r *Reader) Partial() bool { return r.inBlock || len(r.buf) > r.at }

// pending tells whether something has come that is more than what may stand between blocks.
func (r *Reader) pending() bool {
	for !r.inBlock && r.scanned == 0 && r.at < len(r.buf) && isPadding(r.buf[r.at]) {
		r.at++
	}
	return r.next != nil || r.Partial()
}

// Next gives the next frame. When the stream ends or fails, what is left is given first as a
// Truncated or Junk frame, then the error, io.EOF at the end.
func (r *Reader) Next() (Frame, error) {
	if r.next != nil {
		f := *r.next
		r.next = nil
		return f, nil
	}
	r.shrink()
	for {
		if f, ok := r.scan(); ok {
			return f, nil
		}
		if r.err != nil {
			return r.rest()
		}
		if err := r.fill(); err != nil {
			r.err = err
		}
	}
}

// scan looks for a boundary in what has been read.
func (r *Reader) scan() (Frame, bool) {
	if !r.inBlock {
		if f, ok := r.outside(); ok {
			return f, true
		}
		if !r.inBlock {
			return Frame{}, false
		}
	}
	i := bytes.IndexByte(r.buf[r.at+r.scanned:], endBlock)
	if i < 0 {
		r.scanned = len(r.buf) - r.at
		if r.scanned > r.max {
			r.pass()
		}
		return Frame{}, false
	}
	content := r.buf[r.at : r.at+r.scanned+i]
	r.at += r.scanned + i + 1
	r.scanned, r.inBlock, r.skipCR = 0, false, true
	if r.cut || len(content) > r.max {
		return r.oversized(content), true
	}
	return r.restarted(content), true
}

// pass throws away what exceeds the limit of a block whose end has not come.
func (r *Reader) pass() {
	over := len(r.buf) - r.at - r.max
	r.skipped += int64(over)
	r.buf = r.buf[:len(r.buf)-over]
	r.scanned = r.max
	r.cut = true
}

func (r *Reader) oversized(content []byte) Frame {
	total := r.skipped + int64(len(content))
	r.skipped, r.cut = 0, false
	return Frame{Kind: Oversized, Bytes: content[:min(len(content), r.max)], Total: total, Reason: Oversized.String()}
}

// restarted divides content at a start block followed by a message header: a
// sender that gave up in the middle of a message and began again.
func (r *Reader) restarted(content []byte) Frame {
	if bytes.IndexByte(content, startBlock) < 0 {
		return whole(Message, content)
	}
	at := -1
	for _, name := range [...]string{"\x0bMSH", "\x0bFHS", "\x0bBHS"} {
		at = max(at, bytes.LastIndex(content, []byte(name)))
	}
	if at < 0 {
		return whole(Message, content)
	}
	last := whole(Message, content[at+1:])
	if len(bytes.Trim(content[:at], "\x0b\r\n\x00 ")) == 0 {
		return last
	}
	r.next = &last
	return odd(Truncated, content[:at], "message block without end: another one began within it")
}

func whole(k Kind, b []byte) Frame { return Frame{Kind: k, Bytes: b, Total: int64(len(b))} }

func odd(k Kind, b []byte, reason string) Frame {
	return Frame{Kind: k, Bytes: b, Total: int64(len(b)), Reason: reason}
}

// outside passes over bytes between blocks. It gives them back as junk if they
// are more than line ends, spaces and NULs.
func (r *Reader) outside() (Frame, bool) {
	if r.skipCR && r.at < len(r.buf) {
		if r.buf[r.at] == carriage {
			r.at++
		}
		r.skipCR = false
	}
	if r.scanned == 0 {
		for r.at < len(r.buf) && isPadding(r.buf[r.at]) {
			r.at++
		}
	}
	rest := r.buf[r.at:]
	if r.foreign && r.err == nil && foreign(rest) != "" {
		r.err = errForeign // rest gives the bytes
		return Frame{}, false
	}
	i := bytes.IndexByte(rest[r.scanned:], startBlock)
	if i < 0 {
		r.scanned = len(rest)
		if len(rest) < min(r.max, LargeMessage) {
			return Frame{}, false
		}
		r.at, r.scanned, r.foreign = len(r.buf), 0, false
		return odd(Junk, rest, junkReason(rest)), true
	}
	junk := rest[:r.scanned+i]
	r.at += len(junk) + 1
	r.scanned, r.inBlock, r.foreign = 0, true, false
	if len(junk) == 0 {
		return Frame{}, false
	}
	return odd(Junk, junk, junkReason(junk)), true
}

func isPadding(c byte) bool {
	return c == carriage || c == '\n' || c == 0 || c == ' ' || c == '\t' || c == endBlock
}

// rest gives what the stream ended in, then the error.
func (r *Reader) rest() (Frame, error) {
	left := r.buf[r.at:]
	wasBlock, wasCut := r.inBlock, r.cut
	r.at, r.scanned, r.inBlock = len(r.buf), 0, false
	switch {
	case wasCut:
		return r.oversized(left), nil
	case wasBlock:
		return odd(Truncated, left, endReason(r.err)), nil
	case len(left) > 0:
		return odd(Junk, left, junkReason(left)), nil
	}
	r.done()
	return Frame{}, r.err
}
