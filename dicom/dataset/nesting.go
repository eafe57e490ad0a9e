package dataset

import (
	"fmt"
	"io"
	"strings"

	"github.com/halong-gateway/halong/dicom"
)

// item reads what comes between the items of a sequence (PS3.5 7.5.2).
func (r *Reader) item(f *frame) error {
	t, length, err := r.itemHeader(f)
	if err != nil {
		return err
	}
	switch t {
	case tagItem:
		return r.startItem(f, length)
	case tagSequenceDelim:
		if f.end < 0 || r.win.pos()+8 == f.end {
			return r.pop(8)
		}
	}
	return r.fail(t, "expected an item or the end of the sequence", nil)
}

// itemHeader looks at the next 8 bytes without consuming them.
func (r *Reader) itemHeader(f *frame) (dicom.Tag, uint32, error) {
	if n := r.win.fill(8); n < 8 {
		return 0, 0, r.short(f.tag)
	}
	if f.bound >= 0 && f.bound-r.win.pos() < 8 {
		return 0, 0, r.fail(f.tag, "an item header runs beyond its sequence", nil)
	}
	b := r.win.buf[r.win.rd:]
	return f.enc.tag(b), f.enc.uint32(b[4:]), nil
}

func (r *Reader) startItem(f *frame, length uint32) error {
	loose := r.stretch(f, length)
	if err := r.countItem(f, length, ItemStart); err != nil {
		return err
	}
	f.index++
	g := frame{tag: f.tag, end: -1, bound: f.bound, enc: f.enc, charset: f.charset, un: f.un, loose: loose, fresh: true}
	if length != UndefinedLength {
		g.end = r.cur.ValueOffset + int64(length)
		g.bound = g.end
	}
	r.stack = append(r.stack, g)
	return nil
}

// stretch makes a sequence whose length is too short for its last item as long
// as that, unless it then runs beyond what encloses it. As the two lengths contradict each
// other, the end of the stream will do for an end as well. Such lengths are seen in the wild.
func (r *Reader) stretch(f *frame, length uint32) bool {
	end := r.win.pos() + 8 + int64(length)
	outer := r.stack[len(r.stack)-2].bound
	if length != UndefinedLength && f.end >= 0 && end > f.end && (outer < 0 || end <= outer) {
		f.end, f.bound = end, end
		f.loose = true
	}
	return f.loose
}

// countItem consumes the header of an item or fragment.
func (r *Reader) countItem(f *frame, length uint32, kind Kind) error {
	if r.items++; r.items > r.limits.Items {
		return r.fail(f.tag, fmt.Sprintf("more than %d items", r.limits.Items), ErrLimit)
	}
	pos := r.win.pos()
	if length != UndefinedLength {
		if err := r.checkEnd(f, tagItem, pos+8+int64(length)); err != nil {
			return err
		}
	}
	r.cur = Token{Kind: kind, Tag: tagItem, Length: length, Offset: pos, ValueOffset: pos + 8, Depth: r.depth - 1}
	r.win.rd += 8
	return nil
}

// checkEnd refuses a value that ends beyond what encloses it or beyond the limit.
func (r *Reader) checkEnd(f *frame, t dicom.Tag, end int64) error {
	if f.bound >= 0 && end > f.bound {
		return r.fail(t, "the length runs beyond the enclosing item or sequence", nil)
	}
	if end > r.limits.Total {
		return r.fail(t, fmt.Sprintf("the data set is longer than %d bytes", r.limits.Total), ErrLimit)
	}
	return nil
}

// fragment reads what comes between fragments (PS3.5 A.4).
func (r *Reader) fragment(f *frame) error {
	if f.external {
		return r.afterHole(f)
	}
	t, length, err := r.itemHeader(f)
	if err != nil {
		return err
	}
	if t == tagSequenceDelim {
		return r.pop(8)
	}
	if t != tagItem || length == UndefinedLength {
		return r.fail(t, "expected a fragment or the end of the fragments", nil)
	}
	if err := r.countItem(f, length, Fragment); err != nil {
		return err
	}
	f.index++
	r.setValue(int64(length), f.enc.big)
	return nil
}

// afterHole ends fragments that lie elsewhere; their delimiter may or may not be in the stream.
func (r *Reader) afterHole(f *frame) error {
	if r.win.fill(8) >= 8 && f.enc.tag(r.win.buf[r.win.rd:]) == tagSequenceDelim {
		return r.pop(8)
	}
	return r.pop(0)
}

// push opens a sequence or fragments.
func (r *Reader) push(g frame, parent *frame, t *Token) error {
	if r.depth >= r.limits.Depth {
		return r.fail(t.Tag, fmt.Sprintf("more than %d sequences inside one another", r.limits.Depth), ErrLimit)
	}
	r.depth++
	g.tag, g.charset, g.end, g.bound = t.Tag, parent.charset, -1, parent.bound
	if t.Length != UndefinedLength {
		g.end = t.ValueOffset + int64(t.Length)
		g.bound = g.end
	}
	r.stack = append(r.stack, g)
	return nil
}

// fail makes a *SyntaxError for the next byte to consume.
func (r *Reader) fail(t dicom.Tag, reason string, err error) error {
	return &SyntaxError{Offset: r.win.pos(), Tag: t, Path: r.path(), Reason: reason, Err: err}
}

// short tells why there are fewer bytes than needed.
func (r *Reader) short(t dicom.Tag) error {
	if r.in.teeErr != nil {
		return r.in.teeErr
	}
	if r.win.err != nil && r.win.err != io.EOF {
		return r.win.err
	}
	return r.fail(t, "the data set is cut off", io.ErrUnexpectedEOF)
}

// path writes down where the Reader is, see SyntaxError.Path.
func (r *Reader) path() string {
	var s strings.Builder
	for i := 1; i < len(r.stack); i++ {
		f := &r.stack[i]
		if f.place == inItem {
			continue
		}
		if s.Len() > 0 {
			s.WriteByte('.')
		}
		s.WriteString(f.tag.String())
		if f.index > 0 {
			fmt.Fprintf(&s, "[%d]", f.index-1)
		}
	}
	return s.String()
}
