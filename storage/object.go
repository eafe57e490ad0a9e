package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// Object is one stored object opened for reading. Its methods may be called
// concurrently, except Close.
type Object struct {
	Instance *Instance // nil for a quarantined object
	blobs    Blobs
	manifest *Manifest
	envelope Place
	tail     int64
	torn     int64
	frames   []byte
	parts    joined  // the received data set
	head     *joined // its bytes without bulk values
	closers  []io.Closer

	received *joined // the data set as it was received, if it is served under another identity

	spool       sync.Once
	inflated    *os.File // the inflated bytes of a deflated data set, once they were needed
	inflatedErr error
}

// Open opens a stored instance: what is served of it, which in Instance.Patient is told to be another header than was received.
// The error is of kind Corrupt when its bytes are gone.
func (a *Archive) Open(ctx context.Context, in *Instance) (*Object, error) {
	if in.Patient != nil {
		return a.openIdentified(ctx, in)
	}
	o := &Object{Instance: in, blobs: a.blobs, manifest: &in.Manifest, envelope: in.Envelope, tail: in.EnvelopeTail, torn: in.Torn, frames: in.Frames}
	return o, o.open(ctx, in.Head)
}

// OpenQuarantined opens a quarantined object.
func (a *Archive) OpenQuarantined(ctx context.Context, e *QuarantineEntry) (*Object, error) {
	o := &Object{blobs: a.blobs, manifest: &e.Manifest, envelope: e.Envelope, tail: e.EnvelopeTail}
	return o, o.open(ctx, e.Head)
}

// open joins head and bulk values in the order they were received.
func (o *Object) open(ctx context.Context, head Place) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var h BlobReader
	if o.manifest.HeadLength > 0 {
		var err error
		if h, err = o.blob(o.manifest.Head, head); err != nil {
			return err
		}
	}
	o.head = &joined{}
	var at, inHead int64
	take := func(n int64) {
		o.parts.add(h, inHead, n)
		o.head.add(h, inHead, n)
		inHead += n
		at += n
	}
	for i := range o.manifest.Bulk {
		b := &o.manifest.Bulk[i]
		if b.Offset < at || inHead+b.Offset-at > o.manifest.HeadLength {
			return halong.E("storage.Open", halong.Corrupt, string(o.manifest.SOPInstance), errors.New("bulk values overlap"))
		}
		take(b.Offset - at)
		r, err := o.blob(b.Digest, b.Place)
		if err != nil {
			return err
		}
		o.parts.add(r, 0, b.Length)
		at += b.Length
	}
	take(o.manifest.HeadLength - inHead)
	return nil
}

// blob opens one part and remembers to close it.
func (o *Object) blob(d halong.Digest, p Place) (BlobReader, error) {
	r, err := o.blobs.Open(d, p)
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	o.closers = append(o.closers, r)
	return r, nil
}

// Close frees what the object holds open.
func (o *Object) Close() error {
	var errs []error
	for _, c := range o.closers {
		errs = append(errs, c.Close())
	}
	o.closers = nil
	if o.inflated != nil {
		errs = append(errs, o.inflated.Close())
		o.inflated = nil
	}
	return errors.Join(errs...)
}

// Size gives the length of the received data set in bytes.
func (o *Object) Size() int64 { return o.parts.size }

// TransferSyntax gives the transfer syntax the bytes are in.
func (o *Object) TransferSyntax() *dicom.TransferSyntax { return syntaxOf(o.manifest.TransferSyntax) }

// DataSet gives the bytes of the data set as they were received.
func (o *Object) DataSet() *io.SectionReader { return io.NewSectionReader(&o.parts, 0, o.parts.size) }

// Readable gives the bytes of the data set as far as they can be read: all but
// for a torn one (see Instance.Torn).
func (o *Object) Readable() *io.SectionReader {
	if o.torn > 0 {
		return io.NewSectionReader(&o.parts, 0, o.torn)
	}
	return o.DataSet()
}

// AsReceived gives everything that was received: for Part 10 input also
// preamble, File Meta Information and trailing bytes.
func (o *Object) AsReceived() (io.Reader, error) {
	whole := &o.parts
	if o.received != nil {
		whole = o.received
	}
	dataSet := io.NewSectionReader(whole, 0, whole.size)
	if o.envelope.Length == 0 {
		return dataSet, nil
	}
	b := make([]byte, o.envelope.Length)
	r, err := o.blobs.Open(halong.Digest{}, o.envelope)
	if err != nil {
		return nil, err
	}
	if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, errors.Join(err, r.Close())
	}
	front := len(b) - int(o.tail)
	return io.MultiReader(bytesReader(b[:front]), dataSet, bytesReader(b[front:])), r.Close()
}

// Reader reads the data set from its head alone: bulk values kept apart come
// as tokens with External set. Offsets are those of the whole data set.
func (o *Object) Reader(options ...dataset.Option) *dataset.Reader {
	holes := make([]dataset.Hole, 0, len(o.manifest.Bulk))
	size := o.head.size
	for i := range o.manifest.Bulk {
		b := &o.manifest.Bulk[i]
		if o.torn == 0 || b.Offset < o.torn {
			holes = append(holes, dataset.Hole{Offset: b.Offset, Length: b.Length})
		}
	}
	if o.torn > 0 {
		size = o.torn
		for _, h := range holes {
			size -= h.Length
		}
	}
	all := append([]dataset.Option{dataset.WithHoles(holes)}, options...)
	return dataset.NewReader(io.NewSectionReader(o.head, 0, size), o.TransferSyntax(), all...)
}

// errNoFrames is the cause when an object has no frames, or none that can be told apart.
var errNoFrames = errors.New("the object has no addressable frames")

// FrameTable gives the frames; an error of kind NotExist when there are none.
func (o *Object) FrameTable() (*dataset.FrameTable, error) {
	_, t, err := o.frameTable()
	return t, err
}

func (o *Object) frameTable() (base int64, t *dataset.FrameTable, err error) {
	v, n := binary.Uvarint(o.frames)
	if n <= 0 {
		return 0, nil, halong.E("storage.FrameTable", halong.NotExist, string(o.manifest.SOPInstance), errNoFrames)
	}
	t, err = dataset.ParseFrameTable(o.frames[n:])
	if err != nil {
		err = halong.E("storage.FrameTable", halong.Corrupt, string(o.manifest.SOPInstance), err)
	}
	return int64(v), t, err
}

// Frame gives the bytes of frame i, counted from 0, and their number: native
// frames in the byte order they were received in, compressed ones without item headers. Frames of
// 1-bit data that begin inside a byte begin with the whole byte; dataset.Frame tells at which bit.
func (o *Object) Frame(i int) (io.Reader, int64, error) {
	base, t, err := o.frameTable()
	if err != nil {
		return nil, 0, err
	}
	f, err := t.Frame(i)
	if err != nil {
		return nil, 0, halong.E("storage.Frame", halong.NotExist, string(o.manifest.SOPInstance), err)
	}
	var all []io.Reader
	var size int64
	for _, r := range f.Ranges {
		s, err := o.Bulk(base+r.Offset, r.Length)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, s)
		size += r.Length
	}
	if len(all) == 1 {
		return all[0], size, nil
	}
	return io.MultiReader(all...), size, nil
}

// Bulk gives a range of the data set, counted as the reader's tokens count:
// for a deflated data set in the inflated bytes.
func (o *Object) Bulk(offset, length int64) (*io.SectionReader, error) {
	src, size := io.ReaderAt(&o.parts), o.parts.size
	if o.TransferSyntax().Deflated {
		f, n, err := o.inflate()
		if err != nil {
			return nil, err
		}
		src, size = f, n
	}
	if offset < 0 || length < 0 || offset+length > size {
		return nil, halong.E("storage.Bulk", halong.NotExist, string(o.manifest.SOPInstance), errors.New("range outside the data set"))
	}
	return io.NewSectionReader(src, offset, length), nil
}
