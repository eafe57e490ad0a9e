package patient

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhose(t *testing.T) {
	bearers := func(authorities ...string) (out []*Patient) {
		for _, a := range authorities {
			out = append(out, &Patient{Facility: "BV1", Identifiers: []Identifier{{ID: "7", Authority: a}}})
		}
		return out
	}
	for name, c := range map[string]struct {
		own    string
		issuer string
		among  []string
		want   string // authority; - for nobody
	}{
		"the only one":                       {"", "", []string{"A"}, "A"},
		"nobody":                             {"", "", nil, "-"},
		"one without an authority":           {"", "", []string{"", "A"}, ""},
		"not certain":                        {"", "", []string{"A", "B"}, "-"},
		"of the issuer":                      {"", "B", []string{"A", "B"}, "B"},
		"of another issuer":                  {"", "C", []string{"A"}, "-"},
		"an issuer, and none is registered":  {"", "C", []string{""}, "-"},
		"own":                                {"A", "", []string{"A", "B"}, "A"},
		"own, and only another's":            {"A", "", []string{"B"}, "-"},
		"own, registered without":            {"A", "", []string{"", "B"}, ""},
		"own in the header":                  {"A", "A", []string{"A", "B"}, "A"},
		"own in the header, without in HL7":  {"A", "A", []string{""}, ""},
		"own, and another one in the header": {"A", "B", []string{"A", ""}, "-"},
	} {
		p := Policy{Others: Authorities{Own: c.own}}
		got := "-"
		if x := p.Whose("BV1", Header{ID: "7", Issuer: c.issuer}, bearers(c.among...)); x != nil {
			got = x.Identifiers[0].Authority
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestServe(t *testing.T) {
	received := Header{ID: "1", Issuer: "A", Name: "OLD^NAME", Birth: "19850101", Sex: "M"}
	one := &Patient{Key: 1, Identifiers: []Identifier{{ID: "1", Authority: "A"}}}
	two := &Patient{Key: 2, Identifiers: []Identifier{{ID: "2", Authority: "A"}}, Name: "Nguyễn^Ánh", Birth: "1985-01-02", Sex: "F"}
	other := *two
	other.Identifiers = []Identifier{{ID: "2", Authority: "B"}}
	bare := &Patient{Key: 3, Identifiers: []Identifier{{ID: "3", Authority: "A"}}, Birth: "1985", Sex: "U"}
	itself := &Patient{Key: 1, Identifiers: one.Identifiers, Name: "New^Name", Registered: true}
	corrected := *itself
	corrected.Current = true
	same := corrected
	same.Name = "OLD^NAME^^"
	for name, c := range map[string]struct {
		say      Demographics
		survivor *Patient
		want     Header
	}{
		"merged":                       {"", two, Header{"2", "A", "Nguyễn^Ánh", "19850102", "F"}},
		"of another authority":         {"", &other, Header{"2", "B", "Nguyễn^Ánh", "19850102", "F"}},
		"little is known":              {"", bare, Header{"3", "A", "OLD^NAME", "19850101", "M"}},
		"merged, as received":          {DemographicsReceived, two, Header{"2", "A", "OLD^NAME", "19850101", "M"}},
		"registered":                   {DemographicsUpdated, itself, received},
		"registered, and that is said": {DemographicsRegistered, itself, Header{"1", "A", "New^Name", "19850101", "M"}},
		"corrected":                    {DemographicsUpdated, &corrected, Header{"1", "A", "New^Name", "19850101", "M"}},
		"corrected, as received":       {DemographicsReceived, &corrected, received},
		"the same name":                {DemographicsUpdated, &same, received},
	} {
		p := Policy{Demographics: c.say}
		if d := cmp.Diff(c.want, p.Serve(received, one, c.survivor)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	ideographic := Header{ID: "1", Name: "Yamada^Tarou=山田^太郎"}
	yamada := &Patient{Key: 1, Identifiers: one.Identifiers, Name: "Yamada^Tarou", Current: true}
	if got := (&Policy{}).Serve(ideographic, yamada, yamada); got != ideographic {
		t.Errorf("%+v", got)
	}
}

func TestQueryWords(t *testing.T) {
	for name, want := range map[string][]string{
		"": nil, "Nguyễn^Văn  Đức": {"nguyen", "van", "duc"}, "an*": {"an"}, "***": nil, "b aaa cc": {"aaa", "cc", "b"},
	} {
		q := Query{Name: name}
		if d := cmp.Diff(want, q.Words()); d != "" {
			t.Errorf("%q: %s", name, d)
		}
	}
}

// Results and orders spell names in their own ways: what is registered stays, what is not known is filled in.
func TestRecordRegistered(t *testing.T) {
	m := newMemory()
	s := New(m, Policy{Others: Authorities{Own: "A"}})
	told := named("7")
	told.Name = "Nguyễn^Ánh"
	if _, err := s.Register(nil, Told{Patient: told, Update: true}, Cause{}); err != nil {
		t.Fatal(err)
	}
	lab := &Patient{Facility: "BV1", Identifiers: []Identifier{{ID: "7"}, {ID: "L1", Authority: "LIS"}}, Name: "NGUYEN ANH", Sex: "F", Sent: "2026"}
	if _, err := s.Record(nil, lab); err != nil {
		t.Fatal(err)
	}
	p := m.all[0]
	if len(m.all) != 1 || p.Name != "Nguyễn^Ánh" || p.Sex != "F" || len(p.Identifiers) != 2 {
		t.Errorf("%+v", p)
	}
	// What results told first gives way to what is registered.
	early := &Patient{Facility: "BV1", Identifiers: []Identifier{{ID: "8"}}, Name: "TRAN BA", Sent: "2027"}
	if _, err := s.Record(nil, early); err != nil {
		t.Fatal(err)
	}
	later := named("8")
	later.Name, later.Sent = "Trần^Ba", "2026"
	if _, err := s.Register(nil, Told{Patient: later}, Cause{}); err != nil {
		t.Fatal(err)
	}
	if p := m.all[1]; p.Name != "Trần^Ba" || p.Current {
		t.Errorf("%+v", p)
	}
}
