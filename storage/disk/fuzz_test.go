package disk

import (
	"bytes"
	"context"
	"hash/crc32"
	"testing"

	"github.com/halong-gateway/halong/storage"
)

// testSegment gives a segment with three journal records.
func testSegment() []byte {
	var b []byte
	for i, p := range []string{"first", "", "the third one is somewhat longer than sixty-four bytes, so that it takes up more"} {
		h := header{kind: storage.RecordMessage, seq: uint64(i + 1), extra: 1, segment: 7, offset: int64(len(b)), length: int64(len(p)), crc: crc32.Checksum([]byte(p), castagnoli)}
		r := make([]byte, h.extent(journalAlign))
		h.put(r)
		copy(r[headerSize:], p)
		b = append(b, r...)
	}
	return b
}

// A scan of anything ends, visits records in order and inside the segment, and
// accounts for every byte once: as a record or as damage.
func FuzzSegmentScan(f *testing.F) {
	whole := testSegment()
	f.Add(whole, false)
	f.Add(whole[:len(whole)-64], true)
	f.Add(append(make([]byte, 128), whole...), true)
	broken := bytes.Clone(whole)
	broken[200] ^= 1
	f.Add(broken, true)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, b []byte, check bool) {
		end := int64(0)
		account := func(from, to int64) {
			if from != end || to <= from || to > int64(len(b)) {
				t.Fatalf("from %d to %d after %d of %d", from, to, end, len(b))
			}
			end = to
		}
		sc := &scanner{check: check, segment: 7, align: journalAlign, end: int64(len(b)), ctx: context.Background()}
		sc.f = bytes.NewReader(b)
		sc.visit = func(h *header) error {
			account(h.offset, min(h.offset+h.extent(journalAlign), int64(len(b))))
			p, err := sc.payload(h)
			if err != nil || check && h.kind != recordFill && crc32.Checksum(p, castagnoli) != h.crc {
				t.Fatalf("payload at %d: %v", h.offset, err)
			}
			return nil
		}
		sc.damage = func(d Damage) { account(d.Offset, d.Offset+d.Length) }
		last, err := sc.run(0)
		if err != nil || last > alignUp(int64(len(b)), journalAlign) || end != int64(len(b)) {
			t.Fatalf("last %d, %v; accounted for %d of %d", last, err, end, len(b))
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(testSegment()[:headerSize])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := parseHeader(b, 7, 0)
		if !ok {
			return
		}
		again := make([]byte, headerSize)
		h.put(again)
		if got, ok := parseHeader(again, 7, 0); !ok || got != h {
			t.Fatalf("%+v becomes %+v", h, got)
		}
	})
}
