package dicomweb

import (
	"math"
	"net/http"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// search answers QIDO-RS for one of the resources (PS3.18 10.6).
func search(res resource) func(*request) error {
	return func(q *request) error {
		o, err := q.acceptsJSON()
		if err != nil {
			return err
		}
		s, err := q.parseSearch(res)
		if err != nil {
			return err
		}
		a := newSearchAnswer(q, res, s)
		if err := a.collect(); err != nil {
			return err
		}
		return a.send(o)
	}
}

// searchAnswer gathers the results of one search. They are kept until the last
// is known, because the Warning that there are more stands in the header.
type searchAnswer struct {
	q       *request
	res     resource
	s       *searchRequest
	columns []column
	extra   []dicom.Tag // that must be looked for in objects
	body    []byte
	rows    int
	heads   int // objects opened
	more    bool
	row     dataset.Set
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
	a.body = append(a.body, '[')
	if limit > 0 {
		if err := a.run(limit); err != nil {
			return err
		}
	}
	a.body = append(a.body, ']')
	return nil
}

// run adds the rows to the body. When objects have to be opened for them, that
// waits until the search has ended: nothing is asked of the index while one of its cursors is open.
func (a *searchAnswer) run(limit int) error {
	a.s.Limit = min(limit, math.MaxInt32-1) + 1
	var rows []storage.Row
	for row, err := range a.q.Archive.Find(a.q.ctx, a.q.scope, a.s.Query) {
		if err != nil {
			if k := halong.KindOf(err); k == halong.Unsupported || k == halong.Invalid {
				return &problem{http.StatusBadRequest, "An attribute cannot be matched at this level.", err}
			}
			return err
		}
		if a.rows == limit {
			a.more = true
			break
		}
		a.rows++
		if len(a.extra) > 0 {
			rows = append(rows, row)
			continue
		}
		a.add(row, nil)
	}
	for _, row := range rows {
		found, err := a.fromObject(row)
		if err != nil {
			return err
		}
		a.add(row, found)
	}
	return nil
}

func (a *searchAnswer) add(row storage.Row, found *dataset.Set) {
	if len(a.body) > 1 {
		a.body = append(a.body, ',')
	}
	a.body = dicomjson.AppendSet(a.body, a.project(row, found), dicomjson.Options{})
}

// project gives what is returned of a row; found is what was looked for in an
// object, or nil. The set is valid until the next call.
func (a *searchAnswer) project(row storage.Row, found *dataset.Set) *dataset.Set {
	a.row.Elements = a.row.Elements[:0]
	if a.s.all {
		for _, e := range row.Attributes.Elements {
			if l := storage.LevelOf(e.Tag); l == 0 || l >= a.res.highest && l <= a.res.level {
				a.row.Put(e)
			}
		}
	}
	for _, c := range a.columns {
		if e := row.Attributes.Get(c.tag); e != nil {
			a.row.Put(*e)
		} else if e := found.Get(c.tag); e != nil {
			a.row.Put(*e)
		} else if c.required {
			a.row.Put(dataset.Element{Tag: c.tag, VR: c.vr})
		}
	}
	if a.row.Get(tag.InstanceAvailability) == nil {
		a.row.PutString(tag.InstanceAvailability, dicom.CS, "ONLINE")
	}
	a.row.PutString(tag.RetrieveURL, dicom.UR, resourceURL(a.q.base, row.Identity))
	return &a.row
}

// send answers 200, or 204 where configured for an empty result (PS3.18 10.6.3.1;
// CP-2473 made it 200 with an empty list in 2026).
func (a *searchAnswer) send(o offer) error {
	h := a.q.Response().Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Add("Vary", "Accept")
	if a.more {
		a.s.warnings = append(a.s.warnings, "There are additional results that can be requested with limit and offset.")
	}
	if len(a.extra) > 0 && a.heads > a.q.MaxHeads {
		a.s.warnings = append(a.s.warnings, "Fields that are not indexed were left out of the later results.")
	}
	for _, w := range slices.Compact(a.s.warnings) {
		h.Add("Warning", `299 halong "`+w+`"`)
	}
	if a.rows == 0 && a.q.EmptyNoContent {
		a.q.start(http.StatusNoContent)
		return nil
	}
	h.Set("Content-Type", o.mediaType)
	if !a.q.start(http.StatusOK) {
		return nil
	}
	_, err := a.q.Response().Write(a.body)
	return err
}
