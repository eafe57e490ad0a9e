package dataset

import (
	"io"

	"github.com/halong-gateway/halong/dicom"
)

// Hole is a range of the data set whose bytes are not in the stream: the value
// of one element, or all that follows a FragmentsStart up to the end of the
// last fragment, with or without the delimiter after it.
type Hole struct {
	Offset, Length int64 // in bytes of the data set
}

// Option changes how a Reader works.
type Option func(*Reader)

// WithLimits sets limits.
func WithLimits(l Limits) Option { return func(r *Reader) { r.limits = l } }

// WithHoles says which values are left out of the stream, in ascending order.
// Their tokens have External set. It is not for deflated data sets.
func WithHoles(h []Hole) Option { return func(r *Reader) { r.holes = h } }

// WithTee sets the first sink of consumed bytes, see SetTee.
func WithTee(w io.Writer) Option { return func(r *Reader) { r.in.tee = w } }

// WithTrailing sets the sink of the bytes after the end of the data set, see Trailing.
func WithTrailing(w io.Writer) Option { return func(r *Reader) { r.trail = w } }

// Reader reads a data set token by token. It is used by one goroutine.
//
// Together, tee and trailing sink get every byte of the source exactly once
// and in order, provided that Next is called until io.EOF, or Drain after an error.
type Reader struct {
	in     window  // of the source
	plain  window  // of the inflated stream, if the source is deflated
	win    *window // the one of the two that tokens are read from
	ts     *dicom.TransferSyntax
	used   *dicom.TransferSyntax
	limits Limits
	holes  []Hole

	stack    []frame
	array    [12]frame // first home of stack
	depth    int       // open sequences and fragments
	items    int64
	elements int64
	signed   bool // Pixel Representation is 1

	cur      Token
	big      bool // byte order of the current value
	hasValue bool
	left     int64  // bytes of the current value not yet consumed
	value    []byte // the current value, once Value was called
	store    []byte // backs value if it is larger than the window
	swapped  []byte // backs what ValueLE gives

	charsets []charsetEntry
	trail    io.Writer
	trailing int64
	err      error // sticky
}

// place says what kind of thing a frame of the stack is.
type place uint8

const (
	inItem      place = iota // or in the data set itself, the bottom of the stack
	inSequence               // between items
	inFragments              // between fragments
)

// frame is one level of nesting.
type frame struct {
	tag      dicom.Tag // of the sequence
	last     dicom.Tag // of the element read last in this item
	end      int64     // offset of the end, -1 if it is marked by a delimiter
	bound    int64     // nothing inside may go beyond; -1 if unknown
	index    int32     // of the next item
	charset  int32     // in Reader.charsets
	place    place
	enc      encoding
	un       bool // a sequence encoded as UN (PS3.5 6.2.2 note 2)
	external bool // fragments that lie elsewhere
	loose    bool // the length is wrong, see stretch
	fresh    bool // no element was read yet
}

// NewReader reads a data set in ts from r.
func NewReader(r io.Reader, ts *dicom.TransferSyntax, o ...Option) *Reader {
	d := &Reader{ts: ts}
	for _, f := range o {
		f(d)
	}
	d.limits = d.limits.withDefaults()
	d.in.src = r
	d.charsets = append(d.charsets, charsetEntry{})
	return d
}

// Next gives the next token. It skips what was not consumed of the current
// value. At the end of the data set it gives io.EOF; a *SyntaxError if it
// cannot go on; any other error is that of the source or of a sink, unchanged.
func (r *Reader) Next() (Token, error) {
	if r.err != nil {
		return Token{}, r.err
	}
	if r.win == nil {
		r.begin()
	}
	if r.left > 0 {
		if int64(r.win.wr-r.win.rd) >= r.left {
			r.win.rd += int(r.left)
			r.left = 0
		} else if err := r.Skip(); err != nil {
			return Token{}, err
		}
	}
	r.hasValue, r.value = false, nil
	err := r.step()
	if err == nil {
		err = r.in.teeErr
	}
	if err != nil {
		r.err = err
		return Token{}, err
	}
	return r.cur, nil
}

// begin looks at the first bytes to find out how they are really encoded.
func (r *Reader) begin() {
	r.in.open(r.in.src)
	r.win = &r.in
	r.used = r.ts
	enc := encodingOf(r.ts)
	n := r.in.fill(16)
	b := r.in.buf[:n]
	if r.ts.Deflated {
		if enc.sense(b) == 2 && !storedBlock(b) {
			r.used = enc.syntax()
		} else {
			r.plain.open(newInflater(&r.in, r.limits))
			r.win = &r.plain
			n = r.plain.fill(16)
			b = r.plain.buf[:n]
		}
	}
	if n >= 8 {
		if found, ok := recognise(b, enc); ok && found != enc {
			enc = found
			if !r.ts.Deflated {
				r.used = enc.syntax()
			}
		}
	}
	r.stack = append(r.array[:0], frame{end: -1, bound: -1, enc: enc, fresh: true})
}

// SyntaxUsed tells how the data set is really encoded. It differs from what
// NewReader was told if the first element made sense only so; it is right after
// the first call of Next.
func (r *Reader) SyntaxUsed() *dicom.TransferSyntax {
	if r.used == nil {
		return r.ts
	}
	return r.used
}

// step reads the next token into r.cur.
func (r *Reader) step() error {
	f := &r.stack[len(r.stack)-1]
	if f.end >= 0 && r.win.pos() >= f.end {
		return r.pop(0)
	}
	if f.loose && r.win.fill(1) == 0 && r.win.err == io.EOF {
		return r.pop(0)
	}
	switch f.place {
	case inItem:
		return r.element(f)
	case inSequence:
		return r.item(f)
	}
	return r.fragment(f)
}

// pop ends the innermost level, whose delimiter of n bytes is consumed.
func (r *Reader) pop(n int) error {
	f := &r.stack[len(r.stack)-1]
	r.stack = r.stack[:len(r.stack)-1]
	t := &r.cur
	*t = Token{Offset: r.win.pos()}
	r.win.rd += n
	t.ValueOffset = r.win.pos()
	switch f.place {
	case inItem:
		t.Kind, t.Tag = ItemEnd, tagItemDelimiter
		t.Depth = r.depth - 1
	case inSequence:
		r.depth--
		t.Kind, t.Tag, t.VR = SequenceEnd, f.tag, dicom.SQ
		t.Depth = r.depth
	default:
		r.depth--
		t.Kind, t.Tag = FragmentsEnd, f.tag
		t.Depth = r.depth
	}
	return nil
}

// finish ends the data set: all that is left in the source is trailing.
func (r *Reader) finish() error {
	if r.win == &r.plain {
		if _, err := r.plain.pass(1<<62, nil); err != nil {
			return err
		}
		if err := r.plain.err; err != io.EOF {
			return err
		}
		r.plain.close()
	}
	r.in.setTee(nil)
	if r.in.teeErr != nil {
		return r.in.teeErr
	}
	n, err := r.in.pass(1<<62, r.trail)
	r.trailing = n
	if err == nil {
		err = r.in.err
	}
	r.in.close()
	return err
}

// Trailing tells, after io.EOF, how many bytes of the source came after the end
// of the data set: zeros after the last element, a rest of fewer than 8 bytes,
// or anything after the end of a deflated stream.
func (r *Reader) Trailing() int64 { return r.trailing }

// SetTee makes w the sink of every byte consumed from now on; nil discards. What
// is consumed is what the tokens returned so far have covered: after Next
// gave a token, its header went to the sink set before, its value goes to w. For a
// deflated data set the bytes are the deflated ones, which do not align with tokens.
// An error of the sink is returned by the next call.
func (r *Reader) SetTee(w io.Writer) { r.in.setTee(w) }

// Drain passes all that is left in the source to the tee; call it after a
// *SyntaxError so that nothing is lost.
func (r *Reader) Drain() error {
	if r.win == nil {
		r.begin()
	}
	if r.err == io.EOF {
		return nil
	}
	if r.err == nil {
		r.err = ErrNoValue
	}
	r.left, r.hasValue, r.value = 0, false, nil
	r.in.pass(1<<62, nil)
	err := r.in.err
	r.in.close()
	r.plain.close()
	if r.in.teeErr != nil {
		return r.in.teeErr
	}
	if err != io.EOF {
		return err
	}
	return nil
}
