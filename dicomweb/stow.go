package dicomweb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/storage"
)

// store answers STOW-RS (PS3.18 10.5). Everything that can be refused from the
// header is refused before the body is asked for (Expect: 100-continue).
func store(q *request) (err error) {
	if q.param("study") == "" && isForm(q.Request()) {
		q.seen.Operation = "search"
		return searchForm(studies)(q)
	}
	o, err := q.acceptsOne(storeOffers)
	if err != nil {
		return err
	}
	if err := q.mayStore(); err != nil {
		return err
	}
	m, err := storeType(q.Request().Header.Get(echo.HeaderContentType))
	if err != nil {
		return err
	}
	r := q.Request()
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") { // RFC 9110 15.5.16
		q.Response().Header().Set("Accept-Encoding", "identity")
		return fail(http.StatusUnsupportedMediaType, "A compressed body is not taken.")
	}
	if q.MaxBody > 0 {
		if r.ContentLength > q.MaxBody {
			return fail(http.StatusRequestEntityTooLarge, "The request is too large.")
		}
		r.Body = http.MaxBytesReader(q.Response(), r.Body, q.MaxBody)
	}
	in := &intake{q: q, offer: o, slots: make(chan struct{}, pipeline)}
	in.remains.spool = q.Spool
	defer func() {
		in.keepRemains() // also of a request that broke off
		err = errors.Join(err, in.remains.close())
	}()
	if m.Type == mediaDICOM {
		in.part(r.Body)
	} else if isModel(m) {
		if err := in.storeModel(r.Body, m); err != nil {
			return err
		}
	} else if err := in.parts(r.Body, m.Get("boundary")); err != nil {
		return err
	}
	return in.answer()
}

// mayStore: a caller stores into its own facility. One that sees all may name another in the path.
func (q *request) mayStore() error {
	if q.facility == "" || q.facility == q.own {
		return nil
	}
	if !q.seesAll {
		return fail(http.StatusForbidden, "The caller may not store into this facility.")
	}
	q.own = q.facility
	return nil
}

// storeType reads Content-Type; 415 for what is not served, 400 for what is malformed.
func storeType(contentType string) (multipart.MediaType, error) {
	m, err := multipart.ParseMediaType(contentType)
	if err != nil {
		return m, fail(http.StatusUnsupportedMediaType, "Content-Type is missing or malformed.")
	}
	if m.Type == mediaDICOM {
		return m, nil
	}
	if m.Type != "multipart/related" {
		return m, fail(http.StatusUnsupportedMediaType, `Content-Type must be multipart/related; type="application/dicom" or application/dicom.`)
	}
	if t := m.Get("type"); t != "" && !isDICOMType(t) && !isModel(m) {
		return m, fail(http.StatusUnsupportedMediaType, `Only type "application/dicom", "application/dicom+json" and "application/dicom+xml" are taken.`)
	}
	if m.Get("boundary") == "" {
		return m, fail(http.StatusBadRequest, "Content-Type has no boundary.")
	}
	return m, nil
}

// isModel tells whether metadata and bulk data come apart.
func isModel(m multipart.MediaType) bool {
	t, err := multipart.ParseMediaType(m.Get("type"))
	return err == nil && (t.Type == mediaJSON || t.Type == mediaXML)
}

func isDICOMType(s string) bool {
	m, err := multipart.ParseMediaType(s)
	return err == nil && m.Type == mediaDICOM
}

// pipeline is how many parts may wait for the disk while the next is read, so
// that they share its syncs.
const pipeline = 16

// intake takes the parts of one request in.
type intake struct {
	q     *request
	offer offer // how the answer is represented
	slots chan struct{}
	items []*item
	err   error // why the body could not be read to its end

	unreadable atomic.Int64 // parts that went to quarantine each by itself
	remains    remains      // further ones
}

// item is one part and what came of it.
type item struct {
	receipt storage.Receipt
	err     error
	done    chan struct{}
}

// parts reads a multipart body. Only what makes the whole request unreadable is an error.
func (in *intake) parts(body io.Reader, boundary string) error {
	r, err := multipart.NewReader(body, boundary, in.q.Limits)
	if err != nil {
		return fail(http.StatusBadRequest, "The boundary of Content-Type is malformed.")
	}
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		var bad *multipart.HeaderError
		switch {
		case errors.As(err, &bad):
			in.refused(halong.E("dicomweb.store", halong.Invalid, "", err))
			continue
		case err != nil:
			in.err = err
		case p.Header.Get("Content-Type") != "" && !isDICOMType(p.Header.Get("Content-Type")):
			in.refused(halong.E("dicomweb.store", halong.Unsupported, "", errors.New("part is not application/dicom")))
			continue
		default:
			in.part(p)
			continue
		}
		break
	}
	if in.err != nil && len(in.items) == 0 {
		return unreadable(in.err)
	}
	if len(in.items) == 0 {
		return fail(http.StatusBadRequest, "The request has no parts.")
	}
	return nil
}

func unreadable(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || errors.Is(err, multipart.ErrParts) || errors.Is(err, multipart.ErrPartSize) {
		return &problem{http.StatusRequestEntityTooLarge, "The request is too large.", err}
	}
	return &problem{http.StatusBadRequest, "The multipart body cannot be read.", err}
}

func (in *intake) refused(err error) {
	done := make(chan struct{})
	close(done)
	in.items = append(in.items, &item{err: err, done: done})
}

// part hands one part to the archive and returns when its bytes are read, while
// the archive may still be busy making them durable.
func (in *intake) part(body io.Reader) {
	it := &item{done: make(chan struct{})}
	in.items = append(in.items, it)
	in.slots <- struct{}{}
	inbound := in.inbound()
	var whole []byte
	if in.unreadable.Load() >= quarantinedApart {
		whole, body = readSmall(body)
		inbound.Unkept = whole != nil
	}
	read := &handover{r: body, ended: make(chan struct{})}
	inbound.Body = read
	go func() {
		defer func() {
			if p := recover(); p != nil {
				it.err = halong.E("dicomweb.store", halong.Internal, "", fmt.Errorf("panic: %T", p))
			}
			<-in.slots
			close(it.done)
		}()
		it.receipt, it.err = in.q.Archive.Store(in.q.ctx, inbound)
		switch {
		case it.receipt.Outcome == storage.Quarantined:
			in.unreadable.Add(1)
		case inbound.Unkept && halong.KindOf(it.err) == halong.Invalid:
			in.remains.add(it, whole)
		}
	}()
	select {
	case <-read.ended:
	case <-it.done:
	}
}

// keepRemains waits for all parts, and puts those that are to be kept together into quarantine, even if nobody waits for the answer any more.
func (in *intake) keepRemains() {
	for _, it := range in.items {
		<-it.done
	}
	in.remains.keep(context.WithoutCancel(in.q.ctx), in.q.Archive, in.inbound())
}

func (in *intake) inbound() storage.Inbound {
	return storage.Inbound{
		Facility: in.q.own,
		Source:   halong.Source{Protocol: "STOW-RS", Peer: in.q.Peer(in.q.Context), Address: in.q.RealIP()},
		Part10:   true,
		Study:    in.q.uid("study"),
	}
}

// handover is a body that tells when it has been read to its end; it does not
// touch the request's body any more after that.
type handover struct {
	r     io.Reader
	ended chan struct{}
	err   error
}

func (h *handover) Read(p []byte) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	n, err := h.r.Read(p)
	if err != nil {
		h.err = asStoreError(err)
		close(h.ended)
	}
	return n, h.err
}

// asStoreError gives errors of the request's body a kind, so that the part is
// answered rightly.
func asStoreError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case err == io.EOF || errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &tooLarge), errors.Is(err, multipart.ErrPartSize):
		return halong.E("dicomweb.store", halong.Exhausted, "", err)
	case errors.Is(err, os.ErrDeadlineExceeded): // it did not come
		return halong.E("dicomweb.store", halong.Transient, "", err)
	}
	return halong.E("dicomweb.store", halong.Invalid, "", err)
}

// answer waits for all parts and answers.
func (in *intake) answer() error {
	in.keepRemains()
	q := in.q
	if err := q.ctx.Err(); err != nil {
		return err
	}
	a := &storeAnswer{base: q.base, kinds: map[halong.Kind]int{}}
	for _, it := range in.items {
		a.add(it)
	}
	if in.err != nil && in.items[len(in.items)-1].err == nil {
		a.fail(storage.Receipt{}, asStoreError(in.err)) // it broke between two parts
	}
	q.seen.Stored, q.seen.Failed, q.seen.Err = a.stored, a.failed, a.firstErr
	body := a.encode()
	h := q.Response().Header()
	h.Set("Cache-Control", "no-store")
	status := a.status()
	if status == http.StatusServiceUnavailable {
		h.Set(echo.HeaderRetryAfter, q.retryAfter())
	}
	if in.offer.mediaType == mediaXML {
		var err error
		if body, err = dicomjson.AppendXML(nil, body); err != nil {
			return halong.E("dicomweb.store", halong.Internal, "", err)
		}
	}
	return q.Blob(status, in.offer.mediaType, body)
}
