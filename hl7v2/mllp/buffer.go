package mllp

import "io"

// spare is room in bytes beyond the limit, so that passing over an oversized
// block does not read byte by byte.
const spare = 64 << 10

// fill reads more bytes. The buffer doubles, so that it is never more than twice
// what has really come, up to the limit and one read more.
func (r *Reader) fill() error {
	if r.at > 0 && r.at == len(r.buf) {
		r.buf, r.at = r.buf[:0], 0
	}
	if len(r.buf) == cap(r.buf) {
		if err := r.grow(); err != nil {
			return err
		}
	}
	n, err := r.src.Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf = r.buf[:len(r.buf)+n]
	if n > 0 {
		return nil // an error that came with bytes comes again
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// grow makes room: by moving unread bytes to the front if half of the buffer is
// free there, else by a buffer of twice the size.
func (r *Reader) grow() error {
	unread := len(r.buf) - r.at
	if r.at > 0 && unread <= cap(r.buf)/2 {
		copy(r.buf, r.buf[r.at:])
		r.buf, r.at = r.buf[:unread], 0
		return nil
	}
	size := max(2*unread, smallBuffer)
	if size > LargeMessage && r.release == nil && r.large != nil {
		release, err := r.large()
		if err != nil {
			return err
		}
		r.release = release
	}
	bigger := make([]byte, unread, min(size, r.max+spare))
	copy(bigger, r.buf[r.at:])
	r.buf, r.at = bigger, 0
	return nil
}

// shrink gives back the buffer of a large message once it is done with.
func (r *Reader) shrink() {
	if r.inBlock || cap(r.buf) <= LargeMessage || len(r.buf)-r.at > LargeMessage/2 {
		return
	}
	small := make([]byte, len(r.buf)-r.at, max(smallBuffer, len(r.buf)-r.at))
	copy(small, r.buf[r.at:])
	r.buf, r.at = small, 0
	r.done()
}

// done gives the place of a large message back.
func (r *Reader) done() {
	if r.release != nil {
		r.release()
		r.release = nil
	}
}
