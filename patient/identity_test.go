package patient

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/halong-gateway/halong"
)

// named gives a patient of the default facility with one identifier.
func named(id string) *Patient {
	return &Patient{Facility: "BV1", Identifiers: []Identifier{{ID: id, Authority: "A"}}}
}

func ident(id string) Identity { return Identity{Facility: "BV1", Authority: "A", ID: id} }

// survivorOf gives the identifier of who survives of a patient.
func survivorOf(t testing.TB, s *Service, m *memory, id string) string {
	t.Helper()
	p, err := s.Current(nil, m.lookup(ident(id)).Key)
	if err != nil {
		t.Fatal(err)
	}
	return identityOf(p).ID
}

func TestMerge(t *testing.T) {
	type step struct {
		from, to string // unmerge if to is empty
		want     error
		same     bool // nothing is changed
	}
	for name, c := range map[string]struct {
		steps []step
		want  map[string]string
	}{
		"one":                           {[]step{{"a", "b", nil, false}}, map[string]string{"a": "b", "b": "b"}},
		"again":                         {[]step{{"a", "b", nil, false}, {"a", "b", nil, true}}, map[string]string{"a": "b"}},
		"chain":                         {[]step{{"a", "b", nil, false}, {"b", "c", nil, false}, {"a", "c", nil, true}}, map[string]string{"a": "c", "b": "c"}},
		"into one merged":               {[]step{{"b", "c", nil, false}, {"a", "b", nil, false}}, map[string]string{"a": "c"}},
		"itself":                        {[]step{{"a", "a", ErrSelf, false}}, nil},
		"elsewhere":                     {[]step{{"a", "b", nil, false}, {"a", "c", ErrMerged, false}}, map[string]string{"a": "b"}},
		"the other way round":           {[]step{{"a", "b", nil, false}, {"b", "a", nil, false}}, map[string]string{"a": "a", "b": "a"}},
		"circle":                        {[]step{{"a", "b", nil, false}, {"b", "c", nil, false}, {"c", "a", ErrCycle, false}}, map[string]string{"a": "c", "b": "c", "c": "c"}},
		"undone":                        {[]step{{"a", "b", nil, false}, {"a", "", nil, false}}, map[string]string{"a": "a", "b": "b"}},
		"the middle undone":             {[]step{{"a", "b", nil, false}, {"b", "c", nil, false}, {"b", "", nil, false}}, map[string]string{"a": "b", "b": "b", "c": "c"}},
		"undone twice":                  {[]step{{"a", "b", nil, false}, {"a", "", nil, false}, {"a", "", ErrNotMerged, false}}, nil},
		"undone, then merged otherwise": {[]step{{"a", "b", nil, false}, {"a", "", nil, false}, {"a", "c", nil, false}}, map[string]string{"a": "c", "b": "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			s := New(m)
			for i, x := range c.steps {
				why := Cause{At: time.Unix(int64(i+1), 0), Record: uint64(i + 1), Reason: "test"}
				var err error
				changed := true
				if x.to == "" {
					_, err = s.Unmerge(nil, ident(x.from), why)
				} else {
					changed, err = s.Merge(nil, named(x.to), named(x.from), why)
				}
				if !errors.Is(err, x.want) || x.want != nil && halong.KindOf(err) != halong.Conflict {
					t.Fatalf("step %d: %v, want %v", i, err, x.want)
				}
				if x.want == nil && changed == x.same {
					t.Errorf("step %d: changed %v", i, changed)
				}
			}
			for id, want := range c.want {
				if got := survivorOf(t, s, m, id); got != want {
					t.Errorf("%s is %s, want %s", id, got, want)
				}
			}
		})
	}
}

// TestMergeChain: a chain of merges has an end, whichever end it grows at.
func TestMergeChain(t *testing.T) {
	for name, pair := range map[string]func(i int) (survivor, retired string){
		"at the survivor": func(i int) (string, string) { return fmt.Sprint(i + 1), fmt.Sprint(i) },
		"at the retired":  func(i int) (string, string) { return fmt.Sprint(i), fmt.Sprint(i + 1) },
	} {
		s := New(newMemory())
		for i := range maxChain + 1 {
			to, from := pair(i)
			_, err := s.Merge(nil, named(to), named(from), Cause{})
			if refused := errors.Is(err, ErrChain); refused != (i == maxChain) {
				t.Fatalf("%s: %d: %v", name, i, err)
			}
		}
	}
}

// TestMergeMany: what one patient is merged of has an end, too, and it counts what comes with the one that is merged.
func TestMergeMany(t *testing.T) {
	m := newMemory()
	s := New(m)
	why := Cause{}
	for _, pair := range [][2]string{{"root", "middle"}, {"middle", "m"}, {"other", "o1"}, {"other", "o2"}} {
		if _, err := s.Merge(nil, named(pair[0]), named(pair[1]), why); err != nil {
			t.Fatal(err)
		}
	}
	root := m.lookup(ident("root")).Key
	for i := range MaxMerged - 4 { // with those two, and two more
		p := named(fmt.Sprint(i))
		p.Registered, p.Survivor = true, root
		if _, err := m.AddPatient(nil, p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Merge(nil, named("middle"), named("other"), why); !errors.Is(err, ErrMany) {
		t.Error(err)
	}
	for i, want := range []error{nil, nil, ErrMany} {
		if _, err := s.Merge(nil, named("middle"), named(fmt.Sprint("last", i)), why); !errors.Is(err, want) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if _, err := s.Unmerge(nil, ident("0"), why); err != nil {
		t.Error(err)
	}
	if _, err := s.Merge(nil, named("middle"), named("last2"), why); err != nil {
		t.Error(err)
	}
}

// TestCircle: a circle that is there in spite of Merge ends nothing but what looks at it.
func TestCircle(t *testing.T) {
	m := newMemory()
	s := New(m)
	for _, p := range []*Patient{named("a"), named("b")} {
		p.Registered = true
		if _, err := m.AddPatient(nil, p); err != nil {
			t.Fatal(err)
		}
	}
	m.all[0].Survivor, m.all[1].Survivor = 2, 1
	if _, err := s.Current(nil, 1); halong.KindOf(err) != halong.Corrupt {
		t.Error(err)
	}
	if _, err := s.Merge(nil, named("c"), named("a"), Cause{}); halong.KindOf(err) != halong.Corrupt {
		t.Error(err)
	}
}

func TestMergeFacilities(t *testing.T) {
	other := named("a")
	other.Facility = "BV2"
	if _, err := New(newMemory()).Merge(nil, named("b"), other, Cause{}); !errors.Is(err, ErrFacility) {
		t.Error(err)
	}
}

// TestMergeHistory: who, when, which record, of every change.
func TestMergeHistory(t *testing.T) {
	m := newMemory()
	s := New(m)
	by := halong.Source{Protocol: "MLLP", Address: "10.0.0.1"}
	at := time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)
	if _, err := s.Merge(nil, named("b"), named("a"), Cause{At: at, Record: 7, By: by}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Unmerge(nil, ident("a"), Cause{At: at.Add(time.Hour), Record: 9, Reason: "wrong person"}); err != nil {
		t.Fatal(err)
	}
	want := []Change{
		{1, Registered, 1, 0, Cause{at, 7, by, ""}, ""},
		{2, Registered, 2, 0, Cause{at, 7, by, ""}, ""},
		{3, Merged, 2, 1, Cause{at, 7, by, ""}, ""},
		{4, Unmerged, 2, 1, Cause{at.Add(time.Hour), 9, halong.Source{}, "wrong person"}, ""},
	}
	if d := cmp.Diff(want, m.changes); d != "" {
		t.Error(d)
	}
}

// TestForest: whatever is merged, unmerged, linked and registered in whatever order, nobody is in a circle, refusals change nothing,
// and what is undone is as it was.
func TestForest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory()
		s := New(m)
		id := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"})
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			why := Cause{At: time.Unix(int64(i), 0)}
			x, y := id.Draw(t, "x"), id.Draw(t, "y")
			before := m.state()
			var err error
			switch rapid.IntRange(0, 4).Draw(t, "does") {
			case 0, 1:
				var changed bool
				changed, err = s.Merge(nil, named(y), named(x), why)
				if err == nil && m.root(x) != m.root(y) {
					t.Fatalf("%s merged into %s, and they are two", x, y)
				}
				if changed && len(before) == len(m.state()) && !m.swapped(before, x, y) {
					undo(t, s, m, x, before)
				}
			case 2:
				if m.lookup(ident(x)) != nil {
					_, err = s.Unmerge(nil, ident(x), why)
				}
			case 3:
				_, err = s.Link(nil, named(x), named(y), why)
			case 4:
				_, err = s.Register(nil, Told{Patient: named(x), Update: true}, why)
			}
			if err != nil && halong.KindOf(err) != halong.Conflict {
				t.Fatal(err)
			}
			if after := m.state(); err != nil && len(after) == len(before) && !slices.Equal(before, after) {
				t.Fatalf("refused with %v, and changed %v to %v", err, before, after)
			}
			m.checkForest(t)
		}
	})
}

// undo takes a merge back, sees that all is as before, and merges again.
func undo(t *rapid.T, s *Service, m *memory, id string, before []string) {
	merged := m.lookup(ident(id)).Survivor
	if _, err := s.Unmerge(nil, ident(id), Cause{}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, m.state()); d != "" {
		t.Fatal(d)
	}
	if _, err := s.Merge(nil, m.all[merged-1], named(id), Cause{}); err != nil {
		t.Fatal(err)
	}
}

// state gives who is merged into whom.
func (m *memory) state() (out []string) {
	for _, p := range m.all {
		out = append(out, fmt.Sprint(identityOf(p).ID, p.Survivor))
	}
	return out
}

// swapped tells whether y was merged into x before.
func (m *memory) swapped(before []string, x, y string) bool {
	return slices.Contains(before, fmt.Sprint(y, m.lookup(ident(x)).Key))
}

func (m *memory) root(id string) string {
	p := m.lookup(ident(id))
	for n := 0; p.Survivor != 0 && n <= len(m.all); n++ {
		p = m.all[p.Survivor-1]
	}
	return identityOf(p).ID
}

func (m *memory) checkForest(t *rapid.T) {
	for _, p := range m.all {
		for n := 0; p.Survivor != 0; n++ {
			if n > len(m.all) {
				t.Fatalf("a circle: %v", m.state())
			}
			p = m.all[p.Survivor-1]
		}
	}
	for k := range m.links {
		if k[0] == k[1] || !m.links[[2]int64{k[1], k[0]}] {
			t.Fatalf("link %v", k)
		}
	}
}
