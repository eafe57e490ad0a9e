package disk

import (
	"bytes"
	"io"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// comparison is a stored blob that arriving bytes are compared with instead of
// being written. One half of the writer's buffer takes arriving bytes, the other one stored bytes.
type comparison struct {
	digest halong.Digest
	place  storage.Place
	stored storage.BlobReader
	size   int64
	done   int64 // bytes found equal
	hashed int64 // of those, bytes that are in the writer's hash
}

// startComparison asks for a stored blob that may be equal; false when there is
// none. Only blobs in files of their own are taken: their place stays valid while it is held.
func (w *writer) startComparison() (bool, error) {
	if w.hint.Lookup == nil || w.n < prefixSize || len(w.buf.b) < prefixSize {
		return false, nil
	}
	d, p, r := w.hint.Lookup(w.prefix.Sum64())
	if r == nil {
		return false, nil
	}
	size := r.Size()
	if p.Segment != 0 || size <= w.n || w.hint.Size > 0 && w.hint.Size != size {
		return false, r.Close()
	}
	c := &comparison{digest: d, place: p, stored: r, size: size}
	half := len(w.buf.b) / 2
	scratch, err := w.scratch()
	if err != nil {
		return false, r.Close()
	}
	defer w.s.budget.put(scratch)
	ok, err := c.equal(w.buf.b[w.from:w.to], scratch.b)
	if err != nil || !ok {
		return false, r.Close() // unreadable is as good as different: the bytes are stored anew
	}
	c.hashed = w.n
	w.cmp = c
	w.from, w.to, w.limit = 0, 0, half
	return true, nil
}

// scratch gives a buffer for the first comparison, in which all of the writer's
// own buffer is taken.
func (w *writer) scratch() (*buffer, error) {
	if b := w.s.budget.try(firstClass); b != nil {
		return b, nil
	}
	return leanBuffer(), nil
}

// equal compares p with the stored bytes that come next.
func (c *comparison) equal(p, scratch []byte) (bool, error) {
	for len(p) > 0 {
		n := min(len(p), len(scratch))
		if c.done+int64(n) > c.size {
			return false, nil
		}
		if _, err := c.stored.ReadAt(scratch[:n], c.done); err != nil && err != io.EOF {
			return false, err
		}
		if !bytes.Equal(p[:n], scratch[:n]) {
			return false, nil
		}
		c.done += int64(n)
		p = p[n:]
	}
	return true, nil
}

// compareMore compares a full half; when it differs the blob becomes a spool.
func (w *writer) compareMore() error {
	done := w.cmp.done
	ok, err := w.cmp.equal(w.buf.b[w.from:w.to], w.buf.b[len(w.buf.b)/2:])
	if ok {
		w.to = w.from
		return nil
	}
	w.cmp.done = done
	if err != nil {
		// The stored blob cannot be read any more: what was found equal is lost with it.
		return corrupt("disk.Write", w.cmp.digest.String(), err)
	}
	return w.unequal()
}

// unequal copies what was equal from the stored blob and goes on as a spool,
// with the bytes that are in the buffer's first half.
func (w *writer) unequal() error {
	c := w.cmp
	w.cmp = nil
	err := w.startSpool()
	if err == nil {
		w.limit = len(w.buf.b) / 2
		err = w.copyEqual(c)
	}
	if err != nil {
		return joinClose(err, c.stored)
	}
	w.sum.Write(w.buf.b[w.from:w.to])
	w.limit = len(w.buf.b)
	return c.stored.Close()
}

// copyEqual writes the equal bytes to the spool through the buffer's second
// half, hashing those that are not hashed yet.
func (w *writer) copyEqual(c *comparison) error {
	half := w.buf.b[len(w.buf.b)/2:]
	for w.spool.size < c.done {
		off := w.spool.size
		b := half[:min(int64(len(half)), c.done-off)]
		if _, err := c.stored.ReadAt(b, off); err != nil && err != io.EOF {
			return corrupt("disk.Write", c.digest.String(), err)
		}
		end := off + int64(len(b))
		if end > c.hashed {
			w.sum.Write(b[max(0, c.hashed-off):])
		}
		if err := w.spool.write(b, off); err != nil {
			return err
		}
		w.spool.size = end
	}
	return nil
}

// endComparison compares the last bytes; true when the whole blob is the stored one.
func (w *writer) endComparison() (bool, error) {
	c := w.cmp
	done := c.done
	ok, err := c.equal(w.buf.b[w.from:w.to], w.buf.b[len(w.buf.b)/2:])
	if err != nil {
		return false, corrupt("disk.Finish", c.digest.String(), err)
	}
	if ok && c.done == c.size {
		w.info = storage.BlobInfo{Digest: c.digest, Size: c.size, Prefix: w.fingerprint()}
		w.place, w.placed = c.place, true
		return true, nil
	}
	c.done = done
	return false, w.unequal()
}

func joinClose(err error, c io.Closer) error {
	if cerr := c.Close(); cerr != nil {
		return cerr
	}
	return err
}
