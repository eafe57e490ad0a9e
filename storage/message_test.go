package storage

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
)

func TestMessageRecord(t *testing.T) {
	for _, m := range []Message{
		{
			Facility: "BV1", Source: halong.Source{Protocol: "MLLP", Address: "10.1.2.3"}, Received: time.UnixMicro(1_700_000_000_123_456).UTC(),
			Charset: "8859/1", Answers: [][]byte{[]byte("MSH|CA"), []byte("MSH|AA")}, Raw: []byte("MSH|^~\\&|"),
			Reply: Reply{Application: "HALONG", Plain: true, Part: 300},
		},
		{Received: time.UnixMicro(0).UTC(), Reason: "no MSH", Raw: []byte{}},
	} {
		b := bytes.Join(m.Record(), nil)
		got, err := ParseMessageRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, *got); d != "" {
			t.Error(d)
		}
		p := m.RawPlace(Place{Segment: 3, Offset: 100, Length: int64(len(b))})
		if raw := b[p.Offset-100:]; !bytes.Equal(raw, m.Raw) || p.Segment != 3 || p.Length != int64(len(m.Raw)) {
			t.Errorf("bytes at %+v are %q", p, raw)
		}
		for n := range len(b) - len(m.Raw) {
			if _, err := ParseMessageRecord(b[:n]); halong.KindOf(err) != halong.Corrupt {
				t.Errorf("cut to %d bytes: %v", n, err)
			}
		}
	}
	first := Message{Facility: "BV1", Received: time.UnixMicro(5).UTC(), Raw: []byte("MSH")}
	b := bytes.Join(first.Record(), nil)
	b = append(append([]byte{firstMessageRecord}, b[1:len(b)-5]...), "MSH"...) // without an empty Reply, which is two bytes
	if got, err := ParseMessageRecord(b); err != nil || cmp.Diff(first, *got) != "" {
		t.Error(err, cmp.Diff(&first, got))
	}
	if _, err := ParseMessageRecord([]byte{9}); halong.KindOf(err) != halong.Corrupt {
		t.Error("unknown version was read")
	}
}

func FuzzMessageRecord(f *testing.F) {
	m := Message{Facility: "BV1", Answers: [][]byte{[]byte("a")}, Raw: []byte("MSH")}
	f.Add(bytes.Join(m.Record(), nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMessageRecord(b)
		if err != nil {
			return
		}
		again, err := ParseMessageRecord(bytes.Join(m.Record(), nil))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, again); d != "" {
			t.Fatal(d)
		}
	})
}
