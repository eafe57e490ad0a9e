package dataset

import (
	"errors"
	"io"

	"github.com/halong-gateway/halong/dicom"
)

// Hole is a range of the data set whose bytes are not in the stream: the value
// of one element, or all that lies between a FragmentsStart and the end of its value.
type Hole struct {
	Offset, Length int64 // in bytes of the data set
}

// Option changes how a Reader works.
type Option func(*Reader)

// WithLimits sets limits.
func WithLimits(l Limits) Option { return func(r *Reader) { r.limits = l } }

// WithHoles says which values are left out of the stream, in ascending order.
func WithHoles(h []Hole) Option { return func(r *Reader) { r.holes = h } }

// WithTee sets the first sink of consumed bytes, see SetTee.
func WithTee(w io.Writer) Option { return func(r *Reader) { r.tee = w } }

// WithTrailing sets the sink of the bytes after the end of the data set.
func WithTrailing(w io.Writer) Option { return func(r *Reader) { r.trail = w } }

// Reader reads a data set.
type Reader struct {
	src    io.Reader
	ts     *dicom.TransferSyntax
	limits Limits
	holes  []Hole
	tee    io.Writer
	trail  io.Writer
}

var errSoon = errors.New("dataset: being written")

// NewReader reads a data set in ts from r.
func NewReader(r io.Reader, ts *dicom.TransferSyntax, o ...Option) *Reader {
	d := &Reader{src: r, ts: ts}
	for _, f := range o {
		f(d)
	}
	return d
}

// Next gives the next token.
func (r *Reader) Next() (Token, error) { return Token{}, errSoon }

// Value gives the current value whole.
func (r *Reader) Value() ([]byte, error) { return nil, errSoon }

// ValueLE gives it in little endian.
func (r *Reader) ValueLE() ([]byte, error) { return nil, errSoon }

// Skip passes over the current value.
func (r *Reader) Skip() error { return errSoon }

// CopyValue copies the current value.
func (r *Reader) CopyValue(w io.Writer) (int64, error) { return 0, errSoon }

// Edges gives the first and last bytes.
func (r *Reader) Edges() (first, last []byte) { return nil, nil }

// SetTee changes the sink.
func (r *Reader) SetTee(w io.Writer) { r.tee = w }

// Drain passes on all that is left.
func (r *Reader) Drain() error { return errSoon }

// Trailing counts the bytes after the end.
func (r *Reader) Trailing() int64 { return 0 }

// SyntaxUsed gives the syntax really found.
func (r *Reader) SyntaxUsed() *dicom.TransferSyntax { return r.ts }

// ReadSequence reads the rest of the sequence or fragments whose start t was just returned.
func (r *Reader) ReadSequence(t Token) (Element, error) { return Element{}, errSoon }

// ReadSet reads all that is left into memory.
func (r *Reader) ReadSet() (*Set, error) { return nil, errSoon }
