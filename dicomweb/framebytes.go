package dicomweb

import (
	"io"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// aligned makes a native frame begin at the first bit of its first byte and
// clears the bits after its last: frames of 1-bit data follow one another
// without padding, the first pixel in the least significant bit (PS3.5 8.1.1).
func aligned(r io.Reader, size int64, f dataset.Frame) (io.Reader, int64) {
	want := (f.Bits + 7) / 8
	if f.BitOffset == 0 && want*8 == f.Bits && want == size {
		return r, size
	}
	if f.BitOffset == 0 && f.Bits%8 == 0 {
		return io.LimitReader(r, want), want
	}
	return &bitShifter{r: io.LimitReader(r, size), shift: f.BitOffset, bits: f.Bits}, want
}

// bitShifter gives bits of r, moved down by shift.
type bitShifter struct {
	r     io.Reader
	shift int   // 0 to 7
	bits  int64 // still to be given
	held  byte  // last byte read, whose upper bits are still to be given
	begun bool
	err   error
}

// Read implements io.Reader.
func (s *bitShifter) Read(p []byte) (int, error) {
	if s.bits <= 0 {
		return 0, io.EOF
	}
	if s.err != nil {
		return 0, s.err
	}
	if s.shift > 0 && !s.begun {
		var first [1]byte
		if _, err := io.ReadFull(s.r, first[:]); err != nil {
			return 0, err
		}
		s.held, s.begun = first[0], true
	}
	p = p[:min(int64(len(p)), (s.bits+7)/8)]
	n, err := s.r.Read(p)
	for i, b := range p[:n] {
		if s.shift > 0 {
			p[i] = s.held>>s.shift | b<<(8-s.shift)
			s.held = b
		}
	}
	if err == io.EOF && n < len(p) && s.shift > 0 { // the last bits are all held
		p[n] = s.held >> s.shift
		s.held = 0
		n++
	}
	s.err = err
	s.bits -= int64(n) * 8
	if s.bits < 0 && n > 0 {
		p[n-1] &= 0xFF >> -s.bits
	}
	return n, nil
}

// unpadded takes the padding byte of the last fragment (PS3.5 A.4) away where
// the image tells its own end: JPEG, JPEG-LS and JPEG 2000 end with FFD9.
func unpadded(r io.Reader, size int64, media string) (io.Reader, int64, error) {
	at, ok := r.(io.ReaderAt)
	if !ok || size < 4 || !strings.HasPrefix(media, "image/j") {
		return r, size, nil
	}
	var end [3]byte
	if _, err := at.ReadAt(end[:], size-3); err != nil && err != io.EOF {
		return nil, 0, err
	}
	if end == [3]byte{0xFF, 0xD9, 0} {
		return io.LimitReader(r, size-1), size - 1, nil
	}
	return r, size, nil
}

// byteOrder is what must be known of the Pixel Data of a big-endian object.
type byteOrder struct {
	value  int64 // offset of the first byte of the value
	length int64
	word   int // bytes that are swapped together (PS3.5 A.3)
}

// swapped gives a frame of a big-endian object in little endian.
func (s *frameSource) swapped(f dataset.Frame) (io.Reader, int64, error) {
	if s.order == nil {
		order, err := findPixels(s.obj)
		if err != nil {
			return nil, 0, err
		}
		s.order = order
	}
	if len(f.Ranges) != 1 {
		return nil, 0, halong.E("dicomweb.frame", halong.Corrupt, "", nil)
	}
	g, o := f.Ranges[0], s.order
	value, err := s.obj.Bulk(o.value, o.length)
	if err != nil {
		return nil, 0, err
	}
	r := io.NewSectionReader(swapReader{value, o.word, o.length}, g.Offset, g.Length)
	out, size := aligned(r, g.Length, f)
	return out, size, nil
}

// findPixels looks the Pixel Data element up in the head.
func findPixels(obj Object) (*byteOrder, error) {
	r := obj.Reader()
	for {
		t, err := r.Next()
		if err == io.EOF {
			return nil, halong.E("dicomweb.frame", halong.NotExist, "", nil)
		}
		if err != nil {
			return nil, err
		}
		if t.Depth == 0 && isPixels(t.Tag) && t.Kind == dataset.DataElement {
			return &byteOrder{t.ValueOffset, int64(t.Length), t.VR.WordSize()}, nil
		}
	}
}

func isPixels(t dicom.Tag) bool {
	return t == tag.PixelData || t == tag.FloatPixelData || t == tag.DoubleFloatPixelData
}

// swapReader gives a big-endian value in little endian.
type swapReader struct {
	r    io.ReaderAt
	word int
	size int64
}

// swapChunk is how much swapReader reads at once, a multiple of every word size.
const swapChunk = 64 << 10

// ReadAt implements io.ReaderAt. Bytes after the last whole word stay as they are.
func (s swapReader) ReadAt(p []byte, off int64) (done int, err error) {
	if s.word <= 1 {
		return s.r.ReadAt(p, off)
	}
	w := int64(s.word)
	end := min((off+int64(len(p))+w-1)/w*w, s.size)
	var b []byte
	for done < len(p) {
		at := off + int64(done)
		if at >= end {
			return done, io.EOF
		}
		from := at - at%w
		if b == nil {
			b = make([]byte, min(end-from, swapChunk))
		}
		b = b[:min(end-from, int64(len(b)))]
		if n, err := s.r.ReadAt(b, from); n < len(b) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return done, err
		}
		swapWords(b, s.word)
		done += copy(p[done:], b[at-from:])
	}
	return done, nil
}

// swapWords turns every whole word of b round.
func swapWords(b []byte, word int) {
	for ; len(b) >= word; b = b[word:] {
		for i, j := 0, word-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
}
