package dicomweb

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/storage"
)

// frames answers WADO-RS for a list of frames (PS3.18 10.4.1.1.3).
func frames(q *request) error {
	a, err := q.accepted()
	if err != nil {
		return err
	}
	list, err := frameList(q.param("frames"))
	if err != nil {
		return err
	}
	in, err := q.instance()
	if err != nil {
		return err
	}
	return q.sendFrames(a, in, list)
}

// frameList reads frame numbers, which count from 1.
func frameList(s string) ([]int, error) {
	var list []int
	seen := map[int]bool{}
	for part := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || seen[n] {
			return nil, fail(http.StatusBadRequest, "The frame list must consist of different whole numbers from 1, separated by commas.")
		}
		seen[n] = true
		list = append(list, n)
	}
	return list, nil
}

// sendFrames answers the frames of the list, or all if it is nil.
func (q *request) sendFrames(a accept, in *storage.Instance, list []int) (err error) {
	obj, err := q.Archive.Open(q.ctx, in.AsStored()) // no identity is in frames
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	table, err := obj.FrameTable()
	if err != nil {
		return err
	}
	for _, n := range list {
		if n > table.Len() {
			return fail(http.StatusNotFound, "The SOP Instance has fewer frames.")
		}
	}
	if list == nil {
		for n := range table.Len() {
			list = append(list, n+1)
		}
	}
	offers := frameOffers(in.Manifest.TransferSyntax, table.Encapsulated(), len(list) == 1)
	o, ok := a.choose(offers)
	if !ok {
		return notAcceptable(offers)
	}
	tag := newTag("frames").add(string(o.syntax), o.contentType(), strconv.FormatBool(o.multipart), q.base)
	for _, n := range list {
		tag.add(strconv.Itoa(n))
	}
	tag.addDigest(in.Digest)
	if done, err := q.fresh(tag); done {
		return err
	}
	src := &frameSource{ctx: q.ctx, cache: q.frames, of: in.Digest, obj: obj, table: table, media: o.contentType()}
	if !o.multipart {
		return q.sendFrame(src, list[0], o)
	}
	return q.sendFrameParts(src, in, list, o, tag)
}

// frameType gives the Content-Type of a frame. It is short and unquoted: the
// common JavaScript client strips no quotes and reads no more than 1,000 bytes of header.
func frameType(o offer) string { return o.contentType() + "; transfer-syntax=" + string(o.syntax) }

func (q *request) sendFrame(src *frameSource, n int, o offer) error {
	r, size, err := src.frame(n - 1)
	if err != nil {
		return err
	}
	h := q.Response().Header()
	h.Set("Content-Type", frameType(o))
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	if !q.start(http.StatusOK) {
		return nil
	}
	return q.copyOut(q.Response(), r, size)
}

// mostMeasured is the number of frames up to which the length of an answer is found out before it begins.
const mostMeasured = 64

func (q *request) sendFrameParts(src *frameSource, in *storage.Instance, list []int, o offer, tag entityTag) error {
	if _, _, err := src.frame(list[0] - 1); err != nil { // before the status is sent
		return err
	}
	p := &frameParts{q: q, src: src, list: list, offer: o, boundary: tag.boundary(), url: resourceURL(q.base, in.Identity) + "/frames/"}
	h := q.Response().Header()
	h.Set("Content-Type", multipart.ContentType(o.contentType(), p.boundary))
	if len(list) <= mostMeasured {
		var n counter
		if err := p.write(&n, func(_ io.Reader, size int64) error { n += counter(size); return nil }); err != nil {
			return err
		}
		h.Set("Content-Length", strconv.FormatInt(int64(n), 10))
	}
	if !q.start(http.StatusOK) {
		return nil
	}
	out := q.Response()
	return p.write(out, func(r io.Reader, size int64) error { return q.copyOut(out, r, size) })
}

// frameParts is a multipart answer of frames.
type frameParts struct {
	q        *request
	src      *frameSource
	list     []int
	offer    offer
	boundary string
	url      string
}

// write writes the answer to out, the frames themselves through content.
func (p *frameParts) write(out io.Writer, content func(io.Reader, int64) error) error {
	w := multipart.NewWriter(out, p.boundary)
	for _, n := range p.list {
		r, size, err := p.src.frame(n - 1)
		if err != nil {
			return err
		}
		err = beginValue(w, frameType(p.offer), size, p.url+strconv.Itoa(n))
		if err == nil {
			err = content(r, size)
		}
		if err != nil {
			return err
		}
	}
	return w.Close()
}

// counter counts what is written to it.
type counter int64

// Write counts p.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// frameSource gives frames as they are answered.
type frameSource struct {
	ctx   context.Context
	cache *frameCache
	of    halong.Digest // of the instance as it is stored
	obj   Object
	table *dataset.FrameTable
	media string
	order *byteOrder // of a big-endian object; nil until looked at
}

// frame gives frame i, counted from 0: little endian, beginning at its first bit,
// without padding after the end of a compressed image.
func (s *frameSource) frame(i int) (io.Reader, int64, error) {
	f, err := s.table.Frame(i)
	if err != nil {
		return nil, 0, err
	}
	if s.costly(f) {
		return s.kept(i, f)
	}
	return s.make(i, f)
}

// make makes a frame from what is stored.
func (s *frameSource) make(i int, f dataset.Frame) (io.Reader, int64, error) {
	if s.obj.TransferSyntax().BigEndian {
		return s.swapped(f)
	}
	r, size, err := s.obj.Frame(i)
	if err != nil {
		return nil, 0, err
	}
	if s.table.Encapsulated() {
		return unpadded(r, size, s.media)
	}
	r, size = aligned(r, size, f)
	return r, size, nil
}
