package disk

import (
	"context"
	"errors"
	"hash/crc32"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// CompactSegment copies the live blobs of a sealed bulk segment to the active
// one, syncs, tells the index, and drops the segment; its bytes stay readable for those who have it
// open, and the old places keep working for an hour or more. The error is of kind Conflict when the segment is still
// in use (Options.CompactAge), Corrupt when a live blob or a header is damaged: the segment is then kept as it is.
func (s *Store) CompactSegment(ctx context.Context, id uint32, k storage.Keeper) error {
	g := s.segment(id)
	if g == nil || !g.bulk {
		return halong.E("disk.CompactSegment", halong.NotExist, segmentName(id), nil)
	}
	if !g.idle(s.o) {
		return halong.E("disk.CompactSegment", halong.Conflict, segmentName(id), errors.New("the segment is in use"))
	}
	c := &compaction{s: s, g: g, k: k, ctx: ctx}
	err := c.run()
	if err == nil {
		err = k.Drop(ctx, id, func() error {
			s.forget(g)
			return g.drop()
		})
	}
	return fail("disk.CompactSegment", segmentName(id), err)
}

// idle tells that nothing is on its way into the segment.
func (g *segment) idle(o Options) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sealed && len(g.unsynced) == 0 && len(g.writing) == g.holes && o.Now().Sub(g.sealedAt) >= o.CompactAge
}

type compaction struct {
	s     *Store
	g     *segment
	k     storage.Keeper
	ctx   context.Context
	moved []storage.Move // copied, not yet told
	pins  []*pin         // of the copies
	bytes int64
}

// moveBatch is how many bytes are copied between two syncs.
const moveBatch = 32 << 20

func (c *compaction) run() error {
	n, err := c.g.length()
	if err != nil {
		return err
	}
	var damage []Damage
	sc := &scanner{damage: func(d Damage) { damage = append(damage, d) }}
	sc.ahead = bulkAlign
	sc.visit = func(h *header) error {
		if h.kind != storage.RecordBlob {
			return nil
		}
		keep, err := c.k.Keep(c.ctx, h.digest, h.place())
		if err != nil || !keep {
			return err
		}
		return c.copy(*h)
	}
	if _, err := c.s.scan(c.ctx, c.g, 0, n, sc); err != nil {
		return errors.Join(err, c.flush())
	}
	return errors.Join(c.flush(), damageError("disk.CompactSegment", damage))
}

// copy puts one record into the active segment.
func (c *compaction) copy(h header) error {
	class := 0
	for class < len(classes)-1 && classes[class] < h.extent(bulkAlign) {
		class++
	}
	buf, err := c.s.budget.get(c.ctx, class, c.s.o.Patience)
	if err != nil {
		return err
	}
	b := alignedOr(buf, h.extent(bulkAlign))
	defer c.s.budget.put(buf)
	if _, err := c.g.file.ReadAt(b[headerSize:headerSize+h.length], h.offset+headerSize); err != nil {
		return err
	}
	if crc32.Checksum(b[headerSize:headerSize+h.length], castagnoli) != h.crc {
		return corrupt("disk.CompactSegment", h.digest.String(), errors.New("the payload's checksum is wrong"))
	}
	clear(b[headerSize+h.length:])
	from := h.place()
	to, pin, err := c.s.placeRecord(h, b)
	if err != nil {
		return err
	}
	c.moved = append(c.moved, storage.Move{Digest: h.digest, From: from, To: to})
	c.pins = append(c.pins, pin)
	if c.bytes += int64(len(b)); c.bytes >= moveBatch {
		return c.flush()
	}
	return nil
}

// alignedOr gives n bytes of buf, or other memory when there is none or too little.
func alignedOr(buf *buffer, n int64) []byte {
	if buf == nil || int64(len(buf.b)) < n {
		return alignedBuffer(n)
	}
	return buf.b[:n]
}

// flush syncs the copies and tells the index.
func (c *compaction) flush() error {
	moved, pins := c.moved, c.pins
	c.moved, c.pins, c.bytes = nil, nil, 0
	var errs []error
	for _, p := range pins {
		errs = append(errs, c.s.settle(p))
	}
	if err := errors.Join(errs...); err != nil || len(moved) == 0 {
		return err
	}
	c.s.moves.add(moved, c.s.o.Now()) // ahead of the rows: a reader may have seen the old place
	return c.k.Moved(c.ctx, moved)
}
