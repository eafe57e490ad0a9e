package storage

import (
	"cmp"
	"io"
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// headSet is a data set in memory whose bulk values lie elsewhere.
type headSet struct {
	set   *dataset.Set
	ts    *dicom.TransferSyntax // as stored
	bulk  []storedValue         // in the order they were stored in
	empty []byte                // the value of elements that stand for a stored one; known by its address
}

// storedValue is a bulk value with what its element's header said.
type storedValue struct {
	tag       dicom.Tag
	vr        dicom.VR
	fragments bool // the bytes are fragments with their headers and the delimiter after them (PS3.5 A.4)
	src       io.ReaderAt
	offset    int64 // in src
	length    int64
	at        int // among the stored values of its data set
}

// stored gives the stored value that an element stands for and that is not used already; nil if it stands for none.
func (h *headSet) stored(e *dataset.Element, used map[*storedValue]bool) *storedValue {
	if cap(e.Value) != 1 || &e.Value[:1][0] != &h.empty[:1][0] {
		return nil
	}
	for i := range h.bulk {
		if b := &h.bulk[i]; b.tag == e.Tag && !used[b] {
			return b
		}
	}
	return nil
}

// readHead takes the head into memory.
func (o *Object) readHead(limits dataset.Limits) (*headSet, error) {
	src, open := io.ReaderAt(&o.parts), func() *dataset.Reader { return o.Reader(dataset.WithLimits(limits)) }
	if o.TransferSyntax().Deflated {
		f, size, err := o.inflate()
		if err != nil {
			return nil, err
		}
		ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian) // it is registered
		head, holes, err := cutLarge(f, size, ts)
		if err != nil {
			return nil, err
		}
		src, open = f, func() *dataset.Reader {
			return dataset.NewReader(io.NewSectionReader(head, 0, head.size), ts, dataset.WithLimits(limits), dataset.WithHoles(holes))
		}
	}
	return newHeadSet(open, src, o.TransferSyntax())
}

// newHeadSet reads a head twice: once for its values, once for what lies elsewhere, in src.
func newHeadSet(open func() *dataset.Reader, src io.ReaderAt, ts *dicom.TransferSyntax) (*headSet, error) {
	set, err := open().ReadSet()
	if err != nil {
		return nil, err
	}
	h := &headSet{set: set, ts: ts, empty: make([]byte, 1)[:0]}
	if h.bulk, err = findStored(open(), src); err != nil || len(h.bulk) == 0 {
		return h, err
	}
	for i := range h.bulk {
		h.standIn(&h.bulk[i])
	}
	slices.SortStableFunc(set.Elements, func(a, b dataset.Element) int { return cmp.Compare(a.Tag, b.Tag) })
	return h, nil
}

// standIn makes the element that stands for a stored value. Of fragments that lie elsewhere the
// set has an element already, without any.
func (h *headSet) standIn(b *storedValue) {
	e := dataset.Element{Tag: b.tag, VR: b.vr, Value: h.empty}
	for i := range h.set.Elements {
		if x := &h.set.Elements[i]; b.fragments && x.Tag == b.tag && x.Value == nil && x.Fragments == nil {
			*x = e
			return
		}
	}
	h.set.Elements = append(h.set.Elements, e)
}

// findStored finds the values that are not in the stream of r but in src.
func findStored(r *dataset.Reader, src io.ReaderAt) (all []storedValue, err error) {
	for {
		t, err := r.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		switch {
		case t.Kind == dataset.FragmentsEnd && len(all) > 0 && all[len(all)-1].length < 0:
			b := &all[len(all)-1]
			b.length = t.ValueOffset - b.offset
		case t.External:
			if !t.VR.IsBulk() {
				t.VR = dicom.UN
			}
			b := storedValue{tag: t.Tag, vr: t.VR, src: src, offset: t.ValueOffset, length: int64(t.Length), at: len(all)}
			if t.Kind == dataset.FragmentsStart {
				b.fragments, b.length = true, -1
			}
			all = append(all, b)
		}
	}
}

// cutLarge finds the large top-level values of a data set of size bytes in f and
// gives what is left without them.
func cutLarge(f io.ReaderAt, size int64, ts *dicom.TransferSyntax) (*joined, []dataset.Hole, error) {
	r := dataset.NewReader(io.NewSectionReader(f, 0, size), ts)
	head, holes := &joined{}, []dataset.Hole(nil)
	var at, start int64
	cut := func(from, to int64) {
		if to-from > SplitThreshold {
			head.add(f, at, from-at)
			holes = append(holes, dataset.Hole{Offset: from, Length: to - from})
			at = to
		}
	}
	for {
		t, err := r.Next()
		if err == io.EOF {
			head.add(f, at, size-at)
			return head, holes, nil
		}
		if err != nil {
			return nil, nil, err
		}
		switch {
		case t.Depth > 0:
		case t.Kind == dataset.DataElement && t.VR.IsBulk():
			cut(t.ValueOffset, t.ValueOffset+int64(t.Length))
		case t.Kind == dataset.FragmentsStart:
			start = t.ValueOffset
		case t.Kind == dataset.FragmentsEnd:
			cut(start, t.ValueOffset)
		}
	}
}

// layout is a data set cut into a head and the places of stored values.
type layout struct {
	head []byte
	bulk []placedValue
}

type placedValue struct {
	from   int   // which of the stored values
	offset int64 // in the whole data set
}

// layout writes the head in ts, which is not deflated and has the byte order of the stored values. Values of odd length
// keep it: what they are is not the head's business.
func (h *headSet) layout(ts *dicom.TransferSyntax) layout {
	var out layout
	var apart int64 // bytes of stored values so far
	used := make(map[*storedValue]bool, len(h.bulk))
	from := 0
	elements := h.set.Elements
	for i := range elements {
		b := h.stored(&elements[i], used)
		if b == nil {
			continue
		}
		used[b] = true
		out.head = (&dataset.Set{Elements: elements[from:i]}).Append(out.head, ts)
		from = i + 1
		out.head = append(out.head, b.header(ts, 0)...)
		out.bulk = append(out.bulk, placedValue{b.at, int64(len(out.head)) + apart})
		apart += b.length
	}
	out.head = (&dataset.Set{Elements: elements[from:]}).Append(out.head, ts)
	return out
}
