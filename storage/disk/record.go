package disk

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// headerSize is the length in bytes of a record's header.
const headerSize = 96

// Records begin at multiples of these, so that a scan finds the next one after damage.
const (
	journalAlign = 64
	bulkAlign    = 4096
)

// recordFill covers a hole in a bulk segment that a torn write left behind.
const recordFill storage.RecordKind = 255

const recordVersion = 1

// flagLast marks the last record of a group: a group without it is torn.
const flagLast uint16 = 1 << 0

var (
	magic      = [4]byte{'H', 'L', 'G', 'r'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// header stands before every payload, little endian:
//
//	 0  magic "HLGr"
//	 4  version (1), 5 kind
//	 6  flags (16 bits)
//	 8  key id (32 bits; 0: the payload is not encrypted)
//	12  CRC-32C of the payload
//	16  length of the payload (64 bits)
//	24  sequence number (64 bits; journal only)
//	32  offset of this header in the segment (64 bits)
//	40  number of the segment (32 bits), 44 reserved (32 bits)
//	48  journal: sequence number of the group's first record; blob: xxhash64 of its first 64 KiB (64 bits)
//	56  SHA-256 of the payload (blobs only)
//	88  reserved (32 bits)
//	92  CRC-32C of bytes 0 to 91
//
// Segment and offset bind a header to its place: a record stored inside
// another one's payload is never taken for a real one.
type header struct {
	kind    storage.RecordKind
	flags   uint16
	key     uint32
	crc     uint32
	length  int64
	seq     uint64
	offset  int64
	segment uint32
	extra   uint64
	digest  halong.Digest
}

func (h *header) put(b []byte) {
	clear(b[:headerSize])
	copy(b, magic[:])
	b[4], b[5] = recordVersion, byte(h.kind)
	le := binary.LittleEndian
	le.PutUint16(b[6:], h.flags)
	le.PutUint32(b[8:], h.key)
	le.PutUint32(b[12:], h.crc)
	le.PutUint64(b[16:], uint64(h.length))
	le.PutUint64(b[24:], h.seq)
	le.PutUint64(b[32:], uint64(h.offset))
	le.PutUint32(b[40:], h.segment)
	le.PutUint64(b[48:], h.extra)
	copy(b[56:], h.digest[:])
	le.PutUint32(b[92:], crc32.Checksum(b[:92], castagnoli))
}

// parseHeader reads the header that should stand at offset of segment; ok is
// false when none of this version does.
func parseHeader(b []byte, segment uint32, offset int64) (h header, ok bool) {
	le := binary.LittleEndian
	if len(b) < headerSize || !bytes.Equal(b[:4], magic[:]) || b[4] != recordVersion ||
		le.Uint32(b[92:]) != crc32.Checksum(b[:92], castagnoli) {
		return h, false
	}
	h = header{
		kind: storage.RecordKind(b[5]), flags: le.Uint16(b[6:]), key: le.Uint32(b[8:]), crc: le.Uint32(b[12:]),
		length: int64(le.Uint64(b[16:])), seq: le.Uint64(b[24:]), offset: int64(le.Uint64(b[32:])),
		segment: le.Uint32(b[40:]), extra: le.Uint64(b[48:]), digest: halong.Digest(b[56:88]),
	}
	return h, h.segment == segment && h.offset == offset && h.length >= 0 && h.length <= maxPayload
}

// maxPayload bounds the length a header may claim.
const maxPayload = 1 << 40

// extent is the record's length on disk: header, payload and padding.
func (h *header) extent(align int64) int64 { return alignUp(headerSize+h.length, align) }

func (h *header) place() storage.Place {
	return storage.Place{Segment: h.segment, Offset: h.offset + headerSize, Length: h.length}
}

func alignUp(n, align int64) int64 { return (n + align - 1) / align * align }
