package disk

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// Damage is a range of bytes of a segment that holds no valid record.
type Damage struct {
	Segment uint32
	Offset  int64
	Length  int64
	Reason  string
	Record  storage.Record // without Payload, where only that of a record is damaged; else its Seq is 0
}

// DamageError reports damage after everything else has been read. It is
// wrapped in an error of kind Corrupt.
type DamageError struct{ Damage []Damage }

// Error tells how much is damaged and where the first damage lies.
func (e *DamageError) Error() string {
	if len(e.Damage) == 0 {
		return "no damage"
	}
	d := e.Damage[0]
	return fmt.Sprintf("%d damaged ranges, the first at offset %d of segment %d: %s", len(e.Damage), d.Offset, d.Segment, d.Reason)
}

func damageError(op string, d []Damage) error {
	if len(d) == 0 {
		return nil
	}
	return halong.E(op, halong.Corrupt, "", &DamageError{Damage: d})
}

// windowSize is how many bytes of a segment are read at once.
const windowSize = 256 << 10

// window reads a file in large pieces.
type window struct {
	f   io.ReaderAt
	b   []byte
	off int64 // of b[0]
	mem []byte

	ahead int64 // bytes read at once; windowSize by default
}

// bytes gives n bytes at off, valid until the next call; fewer at the end of
// the file. Callers know from the file's length that n bytes are there.
func (w *window) bytes(off, n int64) ([]byte, error) {
	if off >= w.off && off+n <= w.off+int64(len(w.b)) {
		return w.b[off-w.off:][:n], nil
	}
	if w.ahead == 0 {
		w.ahead = windowSize
	}
	if int64(len(w.mem)) < max(n, w.ahead) {
		w.mem = make([]byte, max(n, w.ahead))
	}
	k, err := w.f.ReadAt(w.mem, off)
	w.b, w.off = w.mem[:k], off
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return w.b[:min(n, int64(k))], nil
}

// scanner walks the records of one segment.
type scanner struct {
	window
	segment uint32
	align   int64
	end     int64 // bytes from here on are not looked at
	check   bool  // payloads are read and their checksums compared
	ctx     context.Context

	visit  func(h *header) error // in order of offsets
	damage func(d Damage)        // may be nil
}

// run scans from off, a multiple of align. It gives the end of the last valid
// record, or off when there is none.
func (s *scanner) run(off int64) (last int64, err error) {
	last = off
	bad := int64(-1)
	for off+headerSize <= s.end {
		if err := s.ctx.Err(); err != nil {
			return last, err
		}
		h, reason, err := s.record(off)
		if err != nil {
			return last, err
		}
		if reason != "" && h.length == 0 {
			if bad < 0 {
				bad = off
			}
			off += s.align
			continue
		}
		s.report(bad, off, "no record")
		bad = -1
		end := off + h.extent(s.align)
		if reason != "" {
			if s.damage != nil {
				lost := storage.Record{Seq: h.seq, Kind: h.kind, Place: h.place()}
				s.damage(Damage{Segment: s.segment, Offset: off, Length: min(end, s.end) - off, Reason: reason, Record: lost})
			}
			off = end
			continue
		}
		if err := s.visit(&h); err != nil {
			return last, err
		}
		off, last = end, end
	}
	if bad < 0 && off < s.end {
		bad = off
	}
	s.report(bad, s.end, "no record")
	return last, nil
}

func (s *scanner) report(from, to int64, reason string) {
	if s.damage != nil && from >= 0 && to > from {
		s.damage(Damage{Segment: s.segment, Offset: from, Length: to - from, Reason: reason})
	}
}

// record reads the record at off. A reason with an empty header means that
// there is none; with a header, that its payload is damaged.
func (s *scanner) record(off int64) (h header, reason string, err error) {
	b, err := s.bytes(off, headerSize)
	if err != nil {
		return h, "", err
	}
	h, ok := parseHeader(b, s.segment, off)
	if !ok {
		return header{}, "no record", nil
	}
	if off+headerSize+h.length > s.end {
		h.length = max(h.length, 1)
		return h, "the record is cut off", nil
	}
	if !s.check || h.kind == recordFill {
		return h, "", nil
	}
	crc, err := s.checksum(off+headerSize, h.length)
	if err == nil && crc != h.crc {
		h.length = max(h.length, 1)
		reason = "the payload's checksum is wrong"
	}
	return h, reason, err
}

func (s *scanner) checksum(off, n int64) (crc uint32, err error) {
	for n > 0 {
		b, err := s.bytes(off, min(n, windowSize))
		if err != nil {
			return 0, err
		}
		if len(b) == 0 {
			return 0, io.ErrUnexpectedEOF
		}
		crc = crc32.Update(crc, castagnoli, b)
		off += int64(len(b))
		n -= int64(len(b))
	}
	return crc, nil
}

// payload gives the payload of a record just visited.
func (s *scanner) payload(h *header) ([]byte, error) {
	b, err := s.bytes(h.offset+headerSize, h.length)
	if err == nil && int64(len(b)) < h.length {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// scan scans part of a segment.
func (s *Store) scan(ctx context.Context, g *segment, from, end int64, sc *scanner) (int64, error) {
	f, err := g.acquire()
	if err != nil {
		return from, err
	}
	sc.f, sc.segment, sc.align, sc.end, sc.ctx = f, g.id, g.align(), end, ctx
	last, err := sc.run(from)
	return last, errors.Join(err, g.release())
}

// length tells how many bytes of the segment are of interest: those that are
// durable, or the whole file before Recover has looked.
func (g *segment) length() (int64, error) {
	f, err := g.acquire()
	if err != nil {
		return 0, err
	}
	n, err := f.Size()
	return g.durable(n), errors.Join(err, g.release())
}

// durable tells how many of a file's bytes hold records that are durable; all, before Recover has looked.
func (g *segment) durable(size int64) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.looked {
		return min(size, g.synced)
	}
	return size
}
