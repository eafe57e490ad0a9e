package dataset

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
)

// FrameBuilder finds the frames of Pixel Data (PS3.3 C.7.6.3, PS3.5 8 and A.4)
// while a data set is read once. The zero FrameBuilder is ready for use.
type FrameBuilder struct {
	rows, columns, samples, bits int64
	photometric                  string
	frames                       int64
	extOffsets, extLengths       []byte // Extended Offset Table and its lengths
	native                       bool
	nativeLength                 int64
	nativeVR                     dicom.VR
	offsets                      []byte // Basic Offset Table
	encapsulated                 bool
	fragments                    []fragment
	bad                          bool
}

// fragment is one fragment after the Basic Offset Table.
type fragment struct {
	offset int64 // of the payload, from the first byte of the value
	length uint32
	marks  marks
}

// marks tell of the codestream markers at a fragment's ends.
type marks uint8

const (
	marksStart marks = 1 << iota // begins an image
	marksEnd                     // ends an image
)

// ErrFrames is returned when the frames cannot be told apart, as in a video or
// where the fragments match no number of frames.
var ErrFrames = errors.New("dataset: the frames cannot be told apart")

// Element tells the builder of a top-level element, whose value it copies if it needs it.
func (b *FrameBuilder) Element(t dicom.Tag, valueLE []byte) {
	switch t {
	case tag.Rows:
		b.rows = ushort(valueLE)
	case tag.Columns:
		b.columns = ushort(valueLE)
	case tag.SamplesPerPixel:
		b.samples = ushort(valueLE)
	case tag.BitsAllocated:
		b.bits = ushort(valueLE)
	case tag.NumberOfFrames:
		n, err := strconv.ParseInt(strings.Trim(string(valueLE), " \x00"), 10, 32)
		if err == nil && n > 0 {
			b.frames = n
		}
	case tag.PhotometricInterpretation:
		b.photometric = strings.Trim(string(valueLE), " \x00")
	case tag.ExtendedOffsetTable:
		b.extOffsets = keepTable(valueLE)
	case tag.ExtendedOffsetTableLengths:
		b.extLengths = keepTable(valueLE)
	}
}

// maxOffsetTable is the longest offset table that is looked at, in bytes: that
// of 1,000,000 frames. Longer ones are ignored; frames can often be told apart without.
const maxOffsetTable = 8_000_000

func keepTable(v []byte) []byte {
	if len(v) > maxOffsetTable {
		return nil
	}
	return append([]byte(nil), v...)
}

func ushort(v []byte) int64 {
	if len(v) < 2 {
		return 0
	}
	return int64(binary.LittleEndian.Uint16(v))
}

// Native tells of a native value of Pixel Data, Float Pixel Data or Double Float
// Pixel Data of a length in bytes.
func (b *FrameBuilder) Native(length int64, vr dicom.VR) {
	b.native, b.nativeLength, b.nativeVR = true, length, vr
}

// OffsetTable tells the value of the first fragment, the Basic Offset Table.
func (b *FrameBuilder) OffsetTable(v []byte) {
	b.encapsulated = true
	b.offsets = keepTable(v)
}

// Fragment tells of a further fragment: the offset of its payload from the
// first byte of Pixel Data's value, its length in bytes, and its first and last bytes (see Reader.Edges).
func (b *FrameBuilder) Fragment(offset, length int64, first, last []byte) {
	b.encapsulated = true
	if n := len(b.fragments); length < 0 || length > math.MaxUint32 || offset < 0 ||
		(n > 0 && offset < b.fragments[n-1].offset+int64(b.fragments[n-1].length)) {
		b.bad = true
		return
	}
	b.fragments = append(b.fragments, fragment{offset, uint32(length), findMarks(first, last)})
}

// findMarks recognises SOI and EOI of JPEG and JPEG-LS (ITU-T T.81 B.1.1.3), SOC
// and EOC of JPEG 2000 and HTJ2K (T.800 A.2), JP2 and JPEG XL signatures. A pad byte may follow the end.
func findMarks(first, last []byte) (m marks) {
	head := string(first)
	for _, s := range []string{"\xFF\xD8\xFF", "\xFF\x4F\xFF\x51", "\x00\x00\x00\x0C", "\xFF\x0A"} {
		if strings.HasPrefix(head, s) {
			m |= marksStart
		}
	}
	tail := string(last)
	if strings.HasSuffix(tail, "\xFF\xD9") || strings.HasSuffix(strings.TrimRight(tail, "\x00"), "\xFF\xD9") {
		m |= marksEnd
	}
	return m
}

// Table gives the finished table. If there was no pixel data it is empty.
func (b *FrameBuilder) Table() (*FrameTable, error) {
	switch {
	case b.bad:
		return nil, ErrFrames
	case b.encapsulated:
		return b.encapsulatedTable()
	case b.native:
		return b.nativeTable()
	}
	return newNative(0, 0)
}

// nativeTable computes the frames; where there are fewer than Number of Frames
// says, the table ends with the last whole one.
func (b *FrameBuilder) nativeTable() (*FrameTable, error) {
	bits := b.bits
	switch b.nativeVR {
	case dicom.OF:
		bits = 32
	case dicom.OD:
		bits = 64
	}
	samples := max(b.samples, 1)
	if b.rows == 0 || b.columns == 0 || bits == 0 || bits > 64 {
		return nil, ErrFrames
	}
	frame := b.rows * b.columns * samples * bits // below 2^54
	switch b.photometric {
	case "YBR_FULL_422", "YBR_PARTIAL_422": // two luminance samples share the colours (PS3.3 C.7.6.3.1.2)
		frame = b.rows * b.columns * 2 * bits
	case "YBR_PARTIAL_420":
		frame = b.rows * b.columns * bits * 3 / 2
	}
	n := min(max(b.frames, 1), b.nativeLength*8/frame)
	if n == 0 {
		return nil, ErrFrames
	}
	return newNative(int(n), frame)
}
