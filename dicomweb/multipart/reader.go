package multipart

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Limits bound what a Reader takes. Zero fields mean the defaults.
type Limits struct {
	Preamble int   // bytes before the first boundary; default 64 KiB
	Header   int   // bytes of one part's header; default 16 KiB, at most 48 KiB
	Part     int64 // bytes of one part's body; default 64 GiB
	Parts    int   // default 100,000
}

// Errors of a Reader.
var (
	ErrBoundary  = errors.New("multipart: boundary parameter missing, not printable ASCII, or longer than 200 characters")
	ErrNoPart    = errors.New("multipart: no boundary line at the beginning of the body")
	ErrParts     = errors.New("multipart: too many parts")
	ErrPartSize  = errors.New("multipart: part too large")
	ErrTruncated = fmt.Errorf("multipart: body ends inside a part: %w", io.ErrUnexpectedEOF)
)

// HeaderError tells that a part's header cannot be read. The part is lost, the
// ones after it are not: Next may be called again.
type HeaderError struct {
	Part   int // index of the part, from 0
	Reason string
}

// Error names part and reason.
func (e *HeaderError) Error() string {
	return fmt.Sprintf("multipart: header of part %d: %s", e.Part, e.Reason)
}

const (
	bufferSize  = 64 << 10
	maxBoundary = 200
	maxPadding  = 128 // white space after a boundary (RFC 2046 transport-padding)
)

// Reader splits a body into its parts. It holds one buffer of 64 KiB.
type Reader struct {
	src    io.Reader
	limits Limits
	delim  []byte // LF, two hyphens, boundary
	buf    []byte
	r, w   int   // unread bytes are buf[r:w]
	err    error // of src, after buf[r:w]
	parts  int
	bareLF bool  // lines end with LF alone, so that CR before a delimiter is data
	cur    *Part // not yet read to its end
	fatal  error
}

// NewReader reads src. Boundary is the value of the parameter of Content-Type.
func NewReader(src io.Reader, boundary string, l Limits) (*Reader, error) {
	if !validBoundary(boundary) {
		return nil, ErrBoundary
	}
	if l.Preamble <= 0 {
		l.Preamble = 64 << 10
	}
	if l.Header <= 0 {
		l.Header = 16 << 10
	}
	l.Header = min(l.Header, bufferSize*3/4)
	if l.Part <= 0 {
		l.Part = 64 << 30
	}
	if l.Parts <= 0 {
		l.Parts = 100_000
	}
	return &Reader{src: src, limits: l, delim: []byte("\n--" + boundary), buf: make([]byte, bufferSize)}, nil
}

func validBoundary(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxBoundary
}

// Next skips what is left of the current part and gives the next one; io.EOF
// after the last. Errors other than *HeaderError are final.
func (r *Reader) Next() (*Part, error) {
	if r.fatal != nil {
		return nil, r.fatal
	}
	p, err := r.next()
	if _, ok := err.(*HeaderError); err != nil && !ok {
		r.fatal = err
	}
	return p, err
}

func (r *Reader) next() (*Part, error) {
	first := r.cur == nil
	if err := r.skip(first); err != nil {
		return nil, err
	}
	last, err := r.boundaryLine(first)
	if err != nil {
		return nil, err
	}
	if last {
		return nil, io.EOF
	}
	if r.parts++; r.parts > r.limits.Parts {
		return nil, ErrParts
	}
	r.cur = &Part{r: r, lineStart: true, limit: r.limits.Part}
	return r.header()
}

// skip goes to the next delimiter, over the preamble or the rest of a part.
func (r *Reader) skip(first bool) error {
	if !first {
		return r.cur.discard()
	}
	r.cur = &Part{r: r, lineStart: true, limit: int64(r.limits.Preamble)}
	_, err := r.cur.WriteTo(io.Discard)
	if err == ErrTruncated || err == ErrPartSize {
		err = ErrNoPart
	}
	return err
}

// boundaryLine takes the delimiter that the buffer begins with, to the end of its line.
func (r *Reader) boundaryLine(first bool) (last bool, err error) {
	n, kind := r.delimiterAt(r.r)
	if kind == delimNone {
		return false, ErrTruncated
	}
	if first {
		r.bareLF = kind == delimNext && r.buf[r.r+n-2] != '\r'
	}
	r.r += n
	return kind == delimLast, nil
}

// header reads header lines up to the empty line, or to a delimiter that comes
// instead of it (a part without body, RFC 2046 5.1.1).
func (r *Reader) header() (*Part, error) {
	p, size := r.cur, 0
	for {
		if _, kind := r.delimiterAt(r.r); kind != delimNone {
			return p, nil
		}
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		if size += len(line); line == nil || size > r.limits.Header {
			return nil, &HeaderError{r.parts - 1, "too large"}
		}
		r.r += len(line)
		text := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
		if len(text) == 0 {
			return p, nil
		}
		if !p.Header.addLine(text) {
			return nil, &HeaderError{r.parts - 1, "a line is no header field"}
		}
	}
}

// line gives the next line with its ending, without taking it; nil when it is
// longer than a header may be.
func (r *Reader) line() ([]byte, error) {
	for {
		if i := bytes.IndexByte(r.buf[r.r:r.w], '\n'); i >= 0 {
			return r.buf[r.r : r.r+i+1], nil
		}
		if r.w-r.r > r.limits.Header {
			return nil, nil
		}
		if !r.fill() {
			return nil, r.sourceError()
		}
	}
}

// fill reads more bytes, moving what is unread to the front when needed. It
// tells whether it got any.
func (r *Reader) fill() bool {
	if r.r > 0 && (r.w == len(r.buf) || r.r == r.w) {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	}
	for empty := 0; r.err == nil && r.w < len(r.buf); {
		n, err := r.src.Read(r.buf[r.w:])
		r.w, r.err = r.w+n, err
		if n > 0 {
			return true
		}
		if empty++; empty == 100 && err == nil {
			r.err = io.ErrNoProgress
		}
	}
	return false
}

// sourceError gives the error of the source once its bytes are used up; an end
// before the close delimiter is a truncation.
func (r *Reader) sourceError() error {
	if r.err == nil || r.err == io.EOF {
		return ErrTruncated
	}
	return r.err
}
