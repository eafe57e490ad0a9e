package storage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// Removals are purged when the policy says that they are old enough, and no others.
func TestPurgeDue(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	x := newIOCM(t, func(c *storage.Config) { c.Now = func() time.Time { return now } })
	x.put(x.ct...)
	old := x.remove(refOf(x.ct[0]))
	now = now.AddDate(0, 0, 10)
	young := x.remove(refOf(x.ct[1]))
	back := x.remove(refOf(x.ct[2]))
	x.restore(back.ID)
	x.put(x.note("113001", x.ct[2]))
	due := func(r *storage.Removal) bool { return r.Kind == storage.Deleted && now.Sub(r.At) >= 5*24*time.Hour }
	for _, want := range []int{1, 0} {
		if n, err := x.a.PurgeDue(t.Context(), due); n != want || err != nil {
			t.Errorf("%d purged, want %d, %v", n, want, err)
		}
	}
	states := map[uint64]storage.RemovalState{}
	list, err := x.a.Removals(t.Context(), halong.Everything(), storage.RemovalFilter{Kind: storage.Deleted})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		states[r.ID] = r.State
		if r.State == storage.RemovalPurged && r.ChangedBy.Protocol != "policy" {
			t.Errorf("%+v", r)
		}
	}
	want := map[uint64]storage.RemovalState{old.ID: storage.RemovalPurged, young.ID: storage.RemovalHides, back.ID: storage.RemovalRestored}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Error(diff)
	}
}

// More instances than one transaction takes are one removal; all of them come back.
func TestLargeRemoval(t *testing.T) {
	x := newIOCM(t, nil)
	const n = 620
	slots := make(chan struct{}, 32)
	for i := range n {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			s := &dataset.Set{}
			s.PutString(tag.SOPClassUID, dicom.UI, "1.2.840.10008.5.1.4.1.1.7")
			s.PutString(tag.SOPInstanceUID, dicom.UI, fmt.Sprintf("1.2.3.%d.%d", i%3, i))
			s.PutString(tag.StudyInstanceUID, dicom.UI, "1.2.3")
			s.PutString(tag.SeriesInstanceUID, dicom.UI, fmt.Sprintf("1.2.3.%d", i%3))
			in := storage.Inbound{Facility: "BV1", TransferSyntax: dicom.ExplicitVRLittleEndian, Body: bytes.NewReader(s.Append(nil, syntax(dicom.ExplicitVRLittleEndian)))}
			if _, err := x.a.Store(context.WithoutCancel(t.Context()), in); err != nil {
				t.Error(err)
			}
		}()
	}
	for range cap(slots) {
		slots <- struct{}{}
	}
	r := x.remove(storage.Ref{Study: "1.2.3"})
	if r.Named != n || r.Hidden != n || len(versions(t, x.a)) != 0 {
		t.Errorf("%+v", r)
	}
	x.restore(r.ID)
	if got := len(versions(t, x.a)); got != n {
		t.Errorf("%d came back, want %d", got, n)
	}
}

// What was purged before a purge was cut off does not come back, and whoever restores the rest is told.
func TestRestoreAfterHalfAPurge(t *testing.T) {
	x := newIOCM(t, nil)
	x.put(x.ct...)
	deletion := x.remove(storage.Ref{Study: x.ct[0].Study})
	x.put(x.note("113001", x.ct[2]))
	if err := x.index.Update(t.Context(), func(tx halong.Tx) error {
		_, _, err := x.index.Purge(tx, deletion.ID, 1)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r, err := x.a.Restore(t.Context(), halong.Everything(), deletion.ID, halong.Source{})
	if err != nil {
		t.Fatal(err)
	}
	gone := []storage.RemovedItem{}
	for _, o := range x.ct {
		hidden, visible := false, false
		for in, err := range x.index.HiddenInstances(t.Context()) {
			hidden = hidden || err == nil && in.SOP == o.SOPInstance
		}
		for in, err := range x.a.Instances(t.Context(), halong.Everything(), refOf(o)) {
			visible = visible || err == nil && in.SOP == o.SOPInstance
		}
		if !hidden && !visible {
			gone = append(gone, storage.RemovedItem{Study: o.Study, Series: o.Series, SOP: o.SOPInstance})
		}
	}
	want := &storage.Restored{Visible: 3 - 1 - r.Restored.Hidden, Hidden: r.Restored.Hidden, Gone: 1, Instances: gone}
	if diff := cmp.Diff(want, r.Restored); diff != "" || r.State != storage.RemovalRestored || len(gone) != 1 {
		t.Errorf("%+v %s", r, diff)
	}
}

// Decisions of the first versions of the program delete for good, as they did.
func TestReplayOfTheFirstDeletions(t *testing.T) {
	x := newIOCM(t, nil)
	r := x.put(x.ct[0])
	payload, err := json.Marshal(map[string]any{
		"v": 1, "action": "delete", "facility": "BV1", "study": r.Study, "series": r.Series, "instance": r.SOP, "digest": r.Digest.String(),
		"reason": "test", "by": halong.Source{Protocol: "command"}, "at": "2026-11-21T20:53:01Z",
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds nothing
		if err := x.index.Update(t.Context(), func(tx halong.Tx) error {
			return x.a.Replay(tx, storage.Record{Seq: 99, Kind: storage.RecordDecision, Payload: payload}, nil, nil)
		}); err != nil {
			t.Error(err)
		}
	}
	x.sees("deleted by an old record", false)
	if list, err := x.a.Removals(t.Context(), halong.Everything(), storage.RemovalFilter{}); err != nil || len(list) > 0 {
		t.Errorf("%+v, %v", list, err)
	}
	err = x.index.Update(t.Context(), func(tx halong.Tx) error {
		return x.a.Replay(tx, storage.Record{Seq: 100, Kind: storage.RecordDecision, Payload: []byte(`{"v":1,"action":"lend"}`)}, nil, nil)
	})
	if halong.KindOf(err) != halong.Unsupported {
		t.Errorf("an action that nobody knows: %v", err)
	}
}
