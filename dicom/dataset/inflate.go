package dataset

import (
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// inflater reads a deflated data set (PS3.5 A.5). It tolerates a zlib wrapping
// (RFC 1950), and consumes the pad byte that makes the stream even.
type inflater struct {
	raw    *window
	flate  io.ReadCloser
	limits Limits
	out    int64 // bytes given
	zlib   bool
	done   bool
}

func newInflater(raw *window, l Limits) *inflater {
	return &inflater{raw: raw, limits: l, zlib: skipZlibHeader(raw)}
}

// skipZlibHeader consumes a zlib header unless the bytes make sense as a
// stored block of a bare deflate stream.
func skipZlibHeader(raw *window) bool {
	if raw.fill(5) < 5 {
		return false
	}
	b := raw.buf[raw.rd:]
	if b[0]&0x0F != 8 || b[0]>>4 > 7 || b[1]&0x20 != 0 || (int(b[0])<<8|int(b[1]))%31 != 0 {
		return false
	}
	if storedBlock(b) {
		return false
	}
	raw.rd += 2
	return true
}

// storedBlock tells whether five bytes begin a stored block (RFC 1951 3.2.4).
func storedBlock(b []byte) bool {
	return b[0]&6 == 0 && b[1] == ^b[3] && b[2] == ^b[4]
}

func (f *inflater) Read(p []byte) (int, error) {
	if f.done {
		return 0, io.EOF
	}
	if f.flate == nil {
		f.flate = flate.NewReader(f.raw)
	}
	n, err := f.flate.Read(p)
	f.out += int64(n)
	if f.out > f.limits.Inflated || (f.out > inflateFree && f.out/f.limits.Ratio > f.raw.pos()) {
		return n, f.fail("the deflated data set inflates to too much", ErrLimit)
	}
	if err == nil {
		return n, nil
	}
	if err == io.EOF {
		f.end()
		return n, io.EOF
	}
	if f.raw.err != nil && f.raw.err != io.EOF {
		return n, f.raw.err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return n, f.fail("the deflated data set is cut off", io.ErrUnexpectedEOF)
	}
	return n, f.fail("the deflated data set is damaged", err)
}

// end consumes what belongs to the encoding after the last block.
func (f *inflater) end() {
	f.done = true
	if f.zlib {
		f.raw.rd += min(4, f.raw.fill(4)) // Adler-32
	}
	if f.raw.pos()%2 == 1 && f.raw.fill(1) > 0 && f.raw.buf[f.raw.rd] == 0 {
		f.raw.rd++
	}
}

func (f *inflater) fail(reason string, err error) error {
	return &SyntaxError{Offset: f.out, Reason: fmt.Sprintf("%s (byte %d of the deflated stream)", reason, f.raw.pos()), Err: err}
}

// Inflate writes the inflated bytes of a deflated data set (PS3.5 A.5) from r to
// w, within the limits, and tells how many they were.
func Inflate(w io.Writer, r io.Reader, l Limits) (int64, error) {
	var raw window
	raw.open(r)
	defer raw.close()
	return io.Copy(w, newInflater(&raw, l.withDefaults()))
}
