package multipart

import (
	"bytes"
	"io"
)

// Part is one part of a body. Its bytes are read once, in order; it is valid
// until the next call of Reader.Next.
type Part struct {
	Header    Header
	r         *Reader
	lineStart bool  // nothing taken yet: a delimiter may stand without line end before it
	limit     int64 // bytes that may still be taken
	done      bool
	err       error
}

// Read reads the part's body; io.EOF at the delimiter that ends it, ErrTruncated
// when the body ended without one.
func (p *Part) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	chunk, err := p.chunk()
	if err != nil {
		return 0, err
	}
	n := copy(b, chunk)
	return n, p.take(n)
}

// WriteTo writes the rest of the part to w without another copy.
func (p *Part) WriteTo(w io.Writer) (total int64, err error) {
	for {
		chunk, err := p.chunk()
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return total, err
		}
		n, err := w.Write(chunk)
		total += int64(n)
		if e := p.take(n); e != nil {
			return total, e
		}
		if err != nil {
			return total, err
		}
	}
}

// take removes n bytes of the last chunk.
func (p *Part) take(n int) error {
	if int64(n) > p.limit {
		p.err = ErrPartSize
		return p.err
	}
	p.limit -= int64(n)
	p.r.r += n
	p.lineStart = p.lineStart && n == 0
	return nil
}

// chunk gives at least one byte of body that is in the buffer, without taking it.
func (p *Part) chunk() ([]byte, error) {
	for !p.done && p.err == nil {
		n, ended := p.scan()
		switch {
		case n > 0:
			return p.r.buf[p.r.r : p.r.r+n], nil
		case ended:
			p.done = true
		case p.r.err != nil:
			p.err = p.r.sourceError()
		default:
			p.r.fill()
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	return nil, io.EOF
}

// scan tells how many bytes at the front of the buffer are body for sure, or
// that the delimiter stands there; its own line end is then taken. Neither: more
// bytes are needed, or the source is at its end and the buffer empty.
func (p *Part) scan() (n int, ended bool) {
	r := p.r
	if p.lineStart {
		if _, kind := r.delimiterAt(r.r); kind != delimNone {
			return 0, true
		}
	}
	for from := 0; ; {
		i := bytes.Index(r.buf[r.r+from:r.w], r.delim)
		if i < 0 {
			return r.sure(), false
		}
		i += from
		kind := r.peek(r.r + i)
		if kind == delimNone {
			from = i + 1
			continue
		}
		if body := r.beforeLineEnd(i); body > 0 || kind == delimMore {
			return body, false
		}
		r.r += i + 1
		return 0, true
	}
}

// discard reads the part to its end, however large it is.
func (p *Part) discard() error {
	if p.err == ErrPartSize {
		p.err = nil
	}
	p.limit = 1 << 62
	_, err := p.WriteTo(io.Discard)
	return err
}
