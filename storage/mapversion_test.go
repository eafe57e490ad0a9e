package storage

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
)

func TestMapVersionRecord(t *testing.T) {
	m := MapVersion{Name: "lis.csv", Version: "2026-11-01", Loaded: time.UnixMicro(1_700_000_000_123_456).UTC(), Codes: 300, Units: 7, Raw: []byte("code,loinc\n")}
	b := bytes.Join(m.Record(), nil)
	got, err := ParseMapVersion(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, *got); d != "" {
		t.Error(d)
	}
	if p := m.RawPlace(Place{Segment: 3, Offset: 100, Length: int64(len(b))}); !bytes.Equal(b[p.Offset-100:], m.Raw) || p.Segment != 3 || p.Length != int64(len(m.Raw)) {
		t.Errorf("%+v", p)
	}
	for n := range len(b) - len(m.Raw) {
		if _, err := ParseMapVersion(b[:n]); halong.KindOf(err) != halong.Corrupt {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := ParseMapVersion([]byte{9}); halong.KindOf(err) != halong.Corrupt {
		t.Error("unknown version was read")
	}
}

func FuzzMapVersion(f *testing.F) {
	m := MapVersion{Name: "a", Version: "1", Codes: 300, Raw: []byte("b")}
	f.Add(bytes.Join(m.Record(), nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMapVersion(b)
		if err != nil {
			return
		}
		again, err := ParseMapVersion(bytes.Join(m.Record(), nil))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, again); d != "" {
			t.Error(d)
		}
	})
}
