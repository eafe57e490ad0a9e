package disk

import (
	"errors"
	"strconv"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// spool is a large blob on its way into a file of its own. While one buffer is
// being filled the other one is written.
type spool struct {
	name    string
	file    File
	direct  File  // nil: through the page cache
	size    int64 // bytes handed to the disk, padding included
	other   *buffer
	pending chan error // result of the write under way; nil: none is
	moved   bool       // renamed to its final name
}

// startSpool opens the file and hands over what is in memory.
func (w *writer) startSpool() error {
	sp := &spool{name: w.s.path("tmp", strconv.FormatUint(w.s.names.Add(1), 10))}
	f, err := w.s.fs.Open(sp.name, true)
	if err != nil {
		return err
	}
	sp.file, w.spool = f, sp
	if !w.s.o.NoDirect && w.buf.class > tinyClass {
		if d, err := w.s.fs.OpenDirect(sp.name); err == nil {
			sp.direct = d
		}
	}
	n := copy(w.buf.b, w.buf.b[w.from:w.to])
	w.from, w.to, w.limit = 0, n, len(w.buf.b)
	if w.buf.class < 0 {
		return nil
	}
	sp.other = w.s.budget.try(spoolClass)
	if sp.other == nil {
		sp.other = w.s.budget.try(firstClass)
	}
	return nil
}

// flush hands the full buffer to the disk and makes the other one current.
func (w *writer) flush() error {
	sp := w.spool
	if err := sp.wait(); err != nil {
		return err
	}
	b, off := w.buf.b[:w.to], sp.size
	sp.size += int64(len(b))
	if sp.other == nil {
		w.from, w.to = 0, 0
		return sp.write(b, off)
	}
	sp.pending = make(chan error, 1)
	go func(result chan<- error) { result <- sp.write(b, off) }(sp.pending)
	w.buf, sp.other = sp.other, w.buf
	w.from, w.to, w.limit = 0, 0, len(w.buf.b)
	w.upgrade()
	return nil
}

// upgrade exchanges a small current buffer for a larger one when there is memory.
func (w *writer) upgrade() {
	if w.buf.class >= spoolClass || w.buf.class < 0 {
		return
	}
	if buf := w.s.budget.try(spoolClass); buf != nil {
		w.s.budget.put(w.buf)
		w.buf, w.limit = buf, len(buf.b)
	}
}

func (sp *spool) wait() error {
	if sp.pending == nil {
		return nil
	}
	err := <-sp.pending
	sp.pending = nil
	return err
}

func (sp *spool) write(b []byte, off int64) error {
	if d := sp.direct; d != nil && len(b)%bulkAlign == 0 && off%bulkAlign == 0 {
		_, err := d.WriteAt(b, off)
		if !refusesDirect(err) {
			return err
		}
	}
	_, err := sp.file.WriteAt(b, off)
	return err
}

// endSpool writes the rest. The length is put right by Place.
func (w *writer) endSpool() error {
	sp := w.spool
	if err := sp.wait(); err != nil {
		return err
	}
	n := w.to
	if sp.direct != nil {
		end := int(alignUp(int64(w.to), bulkAlign))
		clear(w.buf.b[w.to:end])
		n = end
	}
	if n == 0 {
		return nil
	}
	err := sp.write(w.buf.b[:n], sp.size)
	sp.size += int64(n)
	return err
}

// placeFile makes the file durable under its final name: length, contents,
// name, folder.
func (w *writer) placeFile() (storage.Place, error) {
	s, sp, d := w.s, w.spool, w.info.Digest
	ref := d.String()
	if sp.size != w.n {
		if err := sp.file.Truncate(w.n); err != nil {
			return storage.Place{}, fail("disk.Place", ref, err)
		}
	}
	if err := sp.file.Sync(); err != nil {
		return storage.Place{}, fail("disk.Place", ref, err)
	}
	folder, name := s.blobName(d)
	if err := s.folder.ensure(s.fs, folder, ref[len(digestPrefix):][:2]); err != nil {
		return storage.Place{}, fail("disk.Place", ref, err)
	}
	if !w.held {
		s.files.hold(d)
		w.held = true
	}
	if err := s.fs.Rename(sp.name, name); err != nil {
		return storage.Place{}, fail("disk.Place", ref, err)
	}
	sp.moved = true
	if err := s.fs.SyncDir(folder); err != nil {
		return storage.Place{}, fail("disk.Place", ref, err)
	}
	return storage.Place{Length: w.n}, nil
}

// closeSpool closes the file, and removes it unless it has its final name. A
// file whose folder could not be synced stays: another upload may have been placed there meanwhile.
func (w *writer) closeSpool() error {
	sp := w.spool
	err := sp.wait()
	w.s.budget.put(sp.other)
	sp.other = nil
	err = errors.Join(err, sp.file.Close())
	if sp.direct != nil {
		err = errors.Join(err, sp.direct.Close())
	}
	if !sp.moved {
		err = errors.Join(err, w.s.fs.Remove(sp.name))
	}
	if w.err != nil {
		return nil // it was told already
	}
	return fail("disk.Close", "", err)
}

const digestPrefix = "sha256:"

// blobName gives folder and name of a blob's own file.
func (s *Store) blobName(d halong.Digest) (folder, name string) {
	h := d.String()[len(digestPrefix):]
	folder = s.path("blobs", h[:2])
	return folder, s.path("blobs", h[:2], h)
}
