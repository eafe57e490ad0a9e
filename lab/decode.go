package lab

import (
	"bytes"
	"errors"
	"io"
)

var (
	errBase64 = errors.New("the data are not Base64")
	errHex    = errors.New("the data are not hexadecimal")
)

// base64Reader decodes Base64 (RFC 4648) as laboratories send it: white space and escape sequences (line breaks)
// between the characters are skipped, both alphabets are read, padding may be missing or stand in the middle, where
// pieces that were encoded apart were joined.
type base64Reader struct {
	in     []byte
	escape byte // of the message; 0: none
	bits   uint32
	have   int // characters in bits
	group  [3]byte
	left   []byte // of group, not read yet
	err    error
}

// Read implements io.Reader.
func (r *base64Reader) Read(p []byte) (n int, err error) {
	for len(p) > 0 {
		if len(r.left) > 0 {
			n = copy(p, r.left)
			r.left = r.left[n:]
			return n, nil
		}
		for n+3 <= len(p) && r.err == nil {
			n += r.plain(p[n:])
			if n+3 <= len(p) {
				n += r.next(p[n:])
			}
		}
		if n > 0 {
			return n, nil
		}
		if r.err != nil {
			return 0, r.err
		}
		r.left = r.group[:r.next(r.group[:])] // less was asked for than a group
	}
	return 0, nil
}

// plain decodes as many whole groups as follow without anything between.
func (r *base64Reader) plain(p []byte) (n int) {
	if r.have > 0 {
		return 0
	}
	in := r.in
	for ; len(in) >= 4 && n+3 <= len(p); n, in = n+3, in[4:] {
		a, b, c, d := sextets[in[0]], sextets[in[1]], sextets[in[2]], sextets[in[3]]
		if a|b|c|d < 0 {
			break
		}
		bits := uint32(a)<<18 | uint32(b)<<12 | uint32(c)<<6 | uint32(d)
		p[n], p[n+1], p[n+2] = byte(bits>>16), byte(bits>>8), byte(bits)
	}
	r.in = in
	return n
}

// next decodes one group into p, which has room for it.
func (r *base64Reader) next(p []byte) int {
	for i, c := range r.in {
		v := sextet(c)
		if v >= 0 {
			r.bits = r.bits<<6 | uint32(v)
			if r.have++; r.have == 4 {
				r.in = r.in[i+1:]
				return r.flush(p)
			}
			continue
		}
		switch {
		case c == '=' && r.have > 0:
			r.in = r.in[i+1:]
			return r.flush(p)
		case c == '=', c == ' ', c == '\r', c == '\n', c == '\t':
		case c == r.escape && c != 0:
			n := skipEscape(r.in[i:], c)
			if n == 0 {
				r.err = errBase64
				return 0
			}
			r.in = r.in[i+n:]
			return 0
		default:
			r.err = errBase64
			return 0
		}
	}
	r.in, r.err = nil, io.EOF
	return r.flush(p)
}

// flush writes the group at hand: one to three bytes.
func (r *base64Reader) flush(p []byte) int {
	have, bits := r.have, r.bits
	r.have, r.bits = 0, 0
	switch have {
	case 0:
		return 0
	case 1:
		r.err = errBase64
		return 0
	}
	bits <<= uint(6 * (4 - have))
	b := [3]byte{byte(bits >> 16), byte(bits >> 8), byte(bits)}
	return copy(p, b[:have-1])
}

// sextets gives the values of the characters of both alphabets of RFC 4648, -1 for others.
var sextets = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = int8(i)
	}
	t['-'], t['_'] = 62, 63
	return t
}()

func sextet(c byte) int { return int(sextets[c]) }

// maxEscape bounds an escape sequence between characters.
const maxEscape = 16 // bytes

// skipEscape gives the length of the escape sequence that b begins with, if it stands for a line break: \.br\, \X0D\,
// \X0D0A\. 0: it does not.
func skipEscape(b []byte, escape byte) int {
	n := bytes.IndexByte(b[1:min(len(b), maxEscape)], escape)
	if n < 2 {
		return 0
	}
	if seq := b[1 : 1+n]; seq[0] == '.' || seq[0] == 'X' {
		return n + 2
	}
	return 0
}

// hexReader decodes hexadecimal digits; white space and line breaks between them are skipped.
type hexReader struct {
	in     []byte
	escape byte
}

// Read implements io.Reader.
func (r *hexReader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		high, ok := r.digit()
		if !ok {
			if len(r.in) > 0 {
				return n, errHex
			}
			if n == 0 && len(p) > 0 {
				return 0, io.EOF
			}
			return n, nil
		}
		low, ok := r.digit()
		if !ok {
			return n, errHex
		}
		p[n] = high<<4 | low
		n++
	}
	return n, nil
}

// digit takes the next digit; ok is false at the end, or before what is none.
func (r *hexReader) digit() (v byte, ok bool) {
	for len(r.in) > 0 {
		c := r.in[0]
		switch {
		case c >= '0' && c <= '9':
			v = c - '0'
		case c >= 'a' && c <= 'f':
			v = c - 'a' + 10
		case c >= 'A' && c <= 'F':
			v = c - 'A' + 10
		case c == ' ', c == '\r', c == '\n', c == '\t':
			r.in = r.in[1:]
			continue
		case c == r.escape && c != 0:
			n := skipEscape(r.in, c)
			if n == 0 {
				return 0, false
			}
			r.in = r.in[n:]
			continue
		default:
			return 0, false
		}
		r.in = r.in[1:]
		return v, true
	}
	return 0, false
}
