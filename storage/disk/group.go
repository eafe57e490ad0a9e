package disk

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// group gathers the records of one commit; they are written at once.
type group struct {
	buf     []byte
	starts  []int  // of each record in buf
	segment uint32 // where it will lie; 0: not decided yet
	base    int64  // offset of buf[0] in the segment
	written bool   // some of it may be on disk
}

// keepBuffer is the largest group buffer in bytes that is kept for the next group.
const keepBuffer = 4 << 20

// seqRange is a range of sequence numbers, both ends included.
type seqRange struct{ first, last uint64 }

// Append implements storage.Journal. The transaction is the committer's
// business: Mark and Rewind bracket it.
func (s *Store) Append(_ halong.Tx, kind storage.RecordKind, parts ...[]byte) (uint64, storage.Place, error) {
	s.committing.Lock()
	defer s.committing.Unlock()
	if !s.recovered {
		return 0, storage.Place{}, halong.E("disk.Append", halong.Conflict, "", errUnknown)
	}
	if kind < storage.RecordObject || kind == storage.RecordVoid || kind > storage.MaxRecordKind {
		return 0, storage.Place{}, halong.E("disk.Append", halong.Invalid, "", errors.New("not a kind of journal record"))
	}
	h := s.append(kind, parts...)
	return h.seq, h.place(), nil
}

func (s *Store) append(kind storage.RecordKind, parts ...[]byte) header {
	g := &s.group
	if g.segment == 0 {
		s.plan()
	}
	start := len(g.buf)
	h := header{
		kind: kind, seq: s.next + uint64(len(g.starts)), offset: g.base + int64(start), segment: g.segment, extra: s.next,
	}
	g.starts = append(g.starts, start)
	g.buf = append(g.buf, make([]byte, headerSize)...)
	for _, p := range parts {
		g.buf = append(g.buf, p...)
		h.length += int64(len(p))
		h.crc = crc32.Update(h.crc, castagnoli, p)
	}
	h.put(g.buf[start:])
	end := int(h.extent(journalAlign)) + start
	g.buf = append(g.buf, make([]byte, end-len(g.buf))...)
	return h
}

// plan decides where the group will lie.
func (s *Store) plan() {
	g := s.journal
	if g != nil && g.tail >= s.o.SegmentSize {
		g.seal(s.o.Now())
		s.journal, g = nil, nil
	}
	if g == nil {
		s.group.segment, s.group.base = s.newID(), 0
		return
	}
	s.group.segment, s.group.base = g.id, g.tail
}

// Mark implements storage.Log.
func (s *Store) Mark() int {
	s.committing.Lock()
	defer s.committing.Unlock()
	return len(s.group.starts)
}

// Rewind implements storage.Log.
func (s *Store) Rewind(mark int) {
	s.committing.Lock()
	defer s.committing.Unlock()
	g := &s.group
	if mark < 0 || mark >= len(g.starts) {
		return
	}
	g.buf = g.buf[:g.starts[mark]]
	g.starts = g.starts[:mark]
}

// finish adds the void record and marks the last record of the group.
func (s *Store) finish() {
	if len(s.voids) > 0 {
		s.append(storage.RecordVoid, encodeVoids(s.voids))
	}
	g := &s.group
	if len(g.starts) == 0 {
		return
	}
	b := g.buf[g.starts[len(g.starts)-1]:]
	le := binary.LittleEndian
	le.PutUint16(b[6:], le.Uint16(b[6:])|flagLast)
	le.PutUint32(b[92:], crc32.Checksum(b[:92], castagnoli))
}

// Committed implements storage.Log.
func (s *Store) Committed() {
	s.committing.Lock()
	defer s.committing.Unlock()
	s.committed()
}

func (s *Store) committed() {
	s.next += uint64(len(s.group.starts))
	if len(s.group.starts) > 0 {
		s.voids = nil // the group held them
	}
	s.mu.Lock()
	for _, r := range s.reported {
		r.seg.committed = r.state
		if r.state.Sealed {
			delete(s.live, r.seg)
		}
	}
	s.mu.Unlock()
	s.endGroup()
}

// Aborted implements storage.Log. Numbers that may be on disk are never given
// again, and become void with the next group.
func (s *Store) Aborted() {
	s.committing.Lock()
	defer s.committing.Unlock()
	if n := uint64(len(s.group.starts)); n > 0 && s.group.written {
		s.void(seqRange{s.next, s.next + n - 1})
		s.next += n
	}
	s.endGroup()
}

func (s *Store) void(r seqRange) {
	if n := len(s.voids); n > 0 && s.voids[n-1].last+1 == r.first {
		s.voids[n-1].last = r.last
		return
	}
	s.voids = append(s.voids, r)
}

func (s *Store) endGroup() {
	buf := s.group.buf[:0]
	if cap(buf) > keepBuffer {
		buf = nil
	}
	s.group = group{buf: buf, starts: s.group.starts[:0]}
	s.reported = s.reported[:0]
}

func encodeVoids(voids []seqRange) []byte {
	b := make([]byte, 0, 16*len(voids))
	for _, r := range voids {
		b = binary.LittleEndian.AppendUint64(b, r.first)
		b = binary.LittleEndian.AppendUint64(b, r.last)
	}
	return b
}

func decodeVoids(b []byte) []seqRange {
	var voids []seqRange
	for ; len(b) >= 16; b = b[16:] {
		voids = append(voids, seqRange{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])})
	}
	return voids
}
