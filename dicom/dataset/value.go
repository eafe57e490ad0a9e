package dataset

import (
	"fmt"
	"io"
	"slices"

	"github.com/halong-gateway/halong/dicom"
)

// consumable tells why there is no value to consume; nil if there is one.
func (r *Reader) consumable() error {
	switch {
	case r.err != nil:
		return r.err
	case r.hasValue:
		return nil
	case r.cur.External:
		return ErrExternal
	}
	return ErrNoValue
}

// Skip passes over what is left of the current value, which is an element's or
// a fragment's. It does nothing elsewhere.
func (r *Reader) Skip() error {
	if r.err != nil {
		return r.err
	}
	_, err := r.pass(nil)
	return err
}

// CopyValue copies the current value to w as it is encoded.
func (r *Reader) CopyValue(w io.Writer) (int64, error) {
	if err := r.consumable(); err != nil {
		return 0, err
	}
	if r.value != nil {
		n, err := w.Write(r.value)
		return int64(n), err
	}
	return r.pass(w)
}

func (r *Reader) pass(to io.Writer) (int64, error) {
	if r.left == 0 {
		return 0, r.in.teeErr
	}
	n, err := r.win.pass(r.left, to)
	r.left -= n
	r.hasValue = false
	if err == nil {
		err = r.in.teeErr
	}
	if err == nil && r.left > 0 {
		err = r.short(r.cur.Tag)
	}
	if err != nil {
		r.err = err
	}
	return n, err
}

// Value gives the current value whole, as it is encoded. It is valid until the
// next call of a method of r other than SetTee, and must not be changed. For a
// value longer than Limits.Value the *SyntaxError wraps ErrLimit, and the value can
// still be skipped or copied.
func (r *Reader) Value() ([]byte, error) {
	if err := r.consumable(); err != nil {
		return nil, err
	}
	if r.value != nil || r.left == 0 {
		return r.value, nil
	}
	if r.left > r.limits.Value {
		return nil, r.fail(r.cur.Tag, fmt.Sprintf("the value is longer than %d bytes", r.limits.Value), ErrLimit)
	}
	if r.left <= windowSize {
		return r.fromWindow(int(r.left))
	}
	return r.gather()
}

func (r *Reader) fromWindow(n int) ([]byte, error) {
	w := r.win
	if w.wr-w.rd < n && w.fill(n) < n {
		r.err = r.short(r.cur.Tag)
		return nil, r.err
	}
	r.value = w.buf[w.rd : w.rd+n : w.rd+n]
	w.rd += n
	r.left = 0
	w.edges.add(r.value)
	return r.value, r.in.teeErr
}

// gather collects a value larger than the window. Memory grows with the bytes
// that are really there.
func (r *Reader) gather() ([]byte, error) {
	v := r.store[:0]
	for r.left > 0 {
		if len(v) == cap(v) {
			v = slices.Grow(v, int(min(r.left, max(2*windowSize, int64(len(v))))))
		}
		p := v[len(v):min(int64(cap(v)), int64(len(v))+r.left)]
		n := r.win.read(p)
		v = v[:len(v)+n]
		r.left -= int64(n)
		if n < len(p) {
			r.err = r.short(r.cur.Tag)
			return nil, r.err
		}
	}
	r.store, r.value = v, v
	r.win.edges.add(v)
	return v, r.in.teeErr
}

// ValueLE is Value in little endian: for big endian syntaxes a copy whose words
// are swapped as the VR says (PS3.5 7.3).
func (r *Reader) ValueLE() ([]byte, error) {
	v, err := r.Value()
	if err != nil || !r.big || r.cur.VR.WordSize() == 1 {
		return v, err
	}
	r.swapped = append(r.swapped[:0], v...)
	swapWords(r.swapped, r.cur.VR)
	return r.swapped, nil
}

// swapWords changes the byte order of a value in place. A rest shorter than a word stays.
func swapWords(b []byte, vr dicom.VR) {
	switch vr.WordSize() {
	case 2:
		for i := 0; i+2 <= len(b); i += 2 {
			b[i], b[i+1] = b[i+1], b[i]
		}
	case 4:
		for i := 0; i+4 <= len(b); i += 4 {
			slices.Reverse(b[i : i+4])
		}
	case 8:
		for i := 0; i+8 <= len(b); i += 8 {
			slices.Reverse(b[i : i+8])
		}
	}
}

// Edges gives up to four first and up to four last bytes of the value just
// read, skipped or copied, as encoded. They are valid until the next call of Next.
func (r *Reader) Edges() (first, last []byte) {
	if r.win == nil {
		return nil, nil
	}
	e := &r.win.edges
	return e.first[:e.nFirst], e.last[:e.nLast]
}
