package storagetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

func blob(t testing.TB, x storage.Index, d halong.Digest) (storage.BlobRow, bool) {
	t.Helper()
	row, ok, err := x.Blob(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	return row, ok
}

// addBlob tells what AddBlob said.
func addBlob(t testing.TB, x storage.Index, b storage.BlobInfo, p *storage.Place) (used, found bool) {
	t.Helper()
	update(t, x, func(tx halong.Tx) (err error) {
		used, found, err = x.AddBlob(tx, b, p)
		return err
	})
	return used, found
}

// unreferenced lists blobs that nothing references for a moment already.
func unreferenced(t testing.TB, x storage.Index) (all []halong.Digest) {
	t.Helper()
	rows, err := x.Unreferenced(context.Background(), time.Now().Add(time.Hour), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		all = append(all, r.Digest)
	}
	return all
}

func indexBlobs(t *testing.T, x storage.Index) {
	b := Blob("a blob")
	if _, ok := blob(t, x, b.Digest); ok {
		t.Fatal("an empty index has a blob")
	}
	if used, found := addBlob(t, x, b, nil); used || found {
		t.Fatal("a blob without place was added")
	}
	if used, found := addBlob(t, x, b, placeOf(b)); !used || !found {
		t.Fatal("the blob was not added")
	}
	if used, found := addBlob(t, x, b, &storage.Place{Segment: 99}); used || !found {
		t.Fatal("the blob was added twice")
	}
	row, ok := blob(t, x, b.Digest)
	if diff := cmp.Diff(storage.BlobRow{BlobInfo: b, Place: *placeOf(b)}, row); diff != "" || !ok {
		t.Fatal(diff)
	}
	other := storage.BlobInfo{Digest: Blob("another").Digest, Size: 1 << 33, Prefix: b.Prefix}
	addBlob(t, x, other, placeOf(other))
	row, ok, err := x.BlobByPrefix(context.Background(), b.Prefix)
	if err != nil || !ok || row.Digest != other.Digest {
		t.Fatalf("%v %v, want the newest with the prefix", row, err)
	}
	if _, ok, err := x.BlobByPrefix(context.Background(), 0); ok || err != nil {
		t.Fatal("a blob is found by no prefix")
	}
}

// indexReferences: every use counts, and deleting takes it back.
func indexReferences(t *testing.T, x storage.Index) {
	a, b, h := Blob("a"), Blob("b"), Blob("h")
	o := Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1", Bulk: []storage.BlobInfo{a, b, a}}
	p := Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.2", Bulk: []storage.BlobInfo{b, h}, HeadApart: true}
	check := func(want ...int64) {
		t.Helper()
		var got []int64
		for _, i := range []storage.BlobInfo{a, b, h} {
			row, ok := blob(t, x, i.Digest)
			if !ok {
				row.Refs = -1
			}
			got = append(got, row.Refs)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
	wantKind(t, x.Update(context.Background(), func(tx halong.Tx) error {
		_, err := x.AddInstance(tx, o.Instance(), storage.ServeFirst)
		return err
	}), halong.Internal) // its blobs have no rows
	check(-1, -1, -1)
	add(t, x, storage.ServeFirst, o)
	check(2, 1, -1)
	add(t, x, storage.ServeFirst, o) // a duplicate
	check(2, 1, -1)
	add(t, x, storage.ServeFirst, p)
	check(2, 2, 1)
	if diff := cmp.Diff([]halong.Digest(nil), unreferenced(t, x)); diff != "" {
		t.Fatal(diff)
	}
	remove(t, x, o)
	check(0, 1, 1)
	if diff := cmp.Diff([]halong.Digest{a.Digest}, unreferenced(t, x)); diff != "" {
		t.Fatal(diff)
	}
	add(t, x, storage.ServeFirst, o)
	check(2, 2, 1)
	remove(t, x, p)
	remove(t, x, o)
	check(0, 0, 0)
}

// indexCollection: out of use, gone, and back meanwhile.
func indexCollection(t *testing.T, x storage.Index) {
	a := Blob("a")
	o := Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1", Bulk: []storage.BlobInfo{a}}
	mark := func(want bool) {
		t.Helper()
		update(t, x, func(tx halong.Tx) error {
			got, err := x.MarkDeleting(tx, a.Digest, *placeOf(a))
			if got != want {
				t.Errorf("MarkDeleting gives %v, want %v", got, want)
			}
			return err
		})
	}
	mark(false) // has no row
	add(t, x, storage.ServeFirst, o)
	mark(false) // has a reference
	if rows, err := x.Unreferenced(context.Background(), time.Unix(0, 0), 100); err != nil || len(rows) != 0 {
		t.Fatal(rows, err)
	}
	remove(t, x, o)
	if rows, err := x.Unreferenced(context.Background(), time.Unix(0, 0), 100); err != nil || len(rows) != 0 {
		t.Fatal("the grace time is not kept", rows, err)
	}
	mark(true)
	mark(true) // a collection that was cut off
	if _, ok := blob(t, x, a.Digest); ok {
		t.Fatal("a blob that is being removed counts as live")
	}
	if _, ok, err := x.BlobByPrefix(context.Background(), a.Prefix); ok || err != nil {
		t.Fatal("a blob that is being removed is found by its prefix")
	}
	if rows, err := x.Unreferenced(context.Background(), time.Unix(0, 0), 100); err != nil || len(rows) != 1 {
		t.Fatal("what is being removed is not listed", rows, err)
	}
	if used, found := addBlob(t, x, a, nil); used || found {
		t.Fatal("a blob that is being removed counts as found")
	}
	// The same bytes come again, to another place, before the old ones are gone.
	o.SOP, o.Bulk = "1.2.1.1.2", nil
	update(t, x, func(tx halong.Tx) error {
		if _, _, err := x.AddBlob(tx, a, &storage.Place{Segment: 9, Offset: 5, Length: a.Size}); err != nil {
			return err
		}
		o.Bulk = []storage.BlobInfo{a}
		_, err := x.AddInstance(tx, o.Instance(), storage.ServeFirst)
		return err
	})
	update(t, x, func(tx halong.Tx) error { return x.ForgetBlob(tx, a.Digest, *placeOf(a)) })
	row, ok := blob(t, x, a.Digest)
	if !ok || row.Refs != 1 || row.Place.Segment != 9 {
		t.Fatalf("%+v, want the new place with one reference", row)
	}
	mark(false)
	update(t, x, func(tx halong.Tx) error { return x.ForgetBlob(tx, a.Digest, row.Place) }) // is not marked: stays
	if _, ok := blob(t, x, a.Digest); !ok {
		t.Fatal("a live blob was forgotten")
	}
	if got := retrieve(t, x, halong.Everything(), storage.Ref{})[0].Manifest.Bulk[0].Place.Segment; got != 9 {
		t.Fatalf("the bulk value is said to lie in segment %d", got)
	}
}

// indexRevival: a blob in a file of its own that is put there again while it is being removed is
// the same blob, and live.
func indexRevival(t *testing.T, x storage.Index) {
	a := Blob("a")
	file := storage.Place{Length: a.Size}
	addBlob(t, x, a, &file)
	mark := func() {
		update(t, x, func(tx halong.Tx) error {
			ok, err := x.MarkDeleting(tx, a.Digest, file)
			if !ok {
				t.Error("the blob is not marked")
			}
			return err
		})
	}
	mark()
	if s, err := x.BlobAt(context.Background(), a.Digest, file); s != storage.BlobDeleting || err != nil {
		t.Fatalf("state %v, error %v", s, err)
	}
	if used, found := addBlob(t, x, a, nil); used || found {
		t.Fatal("a blob that is being removed counts as found")
	}
	if used, found := addBlob(t, x, a, &file); !used || !found {
		t.Fatal("the blob did not come back")
	}
	update(t, x, func(tx halong.Tx) error { return x.ForgetBlob(tx, a.Digest, file) }) // the collection that was under way
	if s, err := x.BlobAt(context.Background(), a.Digest, file); s != storage.BlobLive || err != nil {
		t.Fatalf("state %v, error %v", s, err)
	}
	mark()
	wantErr := errors.New("as wanted")
	err := x.Update(context.Background(), func(tx halong.Tx) error {
		if _, _, err := x.AddBlob(tx, a, &file); err != nil {
			return err
		}
		return wantErr
	})
	if !errors.Is(err, wantErr) {
		t.Fatal(err)
	}
	if s, err := x.BlobAt(context.Background(), a.Digest, file); s != storage.BlobDeleting || err != nil {
		t.Fatalf("after a rollback: state %v, error %v", s, err)
	}
	// Both kinds of place at once: each row is marked and forgotten for itself.
	inSegment := storage.Place{Segment: 4, Offset: 4192, Length: a.Size}
	addBlob(t, x, a, &inSegment)
	update(t, x, func(tx halong.Tx) error {
		if ok, err := x.MarkDeleting(tx, a.Digest, inSegment); !ok || err != nil {
			t.Error(ok, err)
		}
		return x.ForgetBlob(tx, a.Digest, inSegment)
	})
	if s, err := x.BlobAt(context.Background(), a.Digest, file); s != storage.BlobDeleting || err != nil {
		t.Fatalf("the other row: state %v, error %v", s, err)
	}
}

// indexMoves: what is live in a segment, and where it goes.
func indexMoves(t *testing.T, x storage.Index) {
	ctx := context.Background()
	a, b, c := Blob("a"), Blob("bb"), Blob("ccc")
	at := func(segment uint32, b storage.BlobInfo) storage.Place {
		return storage.Place{Segment: segment, Offset: int64(b.Digest[0]), Length: b.Size}
	}
	o := Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1", Bulk: []storage.BlobInfo{a, b}}
	for _, b := range []storage.BlobInfo{a, b} {
		p := at(3, b)
		addBlob(t, x, b, &p)
	}
	file := storage.Place{Length: c.Size}
	addBlob(t, x, c, &file)
	add(t, x, storage.ServeFirst, o)
	check := func(want map[uint32]storage.LiveBlobs) {
		t.Helper()
		got, err := x.LiveBlobs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		for s := range uint32(6) {
			if has, err := x.HasLiveBlobs(ctx, s); err != nil || has != (want[s].Blobs > 0) {
				t.Fatalf("segment %d: %v, error %v", s, has, err)
			}
		}
	}
	check(map[uint32]storage.LiveBlobs{3: {Blobs: 2, Bytes: 3}})
	update(t, x, func(tx halong.Tx) error { return x.MoveBlob(tx, b.Digest, at(3, b), at(5, b)) })
	update(t, x, func(tx halong.Tx) error { return x.MoveBlob(tx, b.Digest, at(3, b), at(4, b)) }) // is there no more
	check(map[uint32]storage.LiveBlobs{3: {Blobs: 1, Bytes: 1}, 5: {Blobs: 1, Bytes: 2}})
	in := retrieve(t, x, halong.Everything(), storage.Ref{})[0]
	if diff := cmp.Diff([]storage.Place{at(3, a), at(5, b)}, []storage.Place{in.Manifest.Bulk[0].Place, in.Manifest.Bulk[1].Place}); diff != "" {
		t.Fatal(diff)
	}
	remove(t, x, o)
	update(t, x, func(tx halong.Tx) error {
		_, err := x.MarkDeleting(tx, a.Digest, at(3, a))
		return err
	})
	check(map[uint32]storage.LiveBlobs{5: {Blobs: 1, Bytes: 2}})
	update(t, x, func(tx halong.Tx) error { return x.MoveBlob(tx, a.Digest, at(3, a), at(5, a)) }) // is not live
	if s, err := x.BlobAt(ctx, a.Digest, at(5, a)); s != storage.BlobUnknown || err != nil {
		t.Fatalf("state %v, error %v", s, err)
	}
}

func indexGeneration(t *testing.T, x storage.Index) {
	want := func(want uint64) {
		t.Helper()
		if g, err := x.StoreGeneration(context.Background()); g != want || err != nil {
			t.Fatalf("generation %d, want %d; error %v", g, want, err)
		}
	}
	want(0)
	update(t, x, func(tx halong.Tx) error { return x.SetStoreGeneration(tx, 7) })
	want(7)
	_ = x.Update(context.Background(), func(tx halong.Tx) error { // fails as wanted
		return errors.Join(x.SetStoreGeneration(tx, 8), errors.New("as wanted"))
	})
	want(7)
}

func indexQuarantine(t *testing.T, x storage.Index) {
	var want []*storage.QuarantineEntry
	for i, f := range []halong.Facility{"BV1", "BV2", "BV1"} {
		b := Blob(string(rune('a' + i)))
		o := Object{Facility: f, SOP: "1.2." + string(rune('1'+i)), Bulk: []storage.BlobInfo{b, Blob("same")}, HeadApart: i == 2}
		n := o.Instance()
		e := &storage.QuarantineEntry{
			Seq: uint64(10 * (3 - i)), Facility: f, Source: n.Source, Received: Arrived, Reason: "(0020,000D) is missing",
			Manifest: n.Manifest, Head: n.Head, Envelope: n.Envelope, EnvelopeTail: 2, HeadApart: i == 2,
		}
		update(t, x, func(tx halong.Tx) error {
			for _, b := range o.Bulk {
				if _, _, err := x.AddBlob(tx, b, placeOf(b)); err != nil {
					return err
				}
			}
			return x.AddQuarantine(tx, e)
		})
		ok, err := x.HasQuarantine(context.Background(), f, e.Manifest.Digest())
		if err != nil || !ok {
			t.Fatalf("entry %d is not there: %v", i, err)
		}
		if ok, err = x.HasQuarantine(context.Background(), "BV3", e.Manifest.Digest()); err != nil || ok {
			t.Fatalf("entry %d is another facility's: %v", i, err)
		}
		for j := range e.Manifest.Bulk {
			e.Manifest.Bulk[j].Place = *placeOf(o.Bulk[j])
		}
		want = append([]*storage.QuarantineEntry{e}, want...)
	}
	list := func(scope halong.Scope) (got []*storage.QuarantineEntry) {
		for e, err := range x.Quarantine(context.Background(), scope) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e)
		}
		return got
	}
	if diff := cmp.Diff(want, list(halong.Everything())); diff != "" {
		t.Fatal(diff)
	}
	if diff := cmp.Diff(want[1:2], list(halong.Scope{Own: "BV2"})); diff != "" {
		t.Fatal(diff)
	}
	if got := list(halong.Scope{}); len(got) != 0 {
		t.Fatal("the zero scope sees quarantine")
	}
	if row, _ := blob(t, x, Blob("same").Digest); row.Refs != 3 {
		t.Fatalf("%d references, want 3", row.Refs)
	}
}
