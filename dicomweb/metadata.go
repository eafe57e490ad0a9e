package dicomweb

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/storage"
)

// jsonOffers are the representations of a list of objects as one document.
var jsonOffers = []offer{{mediaType: mediaJSON, unnamed: true}, {mediaType: "application/json", unnamed: true}}

// storeOffers are the representations of answers to STOW-RS.
var storeOffers = append(slices.Clone(jsonOffers), offer{mediaType: mediaXML, unnamed: true})

// modelOffers are the representations of metadata and search results (PS3.18 8.7.3.2): XML as one part for each object.
var modelOffers = append(slices.Clone(jsonOffers), offer{multipart: true, mediaType: mediaXML, unnamed: true})

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
// (PS3.18 10.4.1.1.2): a document that is ready, or streamed from the heads of the objects.
func metadata(q *request) error {
	o, err := q.acceptsModel()
	if err != nil {
		return err
	}
	m := &metadataAnswer{q: q, offer: o, coding: q.coding()}
	m.to = m
	if q.param("instance") != "" {
		return m.make()
	}
	m.key = q.documentKey("metadata", o, m.coding)
	if m.state, err = q.state(true); err != nil {
		return err
	}
	d := q.documents.get(m.key, m.state)
	if d == nil && m.isReady() {
		if d = q.Ready.document(q, o.mediaType, m.coding, m.state); d != nil && d.packed == nil {
			d.key = m.key
			q.documents.put(d)
		}
	}
	if d != nil {
		return q.sendDocument(d)
	}
	return m.make()
}

// isReady tells whether the answer is one of those that are kept ready.
func (m *metadataAnswer) isReady() bool {
	return m.q.Ready != nil && m.q.param("series") != "" && !m.offer.multipart
}

// metadataAnswer is metadata being made.
type metadataAnswer struct {
	q          *request
	offer      offer
	coding     string
	key, state string // of the document that it becomes; key is empty if it becomes none
	to         io.Writer
	length     counter // of what was sent, without the coding
	made       []byte  // what was sent
	buf        []byte  // one object
	model      []byte  // one object in JSON, on its way to XML
}

func (m *metadataAnswer) make() error {
	q := m.q
	s, err := q.selected("metadata")
	if err != nil {
		return err
	}
	tag := m.tag(s).coded(m.coding)
	h := q.Response().Header()
	h.Add("Vary", "Accept-Encoding")
	if done, err := q.fresh(tag); done {
		return err
	}
	d := &document{key: m.key, state: m.state, contentType: m.offer.mediaType, coding: m.coding, etag: tag.String()}
	if m.offer.multipart {
		d.contentType = multipart.ContentType(mediaXML, tag.boundary())
	}
	h.Set("Content-Type", d.contentType)
	if m.coding != "" {
		h.Set("Content-Encoding", m.coding)
	}
	if q.Request().Method == http.MethodHead {
		q.start(http.StatusOK)
		return nil
	}
	if err := m.stream(s, tag); err != nil {
		return err
	}
	if now, err := q.state(true); err == nil && now == m.state && m.state != "" { // nothing changed while it was made
		d.length = int64(m.length)
		if d.body = slices.Clip(m.made); m.key != "" {
			q.documents.put(d)
		}
		if m.isReady() {
			q.Ready.made(q, tag.hex(), d)
		}
	}
	return nil
}

// tag completes the entity tag of a selection, but for the coding.
func (m *metadataAnswer) tag(s *selection) entityTag {
	return s.tag.add(m.offer.mediaType, m.q.base, strconv.FormatBool(m.q.RelativeURI))
}

// stream sends the objects one after the other.
func (m *metadataAnswer) stream(s *selection, tag entityTag) error {
	w, done := m.q.gather(m.to)
	defer done()
	body, err := m.q.coders.encode(w, m.coding)
	if err != nil {
		return err
	}
	counted := io.MultiWriter(body, &m.length)
	parts := multipart.NewWriter(counted, tag.boundary())
	separator := byte('[')
	for in, err := range s.all() {
		if err == nil {
			m.buf, err = m.q.appendMetadata(m.buf[:0], in)
		}
		if err == nil && m.offer.multipart {
			err = m.part(parts)
		} else if err == nil {
			m.buf = append(m.buf, 0)
			copy(m.buf[1:], m.buf)
			m.buf[0] = separator
			separator = ','
			_, err = counted.Write(m.buf)
		}
		if err != nil {
			return err
		}
		if cap(m.buf) > 1<<20 {
			m.buf = nil
		}
	}
	if m.offer.multipart {
		err = parts.Close()
	} else {
		_, err = counted.Write([]byte{']'})
	}
	if err == nil {
		err = body.Close()
	}
	if err == nil {
		err = w.Flush()
	}
	return err
}

// part writes the object in buf as one part in XML.
func (m *metadataAnswer) part(w *multipart.Writer) (err error) {
	if m.model, err = dicomjson.AppendXML(m.model[:0], m.buf); err != nil {
		return halong.E("dicomweb.metadata", halong.Internal, "", err)
	}
	if err = w.Part(multipart.Field{Name: "Content-Type", Value: mediaXML}); err == nil {
		_, err = w.W.Write(m.model)
	}
	return err
}

// Write sends a piece of the answer, the status before the first, and keeps it if a document is to become of it.
func (m *metadataAnswer) Write(p []byte) (int, error) {
	if !m.q.Response().Committed {
		m.q.start(http.StatusOK)
	}
	if m.key != "" {
		if m.made = append(m.made, p...); int64(len(m.made)) > m.q.documents.largest() {
			m.key, m.made = "", nil
		}
	}
	return m.q.Response().Write(p)
}

// appendMetadata appends the DICOM JSON object of one instance.
func (q *request) appendMetadata(dst []byte, in *storage.Instance) (_ []byte, err error) {
	obj, err := q.Archive.Open(q.ctx, in)
	if err != nil {
		return dst, err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	base := q.bulkBase(in)
	return dicomjson.Append(dst, obj.Reader(), dicomjson.Options{
		InlineLimit: -1, // ask for every value
		BulkURI: func(path []dicomjson.Step, t dataset.Token) string {
			if !liesApart(path, t) {
				return ""
			}
			return base + bulkPath(path, t)
		},
	})
}
