package disk

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// Recover looks at what lies beyond the lengths the index remembers: journal
// records and blobs that were synced, or not, when the process ended. Torn groups and blobs
// are dropped; what is left is made durable and given as the tail, to be applied to the
// index. It must be called before anything is written, unless the folder is new. Without states (the
// index is lost) the whole journal is the tail, nothing is dropped or cut off, and all old segments are sealed.
func (s *Store) Recover(ctx context.Context, states []storage.SegmentState) (*Tail, error) {
	s.committing.Lock()
	defer s.committing.Unlock()
	if s.recovered && len(s.segments(false))+len(s.segments(true)) > 0 {
		return nil, halong.E("disk.Recover", halong.Conflict, "", errors.New("the store is in use"))
	}
	r := &recovery{s: s, ctx: ctx, known: map[uint32]storage.SegmentState{}, tail: &Tail{s: s, blobs: map[halong.Digest]blobAt{}}}
	for _, st := range states {
		r.known[st.ID] = st
		s.next = max(s.next, st.Next)
		s.lastID = max(s.lastID, st.ID)
	}
	r.tail.lost = r.lost()
	if err := r.run(); err != nil {
		return nil, fail("disk.Recover", "", err)
	}
	s.recovered = true
	s.withheld = !r.tail.Empty()
	return r.tail, nil
}

// recovery is one run of Recover.
type recovery struct {
	s     *Store
	ctx   context.Context
	known map[uint32]storage.SegmentState
	tail  *Tail
}

func (r *recovery) run() error {
	journal, bulk := r.s.segments(false), r.s.segments(true)
	r.missing(journal)
	for i, g := range journal {
		if err := r.segment(g, i == len(journal)-1, r.journal); err != nil {
			return err
		}
	}
	for i, g := range bulk {
		if err := r.segment(g, i == len(bulk)-1, r.bulk); err != nil {
			return err
		}
	}
	slices.SortFunc(r.tail.voids, func(a, b seqRange) int { return cmp.Compare(a.first, b.first) })
	return nil
}

// missing reports journal segments that the index knows and that are gone.
func (r *recovery) missing(journal []*segment) {
	have := map[uint32]bool{}
	for _, g := range journal {
		have[g.id] = true
	}
	for _, st := range r.known {
		if !st.Bulk && !have[st.ID] && st.Synced > 0 {
			r.tail.damage = append(r.tail.damage, Damage{Segment: st.ID, Length: st.Synced, Reason: "the segment is missing"})
		}
	}
}

// lost tells that there is no index to compare with.
func (r *recovery) lost() bool { return len(r.known) == 0 }

// segment looks at one segment beyond its synced length. The last one of its
// kind goes on being written, if nothing speaks against it.
func (r *recovery) segment(g *segment, last bool, scan func(g *segment, from, size int64) (int64, error)) error {
	st, known := r.known[g.id]
	g.committed, g.synced, g.tail, g.next, g.looked = st, st.Synced, st.Synced, st.Next, true
	if known && st.Sealed {
		return nil
	}
	r.s.mu.Lock()
	r.s.live[g] = struct{}{}
	r.s.mu.Unlock()
	f, err := g.acquire()
	if err != nil {
		return err
	}
	defer func() { _ = g.release() }() // the file stays open
	size, err := f.Size()
	if err != nil {
		return err
	}
	if size < st.Synced {
		r.tail.damage = append(r.tail.damage, Damage{Segment: g.id, Offset: size, Length: st.Synced - size, Reason: "the segment is shorter than it was"})
		return nil
	}
	end, err := scan(g, st.Synced, size)
	if err != nil {
		return err
	}
	return r.settle(g, f, end, size, known && last)
}

// settle cuts the torn tail off, makes the rest durable, and lets the segment
// be written again if resume says so. Unknown segments are left as they are.
func (r *recovery) settle(g *segment, f File, end, size int64, resume bool) error {
	if end < size && resume {
		if err := f.Truncate(end); err != nil {
			return err
		}
	}
	if size > g.synced {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.synced, g.tail = end, end
	if !resume || end >= r.limit(g) {
		return nil
	}
	g.sealed = false
	if g.bulk {
		r.s.openDirect(g)
		r.s.placing.Lock()
		r.s.bulk = g
		r.s.placing.Unlock()
		return nil
	}
	r.s.journal = g
	return nil
}

func (r *recovery) limit(g *segment) int64 {
	if g.bulk {
		return r.s.o.BulkSize
	}
	return r.s.o.SegmentSize
}

// journal reads the records beyond from and drops a torn group at the end. It
// gives the end of what is kept.
func (r *recovery) journal(g *segment, from, size int64) (int64, error) {
	var group lastGroup
	var damage []Damage
	n, end := 0, from
	sc := &scanner{check: true}
	sc.damage = func(d Damage) {
		if d.Offset+d.Length < size || !sc.blank(d.Offset, size) {
			damage = append(damage, d)
		}
	}
	sc.visit = func(h *header) error {
		n++
		if h.extra != group.first || n == 1 {
			group = lastGroup{first: h.extra, last: h.extra - 1, start: h.offset}
			if h.extra == r.s.next { // what lies between can only be its own
				group.start = end
			}
		}
		group.add(h)
		end = h.offset + h.extent(journalAlign)
		r.s.next = max(r.s.next, h.seq+1)
		g.next = max(g.next, h.seq+1)
		return r.void(sc, h)
	}
	_, err := r.s.scan(r.ctx, g, from, size, sc)
	r.tail.damage = append(r.tail.damage, damage...)
	for _, d := range damage {
		if r.lost() { // it stays where it is, and its number is its own
			g.next = max(g.next, d.Record.Seq+1)
			r.s.next = max(r.s.next, g.next)
		}
	}
	if err != nil || n == 0 {
		return end, err
	}
	if !r.lost() && (!group.whole || group.gap && sc.unwritten(damage, group.start)) {
		r.s.void(seqRange{group.first, group.last})
		r.tail.voids = append(r.tail.voids, seqRange{group.first, group.last})
		end = group.start
	}
	if end > from {
		r.tail.spans = append(r.tail.spans, span{g, from, end})
	}
	return end, nil
}

// lastGroup is the last group of a journal segment, as far as it was read.
type lastGroup struct {
	first, last uint64
	start       int64
	gap         bool // a record is not there, or damaged
	whole       bool // the last one is there
}

func (l *lastGroup) add(h *header) {
	l.gap = l.gap || h.seq != l.last+1
	l.last, l.whole = h.seq, h.flags&flagLast != 0
}

// void takes in a void record.
func (r *recovery) void(sc *scanner, h *header) error {
	if h.kind != storage.RecordVoid {
		return nil
	}
	b, err := sc.payload(h)
	r.tail.voids = append(r.tail.voids, decodeVoids(b)...)
	return err
}

// bulk finds whole blobs beyond from and covers the holes between them. Without an index it
// does not look: every blob is found by WalkBlobs then.
func (r *recovery) bulk(g *segment, from, size int64) (int64, error) {
	if r.lost() {
		return size, nil
	}
	var holes []Damage
	sc := &scanner{check: true, damage: func(d Damage) { holes = append(holes, d) }}
	sc.visit = func(h *header) error {
		if h.kind == storage.RecordBlob {
			r.tail.blobs[h.digest] = blobAt{info: h.info(), place: h.place()}
		}
		return nil
	}
	end, err := r.s.scan(r.ctx, g, from, size, sc)
	if err != nil {
		return end, err
	}
	return end, r.cover(g, holes, end)
}

// cover writes filler records over holes below end.
func (r *recovery) cover(g *segment, holes []Damage, end int64) error {
	for _, d := range holes {
		if d.Offset >= end {
			continue
		}
		h := header{kind: recordFill, length: d.Length - headerSize, offset: d.Offset, segment: g.id}
		b := make([]byte, headerSize)
		h.put(b)
		if _, err := g.file.WriteAt(b, d.Offset); err != nil {
			return err
		}
	}
	return nil
}

// info describes the blob a header belongs to.
func (h *header) info() storage.BlobInfo {
	return storage.BlobInfo{Digest: h.digest, Size: h.length, Prefix: h.extra}
}
