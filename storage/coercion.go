package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Coercion changes a data set that arrives, as Edit does one that leaves, and tells which
// top-level attributes it changed; none: the object is stored as it came. An error of kind Transient or Exhausted
// means that the sender should try again; for any other the object goes to quarantine with the error as
// its reason, which must hold no patient data. It may be called concurrently.
type Coercion func(ctx context.Context, in *Inbound, received time.Time, s *dataset.Set) (changed []dicom.Tag, err error)

// errIdentity is the cause when a coercion changed what an object is filed by.
var errIdentity = errors.New("the coercion changed a UID by which objects are filed")

// coerce makes the data set that will be served in the place of the one received, if the
// rules of the site want another.
func (a *Archive) coerce(ctx context.Context, in *Inbound, arr *arrival) error {
	if a.coercion == nil || arr.bad != nil {
		return nil
	}
	if known, err := a.index.HasInstance(ctx, arr.identity, arr.rec.Manifest.Digest()); known || err != nil {
		return err // rules do not change what is stored
	}
	err := a.coerceWithin(ctx, in, arr, a.limits)
	if errors.Is(err, dataset.ErrLimit) {
		select { // one large head at a time
		case a.large <- struct{}{}:
		case <-ctx.Done():
			return halong.E("storage.Store", halong.Transient, "", ctx.Err())
		}
		err = a.coerceWithin(ctx, in, arr, dataset.Limits{})
		<-a.large
	}
	if err == nil {
		return nil
	}
	switch kind := halong.KindOf(err); {
	case kind == halong.Transient, kind == halong.Exhausted && !isSyntax(err):
		return err
	}
	arr.refuse(err)
	return nil
}

func (a *Archive) coerceWithin(ctx context.Context, in *Inbound, arr *arrival, limits dataset.Limits) error {
	o, err := a.reopen(arr)
	if err != nil {
		return err
	}
	defer o.Close() // it was opened for reading
	h, err := o.readHead(limits)
	if err != nil {
		return err
	}
	changed, err := a.coercion(ctx, in, arr.rec.Received, h.set)
	if err != nil || len(changed) == 0 {
		return err
	}
	out := &arrival{splitter: splitter{ctx: ctx, blobs: a.blobs, lookup: arr.lookup}, changed: changed}
	if err := a.derive(out, arr, h); err != nil {
		return errors.Join(err, out.close())
	}
	arr.coerced, arr.derived, arr.rec.Coerced = out, out, &out.rec
	return nil
}

// reopen opens what was just received and is not stored yet.
func (a *Archive) reopen(arr *arrival) (*Object, error) {
	o := &Object{blobs: a.blobs, manifest: &arr.rec.Manifest, torn: arr.rec.Torn, head: &joined{}}
	if !arr.rec.headApart() {
		o.head.add(readerAt(arr.rec.Head), 0, int64(len(arr.rec.Head)))
	} else {
		p := arr.parts[len(arr.parts)-1]
		if err := p.place(); err != nil {
			return nil, err
		}
		r, err := o.blob(p.info.Digest, *p.placed)
		if err != nil {
			return nil, err
		}
		o.head.add(r, 0, p.info.Size)
	}
	if o.TransferSyntax().Deflated {
		o.parts = *o.head // there are no bulk values apart
	}
	return o, nil
}

// derive makes the coerced object of a received one.
func (a *Archive) derive(out, arr *arrival, h *headSet) error {
	head, err := a.blobs.Create(out.ctx, BlobHint{Size: arr.rec.Manifest.HeadLength, Lookup: out.lookup})
	if err != nil {
		return err
	}
	out.head = head
	out.rec = objectRecord{Facility: arr.rec.Facility, Source: arr.rec.Source, Received: arr.rec.Received, Reason: arr.rec.Reason}
	if h.ts.Deflated {
		err = a.deriveDeflated(out, h)
	} else {
		err = a.deriveHead(out, arr, h)
	}
	if err != nil {
		return err
	}
	if out.identity != arr.identity || out.rec.Manifest.SOPClass != arr.rec.Manifest.SOPClass {
		return halong.E("storage.Store", halong.Internal, string(arr.identity.SOP), errIdentity)
	}
	return nil
}

// deriveDeflated reads the changed data set as if it arrived: its head is all of it.
func (a *Archive) deriveDeflated(out *arrival, h *headSet) error {
	base := h.base(h.ts)
	body := transcoded(h.encode(base), base, h.ts)
	err := out.run(body, h.ts, a.limits)
	if cerr := body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	reason := out.rec.Reason
	err = out.describe(Inbound{}, h.ts, nil)
	out.rec.Reason = reason
	return errors.Join(err, out.bad)
}

// deriveHead writes a new head around the bulk values that were received.
func (a *Archive) deriveHead(out, arr *arrival, h *headSet) error {
	b := h.layout(h.ts)
	if _, err := out.head.Write(b.head); err != nil {
		return err
	}
	info, err := out.head.Finish()
	if err != nil {
		return err
	}
	m := &out.rec.Manifest
	*m = Manifest{SOPClass: arr.rec.Manifest.SOPClass, SOPInstance: arr.rec.Manifest.SOPInstance, TransferSyntax: arr.rec.Manifest.TransferSyntax, Head: info.Digest, HeadLength: info.Size}
	for _, at := range b.bulk {
		part := arr.parts[at.from]
		moved := part.Bulk
		moved.Offset = at.offset
		m.Bulk = append(m.Bulk, moved)
		out.parts = append(out.parts, part)
		out.rec.Parts = append(out.rec.Parts, part.info)
	}
	if kept, ok := out.head.Bytes(); ok {
		out.rec.Head = kept
	} else {
		own := &bulkPart{info: info, w: out.head}
		out.parts = append(out.parts, own)
		out.rec.Parts = append(out.rec.Parts, info)
	}
	return out.readHead(arr, b.head)
}

// readHead gathers what the index wants of a head that was just written, and moves the frame table.
func (arr *arrival) readHead(from *arrival, head []byte) error {
	o := &Object{manifest: &arr.rec.Manifest, head: &joined{}}
	o.head.add(readerAt(head), 0, int64(len(head)))
	if err := arr.attrs.readAll(o.Reader()); err != nil {
		return err
	}
	arr.study, arr.series, arr.instance = arr.attrs.finish(arr.rec.Manifest.TransferSyntax)
	arr.rec.Study, arr.rec.Series = arr.study.UID(tag.StudyInstanceUID), arr.series.UID(tag.SeriesInstanceUID)
	arr.identity = Identity{Facility: arr.rec.Facility, Study: arr.rec.Study, Series: arr.rec.Series, SOP: arr.instance.UID(tag.SOPInstanceUID)}
	_, n := binary.Uvarint(from.rec.Frames)
	if n <= 0 {
		return nil
	}
	at, err := findPixels(o.Reader())
	if err == nil && at >= 0 {
		arr.rec.Frames = append(binary.AppendUvarint(nil, uint64(at)), from.rec.Frames[n:]...)
	}
	return err
}

// findPixels gives the offset of the value of the pixel data; -1 if there is none.
func findPixels(r *dataset.Reader) (int64, error) {
	at := int64(-1)
	for {
		t, err := r.Next()
		if err == io.EOF {
			return at, nil
		}
		if err != nil {
			return -1, err
		}
		switch t.Tag {
		case tag.PixelData, tag.FloatPixelData, tag.DoubleFloatPixelData:
			if t.Depth == 0 && (t.Kind == dataset.DataElement || t.Kind == dataset.FragmentsStart) {
				at = t.ValueOffset
			}
		}
	}
}

// allParts gives all parts that an object needs, the coerced one's included.
func (arr *arrival) allParts() []*bulkPart {
	if arr.coerced == nil {
		return arr.parts
	}
	all := slices.Clone(arr.parts)
	for _, p := range arr.coerced.parts {
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// newInstance gives the rows of an object but for the places of head and envelope.
func (arr *arrival) newInstance(digest halong.Digest, seq uint64) *NewInstance {
	r := &arr.rec
	return &NewInstance{
		Instance: Instance{
			Identity: arr.identity, Digest: digest, Manifest: r.Manifest, EnvelopeTail: r.Tail, Torn: r.Torn,
			Frames: r.Frames, Received: r.Received, Source: r.Source, Seq: seq,
		},
		StudyAttributes: arr.study, SeriesAttributes: arr.series, InstanceAttributes: arr.instance, BulkInfo: r.Parts,
	}
}

// fileReceived adds the rows of a received object in whose place another is served. Studies and
// series are described by that one alone.
func (a *Archive) fileReceived(tx halong.Tx, n *NewInstance, served *arrival, replayed bool) error {
	n.Kept = true
	n.StudyAttributes, n.SeriesAttributes = served.study, served.series
	added, err := a.index.AddInstance(tx, n, ServeFirst)
	if err == nil {
		err = refused(added, replayed)
	}
	return err
}

// inPlaceOf gives the digest of what is served in the place of the version with a digest, if that was
// coerced; else the same.
func (a *Archive) inPlaceOf(ctx context.Context, id Identity, digest halong.Digest) (halong.Digest, bool, error) {
	if a.coercion == nil {
		return digest, false, nil
	}
	var all []*Instance
	var seq uint64
	ref := Ref{Study: id.Study, Series: id.Series, SOP: id.SOP, Facility: id.Facility, AllVersions: true}
	for in, err := range a.index.Instances(ctx, halong.Everything(), ref) {
		if err != nil {
			return digest, false, err
		}
		if in.Digest == digest && in.Kept {
			seq = in.Seq
		}
		all = append(all, in)
	}
	for _, in := range all {
		if in.Seq == seq && !in.Kept {
			return in.Digest, true, nil
		}
	}
	return digest, false, nil
}
