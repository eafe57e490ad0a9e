package storage_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// What a sender keeps itself is not in quarantine until it says so; then it is there byte for byte, once.
func TestQuarantineUnread(t *testing.T) {
	a, _ := newArchive(t, nil)
	list := func() (all []*storage.QuarantineEntry) {
		for e, err := range a.QuarantineList(t.Context(), halong.Everything()) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		return all
	}
	in := storage.Inbound{Facility: "BV1", Part10: true, Body: strings.NewReader("no DICOM"), Unkept: true}
	r, err := a.Store(t.Context(), in)
	if halong.KindOf(err) != halong.Invalid || r.Outcome != storage.OutcomeNone || len(list()) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, size := range []int{9, 3 << 20} {
		b := bytes.Repeat([]byte("--remain "), size/9)
		before := len(list())
		for range 2 {
			r, err = a.Quarantine(t.Context(), storage.Inbound{Facility: "BV1", Body: bytes.NewReader(b)}, "several parts")
			if err != nil || r.Outcome != storage.Quarantined {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		all := list()
		if len(all) != before+1 || all[before].Reason != "several parts" {
			t.Fatalf("%d entries, %+v", len(all), all[before])
		}
		o, err := a.OpenQuarantined(t.Context(), all[before])
		if err != nil {
			t.Fatal(err)
		}
		received, err := o.AsReceived()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(received)
		if err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
	if report, err := a.Verify(t.Context(), nil); err != nil || len(report.Damaged) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}
