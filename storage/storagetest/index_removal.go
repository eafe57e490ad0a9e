package storagetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// removals makes removals of the default facility's instances, with numbers of its own.
type removals struct {
	t    testing.TB
	x    storage.Index
	last uint64
}

var remover = halong.Source{Protocol: "DICOMweb", Peer: "archivist"}

// hide makes a removal of what items name.
func (r *removals) hide(kind storage.RemovalKind, again storage.Again, named storage.Ref, items ...storage.RemovedItem) (uint64, []storage.HiddenVersion) {
	r.t.Helper()
	r.last++
	var hidden []storage.HiddenVersion
	update(r.t, r.x, func(tx halong.Tx) (err error) {
		if named.Facility == "" {
			named.Facility = halong.DefaultFacility
		}
		if items == nil {
			if items, err = r.x.Removable(tx, named, 1000); err != nil {
				return err
			}
		}
		err = r.x.AddRemoval(tx, &storage.Removal{
			ID: r.last, Kind: kind, Facility: named.Facility, Study: named.Study, Series: named.Series, SOP: named.SOP,
			Code: storage.CodeQuality, Reason: "test", By: remover, At: Arrived, Again: again,
		})
		if err == nil {
			hidden, err = r.x.Hide(tx, r.last, items)
		}
		return err
	})
	return r.last, hidden
}

func (r *removals) restore(id uint64, n int) (back []storage.HiddenVersion, more bool) {
	r.t.Helper()
	update(r.t, r.x, func(tx halong.Tx) (err error) {
		if back, more, err = r.x.Restore(tx, id, n); err == nil && !more {
			err = r.x.SetRemoval(tx, id, storage.RemovalRestored, Arrived, remover, 0)
		}
		return err
	})
	return back, more
}

func (r *removals) purge(id uint64, n int) (purged int, more bool) {
	r.t.Helper()
	update(r.t, r.x, func(tx halong.Tx) (err error) {
		if purged, more, err = r.x.Purge(tx, id, n); err == nil && !more {
			err = r.x.SetRemoval(tx, id, storage.RemovalPurged, Arrived, remover, 0)
		}
		return err
	})
	return purged, more
}

// studyOf gives counts and modalities of the one study; nil when nobody sees it.
func studyOf(t testing.TB, x storage.Index) []string {
	t.Helper()
	all := rows(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy})
	if len(all) == 0 {
		return nil
	}
	a := all[0].Attributes
	return append([]string{
		a.String(tag.NumberOfStudyRelatedSeries), a.String(tag.NumberOfStudyRelatedInstances), a.String(tag.PatientName), a.String(tag.AccessionNumber),
	}, a.Strings(tag.ModalitiesInStudy)...)
}

// indexRemovals: what is hidden is in no answer, and everything is as before once it is shown again.
func indexRemovals(t *testing.T, x storage.Index) {
	r := &removals{t: t, x: x}
	all := tree(1, 2, 3, func(_, j, k int, o *Object) {
		o.Modality = []string{"CT", "SR"}[j]
		if k == 2 {
			o.Accession = "A1" // filled in by the last instance
		}
	})
	add(t, x, storage.ServeFirst, all...)
	version := all[0]
	version.Content = "second version"
	add(t, x, storage.ServeFirst, version)
	answers := func() []string {
		t.Helper()
		var out []string
		for _, l := range []storage.Level{storage.LevelStudy, storage.LevelSeries, storage.LevelInstance} {
			for _, row := range rows(t, x, halong.Everything(), storage.Query{Level: l}) {
				ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
				out = append(out, shortID(row.Identity)+string(row.Attributes.Append(nil, ts)))
			}
		}
		shown, versions := served(t, x)
		return append(append(out, shown...), versions...)
	}
	before := answers()
	for _, c := range []struct {
		name   string
		ref    storage.Ref
		want   []string
		hidden int
	}{
		{"instance", storage.Ref{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1"}, []string{"2", "5", "Nguyễn^Văn A", "A1", "CT", "SR"}, 2},
		{"series", storage.Ref{Study: "1.2.1", Series: "1.2.1.2"}, []string{"1", "3", "Nguyễn^Văn A", "A1", "CT"}, 3},
		{"study", storage.Ref{Study: "1.2.1"}, nil, 7},
	} {
		id, hidden := r.hide(storage.Deleted, storage.AgainStored, c.ref)
		if len(hidden) != c.hidden {
			t.Errorf("%s: %d versions are hidden, want %d", c.name, len(hidden), c.hidden)
		}
		if diff := cmp.Diff(c.want, studyOf(t, x)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		for _, in := range retrieve(t, x, halong.Everything(), storage.Ref{AllVersions: true}) {
			for _, h := range hidden {
				if in.SOP == h.SOP && in.Series == h.Series {
					t.Errorf("%s: %s is retrieved", c.name, in.SOP)
				}
			}
		}
		deleted, err := x.WasDeleted(context.Background(), halong.Everything(), c.ref)
		if err != nil || !deleted {
			t.Errorf("%s: it is not said to be deleted: %v", c.name, err)
		}
		removal, err := x.Removal(context.Background(), halong.Everything(), id)
		if err != nil || removal.Hidden != int64(c.hidden) || removal.State != storage.RemovalHides || removal.By != remover {
			t.Errorf("%s: %+v, %v", c.name, removal, err)
		}
		n := 0
		for in, err := range x.HiddenInstances(context.Background()) {
			if err != nil || in.Study != "1.2.1" {
				t.Fatal(in, err)
			}
			n++
		}
		if n != c.hidden {
			t.Errorf("%s: %d hidden instances", c.name, n)
		}
		back := 0
		for more := true; more; {
			var some []storage.HiddenVersion
			some, more = r.restore(id, 2)
			back += len(some)
		}
		if back != c.hidden {
			t.Errorf("%s: %d versions came back, want %d", c.name, back, c.hidden)
		}
		if diff := cmp.Diff(before, answers()); diff != "" {
			t.Errorf("%s: after restoring: %s", c.name, diff)
		}
	}
}

// indexRejections: notes hide what comes before and after them, several removals of one instance are told apart, and bytes
// are kept until the purge.
func indexRejections(t *testing.T, x storage.Index) {
	r := &removals{t: t, x: x}
	pixels := Blob("pixels")
	o := Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1", Modality: "CT", Bulk: []storage.BlobInfo{pixels}}
	other := Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.2", Modality: "CT"}
	item := func(o Object) storage.RemovedItem {
		return storage.RemovedItem{Study: dicom.UID(o.Study), Series: dicom.UID(o.Series), SOP: dicom.UID(o.SOP)}
	}
	note := storage.Ref{Study: "1.2.1", Series: "1.2.1.9", SOP: "1.2.1.9.1"}
	rejection, hidden := r.hide(storage.Rejected, storage.AgainHidden, note, item(o), item(other))
	if len(hidden) != 0 {
		t.Fatalf("%+v", hidden)
	}
	got := add(t, x, storage.ServeFirst, o)
	want := storage.Added{Outcome: storage.Stored, ID: got.ID, Version: 1, Served: true, Hidden: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := add(t, x, storage.ServeFirst, o); got.Outcome != storage.Duplicate || !got.Hidden {
		t.Errorf("%+v", got)
	}
	if !has(t, x, o) || studyOf(t, x) != nil {
		t.Error("a rejected instance is seen, or not known")
	}
	if deleted, err := x.WasDeleted(context.Background(), halong.Everything(), storage.Ref{Study: "1.2.1"}); deleted || err != nil {
		t.Error("what was rejected is said to be deleted", err)
	}
	deletion, hidden := r.hide(storage.Deleted, storage.AgainStored, storage.Ref{Study: "1.2.1"})
	if len(hidden) != 0 {
		t.Errorf("%+v were visible", hidden)
	}
	counts := func(id uint64) int64 {
		t.Helper()
		removal, err := x.Removal(context.Background(), halong.Everything(), id)
		if err != nil {
			t.Fatal(err)
		}
		return removal.Hidden
	}
	if counts(deletion) != 1 || counts(rejection) != 0 {
		t.Error("the deletion did not take over what the rejection hides")
	}
	if back, _ := r.restore(deletion, 0); len(back) != 0 || counts(rejection) != 1 {
		t.Errorf("%+v came back in spite of the rejection", back)
	}
	back, _ := r.restore(rejection, 0)
	if len(back) != 1 || studyOf(t, x) == nil {
		t.Fatalf("%+v came back", back)
	}
	unreferenced := func() int {
		t.Helper()
		all, err := x.Unreferenced(context.Background(), Arrived.AddDate(100, 0, 0), 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	deletion, _ = r.hide(storage.Deleted, storage.AgainStored, storage.Ref{Study: "1.2.1"})
	if unreferenced() != 0 {
		t.Error("hiding took references")
	}
	add(t, x, storage.ServeFirst, o) // it comes back: the hidden one is superfluous
	if counts(deletion) != 0 || studyOf(t, x) == nil || unreferenced() != 0 {
		t.Error("what was sent again is not served, or is there twice")
	}
	deletion, _ = r.hide(storage.Deleted, storage.AgainHidden, storage.Ref{Study: "1.2.1"})
	if n, more := r.purge(deletion, 10); n != 1 || more || unreferenced() != 1 {
		t.Errorf("%d purged, %d blobs without references", n, unreferenced())
	}
	if got := add(t, x, storage.ServeFirst, o); !got.Hidden || counts(deletion) != 1 {
		t.Errorf("%+v after the purge", got)
	}
	refusing, _ := r.hide(storage.Rejected, storage.AgainRefused, note, storage.RemovedItem{Study: "1.2.2", Series: "1.2.2.1", SOP: "1.2.2.1.1"})
	refused := Object{Study: "1.2.2", Series: "1.2.2.1", SOP: "1.2.2.1.1"}
	if got := add(t, x, storage.ServeFirst, refused); !got.Refused || has(t, x, refused) {
		t.Errorf("%+v", got)
	}
	r.restore(refusing, 0)
	if got := add(t, x, storage.ServeFirst, refused); got.Outcome != storage.Stored || got.Hidden {
		t.Errorf("%+v", got)
	}
	list, err := x.Removals(context.Background(), halong.Everything(), storage.RemovalFilter{Study: "1.2.1", Kind: storage.Rejected})
	if err != nil || fmt.Sprint(ids(list)) != fmt.Sprint([]uint64{refusing, rejection}) {
		t.Errorf("%v, %v", ids(list), err)
	}
	if list, err := x.Removals(context.Background(), halong.Scope{Own: "BV1"}, storage.RemovalFilter{}); err != nil || len(list) != 0 {
		t.Errorf("another facility's removals are seen: %v, %v", ids(list), err)
	}
}

func ids(all []storage.Removal) (out []uint64) {
	for _, r := range all {
		out = append(out, r.ID)
	}
	return out
}
