package multipart

import "bytes"

// What stands at a place that begins like a delimiter.
type delimKind uint8

const (
	delimNone delimKind = iota
	delimNext           // followed by the end of the line: another part
	delimLast           // followed by two hyphens: the end
	delimMore           // more bytes are needed to tell
)

// delimiterAt looks whether a delimiter without its line end begins at buf[i],
// reading as much as that takes. Length is that of the delimiter line with its
// ending, or of the close delimiter.
func (r *Reader) delimiterAt(i int) (length int, kind delimKind) {
	for {
		length, kind = classify(r.buf[i:r.w], r.delim[1:])
		if kind != delimMore {
			return length, kind
		}
		if r.err != nil {
			return r.atEnd(i, r.delim[1:])
		}
		before := r.r
		r.fill()
		i -= before - r.r
	}
}

// peek tells what stands at buf[i], where the delimiter with its LF has been found.
func (r *Reader) peek(i int) delimKind {
	_, kind := classify(r.buf[i:r.w], r.delim)
	if kind == delimMore && r.err != nil {
		_, kind = r.atEnd(i, r.delim)
	}
	return kind
}

// beforeLineEnd gives how many of the n unread bytes before an LF are left when
// a CR that belongs to that line end is taken away.
func (r *Reader) beforeLineEnd(n int) int {
	if !r.bareLF && n > 0 && r.buf[r.r+n-1] == '\r' {
		n--
	}
	return n
}

// sure gives how many unread bytes can be let go when no whole delimiter is
// among them: all but a tail that may be the beginning of one.
func (r *Reader) sure() int {
	have := r.w - r.r
	if r.err != nil || have == 0 {
		return have
	}
	tail := r.buf[max(r.r, r.w-len(r.delim)+1):r.w]
	if i := bytes.LastIndexByte(tail, '\n'); i >= 0 && bytes.HasPrefix(r.delim, tail[i:]) {
		return r.beforeLineEnd(have - len(tail) + i)
	}
	return r.beforeLineEnd(have)
}

// atEnd decides when no more bytes will come: only a close delimiter counts.
func (r *Reader) atEnd(i int, delim []byte) (int, delimKind) {
	rest, ok := bytes.CutPrefix(r.buf[i:r.w], delim)
	if ok && bytes.HasPrefix(rest, []byte("--")) {
		return len(delim) + 2, delimLast
	}
	return 0, delimNone
}

// classify compares the beginning of b with a delimiter and what must follow it.
func classify(b, delim []byte) (int, delimKind) {
	n := min(len(b), len(delim))
	if !bytes.Equal(b[:n], delim[:n]) {
		return 0, delimNone
	}
	rest := b[n:]
	if n < len(delim) || len(rest) == 0 {
		return 0, delimMore
	}
	if rest[0] == '-' {
		switch {
		case len(rest) == 1:
			return 0, delimMore
		case rest[1] == '-':
			return n + 2, delimLast
		}
		return 0, delimNone
	}
	for k := 0; k < len(rest) && k < maxPadding; k++ {
		switch c := rest[k]; {
		case c == '\n':
			return n + k + 1, delimNext
		case c == '\r' && k+1 == len(rest):
			return 0, delimMore
		case c == '\r' && rest[k+1] == '\n':
			return n + k + 2, delimNext
		case c != ' ' && c != '\t':
			return 0, delimNone
		}
	}
	if len(rest) >= maxPadding {
		return 0, delimNone
	}
	return 0, delimMore
}
