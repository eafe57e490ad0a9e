package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
)

func us(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }

// image describes native pixel data.
type image struct {
	rows, columns, samples, bits uint16
	frames, photometric          string
	length                       int64
	vr                           dicom.VR
}

func (m image) table() (*FrameTable, error) {
	var b FrameBuilder
	b.Element(tag.Rows, us(m.rows))
	b.Element(tag.Columns, us(m.columns))
	b.Element(tag.SamplesPerPixel, us(m.samples))
	b.Element(tag.BitsAllocated, us(m.bits))
	b.Element(tag.NumberOfFrames, []byte(m.frames))
	b.Element(tag.PhotometricInterpretation, []byte(m.photometric))
	b.Native(m.length, m.vr)
	return b.Table()
}

func TestNativeFrames(t *testing.T) {
	tests := []struct {
		name string
		image
		frames int
		last   Frame
	}{
		{"one of 16 bits", image{2, 3, 1, 16, "", "MONOCHROME2 ", 12, dicom.OW}, 1, Frame{[]Range{{0, 12}}, 0, 96}},
		{"three of RGB", image{2, 2, 3, 8, "3 ", "RGB ", 36, dicom.OB}, 3, Frame{[]Range{{24, 12}}, 0, 96}},
		{"YBR_FULL_422", image{2, 2, 3, 8, "2", "YBR_FULL_422", 16, dicom.OB}, 2, Frame{[]Range{{8, 8}}, 0, 64}},
		{"1 bit, not on byte borders", image{3, 3, 1, 1, "3", "", 4, dicom.OB}, 3, Frame{[]Range{{2, 2}}, 2, 9}},
		{"1 bit within a byte", image{1, 3, 1, 1, "2", "", 2, dicom.OB}, 2, Frame{[]Range{{0, 1}}, 3, 3}},
		{"float", image{2, 2, 1, 0, "2", "", 32, dicom.OF}, 2, Frame{[]Range{{16, 16}}, 0, 128}},
		{"double float", image{1, 2, 0, 0, "", "", 16, dicom.OD}, 1, Frame{[]Range{{0, 16}}, 0, 128}},
		{"padded", image{1, 3, 1, 8, "1", "", 4, dicom.OB}, 1, Frame{[]Range{{0, 3}}, 0, 24}},
		{"fewer than said", image{1, 4, 1, 8, "9", "", 10, dicom.OB}, 2, Frame{[]Range{{4, 4}}, 0, 32}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table, err := tt.table()
			if err != nil {
				t.Fatal(err)
			}
			if table.Encapsulated() || table.Len() != tt.frames {
				t.Fatalf("%d frames, want %d", table.Len(), tt.frames)
			}
			got, err := table.Frame(tt.frames - 1)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.last, got); diff != "" {
				t.Error(diff)
			}
			if _, err := table.Frame(tt.frames); err == nil {
				t.Error("a frame beyond the last")
			}
		})
	}
	for _, m := range []image{{}, {rows: 1, columns: 1, bits: 99, length: 100}, {rows: 10, columns: 10, bits: 8, length: 99}} {
		if _, err := m.table(); !errors.Is(err, ErrFrames) {
			t.Errorf("%+v: %v", m, err)
		}
	}
}

// Fragments of the tests: the letters are those of the payload.
const (
	soi  = "\xFF\xD8\xFF\xE0" // begins a JPEG image
	eoi  = "..\xFF\xD9"       // ends one
	whol = soi + eoi
	j2k  = "\xFF\x4F\xFF\x51...\xFF\xD9\x00" // a padded JPEG 2000 image
)

func TestP7EncapsulatedFrames(t *testing.T) {
	tests := []struct {
		name      string
		frames    string
		fragments []string
		basic     []uint32
		extended  []uint64
		lengths   []uint64
		want      string // numbers of the fragments of each frame
		fails     bool
	}{
		{name: "no fragments", frames: "3", want: ""},
		{name: "single frame, one fragment", fragments: []string{"ab"}, want: "0"},
		{name: "single frame, many fragments joined", fragments: []string{soi, "ab", "", eoi}, want: "0+1+2+3"},
		{name: "one fragment a frame, empty table", frames: "3", fragments: []string{"a.", "b.", "c."}, want: "0 1 2"},
		{name: "one fragment a frame, one empty", frames: "3", fragments: []string{"a.", "", "c."}, want: "0 1 2"},
		{name: "empty fragments between", frames: "2", fragments: []string{"a.", "", "c.", ""}, want: "0 2"},
		{name: "basic table", frames: "2", fragments: []string{"a.", "b.", "c."}, basic: []uint32{0, 10}, want: "0 1+2"},
		{name: "basic table of one fragment each", frames: "2", fragments: []string{"a.", "b."}, basic: []uint32{0, 10}, want: "0 1"},
		{name: "wrong basic table, one fragment each", frames: "2", fragments: []string{"a.", "b."}, basic: []uint32{0, 11}, want: "0 1"},
		{name: "wrong basic table, markers", frames: "2", fragments: []string{soi, eoi, soi, eoi}, basic: []uint32{0, 12}, want: "0+1 2+3"},
		{name: "basic table of all zeros", frames: "2", fragments: []string{whol, whol}, basic: []uint32{0, 0}, want: "0 1"},
		{name: "basic table too short", frames: "3", fragments: []string{whol, whol, whol}, basic: []uint32{0, 16}, want: "0 1 2"},
		{name: "no table, start markers", frames: "2", fragments: []string{soi, "a.", soi, "b.", "c."}, want: "0+1 2+3+4"},
		{name: "no table, markers with an embedded start", frames: "2", fragments: []string{soi, soi, eoi, soi, eoi}, want: "0+1+2 3+4"},
		{name: "no table, end markers only", frames: "2", fragments: []string{"a.", eoi, "b.", "c.", eoi}, want: "0+1 2+3+4"},
		{name: "no table, JPEG 2000", frames: "2", fragments: []string{j2k, "\xFF\x4F\xFF\x51", "a."}, want: "0 1+2"},
		{name: "extended table", frames: "2", fragments: []string{"a.", "b."}, extended: []uint64{0, 10}, lengths: []uint64{2, 1}, want: "0 1-1"},
		{name: "wrong extended table", frames: "2", fragments: []string{"a.", "b."}, extended: []uint64{0, 12}, lengths: []uint64{2, 1}, want: "0 1"},
		{name: "fewer images than frames", frames: "5", fragments: []string{whol, whol}, want: "0 1"},
		{name: "a video", frames: "500", fragments: []string{"\x00\x00\x01\xB3"}, fails: true},
		{name: "no way to tell", frames: "2", fragments: []string{"a.", "b.", "c."}, fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b FrameBuilder
			b.Element(tag.NumberOfFrames, []byte(tt.frames))
			var basic, extended, lengths []byte
			for _, v := range tt.basic {
				basic = binary.LittleEndian.AppendUint32(basic, v)
			}
			for i := range tt.extended {
				extended = binary.LittleEndian.AppendUint64(extended, tt.extended[i])
				lengths = binary.LittleEndian.AppendUint64(lengths, tt.lengths[i])
			}
			b.Element(tag.ExtendedOffsetTable, extended)
			b.Element(tag.ExtendedOffsetTableLengths, lengths)
			b.OffsetTable(basic)
			offset := int64(8 + len(basic))
			at := map[int64]int{}
			for i, f := range tt.fragments {
				offset += 8
				at[offset] = i
				b.Fragment(offset, int64(len(f)), []byte(f[:min(4, len(f))]), []byte(f[max(0, len(f)-4):]))
				offset += int64(len(f))
			}
			table, err := b.Table()
			if tt.fails {
				if !errors.Is(err, ErrFrames) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			table, err = ParseFrameTable(table.Append(nil))
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(t, table, tt.fragments, at); got != tt.want {
				t.Errorf("frames %q, want %q", got, tt.want)
			}
		})
	}
}

func describe(t *testing.T, table *FrameTable, fragments []string, at map[int64]int) string {
	var frames []string
	for i := range table.Len() {
		f, err := table.Frame(i)
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, r := range f.Ranges {
			n, ok := at[r.Offset]
			part := fmt.Sprint(n)
			if short := int64(len(fragments[n])) - r.Length; short != 0 || !ok {
				part += fmt.Sprintf("-%d", short)
			}
			parts = append(parts, part)
		}
		frames = append(frames, strings.Join(parts, "+"))
	}
	return strings.Join(frames, " ")
}

// buildFrames reads a data set as the archive does.
func buildFrames(r *Reader) (t *FrameTable, base int64, err error) {
	var b FrameBuilder
	base = -1
	for {
		k, err := r.Next()
		if err == io.EOF {
			t, err := b.Table()
			return t, base, err
		}
		if err != nil {
			return nil, base, err
		}
		switch {
		case k.Depth > 0:
		case k.Kind == FragmentsStart && k.Tag == tagPixelData:
			base = k.ValueOffset
		case k.Kind == Fragment && k.Offset == base:
			v, err := r.Value()
			if err != nil {
				return nil, base, err
			}
			b.OffsetTable(v)
		case k.Kind == Fragment && base >= 0:
			if err := r.Skip(); err != nil {
				return nil, base, err
			}
			first, last := r.Edges()
			b.Fragment(k.ValueOffset-base, int64(k.Length), first, last)
		case k.Kind == DataElement && (k.Tag == tagPixelData || k.Tag == tag.FloatPixelData || k.Tag == tag.DoubleFloatPixelData):
			base = k.ValueOffset
			b.Native(int64(k.Length), k.VR)
		case k.Kind == DataElement && k.Length < 1<<20:
			v, err := r.ValueLE()
			if err != nil {
				return nil, base, err
			}
			b.Element(k.Tag, v)
		}
	}
}

// Each frame of the corpus's images lies within the file, all frames but those
// of cut-off files are found, and compressed ones begin with the marker of their codestream.
func TestCorpusFrames(t *testing.T) {
	root, files := corpusFiles(t)
	for _, file := range files {
		body, _, ts, err := openCorpus(t, root, file)
		if err != nil || ts.Deflated {
			continue
		}
		s, err := Parse(body, ts, Limits{})
		if err != nil {
			continue
		}
		table, base, err := buildFrames(NewReader(bytes.NewReader(body), ts))
		if base < 0 {
			continue
		}
		if err != nil {
			t.Logf("%s: %v", file, err)
			if s.Get(tag.Rows) != nil && len(body) > 1000 {
				t.Errorf("%s: %v", file, err)
			}
			continue
		}
		want, ok := s.Int(tag.NumberOfFrames)
		if !ok || want < 1 {
			want = 1
		}
		if int64(table.Len()) != want {
			t.Errorf("%s: %d frames, want %d", file, table.Len(), want)
		}
		for i := range table.Len() {
			checkFrame(t, file, table, i, body[base:], ts)
		}
	}
}

func checkFrame(t *testing.T, file string, table *FrameTable, i int, value []byte, ts *dicom.TransferSyntax) {
	f, err := table.Frame(i)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var joined []byte
	for _, r := range f.Ranges {
		if r.Offset+r.Length > int64(len(value)) {
			t.Fatalf("%s: frame %d goes beyond the file", file, i)
		}
		joined = append(joined, value[r.Offset:r.Offset+r.Length]...)
	}
	name := ts.Name
	if table.Encapsulated() && (strings.HasPrefix(name, "JPEG") || strings.HasPrefix(name, "High")) && findMarks(joined, nil)&marksStart == 0 {
		t.Errorf("%s: frame %d begins with %x", filepath.Base(file), i, joined[:min(4, len(joined))])
	}
}

// A table of many frames is small and answers anywhere.
func TestManyFrames(t *testing.T) {
	var b FrameBuilder
	const n = 20_000
	b.Element(tag.NumberOfFrames, []byte("20000"))
	b.OffsetTable(nil)
	offset := int64(8)
	var want []Range
	for i := range n {
		offset += 8
		length := int64(10_000 + i%7*2)
		want = append(want, Range{offset, length})
		b.Fragment(offset, length, nil, nil)
		offset += length
	}
	table, err := b.Table()
	if err != nil {
		t.Fatal(err)
	}
	encoded := table.Append(nil)
	if len(encoded) > 6*n {
		t.Errorf("%d bytes for %d frames", len(encoded), n)
	}
	for i, r := range want {
		f, err := table.Frame(i)
		if err != nil || !slices.Equal(f.Ranges, []Range{r}) {
			t.Fatalf("frame %d: %+v, %v", i, f, err)
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	frags := make([]fragment, 20_000)
	for i := range frags {
		frags[i] = fragment{offset: int64(16 + i*10_008), length: 10_000}
	}
	t, err := oneEach(frags)
	if err != nil {
		b.Fatal(err)
	}
	encoded := t.Append(nil)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		t, err := ParseFrameTable(encoded)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := t.Frame(i % 20_000); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzFrameTable(f *testing.F) {
	t, err := oneEach([]fragment{{16, 100, 0}, {124, 50, 0}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(t.Append(nil))
	f.Add([]byte{tableNative, 3, 9})
	f.Fuzz(func(t *testing.T, in []byte) {
		table, err := ParseFrameTable(in)
		if err != nil {
			return
		}
		if !bytes.Equal(table.Append(nil), in) {
			t.Fatal("encoded otherwise")
		}
		for _, i := range []int{0, 1, 63, 64, table.Len() - 1, table.Len()} {
			frame, err := table.Frame(i)
			if err != nil {
				continue
			}
			for _, r := range frame.Ranges {
				if r.Offset < 0 || r.Length < 0 || r.Offset+r.Length < 0 {
					t.Fatalf("frame %d: %+v", i, r)
				}
			}
		}
	})
}
