package dicomweb

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/storage"
)

// retrieve answers WADO-RS for a study, series or instance (PS3.18 10.4.1.1.1).
func retrieve(q *request) error {
	a, err := q.accepted()
	if err != nil {
		return err
	}
	if a.mixed() {
		return fail(http.StatusBadRequest, "DICOM and rendered media types cannot be accepted together.")
	}
	s, err := q.selected("instances")
	if err != nil {
		return err
	}
	if syntax, ok := a.acceptsZip(); ok {
		return q.sendZip(s, syntax)
	}
	c, err := s.choose(a)
	if err != nil {
		return err
	}
	if o, ok := c.offers[shapeOf(s.whole[0])]; ok && !o.multipart {
		return q.sendObject(s, s.whole[0], o)
	}
	return q.sendObjects(s, c)
}

// sendObjects answers multipart/related; type="application/dicom".
func (q *request) sendObjects(s *selection, c *choice) error {
	tag := s.tagFor(c)
	if done, err := q.fresh(tag); done {
		return err
	}
	q.Response().Header().Set("Content-Type", multipart.ContentType(mediaDICOM, tag.boundary()))
	c.warn(q)
	if n, ok := s.measure(c, tag.boundary()); ok {
		q.Response().Header().Set("Content-Length", strconv.FormatInt(n, 10))
	}
	if q.Request().Method == http.MethodHead {
		q.start(c.status())
		return nil
	}
	out, done := q.gather(&lazyBody{q: q, status: c.status()})
	defer done()
	w := multipart.NewWriter(out, tag.boundary())
	for in, err := range s.all() {
		if err != nil {
			return err
		}
		o, ok := c.offers[shapeOf(in)]
		if !ok {
			continue
		}
		if err := q.beginPart(w, in, o.syntax); err != nil {
			return err
		}
		if err := q.writeObject(w.W, in, o.syntax); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.Flush()
}

// measure gives the length of the answer, where it can be known before it begins.
func (s *selection) measure(c *choice, boundary string) (int64, bool) {
	if len(s.names) > 0 {
		return 0, false
	}
	var n counter
	w := multipart.NewWriter(&n, boundary)
	for _, in := range s.whole {
		o, ok := c.offers[shapeOf(in)]
		if !ok {
			continue
		}
		size, ok := sizeIn(in, o.syntax)
		if !ok || s.q.beginPart(w, in, o.syntax) != nil {
			return 0, false
		}
		n += counter(size)
	}
	return int64(n), w.Close() == nil
}

// sizeIn gives the length of an instance as a PS3.10 file in ts, unless it has to be made to be known.
func sizeIn(in *storage.Instance, ts dicom.UID) (int64, bool) {
	if ts != in.Manifest.TransferSyntax || in.Patient != nil { // a header that is made anew has another length
		return 0, false
	}
	return int64(len(fileHeader(in, ts))) + in.Manifest.Size(), true
}

func (q *request) beginPart(w *multipart.Writer, in *storage.Instance, ts dicom.UID) error {
	return w.Part(
		multipart.Field{Name: "Content-Type", Value: mediaDICOM + "; transfer-syntax=" + string(ts)},
		multipart.Field{Name: "Content-Location", Value: resourceURL(q.base, in.Identity)},
	)
}

// sendObject answers application/dicom with one instance.
func (q *request) sendObject(s *selection, in *storage.Instance, o offer) error {
	if done, err := q.fresh(s.tagFor(&choice{offers: map[shape]offer{shapeOf(in): o}})); done {
		return err
	}
	h := q.Response().Header()
	h.Set("Content-Type", mediaDICOM+"; transfer-syntax="+string(o.syntax))
	h.Set("X-Content-Type-Options", "nosniff")
	if size, ok := sizeIn(in, o.syntax); ok {
		h.Set("Content-Length", strconv.FormatInt(size, 10))
	}
	if q.Request().Method == http.MethodHead {
		q.start(http.StatusOK)
		return nil
	}
	out, done := q.gather(&lazyBody{q: q})
	defer done()
	if err := q.writeObject(out, in, o.syntax); err != nil {
		return err
	}
	return out.Flush()
}

// fileHeader gives preamble and File Meta Information (PS3.10 7.1). They are
// made afresh: the preamble of a received file may hold anything, also a program.
func fileHeader(in *storage.Instance, ts dicom.UID) []byte {
	return dataset.AppendFileHeader(nil, in.Manifest.SOPClass, in.SOP, ts, "")
}

// writeObject writes one instance as a PS3.10 file in ts, which is the stored
// transfer syntax or Explicit VR Little Endian.
func (q *request) writeObject(w io.Writer, in *storage.Instance, ts dicom.UID) (err error) {
	obj, err := q.Archive.Open(q.ctx, in)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	if _, err := w.Write(fileHeader(in, ts)); err != nil {
		return err
	}
	if ts == in.Manifest.TransferSyntax {
		return q.copyOut(w, obj.DataSet(), obj.Size())
	}
	to, ok := dicom.LookupTransferSyntax(ts)
	if !ok {
		return halong.E("dicomweb.retrieve", halong.Internal, string(ts), nil)
	}
	err = dataset.Transcode(w, dataset.NewReader(obj.Readable(), obj.TransferSyntax()), to)
	if errors.Is(err, dataset.ErrEncapsulated) { // compressed pixels under a native transfer syntax
		return &problem{http.StatusNotAcceptable, "The SOP Instance cannot be re-encoded.", err}
	}
	return err
}
