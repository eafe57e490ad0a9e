package storage

import (
	"bytes"
	"io"
	"testing"

	"pgregory.net/rapid"
)

func TestJoinedReadsAsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var j joined
		var want []byte
		for range rapid.IntRange(0, 6).Draw(t, "parts") {
			src := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "source")
			from := rapid.IntRange(0, len(src)).Draw(t, "from")
			n := rapid.IntRange(0, len(src)-from).Draw(t, "n")
			j.add(bytes.NewReader(src), int64(from), int64(n))
			want = append(want, src[from:from+n]...)
		}
		off := rapid.IntRange(0, len(want)).Draw(t, "offset")
		got := make([]byte, rapid.IntRange(0, 60).Draw(t, "length"))
		n, err := j.ReadAt(got, int64(off))
		if !bytes.Equal(got[:n], want[off:min(len(want), off+len(got))]) {
			t.Fatalf("read %x", got[:n])
		}
		if n < len(got) && err != io.EOF {
			t.Fatalf("%d of %d bytes and error %v", n, len(got), err)
		}
	})
}
