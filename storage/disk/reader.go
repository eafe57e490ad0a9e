package disk

import (
	"errors"
	"io"
	"sync/atomic"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// reader reads a range of a segment, or a file of its own.
type reader struct {
	f      File
	fs     FS
	name   string
	base   int64
	size   int64
	ref    halong.Digest
	closed atomic.Bool
	free   func() error
}

// Open implements storage.Blobs. A place inside a journal record's payload may
// be opened too; d is then not compared with anything.
func (s *Store) Open(d halong.Digest, p storage.Place) (storage.BlobReader, error) {
	if p.Offset < 0 || p.Length < 0 || p.Offset+p.Length < 0 {
		return nil, halong.E("disk.Open", halong.Invalid, d.String(), errors.New("not a place"))
	}
	if p.Segment == 0 {
		return s.openFile(d, p)
	}
	g, f, p, err := s.acquire(p)
	if err != nil {
		if r := s.pending(p); r != nil {
			return r, nil
		}
		return nil, openError(d, err)
	}
	r := &reader{f: f, fs: s.fs, name: g.name, base: p.Offset, size: p.Length, ref: d, free: g.release}
	if err := g.holds(f, d, p); err != nil {
		if pending := s.pending(p); pending != nil {
			return pending, r.Close()
		}
		return nil, errors.Join(openError(d, err), r.Close())
	}
	return r, nil
}

// acquire opens the segment of a place, or of the place that a compaction moved it to.
func (s *Store) acquire(p storage.Place) (*segment, File, storage.Place, error) {
	for {
		err := errMissing
		if g := s.segment(p.Segment); g != nil {
			var f File
			if f, err = g.acquire(); !errors.Is(err, errMissing) {
				return g, f, p, err
			}
		}
		to, moved := s.moves.get(p)
		if !moved {
			return nil, nil, p, halong.E("disk.Open", halong.Corrupt, "", err)
		}
		p = to
	}
}

var errMissing = errors.New("the segment is missing")

// openError tells missing bytes from a failure that may pass.
func openError(d halong.Digest, err error) error {
	if isNotExist(err) {
		return corrupt("disk.Open", d.String(), err)
	}
	return fail("disk.Open", d.String(), err)
}

// holds tells whether the segment is long enough and, if it holds blobs, the
// record at p is that of d.
func (g *segment) holds(f File, d halong.Digest, p storage.Place) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	if !g.bulk {
		size = g.durable(size)
	}
	if p.Offset+p.Length > size {
		return corrupt("disk.Open", d.String(), errors.New("the segment is too short"))
	}
	if !g.bulk {
		return nil
	}
	var b [headerSize]byte
	at := p.Offset - headerSize
	if at < 0 {
		return corrupt("disk.Open", d.String(), errors.New("no record there"))
	}
	if _, err := f.ReadAt(b[:], at); err != nil {
		return err
	}
	h, ok := parseHeader(b[:], g.id, at)
	if !ok || h.kind != storage.RecordBlob || h.digest != d || h.length != p.Length {
		return corrupt("disk.Open", d.String(), errors.New("another record, or none, is there"))
	}
	return nil
}

// openFile opens a blob's own file and holds it against removal.
func (s *Store) openFile(d halong.Digest, p storage.Place) (storage.BlobReader, error) {
	if err := s.writable(); err != nil {
		return nil, fail("disk.Open", d.String(), err)
	}
	s.files.hold(d)
	_, name := s.blobName(d)
	f, err := s.fs.Open(name, false)
	if err != nil {
		s.files.release(d)
		return nil, openError(d, err)
	}
	r := &reader{f: f, fs: s.fs, name: name, base: p.Offset, size: p.Length, ref: d, free: func() error {
		s.files.release(d)
		return f.Close()
	}}
	n, err := f.Size()
	if err == nil && n != p.Offset+p.Length {
		err = corrupt("disk.Open", d.String(), errors.New("the file's length is wrong"))
	}
	if err != nil {
		return nil, errors.Join(fail("disk.Open", d.String(), err), r.Close())
	}
	return r, nil
}

// Size implements storage.BlobReader.
func (r *reader) Size() int64 { return r.size }

// ReadAt implements io.ReaderAt. Bytes that should be there and are not are
// an error of kind Corrupt.
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, halong.E("disk.ReadAt", halong.Invalid, r.ref.String(), errors.New("negative offset"))
	}
	if off >= r.size {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), r.size-off)]
	n, err := r.f.ReadAt(want, r.base+off)
	switch {
	case n == len(want) && len(want) < len(p):
		return n, io.EOF
	case n == len(want):
		return n, nil
	case err == io.EOF:
		return n, corrupt("disk.ReadAt", r.ref.String(), io.ErrUnexpectedEOF)
	}
	return n, fail("disk.ReadAt", r.ref.String(), err)
}

// Close implements storage.BlobReader.
func (r *reader) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	return fail("disk.Close", r.ref.String(), r.free())
}
