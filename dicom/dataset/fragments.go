package dataset

import (
	"encoding/binary"
	"slices"
)

// encapsulatedTable finds out which fragments make up which frame: by number, by the
// offset tables if they are right, else by the markers of the codestreams.
func (b *FrameBuilder) encapsulatedTable() (*FrameTable, error) {
	frames := int(max(b.frames, 1))
	if len(b.fragments) == 0 {
		return newEncapsulated(0, nil, nil)
	}
	if t, ok := b.byExtendedTable(frames); ok {
		return t, nil
	}
	if frames == 1 {
		return newEncapsulated(1, b.fragments, func(i int) int { return i * len(b.fragments) })
	}
	if starts, ok := b.byBasicTable(frames); ok {
		return b.grouped(starts)
	}
	if len(b.fragments) == frames {
		return oneEach(b.fragments)
	}
	full := slices.DeleteFunc(slices.Clone(b.fragments), func(f fragment) bool { return f.length == 0 })
	if len(full) == frames {
		return oneEach(full)
	}
	b.fragments = full
	if starts, ok := b.byMarkers(frames); ok {
		return b.grouped(starts)
	}
	if len(full) < frames && len(full) > 0 && full[0].marks&marksStart != 0 {
		return oneEach(full) // fewer images than Number of Frames says
	}
	return nil, ErrFrames
}

func oneEach(f []fragment) (*FrameTable, error) {
	return newEncapsulated(len(f), f, func(i int) int { return i })
}

// grouped makes a table of frames that begin with the fragments of these numbers.
func (b *FrameBuilder) grouped(starts []int) (*FrameTable, error) {
	return newEncapsulated(len(starts), b.fragments, func(i int) int {
		if i < len(starts) {
			return starts[i]
		}
		return len(b.fragments)
	})
}

// find gives the number of the fragment whose item tag is at an offset as the
// offset tables give it: counted from the first item after the Basic Offset Table.
func (b *FrameBuilder) find(offset uint64) (int, bool) {
	return slices.BinarySearchFunc(b.fragments, offset, func(f fragment, o uint64) int {
		at := uint64(f.offset - b.fragments[0].offset)
		switch {
		case at < o:
			return -1
		case at > o:
			return 1
		}
		return 0
	})
}

// byExtendedTable takes the Extended Offset Table (PS3.3 C.7.6.3.1.8), whose
// frames are one fragment each, if it agrees with the fragments.
func (b *FrameBuilder) byExtendedTable(frames int) (*FrameTable, bool) {
	if len(b.extOffsets) != 8*frames || len(b.fragments) != frames {
		return nil, false
	}
	picked := make([]fragment, frames)
	last := -1
	for i := range picked {
		n, ok := b.find(binary.LittleEndian.Uint64(b.extOffsets[8*i:]))
		if !ok || n <= last {
			return nil, false
		}
		picked[i], last = b.fragments[n], n
		if len(b.extLengths) == len(b.extOffsets) {
			length := binary.LittleEndian.Uint64(b.extLengths[8*i:])
			if length > uint64(picked[i].length) {
				return nil, false
			}
			picked[i].length = uint32(length)
		}
	}
	t, err := oneEach(picked)
	return t, err == nil
}

// byBasicTable takes the Basic Offset Table if each entry is the place of a
// fragment, in order.
func (b *FrameBuilder) byBasicTable(frames int) ([]int, bool) {
	if len(b.offsets) != 4*frames {
		return nil, false
	}
	starts := make([]int, frames)
	last := -1
	for i := range starts {
		n, ok := b.find(uint64(binary.LittleEndian.Uint32(b.offsets[4*i:])))
		if !ok || n <= last || (i == 0 && n != 0) {
			return nil, false
		}
		starts[i], last = n, n
	}
	return starts, b.markersAgree(starts)
}

// markersAgree tells whether frames beginning with these fragments begin with
// the start of an image; true where there are no such markers at all (RLE).
func (b *FrameBuilder) markersAgree(starts []int) bool {
	if b.fragments[0].marks&marksStart == 0 {
		return true
	}
	for _, n := range starts {
		if b.fragments[n].marks&marksStart == 0 {
			return false
		}
	}
	return true
}

// byMarkers begins a frame with each fragment that starts an image, or after
// each that ends one, whichever gives the right number.
func (b *FrameBuilder) byMarkers(frames int) ([]int, bool) {
	var starts, afterEnds, both []int
	ended := true
	for i, f := range b.fragments {
		start := f.marks&marksStart != 0
		if start {
			starts = append(starts, i)
		}
		if ended {
			afterEnds = append(afterEnds, i)
		}
		if start && ended {
			both = append(both, i)
		}
		ended = f.marks&marksEnd != 0
	}
	for _, s := range [][]int{both, starts, afterEnds} {
		if len(s) == frames && s[0] == 0 {
			return s, true
		}
	}
	return nil, false
}
