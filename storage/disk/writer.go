package disk

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"hash/crc32"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// prefixSize is how many bytes BlobInfo.Prefix covers.
const prefixSize = 64 << 10

// smallHint is the announced size in bytes up to which a tiny buffer is taken first.
const smallHint = 12 << 10

// writer takes the bytes of one blob. They are gathered in one buffer behind
// room for a record header, until there are too many of them or the budget is used up; then they are
// compared with a stored blob (comparison) or go to a file (spool).
type writer struct {
	s      *Store
	hint   storage.BlobHint
	buf    *buffer
	from   int   // where the bytes not yet written or compared begin in buf.b
	to     int   // and where they end
	limit  int   // end of the usable part of buf.b
	n      int64 // bytes taken so far
	sum    hash.Hash
	prefix xxhash.Digest

	cmp   *comparison
	spool *spool

	info   storage.BlobInfo
	done   bool
	placed bool
	place  storage.Place
	pin    *pin
	held   bool // the digest is held against removal, see fileLocks
	err    error
	closed bool
}

var _ io.ReaderFrom = (*writer)(nil)

// Create implements storage.Blobs. When no memory comes back for a while
// (Options.Patience) the writer gets none and goes to a file at once: callers that hold several
// writers can't wait for one another forever.
func (s *Store) Create(ctx context.Context, hint storage.BlobHint) (storage.BlobWriter, error) {
	if err := s.writable(); err != nil {
		return nil, fail("disk.Create", "", err)
	}
	if !s.spare.ready() {
		return nil, fail("disk.Create", "", errFull)
	}
	class := firstClass
	if hint.Size > 0 && hint.Size <= smallHint {
		class = tinyClass
	}
	buf, err := s.budget.get(ctx, class, s.o.Patience)
	if err != nil {
		return nil, fail("disk.Create", "", err)
	}
	if buf == nil {
		buf = leanBuffer()
	}
	w := &writer{s: s, hint: hint, sum: sha256.New()}
	w.prefix.Reset()
	w.use(buf)
	return w, nil
}

// use makes buf the empty gathering buffer.
func (w *writer) use(buf *buffer) {
	w.buf, w.from, w.to, w.limit = buf, headerSize, headerSize, len(buf.b)
}

// Write implements storage.BlobWriter.
func (w *writer) Write(p []byte) (int, error) {
	total := 0
	for len(p) > 0 {
		room, err := w.room()
		if err != nil {
			return total, err
		}
		n := copy(room, p)
		w.advance(n)
		p = p[n:]
		total += n
	}
	return total, nil
}

// ReadFrom reads r to its end straight into the buffer.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	var total int64
	for idle := 0; ; {
		room, err := w.room()
		if err != nil {
			return total, err
		}
		n, err := r.Read(room)
		w.advance(n)
		total += int64(n)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		if idle++; n > 0 {
			idle = 0
		} else if idle > 100 {
			return total, io.ErrNoProgress
		}
	}
}

// advance takes n bytes that were put into the room.
func (w *writer) advance(n int) {
	p := w.buf.b[w.to : w.to+n]
	if left := prefixSize - w.n; left > 0 {
		_, _ = w.prefix.Write(p[:min(left, int64(n))]) // never fails
	}
	if w.cmp == nil {
		w.sum.Write(p)
	}
	w.to += n
	w.n += int64(n)
}

// room gives space for more bytes, at least one.
func (w *writer) room() ([]byte, error) {
	if w.err == nil && (w.done || w.closed) {
		w.err = halong.E("disk.Write", halong.Internal, "", errFinished)
	}
	if w.err == nil && w.to == w.limit {
		w.err = fail("disk.Write", "", w.makeRoom())
	}
	if w.err != nil {
		return nil, w.err
	}
	return w.buf.b[w.to:w.limit], nil
}

func (w *writer) makeRoom() error {
	switch {
	case w.cmp != nil:
		return w.compareMore()
	case w.spool != nil:
		return w.flush()
	case w.grow():
		return nil
	}
	return w.large()
}

// grow moves on to a larger buffer: the announced size's, or the next one; false when
// the blob is too large for memory, or there is none left.
func (w *writer) grow() bool {
	if w.buf.class < 0 || w.hint.Size > w.s.o.Inline || w.n >= w.s.o.Inline {
		return false
	}
	class := w.buf.class + 1
	for class < len(classes)-1 && classes[class]-headerSize < w.hint.Size {
		class++
	}
	if class == len(classes) || classes[class] > w.s.o.Inline+bulkAlign {
		return false
	}
	buf := w.s.budget.try(class)
	if buf == nil {
		return false
	}
	old := w.buf
	n := copy(buf.b[headerSize:], old.b[w.from:w.to])
	w.use(buf)
	w.to += n
	w.s.budget.put(old)
	return true
}

// large goes on with a blob that does not stay in memory.
func (w *writer) large() error {
	ok, err := w.startComparison()
	if ok || err != nil {
		return err
	}
	return w.startSpool()
}

// Finish implements storage.BlobWriter.
func (w *writer) Finish() (storage.BlobInfo, error) {
	if w.done || w.err != nil {
		return w.info, w.err
	}
	if w.closed {
		return w.info, halong.E("disk.Finish", halong.Internal, "", errFinished)
	}
	w.err = fail("disk.Finish", "", w.finish())
	w.done = w.err == nil
	return w.info, w.err
}

func (w *writer) finish() error {
	if w.cmp != nil {
		if equal, err := w.endComparison(); equal || err != nil {
			return err
		}
	}
	if w.spool != nil {
		if err := w.endSpool(); err != nil {
			return err
		}
	}
	w.info = storage.BlobInfo{Digest: halong.Digest(w.sum.Sum(nil)), Size: w.n, Prefix: w.fingerprint()}
	return nil
}

// fingerprint is BlobInfo.Prefix as far as bytes have come.
func (w *writer) fingerprint() uint64 {
	if w.n <= prefixSize {
		return 0
	}
	return w.prefix.Sum64()
}

// Bytes implements storage.BlobWriter.
func (w *writer) Bytes() ([]byte, bool) {
	if w.cmp != nil || w.spool != nil || w.closed || w.err != nil {
		return nil, false
	}
	return w.buf.b[w.from:w.to:w.to], true
}

// Place implements storage.BlobWriter. The writer must stay open until the
// transaction that refers to the place has ended; closed earlier, Close itself syncs the segment.
func (w *writer) Place() (storage.Place, error) {
	if w.placed || w.err != nil {
		return w.place, w.err
	}
	if !w.done || w.closed {
		return storage.Place{}, halong.E("disk.Place", halong.Internal, "", errors.New("the blob is not finished, or closed"))
	}
	var err error
	if w.spool != nil {
		w.place, err = w.placeFile()
	} else {
		w.place, err = w.placeInline()
	}
	w.placed = err == nil
	return w.place, err
}

func (w *writer) placeInline() (storage.Place, error) {
	b := w.buf.b
	end := int(alignUp(int64(w.to), bulkAlign))
	if end > len(b) { // a lean or tiny buffer is a multiple of a page, so this can't be
		return storage.Place{}, halong.E("disk.Place", halong.Internal, "", io.ErrShortBuffer)
	}
	clear(b[w.to:end]) // what another blob left there
	h := header{
		kind: storage.RecordBlob, length: w.n, digest: w.info.Digest, extra: w.info.Prefix,
		crc: crc32.Checksum(b[w.from:w.to], castagnoli),
	}
	p, pin, err := w.s.placeRecord(h, b[:end])
	w.pin = pin
	return p, err
}

// Close implements storage.BlobWriter.
func (w *writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	err := w.s.settle(w.pin)
	if w.cmp != nil {
		err = errors.Join(err, w.cmp.stored.Close())
	}
	if w.spool != nil {
		err = errors.Join(err, w.closeSpool())
	}
	if w.held {
		w.s.files.release(w.info.Digest)
	}
	w.s.budget.put(w.buf)
	w.buf = nil
	return err
}
