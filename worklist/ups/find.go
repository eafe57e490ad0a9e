package ups

import (
	"context"
	"iter"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Query says which workitems are looked for (C-FIND, PS3.4 CC.2.8).
type Query struct {
	Keys  []query.Key
	Rules query.Rules
}

// pageOfItems is how many workitems are read at once: each may be as large as maxWorkitem.
const pageOfItems = 32

// Find gives the workitems of the facilities that a scope sees which match, ordered by start and UID. Of several with the same
// UID it gives the one of the facility that is preferred.
func (s *Service) Find(ctx context.Context, scope halong.Scope, q Query) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		var cursors []*cursor
		facilities := s.Store.Facilities(scope)
		for _, f := range facilities {
			cursors = append(cursors, &cursor{service: s, facility: f, query: q, narrow: narrow(q.Keys)})
		}
		for {
			var best *cursor
			for _, c := range cursors {
				if err := c.fill(ctx); err != nil {
					yield(nil, err)
					return
				}
				if len(c.page) > 0 && (best == nil || c.before(best)) {
					best = c
				}
			}
			if best == nil {
				return
			}
			it := best.page[0]
			best.page = best.page[1:]
			shadowed, err := s.shadowed(ctx, facilities, it)
			if err != nil {
				yield(nil, err)
				return
			}
			if !shadowed && !yield(it, nil) {
				return
			}
		}
	}
}

// shadowed tells whether a preferred facility has a workitem with the same UID.
func (s *Service) shadowed(ctx context.Context, facilities []halong.Facility, it *Item) (bool, error) {
	for _, f := range facilities {
		if f == it.Facility {
			return false, nil
		}
		have, err := s.Store.Item(ctx, f, it.UID)
		if err != nil || have != nil && have.State != Deleted {
			return err == nil, err
		}
	}
	return false, nil
}

// cursor reads the matching workitems of one facility.
type cursor struct {
	service  *Service
	facility halong.Facility
	query    Query
	narrow   Narrow
	page     []*Item
	after    Position
	end      bool
}

// fill reads on until there is a match.
func (c *cursor) fill(ctx context.Context) error {
	for len(c.page) == 0 && !c.end {
		page, err := c.service.Store.Items(ctx, c.facility, c.narrow, c.after, pageOfItems)
		if err != nil {
			return err
		}
		c.end = len(page) < pageOfItems
		for _, it := range page {
			c.after = it.Position()
			if c.query.Rules.MatchAll(c.query.Keys, it.Attributes) {
				c.page = append(c.page, it)
			}
		}
	}
	return nil
}

// before tells whether the cursor's next workitem comes before the other's.
func (c *cursor) before(o *cursor) bool {
	a, b := c.page[0].Position(), o.page[0].Position()
	return a.Starts < b.Starts || a.Starts == b.Starts && a.UID < b.UID
}

// Position gives the workitem's place in the order of answers.
func (it *Item) Position() Position {
	starts, ok := query.NormalizeDateTime(it.Starts())
	if !ok {
		starts = ""
	}
	return Position{starts, it.UID}
}

// narrow tells the index what it can use of the keys. Everything is compared again.
func narrow(keys []query.Key) (n Narrow) {
	for _, k := range keys {
		if len(k.Path) != 1 || k.Empty || len(k.Values) == 0 {
			continue
		}
		switch k.Path[0] {
		case tag.SOPInstanceUID:
			for _, u := range k.Values {
				n.UIDs = append(n.UIDs, dicom.UID(u))
			}
		case tag.ProcedureStepState:
			n.States = states(k.Values)
		case tag.PatientID:
			if k.Kind() == query.Single {
				n.Patient = k.Values[0]
			}
		case tag.ScheduledProcedureStepStartDateTime:
			n.From, n.To = k.Range()
		}
	}
	return n
}

// states gives those with the names; none when a name is a pattern, or no state's.
func states(names []string) (list []State) {
	for _, v := range names {
		if s, ok := ParseState(v); ok && !strings.ContainsAny(v, "*?") {
			list = append(list, s)
			continue
		}
		return nil
	}
	return list
}

// Retrieve gives a workitem (N-GET, PS3.4 CC.2.7) of the preferred facility that a scope sees and that has it. The error is of
// kind NotExist; its cause says whether it was deleted.
func (s *Service) Retrieve(ctx context.Context, scope halong.Scope, uid dicom.UID) (*Item, error) {
	gone := false
	for _, f := range s.Store.Facilities(scope) {
		it, err := s.Store.Item(ctx, f, uid)
		if err != nil {
			return nil, err
		}
		if it != nil && it.State != Deleted {
			return it, nil
		}
		gone = gone || it != nil
	}
	return nil, notThere("ups.Retrieve", uid, gone)
}
