package dicomweb

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

// Bounds of what waits to be made, and of what is made.
const (
	mostWishes = 20_000
	mostHeld   = 32 << 20 // bytes of bodies that wait to be written
	mostPacked = 32 << 20 // bytes of one document, packed
)

// wish is a document that shall be on the shelf once the series is quiet.
type wish struct {
	ref   storage.Ref
	form  *form
	doc   *document // as it was answered; nil: it is to be made
	tag   string
	since time.Time // when the series changed last, as far as is known
}

type wishKey struct {
	study, series dicom.UID
	form          string
}

// made takes over what was just made for a request.
func (r *Ready) made(q *request, tag string, d *document) {
	r.wish(&wish{ref: q.ref(), form: r.form(q, d.contentType, d.coding), doc: d, tag: tag})
}

// wish notes a wish in the place of an earlier one for the same document.
func (r *Ready) wish(w *wish) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.since = r.Now()
	k := wishKey{w.ref.Study, w.ref.Series, w.form.name}
	if old := r.wishes[k]; old != nil {
		r.held -= old.size()
	} else if len(r.wishes) >= mostWishes {
		return // it is made when it is asked for
	}
	if w.doc != nil && (len(w.doc.body) == 0 || r.held+w.size() > mostHeld) {
		w.doc = nil
	}
	r.held += w.size()
	r.wishes[k] = w
}

func (w *wish) size() int64 {
	if w.doc == nil {
		return 0
	}
	return int64(len(w.doc.body))
}

// due takes the wishes whose series were quiet for long enough.
func (r *Ready) due() (list []*wish) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Now()
	for k, w := range r.wishes {
		if now.Sub(w.since) >= r.Quiet {
			r.held -= w.size()
			delete(r.wishes, k)
			list = append(list, w)
		}
	}
	return list
}

// Run works until the context ends: it follows the events from now on, makes documents, and removes those of series that are gone.
func (r *Ready) Run(ctx context.Context) {
	at, _, err := r.History.ChainEnd(ctx)
	if err != nil {
		r.Failed(err)
	}
	go r.sweep(ctx)
	tick := time.NewTicker(min(r.Quiet/2, 500*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if at, err = r.step(ctx, at); err != nil && ctx.Err() == nil {
			r.Failed(err)
		}
	}
}

// step reads the events after one, of which it tells the last, and does what is due.
func (r *Ready) step(ctx context.Context, at uint64) (uint64, error) {
	at, err := r.follow(ctx, at)
	for _, w := range r.due() {
		if ctx.Err() == nil {
			err = errors.Join(err, r.fulfil(ctx, w))
		}
	}
	return at, err
}

// follow reads the events after one, and tells which was the last.
func (r *Ready) follow(ctx context.Context, at uint64) (uint64, error) {
	const page = 500
	for {
		events, err := r.History.EventsSince(ctx, at, page)
		if err != nil {
			return at, err
		}
		gone := map[[16]byte]bool{}
		for i := range events {
			at = events[i].Seq
			r.changed(&events[i], gone)
		}
		for group := range gone {
			if err := r.Shelf.Drop(group); err != nil {
				return at, err
			}
		}
		if len(events) < page {
			return at, nil
		}
	}
}

// changed wishes for what must be made again after an event, and tells of which series everything goes.
func (r *Ready) changed(e *halong.Event, gone map[[16]byte]bool) {
	r.mu.Lock()
	forms := slices.Clone(r.forms) // asked changes them in their place
	r.mu.Unlock()
	deleted := e.Type == halong.EventInstanceDeleted
	if len(forms) == 0 && !deleted {
		return
	}
	var of struct {
		Study  dicom.UID `json:"study"`
		Series dicom.UID `json:"series"`
	}
	if json.Unmarshal(e.Payload, &of) != nil || of.Study == "" || of.Series == "" {
		return // nothing of a series, or erased
	}
	for _, f := range forms {
		r.wish(&wish{ref: storage.Ref{Study: of.Study, Series: of.Series, Facility: f.facility}, form: f})
	}
	if deleted {
		gone[(&form{}).key(storage.Ref{Study: of.Study, Series: of.Series}).Group] = true
	}
}

// fulfil puts a document on the shelf, unless the series is gone or changes again.
func (r *Ready) fulfil(ctx context.Context, w *wish) error {
	q := r.request(ctx, w)
	state, err := q.state(true)
	if halong.KindOf(err) == halong.NotExist && err != nil {
		return nil // or not seen in this form
	}
	if err != nil {
		return err
	}
	k := w.form.key(w.ref)
	if h, _ := parseShelved(r.Shelf.Look(k)); h != nil && h.State == state && r.trusts(ctx, h) {
		return nil
	}
	h := &shelved{By: r.MadeBy, Run: r.run, Study: string(w.ref.Study), Series: string(w.ref.Series), Of: string(w.ref.Facility), State: state}
	var body []byte
	if w.doc != nil && w.doc.state == state {
		h.Tag = w.tag
		body, err = r.packed(w.doc, h)
	} else {
		body, err = r.make(q, w, h)
	}
	if err != nil || body == nil {
		return err
	}
	// What was right at a stamp is so at the last event after it.
	now, err := q.state(true)
	if err == nil && now == state {
		h.Seq, h.Chain, err = r.History.ChainEnd(ctx)
	}
	if err != nil || now != state || h.Seq == 0 {
		if halong.KindOf(err) == halong.NotExist {
			err = nil
		}
		return err // an event about what changed follows
	}
	line, err := json.Marshal(h)
	if err != nil {
		return halong.E("dicomweb.ready", halong.Internal, "", err)
	}
	return r.Shelf.Put(k, append(append(line, '\n'), body...))
}

// request is one that nobody made.
func (r *Ready) request(ctx context.Context, w *wish) *request {
	f := w.form
	return &request{service: r.s, ctx: ctx, scope: f.scope, facility: f.facility, base: f.base, given: map[string]string{
		"study": string(w.ref.Study), "series": string(w.ref.Series), "instance": "", "facility": string(f.facility),
	}}
}

// packed packs the body of an answer that was given.
func (r *Ready) packed(d *document, h *shelved) ([]byte, error) {
	if h.Length = d.length; d.coding != "" {
		return d.body, nil
	}
	return r.pack.EncodeAll(d.body, nil), nil
}

var errTooLarge = errors.New("the metadata of the series are too large to be kept ready")

// make makes the document from the objects; nil if it becomes too large.
func (r *Ready) make(q *request, w *wish, h *shelved) ([]byte, error) {
	s, err := q.selected("metadata")
	if err != nil {
		return nil, err
	}
	var out bounded
	m := &metadataAnswer{q: q, offer: offer{mediaType: w.form.mediaType}, coding: w.form.coding, to: &out}
	tag := m.tag(s)
	h.Tag = tag.hex()
	if err = m.stream(s, tag); errors.Is(err, errTooLarge) {
		return nil, nil
	}
	h.Length = int64(m.length)
	return out.Bytes(), err
}

// bounded gathers a document.
type bounded struct{ bytes.Buffer }

// Write takes a piece.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > mostPacked {
		return 0, errTooLarge
	}
	return b.Buffer.Write(p)
}

// sweep removes, slowly, what earlier processes left of series that are gone, and what nobody can use.
func (r *Ready) sweep(ctx context.Context) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, k := range r.Shelf.Keys() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		h, _ := parseShelved(r.Shelf.Look(k))
		switch {
		case h == nil: // not written by any version of this
			if err := r.Shelf.Remove(k); err != nil {
				r.Failed(err)
			}
			continue
		case h.Run == r.run:
			continue
		}
		_, err := r.s.Archive.Stamp(ctx, halong.Everything(), storage.Ref{Study: dicom.UID(h.Study), Series: dicom.UID(h.Series), Facility: halong.Facility(h.Of)})
		if gone := err != nil && halong.KindOf(err) == halong.NotExist; gone || err == nil && !r.trusts(ctx, h) {
			if err := r.Shelf.Remove(k); err != nil {
				r.Failed(err)
			}
		}
	}
}
