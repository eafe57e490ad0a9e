package json

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/halong-gateway/halong/dicom"
)

// SyntaxError says where and why a JSON text is not the DICOM JSON Model. It
// holds no values.
type SyntaxError struct {
	Offset int       // in bytes
	Tag    dicom.Tag // of the innermost element, zero outside of one
	Reason string
	Err    error // dataset.ErrLimit or nil
}

// Error gives place and reason.
func (e *SyntaxError) Error() string {
	if e.Tag == 0 {
		return fmt.Sprintf("dicom json: at offset %d: %s", e.Offset, e.Reason)
	}
	return fmt.Sprintf("dicom json: %v at offset %d: %s", e.Tag, e.Offset, e.Reason)
}

// Unwrap gives the cause.
func (e *SyntaxError) Unwrap() error { return e.Err }

// scanner reads JSON (RFC 8259) from memory.
type scanner struct {
	b   []byte
	pos int
	tag dicom.Tag // for errors
}

func (s *scanner) fail(reason string) error {
	return &SyntaxError{Offset: s.pos, Tag: s.tag, Reason: reason}
}

// peek gives the next byte that is not white space, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.b) {
		switch c := s.b[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) expect(c byte) error {
	if s.peek() != c {
		return s.fail(fmt.Sprintf("want %q", c))
	}
	s.pos++
	return nil
}

// more tells whether another member or element follows in what was opened
// before and ends with end; first is cleared. At the end it is passed.
func (s *scanner) more(end byte, first *bool) (bool, error) {
	c := s.peek()
	if c == end {
		s.pos++
		return false, nil
	}
	if !*first {
		if c != ',' {
			return false, s.fail(fmt.Sprintf("want ',' or %q", end))
		}
		s.pos++
		s.peek()
	}
	*first = false
	return true, nil
}

// key reads a member's name with the colon. It is valid until the next call
// that takes dst.
func (s *scanner) key(dst []byte) ([]byte, error) {
	name, err := s.str(dst)
	if err == nil {
		err = s.expect(':')
	}
	return name, err
}

// str appends a string without its escapes.
func (s *scanner) str(dst []byte) ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return dst, err
	}
	for s.pos < len(s.b) {
		switch c := s.b[s.pos]; {
		case c == '"':
			s.pos++
			return dst, nil
		case c == '\\':
			var err error
			if dst, err = s.unescape(dst); err != nil {
				return dst, err
			}
		case c < ' ':
			return dst, s.fail("control character in a string")
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			s.pos++
		default:
			r, n := utf8.DecodeRune(s.b[s.pos:])
			dst = utf8.AppendRune(dst, r)
			s.pos += n
		}
	}
	return dst, s.fail("string without an end")
}

func (s *scanner) unescape(dst []byte) ([]byte, error) {
	if s.pos+1 >= len(s.b) {
		return dst, s.fail("escape without an end")
	}
	c := s.b[s.pos+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return s.unicode(dst)
	default:
		return dst, s.fail("unknown escape")
	}
	s.pos += 2
	return append(dst, c), nil
}

// unicode reads \uXXXX, two of them where they are a surrogate pair. Half a
// pair becomes U+FFFD.
func (s *scanner) unicode(dst []byte) ([]byte, error) {
	r, ok := s.hex4(s.pos)
	if !ok {
		return dst, s.fail(`want four hexadecimal digits after \u`)
	}
	s.pos += 6
	if utf16.IsSurrogate(r) {
		low, ok := s.hex4(s.pos)
		if full := utf16.DecodeRune(r, low); ok && full != utf8.RuneError {
			s.pos += 6
			return utf8.AppendRune(dst, full), nil
		}
		r = utf8.RuneError
	}
	return utf8.AppendRune(dst, r), nil
}

func (s *scanner) hex4(at int) (rune, bool) {
	if at+6 > len(s.b) || s.b[at] != '\\' || s.b[at+1] != 'u' {
		return 0, false
	}
	n, ok := hexNumber(s.b[at+2 : at+6])
	return rune(n), ok
}

// hexNumber reads up to eight hexadecimal digits.
func hexNumber(b []byte) (n uint32, ok bool) {
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		n = n<<4 | uint32(c)
	}
	return n, len(b) > 0
}

// number reads a number as it is written.
func (s *scanner) number() ([]byte, error) {
	s.peek()
	start := s.pos
	take := func(ok func(byte) bool) (n int) {
		for s.pos < len(s.b) && ok(s.b[s.pos]) {
			s.pos++
			n++
		}
		return n
	}
	is := func(c byte) bool { return s.pos < len(s.b) && s.b[s.pos] == c }
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	if is('-') {
		s.pos++
	}
	leading := is('0')
	n := take(digit)
	good := n > 0 && !(leading && n > 1)
	if is('.') {
		s.pos++
		good = take(digit) > 0 && good
	}
	if is('e') || is('E') {
		s.pos++
		if is('+') || is('-') {
			s.pos++
		}
		good = take(digit) > 0 && good
	}
	if !good {
		return nil, s.fail("not a number")
	}
	return s.b[start:s.pos], nil
}

// word passes a literal name.
func (s *scanner) word(w string) bool {
	s.peek()
	if s.pos+len(w) > len(s.b) || string(s.b[s.pos:s.pos+len(w)]) != w {
		return false
	}
	s.pos += len(w)
	return true
}

// skip passes a value of any kind. It looks only at strings and brackets, whose
// order it does not check: who reads the value afterwards does, and values
// nobody reads may be wrong.
func (s *scanner) skip() error {
	depth := 0
	for {
		switch s.peek() {
		case 0:
			return s.fail("value without an end")
		case '"':
			if err := s.skipString(); err != nil {
				return err
			}
		case '{', '[':
			depth++
			s.pos++
		case '}', ']':
			if depth == 0 {
				return s.fail("want a value")
			}
			depth--
			s.pos++
		case ',', ':':
			if depth == 0 {
				return s.fail("want a value")
			}
			s.pos++
			continue
		default:
			s.atom()
		}
		if depth == 0 {
			return nil
		}
	}
}

func (s *scanner) skipString() error {
	for i := s.pos + 1; i < len(s.b); i++ {
		switch s.b[i] {
		case '\\':
			i++
		case '"':
			s.pos = i + 1
			return nil
		}
	}
	return s.fail("string without an end")
}

// atom passes a number or literal name.
func (s *scanner) atom() {
	for s.pos++; s.pos < len(s.b); s.pos++ {
		switch s.b[s.pos] {
		case ' ', '\t', '\n', '\r', ',', ':', '{', '}', '[', ']', '"':
			return
		}
	}
}
