package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Range is a range of bytes.
type Range struct {
	Offset int64 // from the first byte of Pixel Data's value; if encapsulated, that is the item tag of the Basic Offset Table
	Length int64
}

// Frame says where the bytes of a frame are.
type Frame struct {
	Ranges    []Range // in order; of fragments the payloads only, without item headers
	BitOffset int     // 0 to 7: how many of the first byte's least significant bits belong to the frame before (PS3.5 8.2)
	Bits      int64   // length of the frame in bits
}

// FrameTable says where the frames of a Pixel Data element are. It may be used
// by several goroutines.
//
// Its encoding is a kind byte, then for native pixel data the number of frames
// and the bits of each as uvarints. For encapsulated ones: the number of frames as a
// uvarint; for every 64th frame the place of its description and the offset
// before its first fragment, 4 and 8 bytes little endian; descriptions, each the
// number of fragments and for each of them the gap before it and its length, as uvarints.
type FrameTable struct {
	encoded []byte
	native  bool
	frames  int
	bits    int64  // of a native frame
	index   []byte // of encapsulated frames
	body    []byte
}

// Kinds of encoded tables; they are stored and never change.
const (
	tableNative       = 1
	tableEncapsulated = 2
)

const (
	indexStep  = 64 // frames for each index entry
	indexEntry = 12 // bytes
	maxFrames  = 1 << 31
)

var errFrameTable = errors.New("dataset: the bytes are no frame table")

// Len gives the number of frames.
func (t *FrameTable) Len() int { return t.frames }

// Encapsulated tells whether the frames consist of fragments (PS3.5 A.4).
func (t *FrameTable) Encapsulated() bool { return !t.native }

// Append appends the table in a compact form.
func (t *FrameTable) Append(dst []byte) []byte { return append(dst, t.encoded...) }

// ParseFrameTable reads what Append wrote. The table keeps b.
func ParseFrameTable(b []byte) (*FrameTable, error) {
	if len(b) < 2 {
		return nil, errFrameTable
	}
	t := &FrameTable{encoded: b, native: b[0] == tableNative}
	d := decoder{b: b[1:]}
	frames := d.uvarint()
	if t.native {
		t.bits = int64(d.uvarint())
	}
	if d.bad || frames >= maxFrames || t.bits < 0 || b[0] < tableNative || b[0] > tableEncapsulated {
		return nil, errFrameTable
	}
	t.frames = int(frames)
	if t.native {
		if len(d.b) > 0 || (t.bits > 0 && int64(frames) > (1<<62)/t.bits) {
			return nil, errFrameTable
		}
		return t, nil
	}
	n := (t.frames + indexStep - 1) / indexStep * indexEntry
	if n > len(d.b) {
		return nil, errFrameTable
	}
	t.index, t.body = d.b[:n], d.b[n:]
	return t, nil
}

// Frame gives frame i, counted from 0.
func (t *FrameTable) Frame(i int) (Frame, error) {
	if i < 0 || i >= t.frames {
		return Frame{}, fmt.Errorf("dataset: frame %d of %d", i+1, t.frames)
	}
	if t.native {
		first := int64(i) * t.bits
		f := Frame{BitOffset: int(first % 8), Bits: t.bits}
		f.Ranges = []Range{{Offset: first / 8, Length: (first+t.bits+7)/8 - first/8}}
		return f, nil
	}
	e := t.index[i/indexStep*indexEntry:]
	at, offset := int64(binary.LittleEndian.Uint32(e)), int64(binary.LittleEndian.Uint64(e[4:]))
	if at > int64(len(t.body)) {
		return Frame{}, errFrameTable
	}
	d := decoder{b: t.body[at:]}
	for range i % indexStep {
		offset = d.frame(offset, nil)
	}
	var f Frame
	d.frame(offset, &f)
	if d.bad {
		return Frame{}, errFrameTable
	}
	return f, nil
}

// decoder reads uvarints.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

// frame reads the description of a frame whose predecessor ends at offset, and
// gives its own end.
func (d *decoder) frame(offset int64, f *Frame) int64 {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.bad = true
	}
	for range n {
		gap, length := d.uvarint(), d.uvarint()
		if d.bad || gap > 1<<40 || length > 1<<40 || uint64(offset) > 1<<60 {
			d.bad = true
			return offset
		}
		offset += int64(gap)
		if f != nil {
			f.Ranges = append(f.Ranges, Range{Offset: offset, Length: int64(length)})
			f.Bits += 8 * int64(length)
		}
		offset += int64(length)
	}
	return offset
}

// newNative makes the table of native frames.
func newNative(frames int, bits int64) (*FrameTable, error) {
	b := binary.AppendUvarint([]byte{tableNative}, uint64(frames))
	return ParseFrameTable(binary.AppendUvarint(b, uint64(bits)))
}

// newEncapsulated makes a table of n frames, whose fragments are frags[first(i):first(i+1)].
func newEncapsulated(n int, frags []fragment, first func(int) int) (*FrameTable, error) {
	index := make([]byte, 0, (n+indexStep-1)/indexStep*indexEntry)
	var body []byte
	end := int64(0)
	for i := range n {
		if i%indexStep == 0 {
			index = binary.LittleEndian.AppendUint32(index, uint32(len(body)))
			index = binary.LittleEndian.AppendUint64(index, uint64(end))
		}
		from, to := first(i), first(i+1)
		body = binary.AppendUvarint(body, uint64(to-from))
		for _, f := range frags[from:to] {
			body = binary.AppendUvarint(body, uint64(f.offset-end))
			body = binary.AppendUvarint(body, uint64(f.length))
			end = f.offset + int64(f.length)
		}
	}
	b := binary.AppendUvarint([]byte{tableEncapsulated}, uint64(n))
	return ParseFrameTable(append(append(b, index...), body...))
}
