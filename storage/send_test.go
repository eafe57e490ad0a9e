package storage

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"
)

// sendingPart sends by itself unless it cannot, and breaks off where it is told to.
type sendingPart struct {
	*bytes.Reader
	b      []byte
	cannot bool
	breaks int64
	sent   *int
}

func (p sendingPart) SendRange(w io.ReaderFrom, off, n int64) (int64, error) {
	if p.cannot {
		return 0, errors.ErrUnsupported
	}
	*p.sent++
	if p.breaks >= 0 {
		n = min(n, p.breaks)
	}
	return w.ReadFrom(bytes.NewReader(p.b[off : off+n]))
}

func TestJoinedSendsAsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var j joined
		var want []byte
		var sent, sending int
		for i := range rapid.IntRange(0, 5).Draw(t, "parts") {
			src := bytes.Repeat([]byte{byte(i + 1), 2, 3}, rapid.SampledFrom([]int{0, 1, 7, sendAtLeast/3 + 1, sendAtLeast}).Draw(t, "size"))
			from := rapid.IntRange(0, min(len(src), 5)).Draw(t, "from")
			p := sendingPart{Reader: bytes.NewReader(src), b: src, breaks: -1, sent: &sent}
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				j.add(p.Reader, int64(from), int64(len(src)-from))
			case 1:
				p.cannot = true
				j.add(p, int64(from), int64(len(src)-from))
			default:
				sending++
				j.add(p, int64(from), int64(len(src)-from))
			}
			want = append(want, src[from:]...)
		}
		off := rapid.IntRange(0, len(want)).Draw(t, "offset")
		n := rapid.IntRange(0, len(want)-off).Draw(t, "length")
		var got bytes.Buffer
		took, err := j.SendRange(&got, int64(off), int64(n))
		if err != nil || took != int64(n) || !bytes.Equal(got.Bytes(), want[off:off+n]) {
			t.Fatalf("took %d of %d, error %v", took, n, err)
		}
		if sent > sending {
			t.Fatalf("%d parts sent, %d can", sent, sending)
		}
		if took, err := j.SendRange(&got, int64(off), int64(len(want)-off)+1); err == nil || took != int64(len(want)-off) {
			t.Fatalf("beyond the end: took %d, error %v", took, err)
		}
	})
}

// What is shorter than it should be is an error, and nothing of the next part follows.
func TestJoinedSendsNothingAfterAGap(t *testing.T) {
	var j joined
	var sent int
	long := make([]byte, 2*sendAtLeast)
	j.add(sendingPart{Reader: bytes.NewReader(long), b: long, breaks: 10, sent: &sent}, 0, int64(len(long)))
	j.add(bytes.NewReader([]byte("next")), 0, 4)
	var got bytes.Buffer
	if took, err := j.SendRange(&got, 0, j.size); took != 10 || !errors.Is(err, io.ErrUnexpectedEOF) || got.Len() != 10 {
		t.Errorf("took %d (%d), error %v", took, got.Len(), err)
	}
}
