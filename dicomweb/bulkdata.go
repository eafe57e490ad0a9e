package dicomweb

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/storage"
)

// bulkdata answers WADO-RS for one value of an instance (PS3.18 10.4.1.1.5).
func bulkdata(q *request) error {
	a, err := q.accepted()
	if err != nil {
		return err
	}
	path, err := parseBulkPath(q.param("*"))
	if err != nil {
		return err
	}
	in, err := q.instance()
	if err != nil {
		return err
	}
	obj, err := q.Archive.Open(q.ctx, in)
	if err != nil {
		return err
	}
	v, err := find(obj.Reader(), path)
	if err == nil && v.token.Kind == dataset.DataElement {
		err = q.sendBulk(a, in, obj, v)
	}
	if err = errors.Join(err, obj.Close()); err != nil || v.token.Kind == dataset.DataElement {
		return err
	}
	if len(path) > 1 || !isPixels(v.token.Tag) {
		return fail(http.StatusNotAcceptable, "Encapsulated values other than top-level Pixel Data are not served as bulk data.")
	}
	return q.sendFrames(a, in, nil)
}

// bulkOffers lists the representations of a value. Single part comes first: it
// can be read in ranges, and "*/*" asks for no more than the bytes.
func bulkOffers(media string) []offer {
	list := []offer{
		{mediaType: mediaOctets, syntax: explicitLE, unnamed: true},
		{multipart: true, mediaType: mediaOctets, syntax: explicitLE, unnamed: true},
	}
	if media != "" {
		list = append(list, offer{mediaType: media, unnamed: true}, offer{multipart: true, mediaType: media, unnamed: true})
	}
	return list
}

func (q *request) sendBulk(a accept, in *storage.Instance, obj Object, v *bulkValue) error {
	offers := bulkOffers(v.media)
	o, ok := a.choose(offers)
	if !ok {
		return notAcceptable(offers)
	}
	content, err := v.content(obj)
	if err != nil {
		return err
	}
	t := newTag("bulkdata").add(v.tagParts()...).add(o.mediaType, strconv.FormatBool(o.multipart))
	t.addDigest(in.Representation())
	h := q.Response().Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if !o.multipart {
		return q.sendRanges(o, t, content)
	}
	if done, err := q.fresh(t); done {
		return err
	}
	h.Set("Content-Type", multipart.ContentType(o.mediaType, t.boundary()))
	if !q.start(http.StatusOK) {
		return nil
	}
	w := multipart.NewWriter(q.Response(), t.boundary())
	if err := beginValue(w, o.mediaType, v.length, q.base+q.path()); err != nil {
		return err
	}
	if err := q.copyExactly(w.W, content, v.length); err != nil {
		return err
	}
	return w.Close()
}

// content reads the value in little endian, without padding.
func (v *bulkValue) content(obj Object) (*io.SectionReader, error) {
	raw, err := obj.Bulk(v.token.ValueOffset, int64(v.token.Length))
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(swapReader{raw, v.swapWord(obj.TransferSyntax()), int64(v.token.Length)}, 0, v.length), nil
}

// beginValue begins the part of a value or frame of size bytes that is at url.
func beginValue(w *multipart.Writer, media string, size int64, url string) error {
	return w.Part(
		multipart.Field{Name: "Content-Type", Value: media},
		multipart.Field{Name: "Content-Length", Value: strconv.FormatInt(size, 10)},
		multipart.Field{Name: "Content-Location", Value: url},
	)
}

// sendRanges answers the value as a single part, whole or in ranges (RFC 9110
// 14), with If-Range and If-None-Match.
func (q *request) sendRanges(o offer, t entityTag, content *io.SectionReader) error {
	h := q.Response().Header()
	h.Set("ETag", t.String())
	h.Set("Cache-Control", "private, no-cache")
	h.Add("Vary", "Accept")
	h.Set("Content-Type", o.mediaType)
	asked := q.Request().Header
	if r, ok := strings.CutPrefix(asked.Get("Range"), "bytes="); !ok {
		asked.Del("Range") // other units are to be ignored (RFC 9110 14.2)
	} else if n, ok := strings.CutPrefix(strings.TrimSpace(r), "-"); ok && n != "" && strings.Trim(n, "0") == "" {
		asked.Set("Range", fmt.Sprintf("bytes=%d-", content.Size())) // the last 0 bytes cannot be given (RFC 9110 14.1.2): net/http would
	} else {
		asked.Set("Range", "bytes="+largeNumber.ReplaceAllString(r, "999999999999999999")) // net/http takes what is no int64 for malformed
	}
	w := &refusing{ResponseWriter: q.Response()}
	http.ServeContent(w, q.Request(), "", time.Time{}, content)
	switch w.status {
	case http.StatusRequestedRangeNotSatisfiable:
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", content.Size()))
		return fail(w.status, "The value does not have these bytes.")
	case http.StatusPreconditionFailed:
		return otherState()
	}
	return nil
}

// largeNumber is a position behind the end of any value.
var largeNumber = regexp.MustCompile(`[0-9]{19,}`)

// refusing holds back what net/http answers where it refuses, so that it can be said as all refusals are.
type refusing struct {
	http.ResponseWriter
	status int // of what is held back
}

// WriteHeader implements http.ResponseWriter.
func (w *refusing) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		w.status = status
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *refusing) Write(p []byte) (int, error) {
	if w.status > 0 {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// path gives the path of the resource below the base.
func (q *request) path() string {
	id := storage.Identity{Study: q.uid("study"), Series: q.uid("series"), SOP: q.uid("instance")}
	return resourceURL("", id) + "/bulkdata/" + q.param("*")
}
