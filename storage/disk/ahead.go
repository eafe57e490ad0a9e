package disk

// zeros is what lies ahead of a journal segment's end.
var zeros [64 << 10]byte

// writeAhead makes sure that zeros lie beyond a journal segment's end. An fdatasync of bytes that replace others is one write to the
// device; where the file has grown, the file system writes its own journal too, which takes as long again and more.
// A disk that is too full for zeros is no error.
func (s *Store) writeAhead(g *segment, end int64) error {
	if s.o.Ahead < 0 || end <= g.ahead {
		return nil
	}
	to := max(end, min(end+s.o.Ahead, s.o.SegmentSize))
	g.ahead = to
	for off := end; off < to; {
		n, err := g.file.WriteAt(zeros[:min(int64(len(zeros)), to-off)], off)
		if isFull(err) {
			g.ahead = end
			return g.file.Truncate(end)
		}
		if err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}

// cutAhead ends the journal segment where its records end.
func (s *Store) cutAhead() error {
	g := s.journal
	if g == nil || g.ahead <= g.tail {
		return nil
	}
	g.ahead = 0
	if err := g.file.Truncate(g.tail); err != nil {
		return err
	}
	return g.file.Sync()
}

// blank tells whether nothing but zeros lies from off to an end.
func (s *scanner) blank(off, end int64) bool {
	for off < end {
		b, err := s.bytes(off, min(windowSize, end-off))
		if err != nil || len(b) == 0 {
			return false
		}
		for _, c := range b {
			if c != 0 {
				return false
			}
		}
		off += int64(len(b))
	}
	return true
}

// sector is the smallest part in bytes that a disk writes whole.
const sector = 512

// unwritten tells whether damage in the group that begins at start is a sector that holds zeros still: the group was not synced. A power cut
// takes any of its sectors where the file need not grow for them.
func (s *scanner) unwritten(damage []Damage, start int64) bool {
	for _, d := range damage {
		for at := d.Offset / sector * sector; at < d.Offset+d.Length; at += sector {
			if d.Offset >= start && s.blank(max(at, start), min(at+sector, s.end)) {
				return true
			}
		}
	}
	return false
}
