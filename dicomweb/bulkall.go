package dicomweb

import (
	"bufio"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/storage"
)

// allBulkdata answers WADO-RS for all bulk data of a study, series or instance (PS3.18 10.4.1.1.5): what has a BulkDataURI in the metadata.
func allBulkdata(q *request) error { return q.sendAllBulk(false) }

// allPixelData answers WADO-RS for all Pixel Data of one (PS3.18 10.4.1.1.6).
func allPixelData(q *request) error { return q.sendAllBulk(true) }

// octetParts is how values other than compressed Pixel Data are represented.
var octetParts = offer{multipart: true, mediaType: mediaOctets, syntax: explicitLE, unnamed: true}

func (q *request) sendAllBulk(pixels bool) error {
	a, err := q.accepted()
	if err != nil {
		return err
	}
	s, err := q.selected("bulkdata of all")
	if err != nil {
		return err
	}
	b := &bulkAnswer{q: q, pixels: pixels}
	if err := b.choose(s, a); err != nil {
		return err
	}
	t := s.tagFor(&b.choice).add(strconv.FormatBool(pixels), strconv.FormatBool(b.octets))
	if done, err := q.fresh(t); done {
		return err
	}
	q.Response().Header().Set("Content-Type", multipart.ContentType(b.partType(s.whole[0]), t.boundary()))
	b.warn(q)
	out, done := q.gather(&lazyBody{q: q, status: b.status()})
	defer done()
	b.out, b.w = out, multipart.NewWriter(out, t.boundary())
	for in, err := range s.all() {
		if err == nil {
			err = b.instance(in)
		}
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	if b.parts == 0 {
		return fail(http.StatusNotFound, "The resource has none of that.")
	}
	if err := b.w.Close(); err != nil {
		return err
	}
	return out.Flush()
}

// errEnough ends the answer to HEAD.
var errEnough = errors.New("the header is sent")

// bulkAnswer is an answer of many values. Those of compressed Pixel Data are parts for each frame, with the same Content-Location.
type bulkAnswer struct {
	choice // of Pixel Data, by shape
	q      *request
	pixels bool // nothing else
	octets bool // the client takes other values
	out    *bufio.Writer
	w      *multipart.Writer
	parts  int
	model  []byte
}

// choose decides how Pixel Data of each shape are answered. What the client takes no representation of is left out, with 206 and a Warning.
func (b *bulkAnswer) choose(s *selection, a accept) error {
	b.offers = map[shape]offer{}
	_, b.octets = a.choose([]offer{octetParts})
	var possible []offer
	for _, f := range slices.SortedFunc(maps.Keys(s.shapes), func(a, b shape) int { return strings.Compare(a.text(), b.text()) }) {
		offers := frameOffers(f.syntax, !native(f.syntax) || f.fixed, false)
		if o, ok := a.choose(offers); ok {
			b.offers[f] = o
			continue
		}
		b.left += s.shapes[f]
		possible = append(possible, offers...)
	}
	if len(b.offers) == 0 && (b.pixels || !b.octets) {
		return notAcceptable(append([]offer{octetParts}, possible...))
	}
	return nil
}

// partType gives the media type of the first part, as far as it is known before it is read (RFC 2387 3.1).
func (b *bulkAnswer) partType(first *storage.Instance) string {
	if o, ok := b.offers[shapeOf(first)]; ok && (b.pixels || !b.octets) {
		return o.contentType()
	}
	return mediaOctets
}

// instance sends what there is of one instance.
func (b *bulkAnswer) instance(in *storage.Instance) (err error) {
	obj, err := b.q.Archive.Open(b.q.ctx, in)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	refs, err := b.references(obj, in)
	if err != nil {
		return err
	}
	for i := range refs {
		r := &refs[i]
		isPixelData := !r.nested && isPixels(r.token.Tag)
		o, taken := b.offers[shapeOf(in)]
		switch {
		case isPixelData && !taken, !isPixelData && (b.pixels || !b.octets):
		case isPixelData && r.token.Kind == dataset.FragmentsStart:
			err = b.frames(in, r, o)
		case r.token.Kind == dataset.DataElement:
			err = b.value(obj, r, isPixelData)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bulkReference is a value that the metadata refer to.
type bulkReference struct {
	uri    string
	token  dataset.Token
	nested bool
}

// references lists what the metadata of an instance refer to.
func (b *bulkAnswer) references(obj Object, in *storage.Instance) (refs []bulkReference, err error) {
	base := b.q.bulkBase(in)
	b.model, err = dicomjson.Append(b.model[:0], obj.Reader(), dicomjson.Options{
		InlineLimit: -1,
		BulkURI: func(path []dicomjson.Step, t dataset.Token) string {
			if !liesApart(path, t) {
				return ""
			}
			uri := base + bulkPath(path, t)
			refs = append(refs, bulkReference{uri, t, len(path) > 0})
			return uri
		},
	})
	return refs, err
}

// bulkBase gives the URI below which the bulk data of an instance are.
func (q *request) bulkBase(in *storage.Instance) string {
	base := q.base
	if q.RelativeURI {
		base = pathOf(base)
	}
	return resourceURL(base, in.Identity) + "/bulkdata/"
}

// liesApart tells whether the metadata refer to a value, and do not hold it.
func liesApart(path []dicomjson.Step, t dataset.Token) bool {
	small := t.Kind == dataset.DataElement && !t.External && t.Length <= dicomjson.DefaultInlineLimit
	return !small || t.Length > 0 && len(path) == 0 && isPixels(t.Tag)
}

// value sends one value that is not compressed.
func (b *bulkAnswer) value(obj Object, r *bulkReference, isPixelData bool) error {
	v := &bulkValue{token: r.token, length: int64(r.token.Length)}
	if !r.nested && r.token.Tag == tag.EncapsulatedDocument {
		found, err := find(obj.Reader(), []dicomjson.Step{{Tag: r.token.Tag}})
		if err != nil {
			return err
		}
		v = found
	}
	content, err := v.content(obj)
	if err != nil {
		return err
	}
	media := mediaOctets
	if isPixelData {
		media += "; transfer-syntax=" + string(dicom.ExplicitVRLittleEndian)
	}
	return b.part(media, r.uri, content, v.length)
}

// frames sends compressed Pixel Data.
func (b *bulkAnswer) frames(in *storage.Instance, r *bulkReference, o offer) (err error) {
	obj, err := b.q.Archive.Open(b.q.ctx, in.AsStored())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	table, err := obj.FrameTable()
	if halong.KindOf(err) == halong.NotExist { // its frames cannot be told apart, and have no representation
		return nil
	}
	if err != nil {
		return err
	}
	src := &frameSource{ctx: b.q.ctx, cache: b.q.frames, of: in.Digest, obj: obj, table: table, media: o.contentType()}
	for i := range table.Len() {
		content, size, err := src.frame(i)
		if err == nil {
			err = b.part(frameType(o), r.uri, content, size)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bulkAnswer) part(media, uri string, content io.Reader, size int64) error {
	if b.q.Request().Method == http.MethodHead {
		b.q.start(b.status())
		return errEnough
	}
	b.parts++
	if err := beginValue(b.w, media, size, uri); err != nil {
		return err
	}
	return b.q.copyExactly(b.out, content, size)
}
