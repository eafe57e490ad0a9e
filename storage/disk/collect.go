package disk

import (
	"errors"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// RemoveBlob removes the bytes of a blob that the index has marked deleting. still is asked,
// while no upload of the same bytes can come between, whether the mark is still there; if not, nothing
// is done and the error is nil. A blob in a segment is only counted as garbage: its bytes go with
// CompactSegment. The error is of kind Conflict while the blob is being read or was just uploaded
// again.
func (s *Store) RemoveBlob(d halong.Digest, p storage.Place, still func() (bool, error)) error {
	if p.Segment != 0 {
		return s.countGarbage(p, still)
	}
	if !s.files.claim(d) {
		return halong.E("disk.RemoveBlob", halong.Conflict, d.String(), errors.New("the blob is in use"))
	}
	defer s.files.unclaim(d)
	if yes, err := still(); err != nil || !yes {
		return err
	}
	_, name := s.blobName(d)
	if err := s.fs.Remove(name); err != nil && !isNotExist(err) {
		return fail("disk.RemoveBlob", d.String(), err)
	}
	return nil
}

func (s *Store) countGarbage(p storage.Place, still func() (bool, error)) error {
	yes, err := still()
	if err != nil || !yes {
		return err
	}
	if g := s.segment(p.Segment); g != nil && g.bulk {
		g.mu.Lock()
		g.garbage += alignUp(headerSize+p.Length, bulkAlign)
		g.mu.Unlock()
	}
	return nil
}

// Segments lists all segments: journal first, then bulk.
func (s *Store) Segments() ([]storage.SegmentInfo, error) {
	var infos []storage.SegmentInfo
	for _, g := range append(s.segments(false), s.segments(true)...) {
		n, err := g.length()
		if err != nil {
			return infos, fail("disk.Segments", "", err)
		}
		st := g.state()
		g.mu.Lock()
		infos = append(infos, storage.SegmentInfo{SegmentState: st, Size: n, Garbage: g.garbage})
		g.mu.Unlock()
	}
	return infos, nil
}
