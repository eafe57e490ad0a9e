package patient

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
)

// pid reads PID from its fields after "PID|".
func pid(t *testing.T, fields, sent string) *Patient {
	t.Helper()
	m, err := hl7v2.Parse([]byte("MSH|^~\\&|A\rPID|" + fields + "\r"))
	if err != nil {
		t.Fatal(err)
	}
	return FromPID("BV1", m.First("PID"), sent)
}

func TestFromPID(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want Patient
	}{
		"usual": {"1||123^^^BV1&1.2.3&ISO^MR~001085012345^^^VNM^NI||Nguyễn^Ánh^Thị^^Bà||19850102|F", Patient{
			Identifiers: []Identifier{{ID: "123", Authority: "BV1", Type: "MR"}, {ID: "001085012345", Authority: "VNM", Type: "NI", System: CitizenID}},
			Name:        "Nguyễn^Ánh^Thị^Bà", Birth: "1985-01-02", Sex: "F",
		}},
		"before 2.3":          {"1|12001||4~5|Jones^John", Patient{Identifiers: []Identifier{{ID: "12001"}, {ID: "4"}, {ID: "5"}}, Name: "Jones^John"}},
		"authority is an OID": {"1||7^^^&1.2.3&ISO", Patient{Identifiers: []Identifier{{ID: "7", Authority: "1.2.3"}}}},
		"number in PID-19":    {"1||7||||||||||||||||001085012345", Patient{Identifiers: []Identifier{{ID: "7"}, {ID: "001085012345", Type: "NI", System: CitizenID}}}},
		"same number twice":   {"1|7|7^^^A~7||", Patient{Identifiers: []Identifier{{ID: "7", Authority: "A"}}}},
		"legal name":          {"1||7||Alias^A^^^^^A~Legal^L^^^^^L", Patient{Identifiers: []Identifier{{ID: "7"}}, Name: "Legal^L"}},
		"odd date":            {"1||7||||1985", Patient{Identifiers: []Identifier{{ID: "7"}}, Birth: "1985"}},
		"no date":             {"1||7||||unknown", Patient{Identifiers: []Identifier{{ID: "7"}}, Birth: "unknown"}},
		"time of birth":       {"1||7||||20010101000000+0700", Patient{Identifiers: []Identifier{{ID: "7"}}, Birth: "2001-01-01"}},
		"deleted":             {`1||7||""||""|""`, Patient{Identifiers: []Identifier{{ID: "7"}}, Name: null, Birth: null, Sex: null}},
		"no number":           {"1||^^^A||X", Patient{Name: "X"}},
		"delimiters":          {`1||7||a\S\b\R\c=d^e`, Patient{Identifiers: []Identifier{{ID: "7"}}, Name: "a b~c d^e"}},
	} {
		c.want.Facility = "BV1"
		if d := cmp.Diff(c.want, *pid(t, c.in, "")); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestRecord(t *testing.T) {
	m := newMemory()
	s := New(m)
	for i, c := range []struct {
		pid, sent string
		want      Recorded
		name, sex string
	}{
		{`1||7^^^A||Old^Name||19850102|""`, "2026-01-02", Recorded{1, true, true, false}, "Old^Name", ""},
		{"1||7^^^A||Old^Name", "2026-01-03", Recorded{1, false, false, false}, "Old^Name", ""},
		{"1||7^^^A||New^Name|||F", "2026-01-04", Recorded{1, false, true, false}, "New^Name", "F"},
		{"1||7^^^A||Older^Name", "2026-01-03", Recorded{1, false, false, false}, "New^Name", "F"},
		{"1||7^^^A~8^^^B||Older^Name", "2026-01-03", Recorded{1, false, true, false}, "New^Name", "F"},
		{`1||7^^^A||||""|""`, "2026-01-05", Recorded{1, false, true, false}, "New^Name", ""},
		{"1||7^^^B||Other", "2026-01-05", Recorded{2, true, true, false}, "New^Name", ""},
		{"1||8^^^B||Third", "2026-01-05", Recorded{3, true, true, false}, "New^Name", ""}, // 8 of B was only another number of 7
	} {
		got, err := s.Record(nil, pid(t, c.pid, c.sent))
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%d: %s %v", i, d, err)
		}
		p := m.lookup(Identity{"BV1", "A", "7"})
		if p.Name != c.name || p.Sex != c.sex {
			t.Errorf("%d: %q, %q", i, p.Name, p.Sex)
		}
	}
	if _, err := s.Record(nil, pid(t, "1||", "")); halong.KindOf(err) != halong.Invalid {
		t.Errorf("without an identifier: %v", err)
	}
	if p := m.lookup(Identity{"BV1", "A", "7"}); p.Birth != "" || len(p.Identifiers) != 2 {
		t.Errorf("%+v", p)
	}
}

func TestIsCCCD(t *testing.T) {
	for s, want := range map[string]bool{"001085012345": true, "096399999999": true, "000085012345": false, "001985012345": false, "00108501234": false, "00108501234x": false} {
		if IsCCCD(s) != want {
			t.Errorf("%s: %v", s, !want)
		}
	}
}
