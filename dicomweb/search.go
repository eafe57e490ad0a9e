package dicomweb

import (
	"bytes"
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/storage"
)

// search answers QIDO-RS for one of the resources (PS3.18 10.6).
func search(res resource) func(*request) error {
	return func(q *request) error {
		o, err := q.acceptsModel()
		if err != nil {
			return err
		}
		s, err := q.parseSearch(res)
		if err != nil {
			return err
		}
		a := newSearchAnswer(q, res, s)
		a.offer, a.coding = o, q.coding()
		// The whole answer of a search inside a study may be ready.
		if q.param("study") != "" && s.Offset == 0 && len(a.extra) == 0 && !o.multipart && q.Request().Method != http.MethodPost {
			a.key = q.documentKey("search "+q.Request().URL.RawQuery, o, a.coding) + strconv.Itoa(int(res.level))
			if a.state, err = q.state(false); halong.KindOf(err) == halong.NotExist && err != nil {
				a.key, err = "", nil
			} else if err == nil {
				if d := q.documents.get(a.key, a.state); d != nil {
					return q.sendDocument(d)
				}
			}
		}
		if err == nil {
			err = a.collect()
		}
		if err != nil {
			return err
		}
		return a.send()
	}
}

// searchAnswer gathers the results of one search. They are kept until the last
// is known, because the Warning that there are more stands in the header.
type searchAnswer struct {
	q       *request
	res     resource
	s       *searchRequest
	offer   offer
	columns []column
	extra   []dicom.Tag // that must be looked for in objects
	body    []byte      // the results, in JSON with what stands before each, in XML one after the other
	ends    []int       // where each result in XML ends
	rows    int
	heads   int  // objects opened
	fetched int  // bytes taken from them
	left    bool // not all that was wanted of them: something is too long
	more    bool
	partial bool             // not everything was looked at
	last    storage.Position // of the last result
	row     dataset.Set
	url     []byte // Retrieve URL of the row

	coding     string
	key, state string // of the document that it may become; key is empty if it becomes none
	model      []byte // one result in JSON, on its way to XML
}

func newSearchAnswer(q *request, res resource, s *searchRequest) *searchAnswer {
	a := &searchAnswer{q: q, res: res, s: s, columns: slices.Clone(res.columns)}
	for _, t := range s.includes {
		level := storage.LevelOf(t)
		switch {
		case level > res.level: // PS3.18 10.6.3.3: attributes of lower levels are not returned
			continue
		case level == 0 && !computed(t) && inHeads(res.level, t):
			a.extra = append(a.extra, t)
			if t.IsPrivate() && t.Element() > 0xFF { // with its private creator
				a.extra = append(a.extra, dicom.NewTag(t.Group(), t.Element()>>8))
			}
		}
		a.columns = append(a.columns, column{tag: t, vr: dicom.VROf(t)})
	}
	for _, t := range a.extra {
		a.columns = append(a.columns, column{tag: t, vr: dicom.VROf(t)})
	}
	for _, k := range s.inHeads {
		a.extra = append(a.extra, k.Path[0])
	}
	a.columns = sortColumns(a.columns)
	slices.Sort(a.extra)
	a.extra = slices.Compact(a.extra)
	return a
}

// collect runs the search. One row more than wanted is asked for, to know
// whether there are more.
func (a *searchAnswer) collect() error {
	limit := a.q.MaxResults
	if a.s.limit >= 0 {
		limit = min(limit, a.s.limit)
	}
	if limit == 0 {
		return nil
	}
	a.s.Apart = a.res.highest == a.res.level
	first := a.s.Offset
	if first > 0 {
		if at, ok := a.q.pages.after(a.q.pageKey(a.res), first); ok {
			a.s.After, a.s.Offset = &at, 0
		} else if first > maxOffset {
			return fail(http.StatusBadRequest, "The offset is too large; ask for one page after the other, or narrow the search.")
		}
	}
	run := a.run
	if len(a.s.inHeads) > 0 {
		run = a.runFiltered
	}
	if err := run(limit); err != nil {
		return err
	}
	if a.more && a.rows > 0 {
		a.q.pages.put(a.q.pageKey(a.res), first+a.rows, a.last)
	}
	return nil
}

// run adds the rows to the body. When objects have to be opened for them, that
// waits until the search has ended: nothing is asked of the index while one of its cursors is open.
func (a *searchAnswer) run(limit int) error {
	a.s.Limit = min(limit, math.MaxInt32-1) + 1
	var rows []storage.Row
	for row, err := range a.q.Archive.Find(a.q.ctx, a.q.scope, a.s.Query) {
		if err != nil {
			return asSearchError(err)
		}
		if a.rows == limit {
			a.more = true
			break
		}
		a.rows++
		a.last = row.Position
		if len(a.extra) > 0 {
			rows = append(rows, row)
			continue
		}
		if err := a.add(row, nil); err != nil {
			return err
		}
	}
	for _, row := range rows {
		found, err := a.fromObject(row)
		if err == nil {
			err = a.add(row, found)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func asSearchError(err error) error {
	if k := halong.KindOf(err); k == halong.Unsupported || k == halong.Invalid {
		return &problem{http.StatusBadRequest, "An attribute cannot be matched at this level.", err}
	}
	return err
}

func (a *searchAnswer) add(row storage.Row, found *dataset.Set) (err error) {
	if a.offer.multipart {
		a.model = dicomjson.AppendSet(a.model[:0], a.project(row, found), dicomjson.Options{})
		a.body, err = dicomjson.AppendXML(a.body, a.model)
		a.ends = append(a.ends, len(a.body))
		return err
	}
	separator := byte(',')
	if len(a.body) == 0 {
		separator = '['
	}
	a.body = append(a.body, separator)
	a.body = dicomjson.AppendSet(a.body, a.project(row, found), dicomjson.Options{})
	return nil
}

// project gives what is returned of a row; found is what was looked for in an
// object, or nil. The set is valid until the next call.
func (a *searchAnswer) project(row storage.Row, found *dataset.Set) *dataset.Set {
	out := a.row.Elements[:0]
	have := row.Attributes.Elements
	for _, c := range a.columns {
		for ; len(have) > 0 && have[0].Tag < c.tag; have = have[1:] {
			if a.wants(have[0].Tag) {
				out = append(out, have[0])
			}
		}
		switch e := found.Get(c.tag); {
		case c.tag == tag.RetrieveURL:
			a.url = append(a.url[:0], resourceURL(a.q.base, row.Identity)...)
			out = append(out, dataset.Element{Tag: c.tag, VR: dicom.UR, Value: a.url})
		case c.tag == tag.OtherPatientIDsSequence:
			if e = storage.OtherPatientIDs(e, cmp.Or(row.Attributes.Get(c.tag), row.Above.Get(c.tag))); e != nil {
				out = append(out, *e)
			}
		case len(have) > 0 && have[0].Tag == c.tag:
			out = append(out, have[0])
		case c.tag == tag.InstanceAvailability:
			out = append(out, dataset.Element{Tag: c.tag, VR: dicom.CS, Value: online})
		case e != nil:
			out = append(out, *e)
		case row.Above.Get(c.tag) != nil:
			out = append(out, *row.Above.Get(c.tag))
		case c.required:
			out = append(out, dataset.Element{Tag: c.tag, VR: c.vr})
		}
		if len(have) > 0 && have[0].Tag == c.tag {
			have = have[1:]
		}
	}
	for _, e := range have {
		if a.wants(e.Tag) {
			out = append(out, e)
		}
	}
	a.row.Elements = out
	return &a.row
}

// online is the Instance Availability (0008,0056) of everything that is stored.
var online = []byte("ONLINE")

// wants tells whether an attribute that is no column is returned: with includefield=all those of the resource's levels.
func (a *searchAnswer) wants(t dicom.Tag) bool {
	if !a.s.all {
		return false
	}
	l := storage.LevelOf(t)
	return l == 0 || l >= a.res.highest && l <= a.res.level
}

// send answers 200, or 204 where configured for an empty result (PS3.18 10.6.3.1;
// the edition of 2025 says 204, and CP-2473, in ballot pack 134, makes it 200 with an empty list); an empty result in XML, which would have no part, is always 204.
func (a *searchAnswer) send() error {
	h := a.q.Response().Header()
	if a.more {
		a.s.warnings = append(a.s.warnings, "There are additional results that can be requested with limit and offset.")
	}
	if len(a.extra) > 0 && a.heads > a.q.MaxHeads && len(a.s.inHeads) == 0 {
		a.s.warnings = append(a.s.warnings, "Fields that are not indexed were left out of the later results.")
	}
	if a.left {
		a.s.warnings = append(a.s.warnings, "Long values that are not indexed were left out.")
	}
	if a.partial {
		a.s.warnings = append(a.s.warnings, "Not all candidates were compared with an attribute that is not indexed; narrow the search.")
	}
	slices.Sort(a.s.warnings)
	for _, w := range slices.Compact(a.s.warnings) {
		h.Add("Warning", `299 halong "`+w+`"`)
	}
	if a.rows == 0 && (a.q.EmptyNoContent || a.offer.multipart) {
		a.noCache()
		a.q.start(http.StatusNoContent)
		return nil
	}
	if a.offer.multipart {
		return a.sendParts()
	}
	return a.sendJSON()
}

// sendJSON answers with the results as one document.
func (a *searchAnswer) sendJSON() error {
	if len(a.body) == 0 {
		a.body = append(a.body, '[')
	}
	d := &document{key: a.key, state: a.state, contentType: a.offer.mediaType, body: slices.Clip(append(a.body, ']'))}
	if a.coding != "" && len(d.body) >= smallest {
		var coded bytes.Buffer
		w, err := a.q.coders.encode(&coded, a.coding)
		if err == nil {
			_, err = w.Write(d.body)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			return err
		}
		d.coding, d.body = a.coding, slices.Clip(coded.Bytes())
	}
	if a.key != "" && !a.more && a.rows > 0 && len(a.s.warnings) == 0 {
		if now, err := a.q.state(false); err == nil && now == a.state { // nothing changed while it was made
			a.q.documents.put(d)
		}
	}
	return a.q.sendDocument(d)
}

func (a *searchAnswer) noCache() {
	h := a.q.Response().Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Add("Vary", "Accept")
}

// sendParts answers one part of application/dicom+xml for each result.
func (a *searchAnswer) sendParts() error {
	a.noCache()
	t := newTag("search").add(string(a.body))
	a.q.Response().Header().Set("Content-Type", multipart.ContentType(mediaXML, t.boundary()))
	if !a.q.start(http.StatusOK) {
		return nil
	}
	w := multipart.NewWriter(a.q.Response(), t.boundary())
	from := 0
	for _, end := range a.ends {
		if err := w.Part(multipart.Field{Name: "Content-Type", Value: mediaXML}); err != nil {
			return err
		}
		if _, err := w.W.Write(a.body[from:end]); err != nil {
			return err
		}
		from = end
	}
	return w.Close()
}
