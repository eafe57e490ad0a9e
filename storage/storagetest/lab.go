package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/storage"
)

// LabStore is what laboratory results are kept in.
type LabStore interface {
	storage.Index
	lab.Store
	lab.Reader
	KeepDocument(tx halong.Tx, d *lab.StoredDocument) (bool, error)
	ReportsOf(ctx context.Context, message uint64) ([]lab.ID, error)
	storage.MapVersions
}

// Lab tests a store of laboratory results.
func Lab(t *testing.T, open func(t testing.TB) LabStore) {
	for name, test := range map[string]func(*testing.T, LabStore){
		"versions": labVersions, "processed later": labLater, "documents": labDocuments, "recent": labRecent, "indexed": labIndexed, "map versions": labMapVersions,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// labVersion makes the n-th version of a report.
func labVersion(message uint64, first lab.ID, number int, f halong.Facility, patient int64, content string) *lab.Version {
	id := lab.NewID(message, 0)
	if first == 0 {
		first = id
	}
	return &lab.Version{
		Head: lab.Head{
			ID: id, First: first, Number: number, Patient: patient, Facility: f, Received: time.Unix(int64(message), 0).UTC(), Status: lab.Final, Sent: "2026",
			Link: lab.Link{Service: "CBC", Filler: "F|LIS", Placer: "P", Accession: "A", Observed: "2026-11-21"},
		},
		Content: contentOf(content),
	}
}

// contentOf gives the contents of a version; "": its message has them.
func contentOf(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func addVersions(t testing.TB, x LabStore, all ...*lab.Version) {
	t.Helper()
	update(t, x, func(tx halong.Tx) error {
		for _, v := range all {
			if err := x.AddVersion(tx, v); err != nil {
				return err
			}
		}
		return nil
	})
}

func labVersions(t *testing.T, x LabStore) {
	ctx := context.Background()
	one := labVersion(1, 0, 1, "BV1", 0, `{"a":1}`)
	two := labVersion(2, one.ID, 2, "BV1", 0, "")
	other := labVersion(3, 0, 1, "BV2", 0, `{}`)
	addVersions(t, x, one, two, other)
	update(t, x, func(tx halong.Tx) error {
		heads, err := x.Heads(tx, "BV1", 0, "CBC")
		if d := cmp.Diff([]lab.Head{one.Head, two.Head}, heads, cmp.AllowUnexported(lab.Link{})); d != "" {
			t.Error(d)
		}
		return err
	})
	for _, all := range []func() ([]lab.Version, error){
		func() ([]lab.Version, error) { return x.Versions(ctx, "BV1", 0) },
		func() ([]lab.Version, error) { return x.Report(ctx, halong.Everything(), one.ID) },
	} {
		got, err := all()
		if d := cmp.Diff([]lab.Version{*one, *two}, got, cmp.AllowUnexported(lab.Link{}, lab.Version{})); d != "" || err != nil {
			t.Error(d, err)
		}
	}
	for _, id := range []lab.ID{two.ID, 99} { // the name of a report is that of its first version
		_, err := x.Report(ctx, halong.Everything(), id)
		wantKind(t, err, halong.NotExist)
	}
	_, err := x.Report(ctx, halong.Scope{Own: "BV2"}, one.ID)
	wantKind(t, err, halong.NotExist)
	if ids, err := x.ReportsOf(ctx, 2); err != nil || len(ids) != 1 || ids[0] != one.ID {
		t.Error(ids, err)
	}
	if _, ok, err := x.OrderOf(ctx, "BV1", lab.Numbers{Accession: "A", Specimens: []string{"S"}}); ok || err != nil {
		t.Error("an order was found", err)
	}
}

// labLater adds a version of an older message, which was processed later than those after it: it stands where it would have stood.
func labLater(t *testing.T, x LabStore) {
	one, newer, older := labVersion(1, 0, 1, "BV1", 7, `{}`), labVersion(10, 0, 1, "BV1", 7, `{}`), labVersion(5, 0, 1, "BV1", 7, `{}`)
	one.Service = "CHEM"
	addVersions(t, x, one, newer)
	heads := func(tx halong.Tx, service string) []lab.ID {
		all, err := x.Heads(tx, "BV1", 7, service)
		if err != nil {
			t.Error(err)
		}
		var ids []lab.ID
		for i := range all {
			ids = append(ids, all[i].ID)
		}
		return ids
	}
	update(t, x, func(tx halong.Tx) error {
		heads(tx, "CBC")
		heads(tx, "CHEM") // what was asked for last
		return x.AddVersion(tx, older)
	})
	update(t, x, func(tx halong.Tx) error {
		if d := cmp.Diff([]lab.ID{older.ID, newer.ID}, heads(tx, "CBC")); d != "" {
			t.Error(d)
		}
		return nil
	})
}

func labDocuments(t *testing.T, x LabStore) {
	ctx := context.Background()
	v := labVersion(1, 0, 1, "BV1", 0, `{}`)
	kept, lost := Blob("kept"), Blob("lost")
	d1 := lab.StoredDocument{Report: v.ID, Number: 1, Version: v.ID, Digest: kept.Digest, Size: 4, MediaType: "application/pdf"}
	d2 := lab.StoredDocument{Report: v.ID, Number: 2, Version: v.ID, Ordinal: 1, Digest: lost.Digest, Size: 4, MediaType: "text/plain"}
	addVersions(t, x, v)
	update(t, x, func(tx halong.Tx) error {
		if _, _, err := x.AddBlob(tx, kept, placeOf(kept)); err != nil {
			return err
		}
		if err := x.AddDocument(tx, &d1); err != nil {
			return err
		}
		if err := x.AddDocument(tx, &d2); err != nil {
			return err
		}
		all, err := x.Documents(tx, v.ID)
		if d := cmp.Diff([]lab.StoredDocument{d1, d2}, all); d != "" {
			t.Error(d)
		}
		return err
	})
	if !d1.Kept || d2.Kept {
		t.Errorf("kept: %v %v", d1.Kept, d2.Kept)
	}
	if row, live := blob(t, x, kept.Digest); !live || row.Refs != 1 {
		t.Errorf("%+v %v", row, live)
	}
	for range 2 { // the second time it has its reference
		update(t, x, func(tx halong.Tx) error {
			if _, _, err := x.AddBlob(tx, lost, placeOf(lost)); err != nil {
				return err
			}
			ok, err := x.KeepDocument(tx, &d2)
			if !ok {
				t.Error("not kept")
			}
			return err
		})
	}
	if row, _ := blob(t, x, lost.Digest); row.Refs != 1 {
		t.Errorf("%d references", row.Refs)
	}
	d, err := x.Document(ctx, halong.Everything(), v.ID, 2)
	if err != nil || !d.Kept || d.Digest != lost.Digest || d.Ordinal != 1 || d.MediaType != "text/plain" {
		t.Errorf("%+v %v", d, err)
	}
	for _, scope := range []halong.Scope{{Own: "BV2"}, {}} {
		_, err = x.Document(ctx, scope, v.ID, 1)
		wantKind(t, err, halong.NotExist)
	}
	_, err = x.Document(ctx, halong.Everything(), v.ID, 3)
	wantKind(t, err, halong.NotExist)
}

func labRecent(t *testing.T, x LabStore) {
	ctx := context.Background()
	one := labVersion(1, 0, 1, "BV1", 0, `{}`)
	addVersions(t, x, one, labVersion(2, 0, 1, "BV2", 0, `{}`), labVersion(3, 0, 1, "BV1", 0, `{}`), labVersion(4, one.ID, 2, "BV1", 0, `{}`))
	ids := func(scope halong.Scope, before lab.ID, limit int) (all []uint64, next lab.ID) {
		t.Helper()
		got, next, err := x.Recent(ctx, scope, before, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range got {
			all = append(all, v.ID.Message())
		}
		return all, next
	}
	all, next := ids(halong.Everything(), 0, 10)
	if d := cmp.Diff([]uint64{4, 3, 2}, all); d != "" || next != 0 { // the first report at its latest version
		t.Error(d, next)
	}
	all, next = ids(halong.Everything(), 0, 2)
	if d := cmp.Diff([]uint64{4, 3}, all); d != "" || next != lab.NewID(3, 0) {
		t.Error(d, next)
	}
	if all, _ = ids(halong.Everything(), next, 2); len(all) != 1 {
		t.Error(all)
	}
	if all, _ = ids(halong.Scope{Own: "BV2"}, 0, 10); len(all) != 1 || all[0] != 2 {
		t.Error(all)
	}
}

// labIndexed adds the use of codes and numbers by versions, in steps, and of one that is added late.
func labIndexed(t *testing.T, x LabStore) {
	ctx := context.Background()
	one := labVersion(5, 0, 1, "BV1", 0, `{}`)
	addVersions(t, x, one, labVersion(6, 0, 1, "BV1", 0, `{}`), labVersion(7, one.ID, 2, "BV1", 0, ``))
	used := func(limit int, want ...uint64) []lab.Version {
		t.Helper()
		all, err := x.Unindexed(ctx, limit)
		var ids []uint64
		for _, v := range all {
			ids = append(ids, v.ID.Message())
		}
		if d := cmp.Diff(want, ids); d != "" || err != nil {
			t.Error(d, err)
		}
		return all
	}
	behind := func(want int64) {
		t.Helper()
		if n, err := x.Behind(ctx); n != want || err != nil {
			t.Errorf("%d behind, want %d: %v", n, want, err)
		}
	}
	glucose := func(n int64, last lab.ID) lab.CodeUse {
		return lab.CodeUse{Facility: "BV1", Sender: "LIS", Code: lab.Coded{Code: "GLU"}, Alternate: &lab.Coded{Text: "Đường"}, Unit: lab.Coded{Code: "g"}, Count: n, Last: last}
	}
	behind(3)
	two := used(2, 5, 6)
	if err := x.AddUse(ctx, two, &lab.Use{
		Codes:   []lab.CodeUse{glucose(2, two[1].ID)},
		Numbers: []lab.NumberUse{{Facility: "BV1", Number: "F1", Report: one.ID}, {Facility: "BV1", Number: "S1", Report: one.ID}, {Facility: "BV1", Number: "S1", Report: two[1].ID}},
	}); err != nil {
		t.Fatal(err)
	}
	behind(1)
	wantKind(t, x.AddUse(ctx, two, &lab.Use{Codes: []lab.CodeUse{glucose(100, 1)}}), halong.Conflict)
	late := labVersion(2, 0, 1, "BV1", 0, `{}`)
	addVersions(t, x, late) // of a message that was only kept until now
	behind(2)
	if err := x.AddUse(ctx, used(10, 2), &lab.Use{Codes: []lab.CodeUse{glucose(1, late.ID)}, Numbers: []lab.NumberUse{{Facility: "BV1", Number: "S1", Report: late.ID}}}); err != nil {
		t.Fatal(err)
	}
	wantKind(t, x.AddUse(ctx, []lab.Version{*late}, &lab.Use{Codes: []lab.CodeUse{glucose(100, 1)}}), halong.Conflict)
	rest := used(10, 7)
	among := labVersion(6, 0, 1, "BV1", 0, `{}`)
	among.ID++ // above those that were added, below the one that was looked at
	addVersions(t, x, among)
	behind(2)
	wantKind(t, x.AddUse(ctx, rest, &lab.Use{Codes: []lab.CodeUse{glucose(100, 1)}}), halong.Conflict)
	codes, err := x.Codes(ctx, halong.Everything())
	if d := cmp.Diff([]lab.CodeUse{glucose(3, two[1].ID)}, codes); d != "" || err != nil {
		t.Error(d, err)
	}
	for number, n := range map[string]int{"F1": 1, "S1": 3, "F9": 0} {
		if ids, err := x.Numbered(ctx, halong.Everything(), number); len(ids) != n || err != nil {
			t.Errorf("%s: %v %v", number, ids, err)
		}
	}
	if ids, _ := x.Numbered(ctx, halong.Scope{Own: "BV2"}, "S1"); len(ids) != 0 {
		t.Error("another facility's reports are seen")
	}
}

// labMapVersions: every map that was loaded is told of, the newest first.
func labMapVersions(t *testing.T, x LabStore) {
	var all []storage.MapVersion
	for i := range 3 {
		m := storage.MapVersion{
			Seq: uint64(10 + i), Name: "lis.csv", Version: string(rune('a' + i)), Digest: halong.Digest{byte(i)}, Loaded: time.UnixMicro(int64(1000 * i)).UTC(), Codes: i, Units: 2 * i,
			Place: storage.Place{Segment: 3, Offset: int64(i), Length: 7},
		}
		update(t, x, func(tx halong.Tx) error { return x.AddMapVersion(tx, &m) })
		all = append([]storage.MapVersion{m}, all...)
	}
	for _, limit := range []int{1, 2, 3, 100} {
		got, err := x.MapVersions(context.Background(), limit)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(all[:min(limit, 3)], got); d != "" {
			t.Errorf("limit %d: %s", limit, d)
		}
	}
}
