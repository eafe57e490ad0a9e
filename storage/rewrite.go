package storage

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Edit changes elements of a data set in memory. Bulk values are not in it: an
// element without value stands for each of them, and as long as that element is left as it is, the stored value
// stays. Deleted, the value is left out; put anew, even with an empty value, it is replaced.
//
// An Edit may be called concurrently. Its error is given to the caller as it is.
type Edit func(*dataset.Set) error

// errNoCodec is the cause when pixels would have to be compressed or decompressed.
var errNoCodec = errors.New("pixel data is not converted to this transfer syntax")

// Edited gives the data set, changed by edit, in the transfer syntax to; nil is the
// one it is stored in. A nil edit changes nothing but the encoding. The head is taken into memory, bounded by the
// defaults of dataset.Limits; bulk values stream from the store, so the object must stay open until the reader
// is closed. Of a torn object it gives the readable part. The error is of kind Unsupported when
// pixel data would have to be compressed or decompressed, Exhausted when the head is too large.
func (o *Object) Edited(edit Edit, to *dicom.TransferSyntax) (io.ReadCloser, error) {
	const op = "storage.Edited"
	h, err := o.readHead(dataset.Limits{})
	if err != nil {
		return nil, o.headError(op, err)
	}
	if edit != nil {
		if err := edit(h.set); err != nil {
			return nil, err
		}
	}
	if to == nil {
		to = o.TransferSyntax()
	}
	if err := h.convertible(to); err != nil {
		return nil, halong.E(op, halong.Unsupported, string(o.manifest.SOPInstance), err)
	}
	base := h.base(to)
	body := h.encode(base)
	if base == to {
		return io.NopCloser(body), nil
	}
	return transcoded(body, base, to), nil
}

// headError sorts out why a stored head could not be read.
func (o *Object) headError(op string, err error) error {
	kind := halong.Corrupt
	switch {
	case errors.Is(err, dataset.ErrLimit):
		kind = halong.Exhausted
	case !isSyntax(err):
		return err
	}
	return halong.E(op, kind, string(o.manifest.SOPInstance), err)
}

// convertible tells whether h can be written in a transfer syntax without touching pixels.
func (h *headSet) convertible(to *dicom.TransferSyntax) error {
	if to.UID == h.ts.UID {
		return nil
	}
	switch encapsulated, native := h.pixels(); {
	case encapsulated && !to.Encapsulated:
		return dataset.ErrEncapsulated
	case encapsulated, native && to.Encapsulated:
		return errNoCodec
	}
	return nil
}

// pixels tells which forms of pixel data are there.
func (h *headSet) pixels() (encapsulated, native bool) {
	for i := range h.set.Elements {
		e := &h.set.Elements[i]
		switch b := h.stored(e, nil); {
		case b != nil && b.fragments, e.Fragments != nil:
			encapsulated = true
		case e.Tag == tag.PixelData && (b != nil || len(e.Value) > 0):
			native = true
		}
	}
	return encapsulated, native
}

// base gives the syntax in which head and stored bulk values are joined: to itself,
// unless the result must be deflated or bulk values have another byte order.
func (h *headSet) base(to *dicom.TransferSyntax) *dicom.TransferSyntax {
	uid := dicom.ExplicitVRLittleEndian
	switch {
	case h.ts.BigEndian == to.BigEndian && !to.Deflated:
		return to
	case h.ts.BigEndian:
		uid = dicom.ExplicitVRBigEndian
	}
	base, _ := dicom.LookupTransferSyntax(uid) // both are registered
	return base
}

// encode gives the data set in ts, which is not deflated and has the byte order of the stored values.
func (h *headSet) encode(ts *dicom.TransferSyntax) io.Reader {
	var parts []io.Reader
	used := make(map[*storedValue]bool, len(h.bulk))
	from := 0
	elements := h.set.Elements
	flush := func(to int) {
		if from < to {
			parts = append(parts, bytesReader((&dataset.Set{Elements: elements[from:to]}).Append(nil, ts)))
		}
	}
	for i := range elements {
		b := h.stored(&elements[i], used)
		if b == nil {
			continue
		}
		used[b] = true
		flush(i)
		from = i + 1
		parts = append(parts, bytesReader(b.header(ts, uint32(b.length%2))), io.NewSectionReader(b.src, b.offset, b.length))
		if b.length%2 == 1 {
			parts = append(parts, bytesReader([]byte{0}))
		}
	}
	flush(len(elements))
	return io.MultiReader(parts...)
}

// header gives what comes before the value in ts (PS3.5 7.1). All VRs of bulk values have lengths of 32 bits.
func (b *storedValue) header(ts *dicom.TransferSyntax, padding uint32) []byte {
	var order binary.AppendByteOrder = binary.LittleEndian
	if ts.BigEndian {
		order = binary.BigEndian
	}
	out := order.AppendUint16(order.AppendUint16(nil, b.tag.Group()), b.tag.Element())
	if ts.ExplicitVR {
		out = append(out, byte(b.vr>>8), byte(b.vr), 0, 0)
	}
	length := uint32(b.length) + padding
	if b.fragments {
		length = dataset.UndefinedLength
	}
	return order.AppendUint32(out, length)
}

// transcoded gives body, which is in from, in another syntax.
func transcoded(body io.Reader, from, to *dicom.TransferSyntax) io.ReadCloser {
	r, w := io.Pipe()
	t := &transcoding{PipeReader: r, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		w.CloseWithError(dataset.Transcode(w, dataset.NewReader(body, from), to))
	}()
	return t
}

// transcoding is a pipe from a Transcode that runs beside its reader.
type transcoding struct {
	*io.PipeReader
	done chan struct{}
}

// Close ends the Transcode and waits until it lets go of the stored object.
func (t *transcoding) Close() error {
	err := t.PipeReader.Close()
	<-t.done
	return err
}
