package dataset

import (
	"compress/flate"
	"errors"
	"io"

	"github.com/halong-gateway/halong/dicom"
)

// ErrEncapsulated is returned when a data set with encapsulated values shall be
// written in a transfer syntax that does not allow them.
var ErrEncapsulated = errors.New("dataset: an encapsulated value has no place in a native transfer syntax")

// Transcode writes what is left in r to w, encoded in to. Values are streamed;
// the byte order of words is changed as their VR says. Sequences become
// sequences of undefined length, Group Length elements are left out, values of
// odd length are padded. Fragments are copied if to is encapsulated, else the
// error is ErrEncapsulated.
func Transcode(w io.Writer, r *Reader, to *dicom.TransferSyntax) error {
	t := transcoder{r: r, out: w, to: to, enc: encodingOf(to)}
	if !to.Deflated {
		return t.run()
	}
	count := &counter{w: w}
	z, err := flate.NewWriter(count, flate.DefaultCompression)
	if err != nil {
		return err
	}
	t.out = z
	if err := t.run(); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if count.n%2 == 1 {
		_, err = w.Write([]byte{0}) // PS3.5 A.5
	}
	return err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

type transcoder struct {
	r   *Reader
	out io.Writer
	to  *dicom.TransferSyntax
	enc encoding
	buf []byte // waiting to be written
}

func (t *transcoder) run() error {
	for {
		k, err := t.r.Next()
		if err == io.EOF {
			return t.flush()
		}
		if err == nil {
			err = t.token(k)
		}
		if err == nil && len(t.buf) >= windowSize {
			err = t.flush()
		}
		if err != nil {
			return err
		}
	}
}

func (t *transcoder) flush() error {
	if len(t.buf) == 0 {
		return nil
	}
	_, err := t.out.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

func (t *transcoder) token(k Token) error {
	switch k.Kind {
	case DataElement:
		if isGroupLength(k.Tag) {
			return nil
		}
		t.buf = t.enc.appendHeader(t.buf, k.Tag, k.VR, k.Length+k.Length%2)
		return t.value(k, padByte(k.VR))
	case SequenceStart:
		t.buf = t.enc.appendHeader(t.buf, k.Tag, dicom.SQ, UndefinedLength)
	case ItemStart:
		t.structural(tagItem, UndefinedLength)
	case ItemEnd:
		t.structural(tagItemDelimiter, 0)
	case SequenceEnd, FragmentsEnd:
		t.structural(tagSequenceDelim, 0)
	case FragmentsStart:
		if !t.to.Encapsulated {
			return ErrEncapsulated
		}
		t.buf = t.enc.appendHeader(t.buf, k.Tag, k.VR, UndefinedLength)
	case Fragment:
		t.structural(tagItem, k.Length+k.Length%2)
		return t.value(k, 0)
	}
	return nil
}

func (t *transcoder) structural(tag dicom.Tag, length uint32) {
	t.buf = t.enc.appendUint32(t.enc.appendTag(t.buf, tag), length)
}

// value copies the current value.
func (t *transcoder) value(k Token, padding byte) error {
	if k.External {
		return ErrExternal
	}
	swap := t.r.big != t.enc.big && k.VR.WordSize() > 1
	if k.Length <= windowSize {
		v, err := t.r.Value()
		if err != nil {
			return err
		}
		t.buf = append(t.buf, v...)
		t.tail(k, len(v), padding, swap)
		return nil
	}
	return t.stream(k, swap, padding)
}

// tail pads and swaps the last n bytes of a value, which wait to be written.
func (t *transcoder) tail(k Token, n int, padding byte, swap bool) {
	from := len(t.buf) - n
	if k.Length%2 == 1 {
		t.buf = append(t.buf, padding)
	}
	if swap {
		swapWords(t.buf[from:], k.VR)
	}
}

func (t *transcoder) stream(k Token, swap bool, padding byte) error {
	if err := t.flush(); err != nil {
		return err
	}
	if !swap {
		if _, err := t.r.CopyValue(t.out); err != nil {
			return err
		}
		t.tail(k, 0, padding, false)
		return nil
	}
	s := swapper{t: t, vr: k.VR}
	if _, err := t.r.CopyValue(&s); err != nil {
		return err
	}
	t.buf = append(t.buf, s.rest[:s.n]...)
	t.tail(k, s.n, padding, true)
	return nil
}

// swapper changes the byte order of what passes; words may be cut anywhere.
type swapper struct {
	t    *transcoder
	vr   dicom.VR
	rest [8]byte // begin of a word
	n    int
}

func (s *swapper) Write(p []byte) (int, error) {
	buf := append(append(s.t.buf[:0], s.rest[:s.n]...), p...)
	s.t.buf = buf[:0]
	whole := len(buf) - len(buf)%s.vr.WordSize()
	s.n = copy(s.rest[:], buf[whole:])
	swapWords(buf[:whole], s.vr)
	if _, err := s.t.out.Write(buf[:whole]); err != nil {
		return 0, err
	}
	return len(p), nil
}
