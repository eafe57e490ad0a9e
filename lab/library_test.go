package lab

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
)

// stored is a Reader of versions that are given.
type stored struct {
	Reader
	versions []Version
	indexed  int
	moved    bool // somebody else indexes them, once
	uses     []*Use
}

func (s *stored) Report(_ context.Context, _ halong.Scope, id ID) (all []Version, err error) {
	for _, v := range s.versions {
		if id == 0 || v.First == id {
			all = append(all, v)
		}
	}
	return all, nil
}

func (s *stored) Unindexed(_ context.Context, limit int) ([]Version, error) {
	left := s.versions[s.indexed:]
	return left[:min(limit, len(left))], nil
}

func (s *stored) Behind(context.Context) (int64, error) {
	return int64(len(s.versions) - s.indexed), nil
}

func (s *stored) AddUse(_ context.Context, versions []Version, u *Use) error {
	s.indexed += len(versions)
	if s.moved {
		s.moved = false
		return halong.E("test", halong.Conflict, "", nil)
	}
	s.uses = append(s.uses, u)
	return nil
}

// messages gives reports by message and counts what is read.
type messages struct {
	reports map[uint64][]*Report
	fails   map[uint64]error
	read    []uint64
}

func (m *messages) Reports(_ context.Context, seq uint64) ([]*Report, error) {
	m.read = append(m.read, seq)
	return m.reports[seq], m.fails[seq]
}

// library makes one over versions, each given by message and place.
func library(m *messages, at ...ID) (Library, *stored) {
	s := &stored{}
	for _, id := range at {
		s.versions = append(s.versions, Version{Head: Head{ID: id, First: id, Number: 1, Facility: "BV1", Status: Final, Link: Link{Service: "GLU", Accession: "A1"}}})
	}
	return Library{Store: s, Messages: m}, s
}

func TestLibrary(t *testing.T) {
	r := func(name string) *Report { return &Report{Service: Coded{Code: name}, Observations: []Observation{}} }
	m := &messages{reports: map[uint64][]*Report{7: {r("a"), r("b")}, 9: {r("c")}}}
	l, s := library(m, NewID(7, 0), NewID(7, 1), NewID(8, 0), NewID(9, 0))
	s.versions[2].Content = []byte(`{"service":{"code":"kept"},"observations":[]}`)
	got, err := l.Report(context.Background(), halong.Everything(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range got {
		names = append(names, got[i].report.Service.Code)
	}
	if d := cmp.Diff([]string{"a", "b", "kept", "c"}, names); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]uint64{7, 9}, m.read); d != "" {
		t.Error("messages are read more than once: " + d)
	}
}

// TestLibraryReports: reports that the same messages brought versions of cost one reading of each.
func TestLibraryReports(t *testing.T) {
	const n = 5
	m := &messages{reports: map[uint64][]*Report{7: make([]*Report, n), 8: make([]*Report, n), 9: {{}}}}
	for i := range n {
		m.reports[7][i], m.reports[8][i] = &Report{}, &Report{}
	}
	l, s := library(m)
	var ids []ID
	for i := range n { // each in a message and its correction
		ids = append(ids, NewID(7, i))
		for _, id := range []ID{NewID(7, i), NewID(8, i)} {
			s.versions = append(s.versions, Version{Head: Head{ID: id, First: NewID(7, i)}})
		}
	}
	s.versions = append(s.versions, Version{Head: Head{ID: NewID(9, 0), First: NewID(9, 0)}})
	got := 0
	for all, err := range l.Reports(context.Background(), halong.Everything(), append(ids, NewID(9, 0))) {
		if got++; err != nil || got <= n && len(all) != 2 || all[0].report == nil {
			t.Error(len(all), err)
		}
	}
	if d := cmp.Diff([]uint64{7, 8, 9}, m.read); d != "" || got != n+1 {
		t.Error(got, d)
	}
	delete(m.reports, 8)
	got = 0
	for _, err := range l.Reports(context.Background(), halong.Everything(), ids) {
		if got++; halong.KindOf(err) != halong.Corrupt {
			t.Error(err)
		}
	}
	if got != 1 {
		t.Errorf("%d answers, the first of which failed", got)
	}
}

// TestLibraryOfDamage: of a damaged message people see what the store knows; nothing is built from it. Other failures are told.
func TestLibraryOfDamage(t *testing.T) {
	corrupt, transient := halong.E("test", halong.Corrupt, "", nil), halong.E("test", halong.Transient, "", nil)
	fine := []*Report{{Service: Coded{Code: "fine"}}}
	for name, c := range map[string]struct {
		m       *messages
		content string
		kind    halong.Kind
	}{
		"message":             {&messages{fails: map[uint64]error{7: corrupt}}, "", halong.Corrupt},
		"less in the message": {&messages{}, "", halong.Corrupt},
		"content":             {&messages{}, "{", halong.Corrupt},
		"not to be had now":   {&messages{fails: map[uint64]error{7: transient}}, "", halong.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			if c.m.reports == nil {
				c.m.reports = map[uint64][]*Report{}
			}
			c.m.reports[8] = fine
			l, s := library(c.m, NewID(7, 0), NewID(8, 0))
			if c.content != "" {
				s.versions[0].Content = []byte(c.content)
			}
			if _, err := l.Report(context.Background(), halong.Everything(), 0); halong.KindOf(err) != c.kind {
				t.Error(err)
			}
			l.StandIn = true
			got, err := l.Report(context.Background(), halong.Everything(), 0)
			if c.kind != halong.Corrupt {
				if halong.KindOf(err) != c.kind {
					t.Error(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			all, err := Fold(got, false)
			if err != nil || len(all) != 2 {
				t.Fatal(all, err)
			}
			for _, s := range all {
				if damaged := s.Service.Code != "fine"; damaged != (len(s.Warnings) == 1) || damaged && (s.Service.Text != "GLU" || s.Status != Final || s.Accession != "A1") {
					t.Errorf("%+v", s.Report)
				}
			}
		})
	}
}

func TestFoldOfIncomplete(t *testing.T) {
	if _, err := Fold([]Version{{Head: Head{ID: 1}}}, false); !errors.Is(err, errIncomplete) {
		t.Error(err)
	}
}

// TestLibraryIndex: what versions use is gathered by code and unit, and looked at again when somebody else did it.
func TestLibraryIndex(t *testing.T) {
	alt := Coded{Text: "Đường"}
	o := func(code string, unit *Coded, a *Coded) Observation {
		return Observation{Code: Coded{Code: code}, Units: unit, Alternate: a}
	}
	report := &Report{
		Sender: "LIS", Filler: &Order{ID: "F1"}, Accession: "F1", Specimen: &Specimen{ID: "S1", Observations: []Observation{o("GLU", nil, nil)}},
		Observations: []Observation{o("GLU", &Coded{Code: "g"}, nil), o("GLU", &Coded{Code: "g"}, nil), o("GLU", &Coded{Code: "g"}, &alt), o("CRP", nil, nil)},
	}
	m := &messages{reports: map[uint64][]*Report{7: {report}, 8: {report}, 9: {report}}}
	l, s := library(m, NewID(7, 0), NewID(8, 0), NewID(9, 0))
	if behind, err := l.IndexLab(context.Background(), 2); behind != 1 || err != nil {
		t.Error(behind, err)
	}
	last := NewID(8, 0)
	use := func(code string, unit Coded, a *Coded, n int64) CodeUse {
		return CodeUse{Facility: "BV1", Sender: "LIS", Code: Coded{Code: code}, Unit: unit, Alternate: a, Count: n, Last: last}
	}
	want := []*Use{{
		Codes: []CodeUse{
			use("GLU", Coded{}, nil, 2), use("GLU", Coded{Code: "g"}, nil, 4), use("GLU", Coded{Code: "g"}, &alt, 2), use("CRP", Coded{}, nil, 2),
		},
		Numbers: []NumberUse{{"BV1", "F1", NewID(7, 0)}, {"BV1", "S1", NewID(7, 0)}, {"BV1", "F1", last}, {"BV1", "S1", last}},
	}}
	if d := cmp.Diff(want, s.uses); d != "" {
		t.Error(d)
	}
	delete(m.reports, 9) // it is damaged
	s.moved = true
	if behind, err := l.IndexLab(context.Background(), 10); behind != 0 || err != nil || len(s.uses) != 1 {
		t.Error(behind, err, len(s.uses))
	}
}

// TestStandInLinks: a report of a damaged message is found by the numbers and the service that it was.
func TestStandInLinks(t *testing.T) {
	for name, c := range map[string]struct {
		filed Report
		want  Report
	}{
		"numbers":  {Report{Placer: &Order{"P1", "HIS"}, Filler: &Order{ID: "F1"}}, Report{Placer: &Order{"P1", "HIS"}, Filler: &Order{ID: "F1"}}},
		"service":  {Report{Service: Coded{Code: "SUSC"}, ParentResult: "ORG^1"}, Report{Service: Coded{Text: "SUSC"}}},
		"document": {Report{Filler: &Order{ID: "F1"}, Document: &Document{Event: "T02", ID: "D1"}}, Report{Service: Coded{Text: "TXA"}, Document: &Document{ID: "D1"}}},
	} {
		v := Version{Head: Head{Status: Final, Link: c.filed.link()}}
		c.want.Status, c.want.Observations, c.want.Warnings = Final, []Observation{}, []string{damaged}
		if d := cmp.Diff(&c.want, v.standIn()); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestFoldOfDamage: a report that lacks what a damaged message said of it says so, also when other messages about it are whole.
func TestFoldOfDamage(t *testing.T) {
	whole := &Report{Service: Coded{Code: "GLU"}, Warnings: []string{"odd"}}
	for name, c := range map[string]struct {
		late    bool
		reports [2]*Report
	}{"first": {false, [2]*Report{nil, whole}}, "last": {false, [2]*Report{whole, nil}}, "late": {true, [2]*Report{whole, nil}}} {
		var all []Version
		for i, r := range c.reports {
			v := Version{Head: Head{ID: ID(i + 1), First: 1, Number: i + 1, Late: c.late && i == 1, Status: Final}, report: r}
			if r == nil {
				v.report = v.standIn()
			}
			all = append(all, v)
		}
		shown, err := Fold(all, true)
		if err != nil || len(shown) != 1 || shown[0].Warnings[0] != damaged {
			t.Errorf("%s: %+v %v", name, shown, err)
		}
		if d := cmp.Diff([]string{"odd"}, whole.Warnings); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
