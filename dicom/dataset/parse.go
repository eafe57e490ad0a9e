package dataset

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/halong-gateway/halong/dicom"
)

// Parse reads a whole data set in ts into memory. Limits.Value bounds the
// memory of the Set, or twice b's length if that is more.
func Parse(b []byte, ts *dicom.TransferSyntax, lim Limits) (*Set, error) {
	lim = lim.withDefaults()
	lim.Value = max(lim.Value, 2*int64(len(b)))
	return NewReader(bytes.NewReader(b), ts, WithLimits(lim)).ReadSet()
}

// ReadSet reads all that is left of the data set into memory, at most Limits.Value
// bytes with what the Set itself needs. Values that lie elsewhere are left out.
func (r *Reader) ReadSet() (*Set, error) {
	b := builder{r: r, left: r.limits.Value}
	root := &Set{inherit: r.charsetHere().raw}
	b.sets = append(b.sets, root)
	for {
		t, err := r.Next()
		if err == io.EOF {
			root.sort()
			return root, nil
		}
		if err == nil {
			err = b.token(t)
		}
		if err != nil {
			return nil, err
		}
	}
}

// ReadSequence reads the sequence or fragments whose start t Next has just
// given, up to and including its end, into memory, at most Limits.Value bytes.
func (r *Reader) ReadSequence(t Token) (Element, error) {
	b := builder{r: r, left: r.limits.Value}
	root := &Set{inherit: r.charsetHere().raw}
	b.sets = append(b.sets, root)
	err := b.token(t)
	for err == nil && len(b.open) > 0 {
		if t, err = r.Next(); err == nil {
			err = b.token(t)
		}
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil || len(root.Elements) == 0 {
		return Element{Tag: t.Tag, VR: t.VR}, err
	}
	return root.Elements[0], nil
}

// What a builder charges for an element and an item beside its values, in bytes.
const (
	elementCost = 96
	itemCost    = 80
)

// builder makes a Set of tokens.
type builder struct {
	r     *Reader
	left  int64     // bytes that may still be used
	sets  []*Set    // the data set and the open items
	open  []Element // the open sequences and fragments
	chunk []byte    // small values are cut from it
}

func (b *builder) token(t Token) error {
	switch t.Kind {
	case DataElement:
		return b.element(t)
	case SequenceStart, FragmentsStart:
		b.open = append(b.open, Element{Tag: t.Tag, VR: t.VR})
	case ItemStart:
		return b.item(t)
	case ItemEnd:
		b.sets[len(b.sets)-1].sort()
		b.sets = b.sets[:len(b.sets)-1]
	case Fragment:
		v, err := b.value(t, itemCost)
		e := &b.open[len(b.open)-1]
		e.Fragments = append(e.Fragments, v)
		return err
	case SequenceEnd, FragmentsEnd:
		n := len(b.open) - 1
		e := b.open[n]
		b.open = b.open[:n]
		b.add(e)
		return b.charge(t, elementCost)
	}
	return nil
}

func (b *builder) element(t Token) error {
	if t.External {
		return nil
	}
	v, err := b.value(t, elementCost)
	if err != nil {
		return err
	}
	s := b.sets[len(b.sets)-1]
	if t.Tag == tagSpecificCharacterSet {
		s.inherit = b.r.charsetHere().raw // for the items that follow
	}
	b.add(Element{Tag: t.Tag, VR: t.VR, Value: v})
	return nil
}

func (b *builder) item(t Token) error {
	if err := b.charge(t, itemCost); err != nil {
		return err
	}
	s := &Set{inherit: b.sets[len(b.sets)-1].inherit}
	e := &b.open[len(b.open)-1]
	e.Items = append(e.Items, s)
	b.sets = append(b.sets, s)
	return nil
}

func (b *builder) charge(t Token, n int64) error {
	if b.left -= n; b.left < 0 {
		return &SyntaxError{
			Offset: t.Offset, Tag: t.Tag, Path: b.r.path(), Err: ErrLimit,
			Reason: fmt.Sprintf("the data set needs more than %d bytes of memory", b.r.limits.Value),
		}
	}
	return nil
}

// value gives a copy of the current value.
func (b *builder) value(t Token, cost int64) ([]byte, error) {
	if err := b.charge(t, cost+int64(t.Length)); err != nil {
		return nil, err
	}
	v, err := b.r.ValueLE()
	if err != nil || len(v) == 0 {
		return nil, err
	}
	if len(v) > 1<<10 {
		return append([]byte(nil), v...), nil
	}
	if len(v) > cap(b.chunk)-len(b.chunk) {
		b.chunk = make([]byte, 0, 4<<10)
	}
	n := len(b.chunk)
	b.chunk = append(b.chunk, v...)
	return b.chunk[n:len(b.chunk):len(b.chunk)], nil
}

// add appends to the innermost set; it is sorted at its end.
func (b *builder) add(e Element) {
	s := b.sets[len(b.sets)-1]
	s.Elements = append(s.Elements, e)
}

// sort puts the elements in order, those with the same tag as they came.
func (s *Set) sort() {
	byTag := func(a, b Element) int { return cmp.Compare(a.Tag, b.Tag) }
	if !slices.IsSortedFunc(s.Elements, byTag) {
		slices.SortStableFunc(s.Elements, byTag)
	}
}
