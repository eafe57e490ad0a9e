package dataset

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/halong-gateway/halong/dicom"
)

const (
	tagSpecificCharacterSet dicom.Tag = 0x00080005
	tagPixelRepresentation  dicom.Tag = 0x00280103
	tagPixelData            dicom.Tag = 0x7FE00010
)

// header is what comes before a value.
type header struct {
	tag    dicom.Tag
	vr     dicom.VR
	length uint32
	size   int // of the header in bytes
	// implicit tells that an element of an explicit data set is encoded as if it were implicit.
	implicit bool
}

// element reads the next element of a data set or item, or the delimiter of an item.
func (r *Reader) element(f *frame) error {
	w := r.win
	n := w.wr - w.rd
	if n < 12 {
		if n = w.fill(12); n < 8 {
			return r.lastBytes(f, n)
		}
	}
	if f.bound >= 0 && f.bound-w.pos() < 8 {
		return r.fail(f.last, "an element header runs beyond its item", nil)
	}
	b := w.buf[w.rd:w.wr]
	tag := f.enc.tag(b)
	if tag == 0 && len(r.stack) == 1 && !f.fresh {
		return r.padding()
	}
	if tag>>16 == 0xFFFE {
		return r.delimiter(f, tag)
	}
	if f.fresh {
		f.fresh = false
		if f.un {
			if enc, ok := recognise(b, f.enc); ok {
				f.enc = enc
			}
			tag = f.enc.tag(b)
		}
	}
	h, err := r.decode(f, tag, b)
	if err != nil {
		return err
	}
	f.last = tag
	if r.elements++; r.elements > r.limits.Elements {
		return r.fail(tag, fmt.Sprintf("more than %d elements", r.limits.Elements), ErrLimit)
	}
	return r.start(f, &h)
}

// lastBytes decides what n < 8 bytes before the end of the source mean.
func (r *Reader) lastBytes(f *frame, n int) error {
	if len(r.stack) > 1 || (r.win.err != nil && r.win.err != io.EOF) {
		return r.short(f.last)
	}
	return r.finish()
}

// padding ends the data set where only zeros follow, as far as can be seen.
func (r *Reader) padding() error {
	n := r.win.fill(aheadLimit)
	for _, c := range r.win.buf[r.win.rd : r.win.rd+min(n, aheadLimit)] {
		if c != 0 {
			return r.fail(0, "an element with tag (0000,0000) among others", nil)
		}
	}
	return r.finish()
}

// delimiter handles a structural tag among elements.
func (r *Reader) delimiter(f *frame, tag dicom.Tag) error {
	if len(r.stack) > 1 {
		switch {
		case tag == tagItemDelimiter && (f.end < 0 || r.win.pos()+8 == f.end):
			return r.pop(8)
		case tag == tagSequenceDelim && f.end < 0:
			return r.pop(0) // the item's own delimiter was forgotten
		}
	}
	return r.fail(tag, "an item or delimiter where an element belongs", nil)
}

// decode reads the header of an element (PS3.5 7.1).
func (r *Reader) decode(f *frame, tag dicom.Tag, b []byte) (header, error) {
	if !f.enc.explicit {
		return header{tag: tag, vr: r.implicitVR(f, tag), length: f.enc.uint32(b[4:]), size: 8}, nil
	}
	h := header{tag: tag, vr: dicom.VR(binary.BigEndian.Uint16(b[4:])), size: 8}
	short := uint32(f.enc.uint16(b[6:]))
	if h.vr.LongLength() {
		if len(b) < 12 {
			return h, r.short(tag)
		}
		h.length, h.size = f.enc.uint32(b[8:]), 12
		if short != 0 && r.plausible(f, tag, 8+int64(short)) && !r.plausible(f, tag, 12+int64(h.length)) {
			h.length, h.size = short, 8
		}
		return h, nil
	}
	if !h.vr.Known() {
		return r.oddVR(f, h), nil
	}
	h.length = short
	if short == 0 && !r.plausible(f, tag, 8) {
		r.longForm(f, &h)
	}
	return h, nil
}

// implicitVR gives the VR of an element whose encoding says none. US or SS
// depends on Pixel Representation (PS3.5 A.1 note).
func (r *Reader) implicitVR(f *frame, tag dicom.Tag) dicom.VR {
	vr := dicom.VROf(tag)
	if vr == dicom.US && r.signed && allows(tag, dicom.SS) {
		return dicom.SS
	}
	return vr
}

// longForm takes a 32-bit length after two reserved bytes for an element whose
// VR calls for 16 bits, if only that makes sense (P5).
func (r *Reader) longForm(f *frame, h *header) {
	if r.win.fill(12) < 12 {
		return
	}
	n := f.enc.uint32(r.win.buf[r.win.rd+8:])
	if n > 0 && r.plausible(f, h.tag, 12+int64(n)) {
		h.length, h.size = n, 12
	}
}

// oddVR reads the header of an element whose two letters name no VR: one that a
// later edition adds has a 32-bit length (PS3.5 6.2.2), others are
// seen with 16 bits; what are no letters may be a length without a VR.
func (r *Reader) oddVR(f *frame, h header) header {
	b := r.win.buf[r.win.rd:r.win.wr]
	short := uint32(f.enc.uint16(b[6:]))
	letters := isLetter(b[4]) && isLetter(b[5])
	zero := h.vr == 0
	h.vr = r.implicitVR(f, h.tag)
	switch {
	case (letters || zero) && short != 0:
		h.length = short
	case letters || zero:
		h.length = 0
		if letters && len(b) >= 12 {
			h.length, h.size = f.enc.uint32(b[8:]), 12
		}
		if zero && !r.plausible(f, h.tag, 8) {
			r.longForm(f, &h)
		}
		if letters && h.size == 12 && h.length != UndefinedLength && !r.plausible(f, h.tag, 12+int64(h.length)) && r.plausible(f, h.tag, 8) {
			h.length, h.size = 0, 8
		}
	default:
		h.length = f.enc.uint32(b[4:])
		h.implicit = true
	}
	if h.vr == dicom.SQ && h.length != UndefinedLength && !h.implicit {
		h.vr = dicom.UN
	}
	return h
}

func isLetter(c byte) bool { return c >= 'A' && c <= 'Z' }

// aheadLimit is how far in bytes plausible looks ahead.
const aheadLimit = 4 << 10

// plausible tells whether after skip bytes the item or data set ends, or a
// header with the same or a higher tag follows; false if that is too far away to see.
func (r *Reader) plausible(f *frame, tag dicom.Tag, skip int64) bool {
	w := r.win
	if f.bound >= 0 && w.pos()+skip >= f.bound {
		return w.pos()+skip == f.bound
	}
	if skip > aheadLimit {
		return false
	}
	at := int(skip)
	if n := w.fill(at + 8); n < at+8 {
		return n >= at && w.err == io.EOF
	}
	b := w.buf[w.rd+at:]
	next := f.enc.tag(b)
	if next>>16 == 0xFFFE {
		return true
	}
	vr := dicom.VR(binary.BigEndian.Uint16(b[4:]))
	return next >= tag && (vr.Known() || !f.enc.explicit)
}

// start consumes a header and gives its token.
func (r *Reader) start(f *frame, h *header) error {
	pos := r.win.pos()
	t := &r.cur
	*t = Token{Kind: DataElement, Tag: h.tag, VR: h.vr, Length: h.length, Offset: pos, ValueOffset: pos + int64(h.size), Depth: r.depth}
	if h.length != UndefinedLength {
		if err := r.checkEnd(f, h.tag, t.ValueOffset+int64(h.length)); err != nil {
			return err
		}
	}
	switch {
	case h.vr == dicom.SQ:
		return r.startSequence(f, h, t, f.enc)
	case h.length == UndefinedLength:
		return r.startUndefined(f, h, t)
	}
	gap, err := r.hole(t, int64(h.length))
	if err != nil {
		return err
	}
	r.win.rd += h.size
	if t.External {
		r.win.base += gap
		return nil
	}
	r.setValue(int64(h.length), f.enc.big)
	if h.tag == tagSpecificCharacterSet || h.tag == tagPixelRepresentation {
		r.peek(f, h)
	}
	return nil
}

func (r *Reader) setValue(n int64, big bool) {
	r.hasValue, r.left, r.big = true, n, big
	r.win.edges.reset()
}

func (r *Reader) startSequence(f *frame, h *header, t *Token, enc encoding) error {
	t.Kind, t.VR = SequenceStart, dicom.SQ
	g := frame{place: inSequence, enc: enc, un: f.un || enc != f.enc}
	if err := r.push(g, f, t); err != nil {
		return err
	}
	r.win.rd += h.size
	return nil
}

// startUndefined handles values of undefined length: fragments, and sequences
// that are not called SQ (PS3.5 6.2.2 note 2, CP-246).
func (r *Reader) startUndefined(f *frame, h *header, t *Token) error {
	switch {
	case h.tag == tagPixelData || (f.enc.explicit && h.vr.IsBulk() && h.vr != dicom.UN):
		return r.startFragments(f, h, t)
	case h.vr == dicom.UN || !h.vr.Known():
		return r.startSequence(f, h, t, encoding{})
	case !f.enc.explicit || h.implicit:
		return r.startSequence(f, h, t, f.enc)
	}
	return r.fail(h.tag, "undefined length, which VR "+h.vr.String()+" does not allow", nil)
}

func (r *Reader) startFragments(f *frame, h *header, t *Token) error {
	t.Kind = FragmentsStart
	gap, err := r.hole(t, -1)
	if err != nil {
		return err
	}
	if err := r.push(frame{place: inFragments, enc: f.enc, external: t.External}, f, t); err != nil {
		return err
	}
	r.win.rd += h.size
	r.win.base += gap
	return nil
}

// hole sets t.External and gives the number of bytes left out if the value of
// t, n bytes or -1 if undefined, lies elsewhere.
func (r *Reader) hole(t *Token, n int64) (int64, error) {
	if len(r.holes) == 0 {
		return 0, nil
	}
	h := r.holes[0]
	if h.Offset == t.ValueOffset && h.Length > 0 && (n < 0 || n == h.Length) {
		t.External = true
		r.holes = r.holes[1:]
		return h.Length, nil
	}
	if h.Offset < t.ValueOffset+max(n, 0) {
		return 0, r.fail(t.Tag, "a hole that is not the value of an element", nil)
	}
	return 0, nil
}
