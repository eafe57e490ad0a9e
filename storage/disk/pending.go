package disk

import (
	"bytes"

	"github.com/halong-gateway/halong/storage"
)

// pendingReader reads bytes that are in memory.
type pendingReader struct{ bytes.Reader }

// Close implements storage.BlobReader.
func (*pendingReader) Close() error { return nil }

// pending reads a record of the group that is being gathered, which no file holds yet; nil if it is none. Only the transactions of
// that group know such places.
func (s *Store) pending(p storage.Place) storage.BlobReader {
	s.committing.Lock()
	defer s.committing.Unlock()
	g := &s.group
	at := p.Offset - g.base
	if g.segment != p.Segment || at < 0 || at+p.Length > int64(len(g.buf)) {
		return nil
	}
	r := &pendingReader{}
	r.Reset(bytes.Clone(g.buf[at : at+p.Length]))
	return r
}
