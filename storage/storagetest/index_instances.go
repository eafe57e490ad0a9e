package storagetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

func checkCounts(t testing.TB, row storage.Row, series, instances int) {
	t.Helper()
	got := [2]string{row.Attributes.String(tag.NumberOfStudyRelatedSeries), row.Attributes.String(tag.NumberOfStudyRelatedInstances)}
	if diff := cmp.Diff([2]string{fmt.Sprint(series), fmt.Sprint(instances)}, got); diff != "" {
		t.Fatalf("counts of series and instances of study %s: %s", row.Study, diff)
	}
}

func has(t testing.TB, x storage.Index, o Object) bool {
	t.Helper()
	n := o.Instance()
	ok, err := x.HasInstance(context.Background(), n.Identity, n.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func indexAdd(t *testing.T, x storage.Index) {
	o := Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1", Content: "a"}
	if has(t, x, o) {
		t.Fatal("an empty index has an instance")
	}
	want := storage.Added{Outcome: storage.Stored, Version: 1, Served: true}
	got := add(t, x, storage.ServeFirst, o)
	want.ID = got.ID
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if !has(t, x, o) {
		t.Fatal("the instance added is not there")
	}
	want.Outcome = storage.Duplicate
	if diff := cmp.Diff(want, add(t, x, storage.ServeFirst, o)); diff != "" {
		t.Fatal(diff)
	}
	for _, other := range []Object{
		{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1", Content: "b"},
		{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.2", Content: "a"},
		{Study: "1.2.1", Series: "1.2.1.2", SOP: "1.2.1.1.1", Content: "a"},
		{Study: "1.2.2", Series: "1.2.1.1", SOP: "1.2.1.1.1", Content: "a"},
		{Facility: "BV1", Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1", Content: "a"},
	} {
		if has(t, x, other) {
			t.Fatalf("another instance is there: %+v", other)
		}
	}
	// The same SOP Instance UID in another series is another instance.
	if got := add(t, x, storage.ServeFirst, Object{Study: "1.2.1", Series: "1.2.1.2", SOP: "1.2.1.1.1", Content: "a"}); got.Outcome != storage.Stored {
		t.Fatalf("%+v", got)
	}
	checkCounts(t, rows(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy})[0], 2, 2)
	wantKind(t, x.Update(context.Background(), func(tx halong.Tx) error {
		_, err := x.AddInstance(tx, o.Instance(), "newest")
		return err
	}), halong.Invalid)
}

// served gives the contents served, all says which versions there are.
func served(t testing.TB, x storage.Index) (served, all []string) {
	t.Helper()
	for _, in := range retrieve(t, x, halong.Everything(), storage.Ref{AllVersions: true}) {
		s := fmt.Sprintf("%s v%d", short(in.SOP), in.Version)
		if in.Served {
			served = append(served, s)
		}
		all = append(all, s)
	}
	var shown []string
	for _, in := range retrieve(t, x, halong.Everything(), storage.Ref{}) {
		shown = append(shown, fmt.Sprintf("%s v%d", short(in.SOP), in.Version))
	}
	if diff := cmp.Diff(served, shown); diff != "" {
		t.Fatalf("served and shown differ: %s", diff)
	}
	return served, all
}

func indexVersions(t *testing.T, x storage.Index) {
	version := func(sop, content string) Object {
		return Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1." + sop, Number: sop, Content: content}
	}
	add(t, x, storage.ServeFirst, version("1", "a"), version("1", "b"))
	add(t, x, storage.ServeLast, version("2", "a"), version("2", "b"))
	last := add(t, x, storage.ServeLast, version("2", "c"))
	if last.Outcome != storage.Version || last.Version != 3 || !last.Served {
		t.Fatalf("%+v", last)
	}
	check := func(wantServed, wantAll []string) {
		t.Helper()
		gotServed, gotAll := served(t, x)
		if diff := cmp.Diff([][]string{wantServed, wantAll}, [][]string{gotServed, gotAll}); diff != "" {
			t.Fatal(diff)
		}
		n := map[byte]bool{}
		for _, s := range gotServed {
			n[s[0]] = true
		}
		checkCounts(t, rows(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy})[0], 1, len(n))
	}
	check([]string{"1 v1", "2 v3"}, []string{"1 v1", "1 v2", "2 v1", "2 v2", "2 v3"})
	remove(t, x, version("1", "a")) // the next one takes its place
	remove(t, x, version("2", "c")) // the one before takes its place
	check([]string{"1 v2", "2 v2"}, []string{"1 v2", "2 v1", "2 v2"})
	remove(t, x, version("2", "a")) // was not served
	check([]string{"1 v2", "2 v2"}, []string{"1 v2", "2 v2"})
	remove(t, x, version("2", "b"))
	check([]string{"1 v2"}, []string{"1 v2"})
	if got := add(t, x, storage.ServeFirst, version("1", "a")); got.Outcome != storage.Version || got.Version != 3 || got.Served {
		t.Fatalf("%+v", got)
	}
}

// indexKept: what was received of a coerced instance is never served while there is another version, and counts
// for nothing.
func indexKept(t *testing.T, x storage.Index) {
	version := func(content string, kept bool) Object {
		return Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1", Number: "1", Content: content, Kept: kept}
	}
	pair := func(policy storage.VersionPolicy, n string) storage.Added {
		add(t, x, storage.ServeFirst, version("received "+n, true))
		return add(t, x, policy, version("coerced "+n, false))
	}
	check := func(wantServed, wantKept string, versions int) {
		t.Helper()
		var gotServed, gotKept []string
		for _, in := range retrieve(t, x, halong.Everything(), storage.Ref{AllVersions: true}) {
			if in.Served {
				gotServed = append(gotServed, fmt.Sprint(in.Version))
			}
			if in.Kept {
				gotKept = append(gotKept, fmt.Sprint(in.Version))
			}
			versions--
		}
		if s, k := strings.Join(gotServed, " "), strings.Join(gotKept, " "); s != wantServed || k != wantKept || versions != 0 {
			t.Fatalf("served %s, kept %s, %d versions are missing", s, k, versions)
		}
		checkCounts(t, rows(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy})[0], 1, 1)
	}
	if got := pair(storage.ServeFirst, "1"); got.Outcome != storage.Stored || got.Version != 2 || !got.Served {
		t.Fatalf("%+v", got)
	}
	check("2", "1", 2)
	if got := add(t, x, storage.ServeFirst, version("received 1", true)); got.Outcome != storage.Duplicate {
		t.Fatalf("%+v", got)
	}
	if got := pair(storage.ServeFirst, "2"); got.Outcome != storage.Version || got.Served {
		t.Fatalf("%+v", got)
	}
	check("2", "1 3", 4)
	pair(storage.ServeLast, "3")
	check("6", "1 3 5", 6)
	remove(t, x, version("coerced 3", false))
	check("4", "1 3 5", 5)
	remove(t, x, version("coerced 2", false))
	remove(t, x, version("received 2", true))
	check("2", "1 5", 3)
	remove(t, x, version("coerced 1", false)) // better what was received than nothing
	check("1", "5", 2)
	remove(t, x, version("received 1", false))
	check("5", "", 1)
	remove(t, x, version("received 3", false))
	if left := rows(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy}); len(left) > 0 {
		t.Fatalf("%v is left", left)
	}
}

func indexDelete(t *testing.T, x storage.Index) {
	all := tree(2, 2, 2, func(i, j, k int, o *Object) {
		if j == 1 {
			o.Modality = "SR"
		}
	})
	add(t, x, storage.ServeFirst, all...)
	check := func(want ...string) {
		t.Helper()
		var got []string
		for _, r := range rows(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy}) {
			a := r.Attributes
			got = append(got, fmt.Sprintf("%s: %v %s %s", short(r.Study), a.Strings(tag.ModalitiesInStudy),
				a.String(tag.NumberOfStudyRelatedSeries), a.String(tag.NumberOfStudyRelatedInstances)))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
	check("2: [CT SR] 2 4", "1: [CT SR] 2 4")
	remove(t, x, all[0])
	check("2: [CT SR] 2 4", "1: [CT SR] 2 3")
	remove(t, x, all[2])
	remove(t, x, all[3])
	check("2: [CT SR] 2 4", "1: [CT] 1 1")
	wantKind(t, x.Update(context.Background(), func(tx halong.Tx) error {
		n := all[0].Instance()
		return x.DeleteInstance(tx, n.Identity, n.Digest)
	}), halong.NotExist)
	remove(t, x, all[1])
	check("2: [CT SR] 2 4")
	// Gone and back in one transaction, with another modality.
	update(t, x, func(tx halong.Tx) error {
		for _, o := range all[4:] {
			n := o.Instance()
			if err := x.DeleteInstance(tx, n.Identity, n.Digest); err != nil {
				return err
			}
		}
		o := all[4]
		o.Modality = "MR"
		_, err := x.AddInstance(tx, o.Instance(), storage.ServeFirst)
		return err
	})
	check("2: [MR] 1 1")
}

// indexFill: the first instance defines study and series, later ones fill what it left out.
func indexFill(t *testing.T, x storage.Index) {
	add(t, x, storage.ServeFirst,
		Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1", ID: "A1", Name: "Lê^Thị B"},
		Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.2", ID: "other", Date: "20260102", Accession: "ACC1", Modality: "US", SeriesNumber: "3"},
		Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.3", Name: "Yamada^Tarou=山田^太郎", Date: "20260103", Modality: "CT", Description: "Chest"})
	q := storage.Query{Level: storage.LevelSeries}
	got := rows(t, x, halong.Everything(), q, "PatientID=A1", "AccessionNumber=ACC1", "StudyDate=20260102", "StudyDescription=CH*")
	if len(got) != 0 {
		t.Fatal("matching minds case in descriptions")
	}
	got = rows(t, x, halong.Everything(), q, "PatientID=A1", "AccessionNumber=ACC1", "StudyDate=20260102", "StudyDescription=Ch*", "ModalitiesInStudy=US", "SeriesNumber=3")
	if len(got) != 1 {
		t.Fatalf("%d rows, want 1", len(got))
	}
	a := got[0].Attributes
	want := []string{"Lê^Thị B", "A1", "20260102", "ACC1", "US", "Chest"}
	have := []string{a.String(tag.PatientName), a.String(tag.PatientID), a.String(tag.StudyDate), a.String(tag.AccessionNumber), a.String(tag.Modality), a.String(tag.StudyDescription)}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Fatal(diff)
	}
}

// indexRetrieve: everything that was added comes back, with bulk places.
func indexRetrieve(t *testing.T, x storage.Index) {
	bulk := []storage.BlobInfo{Blob("pixels"), Blob("overlay"), Blob("head")}
	o := Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1", Bulk: bulk[:2], Seq: 42}
	apart := Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.2", Bulk: bulk, HeadApart: true, Seq: 43}
	none := Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.3", Seq: 44}
	add(t, x, storage.ServeFirst, o, apart, none)
	got := retrieve(t, x, halong.Everything(), storage.Ref{Study: "1.2.1", Series: "1.2.1.1"})
	var want []*storage.Instance
	for i, o := range []Object{o, apart, none} {
		n := o.Instance()
		n.Version, n.Served = 1, true
		if i < len(got) {
			n.ID = got[i].ID
		}
		for j := range n.Manifest.Bulk {
			n.Manifest.Bulk[j].Place = *placeOf(bulk[j])
		}
		want = append(want, &n.Instance)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	for _, c := range []struct {
		ref  storage.Ref
		want int
	}{
		{storage.Ref{}, 3},
		{storage.Ref{Study: "1.2.1"}, 3},
		{storage.Ref{Series: "1.2.1.1"}, 3},
		{storage.Ref{SOP: "1.2.1.1.2"}, 1},
		{storage.Ref{Study: "1.2.1", SOP: "1.2.1.1.2"}, 1},
		{storage.Ref{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.2"}, 1},
		{storage.Ref{Study: "1.2"}, 0},
		{storage.Ref{Study: "1.2.1", Series: "1.2.1.2"}, 0},
		{storage.Ref{Facility: "BV1"}, 0},
		{storage.Ref{Facility: halong.DefaultFacility}, 3},
	} {
		if got := len(retrieve(t, x, halong.Everything(), c.ref)); got != c.want {
			t.Errorf("%+v gives %d instances, want %d", c.ref, got, c.want)
		}
	}
	if got := retrieve(t, x, halong.Scope{}, storage.Ref{}); len(got) != 0 {
		t.Error("the zero scope sees instances")
	}
}

// indexMany: answers of many pages are whole and in order, also while rows are added.
func indexMany(t *testing.T, x storage.Index) {
	const n = 700
	var ids []string
	update(t, x, func(tx halong.Tx) error {
		for i := range n {
			o := Object{Study: "1.2.1", Series: "1.2.1.1", SOP: fmt.Sprintf("1.2.1.1.%d", i), Number: fmt.Sprint(i / 7)}
			ids = append(ids, o.SOP)
			for _, o := range []Object{o, {Study: fmt.Sprintf("1.3.%03d", i), Series: "1.3.1", SOP: "1.3.1.1", Date: fmt.Sprintf("2025%02d01", i%12+1)}} {
				if _, err := x.AddInstance(tx, o.Instance(), storage.ServeFirst); err != nil {
					return err
				}
			}
		}
		return nil
	})
	seen := map[dicom.UID]bool{}
	last := -1
	for in, err := range x.Instances(context.Background(), halong.Everything(), storage.Ref{Study: "1.2.1"}) {
		if err != nil {
			t.Fatal(err)
		}
		var i int
		if _, err := fmt.Sscanf(string(in.SOP), "1.2.1.1.%d", &i); err != nil {
			t.Fatal(err)
		}
		if i/7 < last || seen[in.SOP] {
			t.Fatalf("instance %s is out of order or comes twice", in.SOP)
		}
		last, seen[in.SOP] = i/7, true
		if i%50 == 0 { // the caller may work on the index meanwhile
			add(t, x, storage.ServeFirst, Object{Study: "1.2.9", Series: "1.2.9.1", SOP: fmt.Sprintf("1.2.9.1.%d", i)})
		}
	}
	if len(seen) != len(ids) {
		t.Fatalf("%d instances, want %d", len(seen), len(ids))
	}
	studies := map[dicom.UID]bool{}
	previous := "9"
	for _, r := range rows(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy}) {
		d := r.Attributes.String(tag.StudyDate)
		if d > previous || studies[r.Study] {
			t.Fatalf("study %s is out of order or comes twice", r.Study)
		}
		previous, studies[r.Study] = d, true
	}
	if len(studies) != n+2 {
		t.Fatalf("%d studies, want %d", len(studies), n+2)
	}
}
