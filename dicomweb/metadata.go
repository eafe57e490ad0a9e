package dicomweb

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/storage"
)

// jsonOffers are the representations of answers to STOW-RS.
var jsonOffers = []offer{{mediaType: mediaJSON, unnamed: true}, {mediaType: "application/json", unnamed: true}}

// modelOffers are the representations of metadata and search results (PS3.18 8.7.3.2): XML as one part for each object.
var modelOffers = append(slices.Clone(jsonOffers), offer{multipart: true, mediaType: mediaXML, unnamed: true})

// acceptsJSON picks one of jsonOffers.
func (q *request) acceptsJSON() (offer, error) { return q.acceptsOne(jsonOffers) }

// acceptsModel picks one of modelOffers.
func (q *request) acceptsModel() (offer, error) { return q.acceptsOne(modelOffers) }

func (q *request) acceptsOne(offers []offer) (offer, error) {
	a, err := q.accepted()
	if err != nil {
		return offer{}, err
	}
	o, ok := a.choose(offers)
	if !ok {
		return o, notAcceptable(offers)
	}
	return o, nil
}

// metadata answers WADO-RS for the metadata of a study, series or instance
// (PS3.18 10.4.1.1.2), streamed from the heads of its objects.
func metadata(q *request) error {
	o, err := q.acceptsJSON()
	if err != nil {
		return err
	}
	s, err := q.selected("metadata")
	if err != nil {
		return err
	}
	if q.fresh(s.tag.add(o.mediaType, q.base, strconv.FormatBool(q.RelativeURI))) {
		return nil
	}
	var buf []byte
	first := true
	w, done := q.gather(q.Response())
	defer done()
	for in, err := range s.all() {
		if err == nil {
			buf, err = q.appendMetadata(buf[:0], in)
		}
		if err != nil {
			return err
		}
		separator := byte(',')
		if first { // now it is known that there is an answer
			q.Response().Header().Set("Content-Type", o.mediaType)
			if !q.start(http.StatusOK) {
				return nil
			}
			first, separator = false, '['
		}
		if err := w.WriteByte(separator); err != nil {
			return err
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
		if cap(buf) > 1<<20 {
			buf = nil
		}
	}
	if err := w.WriteByte(']'); err != nil {
		return err
	}
	return w.Flush()
}

// appendMetadata appends the DICOM JSON object of one instance.
func (q *request) appendMetadata(dst []byte, in *storage.Instance) (_ []byte, err error) {
	obj, err := q.Archive.Open(q.ctx, in)
	if err != nil {
		return dst, err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	base := q.base
	if q.RelativeURI {
		base = pathOf(base)
	}
	base = resourceURL(base, in.Identity) + "/bulkdata/"
	return dicomjson.Append(dst, obj.Reader(), dicomjson.Options{
		InlineLimit: -1, // ask for every value
		BulkURI: func(path []dicomjson.Step, t dataset.Token) string {
			small := t.Kind == dataset.DataElement && !t.External && t.Length <= dicomjson.DefaultInlineLimit
			if small && (t.Length == 0 || len(path) > 0 || !isPixels(t.Tag)) {
				return ""
			}
			return base + bulkPath(path, t)
		},
	})
}
