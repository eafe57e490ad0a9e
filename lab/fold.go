package lab

import (
	"errors"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
)

// Shown is a report as it is given out: what is valid now, and where it comes from.
type Shown struct {
	ID       ID              `json:"id"`
	Version  int             `json:"version"`  // number of versions that came
	Message  uint64          `json:"message"`  // that the latest shown version came in
	Facility halong.Facility `json:"facility"` //
	Received time.Time       `json:"received"` // of the latest shown version
	Patient  int64           `json:"-"`        // the store's key, of the first version; 0: none was named
	Report
	Order *OrderRef `json:"order,omitempty"` // that the report belongs to; nil: none is known, or nobody asked
	*Related
	History []Past `json:"history,omitempty"`
}

// Numbers gives what the report may be linked to an order by, with whose it is.
func (s *Shown) Numbers() Numbers {
	n := s.Report.Numbers()
	n.Patient = s.Patient
	return n
}

// Past is one version as it was received.
type Past struct {
	Version  int       `json:"version"`
	Message  uint64    `json:"message"`
	Received time.Time `json:"received"`
	Late     bool      `json:"late,omitempty"` // kept, but never shown
	Report
}

// Fold makes the reports of versions in order of arrival, newest first: by time of
// observation, else of receipt. Within a report each observation (code, system and sub-ID) is the
// latest version that was not late; what a later message does not mention stays. Deleted observations are
// left out, those entered in error stay with that status. The error is of kind Corrupt.
func Fold(versions []Version, history bool) ([]Shown, error) {
	order := make([]ID, 0, len(versions))
	by := make(map[ID]*folding, len(versions))
	for i := range versions {
		v := &versions[i]
		f := by[v.First]
		if f == nil {
			f = &folding{}
			by[v.First] = f
			order = append(order, v.First)
		}
		if err := f.add(v, history); err != nil {
			return nil, err
		}
	}
	out := make([]Shown, 0, len(order))
	for _, id := range order {
		out = append(out, by[id].done())
	}
	slices.SortStableFunc(out, newestFirst)
	return out, nil
}

func newestFirst(a, b Shown) int {
	if c := b.time().Compare(a.time()); c != 0 {
		return c
	}
	return int(max(-1, min(1, b.ID-a.ID)))
}

func (s *Shown) time() time.Time {
	if t, ok := instant(s.Observed); ok {
		return t
	}
	return s.Received
}

// folding is a report in the making.
type folding struct {
	shown  Shown
	groups []obsGroup
	only   []Observation // in the order received, while there is one version
	lacks  bool          // a message of it is damaged
}

// obsGroup is the observations of one code and sub-ID, which replace each other
// as a whole: the lines of a text are one result.
type obsGroup struct {
	key  obsKey
	sent string
	list []Observation
}

// errIncomplete means that a version did not come from a Library.
var errIncomplete = errors.New("the version is not complete")

func (f *folding) add(v *Version, history bool) error {
	if v.report == nil {
		return halong.E("lab.Fold", halong.Internal, v.ID.String(), errIncomplete)
	}
	r := *v.report
	s := &f.shown
	s.Version = v.Number
	if s.ID == 0 {
		s.Patient = v.Patient
	}
	if history {
		s.History = append(s.History, Past{Version: v.Number, Message: v.ID.Message(), Received: v.Received, Late: v.Late, Report: r})
	}
	if s.ID == 0 || !v.Late {
		s.ID, s.Facility, s.Message, s.Received = v.First, v.Facility, v.ID.Message(), v.Received
		before := s.Report
		s.Report = r
		s.Observations = before.Observations
		s.Report.keep(&before)
	}
	f.lacks = f.lacks || slices.Contains(r.Warnings, damaged)
	f.only = nil
	if f.groups == nil {
		f.only = r.Observations
	}
	f.merge(grouped(&r))
	return nil
}

// keep takes over from the version before what a version does not mention.
func (r *Report) keep(before *Report) {
	for _, f := range []struct{ now, was *string }{
		{&r.Accession, &before.Accession}, {&r.Visit, &before.Visit}, {&r.Observed, &before.Observed}, {&r.Section, &before.Section},
	} {
		if *f.now == "" {
			*f.now = *f.was
		}
	}
	if r.Placer == nil {
		r.Placer = before.Placer
	}
	if r.Filler == nil {
		r.Filler = before.Filler
	}
	if r.Orderer == nil {
		r.Orderer = before.Orderer
	}
	if r.Specimen == nil {
		r.Specimen, r.Specimens = before.Specimen, before.Specimens
	}
	if r.Service == (Coded{}) {
		r.Service = before.Service
	}
	if r.Document != nil && before.Document != nil {
		r.Document.keep(before.Document)
	}
}

func (d *Document) keep(before *Document) {
	for _, f := range []struct{ now, was *string }{
		{&d.ID, &before.ID}, {&d.Parent, &before.Parent}, {&d.Type, &before.Type}, {&d.Title, &before.Title}, {&d.File, &before.File},
	} {
		if *f.now == "" {
			*f.now = *f.was
		}
	}
}

// grouped divides a report's observations, in their order.
func grouped(r *Report) []obsGroup {
	var groups []obsGroup
	at := make(map[obsKey]int, len(r.Observations))
	for _, o := range r.Observations {
		key := o.key()
		i, ok := at[key]
		if !ok {
			i = len(groups)
			at[key] = i
			groups = append(groups, obsGroup{key: key, sent: r.Sent})
		}
		groups[i].list = append(groups[i].list, o)
	}
	return groups
}

// merge puts the groups of a further version into the report.
func (f *folding) merge(next []obsGroup) {
	if f.groups == nil {
		f.groups = next
		return
	}
	at := make(map[obsKey]int, len(f.groups))
	for i := range f.groups {
		at[f.groups[i].key] = i
	}
	for _, g := range next {
		i, ok := at[g.key]
		switch {
		case !ok:
			f.groups = append(f.groups, g)
		case late(g.status(), g.sent, f.groups[i].status(), f.groups[i].sent):
		case g.confirms():
			f.groups[i].confirm(g)
		default:
			f.groups[i] = g
		}
	}
}

// confirms tells whether the group only says that a result sent before is now final (OBX-11 is U).
func (g *obsGroup) confirms() bool {
	for i := range g.list {
		if g.list[i].HL7Status != "U" || len(g.list[i].Values) > 0 {
			return false
		}
	}
	return true
}

// confirm gives the results the status of a group that confirms them.
func (g *obsGroup) confirm(by obsGroup) {
	g.sent, g.list = by.sent, slices.Clone(g.list)
	for i := range g.list {
		g.list[i].Status, g.list[i].HL7Status = by.list[0].Status, by.list[0].HL7Status
	}
}

// status of a group is its least advanced one.
func (g *obsGroup) status() Status {
	s := g.list[0].Status
	for i := range g.list {
		if t := g.list[i].Status; t.rank() < s.rank() {
			s = t
		}
	}
	return s
}

func (f *folding) done() Shown {
	all := f.only
	if all == nil {
		for i := range f.groups {
			all = append(all, f.groups[i].list...)
		}
	}
	f.shown.Observations = make([]Observation, 0, len(all))
	for _, o := range all {
		if o.Status != Deleted && !o.Duplicate {
			f.shown.Observations = append(f.shown.Observations, o)
		}
	}
	if f.lacks && !slices.Contains(f.shown.Warnings, damaged) {
		f.shown.Warnings = append([]string{damaged}, f.shown.Warnings...)
	}
	return f.shown
}
