package dicomweb

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"github.com/klauspost/compress/zstd"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// documents keeps answers that were made before, ready to be sent: metadata of series and studies, and searches inside them. Each
// bears the state of the archive that it was made in; it is given out only while that is the state, so it
// is right at every instant, also of an ongoing ingest. The cache is bounded, those used least recently go first.
type documents struct {
	byteCache[string, *document]
}

func newDocuments(limit int64) *documents {
	return &documents{byteCache[string, *document]{limit: limit, cost: (*document).cost}}
}

// document is one answer.
type document struct {
	key, state  string
	contentType string
	coding      string // Content-Encoding, empty for none
	etag        string // empty for none
	body        []byte
	packed      []byte // in the place of a body that is too long to be kept: its zstd form
	length      int64  // of the body without the coding, where that is known
}

// cost is what a document takes in memory, about.
func (d *document) cost() int64 { return int64(len(d.body)+len(d.key)+len(d.state)) + 512 }

// get gives the document if it was made in the state; nil if there is none.
func (d *documents) get(key, state string) *document {
	doc, _ := d.byteCache.get(key, func(doc *document) bool { return doc.state == state })
	return doc
}

func (d *documents) put(doc *document) { d.byteCache.put(doc.key, doc) }

// documentKey names an answer: what is asked for, by whom as far as that matters, and in which form.
func (q *request) documentKey(kind string, o offer, coding string) string {
	ref := q.ref()
	return fmt.Sprintf("%s %s %s %s %q %s %v %t %s %v", kind, ref.Study, ref.Series, ref.SOP, ref.Facility, o.mediaType, o.multipart, q.RelativeURI, coding, q.scope) + " " + q.base
}

// state asks for the state of what the path names. Series alone depends on nothing but the series itself.
func (q *request) state(seriesAlone bool) (string, error) {
	st, err := q.Archive.Stamp(q.ctx, q.scope, storage.Ref{Study: q.uid("study"), Series: q.uid("series"), Facility: q.facility})
	if err != nil {
		return "", err
	}
	if seriesAlone && st.Series != "" {
		return st.Series, nil
	}
	return st.Study + "/" + st.Series, nil
}

// sendDocument answers with a document.
func (q *request) sendDocument(d *document) error {
	h := q.Response().Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Add("Vary", "Accept, Accept-Encoding")
	if d.etag != "" {
		h.Set("ETag", d.etag)
		if err := q.unlike(d.etag); err != nil {
			return err
		}
		if matches(q.Request().Header.Values("If-None-Match"), d.etag) {
			q.Response().WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	h.Set("Content-Type", d.contentType)
	if d.coding != "" {
		h.Set("Content-Encoding", d.coding)
	}
	size := int64(len(d.body))
	if d.packed != nil {
		size = d.length
	}
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	if !q.start(http.StatusOK) {
		return nil
	}
	if d.packed != nil {
		return q.sendPacked(d)
	}
	_, err := q.Response().Write(d.body)
	return err
}

// sendPacked unpacks while it sends.
func (q *request) sendPacked(d *document) error {
	r, err := zstd.NewReader(bytes.NewReader(d.packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<20))
	if err != nil {
		return halong.E("dicomweb.metadata", halong.Internal, "", err)
	}
	defer r.Close()
	return q.copyExactly(q.Response(), r, d.length)
}
