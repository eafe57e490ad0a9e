package dataset

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
)

func syntax(t testing.TB, uid dicom.UID) *dicom.TransferSyntax {
	ts, ok := dicom.LookupTransferSyntax(uid)
	if !ok {
		t.Fatal(uid)
	}
	return ts
}

// claim4GB is an element that claims 4 GB and has 200 bytes.
func claim4GB() []byte {
	b := encoding{explicit: true}.appendHeader(nil, tagPixelData, dicom.OB, 0xFFFFFFFE)
	return append(b, make([]byte, 200)...)
}

// nested is n sequences inside one another, none of them ended.
func nested(n int) []byte {
	e := encoding{explicit: true}
	one := e.appendHeader(nil, 0x00081140, dicom.SQ, UndefinedLength)
	one = e.appendUint32(e.appendTag(one, tagItem), UndefinedLength)
	return bytes.Repeat(one, n)
}

// emptyItems is a sequence of n empty items.
func emptyItems(n int) []byte {
	e := encoding{explicit: true}
	b := e.appendHeader(nil, 0x00081140, dicom.SQ, uint32(8*n))
	return append(b, bytes.Repeat(e.appendUint32(e.appendTag(nil, tagItem), 0), n)...)
}

// allocated tells how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestLimits(t *testing.T) {
	tests := []struct {
		name  string
		body  []byte
		lim   Limits
		limit bool   // the error wraps ErrLimit
		bytes uint64 // at most allocated
	}{
		{"4 GB claim", claim4GB(), Limits{}, false, 200 << 10},
		{"100,000 deep", nested(100_000), Limits{}, true, 200 << 10},
		{"1,000,000 empty items", emptyItems(1_000_000), Limits{}, true, 200 << 10},
		{"depth", nested(3), Limits{Depth: 2}, true, 200 << 10},
		{"elements", encodeTestSet(t, dicom.ExplicitVRLittleEndian), Limits{Elements: 3}, true, 200 << 10},
		{"total", encodeTestSet(t, dicom.ExplicitVRLittleEndian), Limits{Total: 100_000}, true, 200 << 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var err error
			got := allocated(func() {
				r := NewReader(bytes.NewReader(tt.body), syntax(t, dicom.ExplicitVRLittleEndian), WithLimits(tt.lim))
				_, err = drainTokens(r)
			})
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || errors.Is(err, ErrLimit) != tt.limit {
				t.Errorf("error %v", err)
			}
			if got > tt.bytes {
				t.Errorf("%d bytes allocated", got)
			}
		})
	}
}

func TestValueLimit(t *testing.T) {
	body := encodeTestSet(t, dicom.ExplicitVRLittleEndian)
	r := NewReader(bytes.NewReader(body), syntax(t, dicom.ExplicitVRLittleEndian), WithLimits(Limits{Value: 1000}))
	for {
		k, err := r.Next()
		if err == io.EOF {
			t.Fatal("no Pixel Data")
		}
		if err != nil {
			t.Fatal(err)
		}
		if k.Tag == tagPixelData {
			break
		}
	}
	if _, err := r.Value(); !errors.Is(err, ErrLimit) {
		t.Errorf("Value: %v", err)
	}
	if n, err := r.CopyValue(io.Discard); n != 240_000 || err != nil {
		t.Errorf("CopyValue after that: %d, %v", n, err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("Next after that: %v", err)
	}
}

// A claim within Limits.Value takes memory only as bytes arrive.
func TestValueGrowsWithWhatIsThere(t *testing.T) {
	b := encoding{explicit: true}.appendHeader(nil, tagPixelData, dicom.OB, 60<<20)
	b = append(b, make([]byte, 100_000)...)
	got := allocated(func() {
		r := NewReader(bytes.NewReader(b), syntax(t, dicom.ExplicitVRLittleEndian))
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Value(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Value: %v", err)
		}
	})
	if got > 1<<20 {
		t.Errorf("%d bytes allocated", got)
	}
}

// deflateZeros is a deflated element of n zero bytes.
func deflateZeros(t testing.TB, n int) []byte {
	var buf bytes.Buffer
	w, _ := flate.NewWriter(&buf, flate.BestCompression)
	head := encoding{explicit: true}.appendHeader(nil, tagPixelData, dicom.OB, uint32(n))
	if _, err := w.Write(head); err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for n > 0 {
		k := min(n, len(zeros))
		if _, err := w.Write(zeros[:k]); err != nil {
			t.Fatal(err)
		}
		n -= k
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestP10DeflateBomb(t *testing.T) {
	bomb := deflateZeros(t, 66<<20)
	for _, lim := range []Limits{{}, {Inflated: 1 << 20}} {
		r := NewReader(bytes.NewReader(bomb), syntax(t, dicom.DeflatedExplicitVRLittleEndian), WithLimits(lim))
		if _, err := drainTokens(r); !errors.Is(err, ErrLimit) {
			t.Errorf("limits %+v: %v", lim, err)
		}
	}
}

// Elements out of order, odd headers and lookahead must not cost more than linear time.
func TestTimeIsLinear(t *testing.T) {
	e := encoding{explicit: true}
	var odd []byte
	for range 100_000 {
		odd = binary.LittleEndian.AppendUint32(append(odd, 8, 0, 8, 0, 'C', 'S', 0, 0), 4000)
	}
	var falling []byte
	for i := range 60_000 {
		falling = e.appendHeader(falling, dicom.Tag(0x00900000-i), dicom.LO, 0)
	}
	for _, body := range [][]byte{odd, falling, emptyItems(200_000)} {
		start := time.Now()
		if _, err := Parse(body, syntax(t, dicom.ExplicitVRLittleEndian), Limits{Value: 1 << 30}); err != nil {
			t.Log(err)
		}
		t.Logf("%d bytes took %v", len(body), time.Since(start))
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%d bytes took %v", len(body), d)
		}
	}
}
