package dicomweb

import (
	"bytes"
	"container/list"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// documents keeps answers that were made before, ready to be sent: metadata of series and studies, and searches inside them. Each
// bears the state of the archive that it was made in; it is given out only while that is the state, so it
// is right at every instant, also of an ongoing ingest. The cache is bounded, those used least recently go first.
type documents struct {
	limit int64 // bytes
	mu    sync.Mutex
	byKey map[string]*list.Element // of *document
	used  list.List                // the last used in front
	size  int64
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

// largest is the cost of the largest document that is kept.
func (d *documents) largest() int64 { return d.limit / 8 }

// get gives the document if it was made in the state.
func (d *documents) get(key, state string) *document {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.byKey[key]
	if e == nil {
		return nil
	}
	doc := e.Value.(*document)
	if doc.state != state {
		d.drop(e)
		return nil
	}
	d.used.MoveToFront(e)
	return doc
}

func (d *documents) put(doc *document) {
	if doc.cost() > d.largest() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byKey == nil {
		d.byKey = make(map[string]*list.Element)
	}
	if e := d.byKey[doc.key]; e != nil {
		d.drop(e)
	}
	d.byKey[doc.key] = d.used.PushFront(doc)
	d.size += doc.cost()
	for d.size > d.limit {
		d.drop(d.used.Back())
	}
}

func (d *documents) drop(e *list.Element) {
	doc := d.used.Remove(e).(*document)
	delete(d.byKey, doc.key)
	d.size -= doc.cost()
}

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
		if q.unlike(d.etag) {
			return nil
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
