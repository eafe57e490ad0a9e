package dataset

import "github.com/halong-gateway/halong/dicom"

// Range is a range of bytes.
type Range struct {
	Offset int64 // from the first byte of the value of Pixel Data; for an encapsulated one from the item tag of the Basic Offset Table
	Length int64
}

// Frame says where the bytes of a frame are.
type Frame struct {
	Ranges    []Range // fragment payloads only, without item headers
	BitOffset int     // 0 to 7: the least significant bits of the first byte that belong to the frame before
	Bits      int64   // length of the frame in bits
}

// FrameTable says where the frames of a Pixel Data element are.
type FrameTable struct{}

// Len gives the number of frames.
func (t *FrameTable) Len() int { return 0 }

// Encapsulated tells whether the frames consist of fragments (PS3.5 A.4).
func (t *FrameTable) Encapsulated() bool { return false }

// Frame gives frame i, counted from 0.
func (t *FrameTable) Frame(i int) (Frame, error) { return Frame{}, errSoon }

// Append appends the table in a compact form.
func (t *FrameTable) Append(dst []byte) []byte { return dst }

// ParseFrameTable reads what Append wrote. The table keeps b.
func ParseFrameTable(b []byte) (*FrameTable, error) { return nil, errSoon }

// FrameBuilder finds the frames while a data set is read once.
type FrameBuilder struct{}

// Element tells the builder of a top-level element; those it needs not are ignored.
func (b *FrameBuilder) Element(t dicom.Tag, valueLE []byte) {}

// Native tells of a Pixel Data value (also Float and Double Float) of a length in bytes.
func (b *FrameBuilder) Native(length int64, vr dicom.VR) {}

// OffsetTable tells the value of the first fragment item, the Basic Offset Table.
func (b *FrameBuilder) OffsetTable(v []byte) {}

// Fragment tells of a further fragment: offset of its payload from the first
// byte of Pixel Data's value, length in bytes, first and last bytes (see Reader.Edges).
func (b *FrameBuilder) Fragment(offset, length int64, first, last []byte) {}

// Table gives the finished table.
func (b *FrameBuilder) Table() (*FrameTable, error) { return nil, errSoon }
