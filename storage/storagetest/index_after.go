package storagetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// indexAfter: pages that begin after the last row of the one before make up the whole answer.
func indexAfter(t *testing.T, x storage.Index) {
	objects := tree(4, 3, 3, func(i, j, k int, o *Object) {
		o.Date = []string{"20260103", "20260103", "", "20260101"}[i]
		if o.SeriesNumber = "1"; j == 2 { // two series share a number, one has none
			o.SeriesNumber = ""
		}
		if k > 0 {
			o.Number = "5"
		}
	})
	for _, o := range tree(2, 2, 4, nil) { // another hospital has parts of two of them under other dates
		o.Facility = "BV2"
		objects = append(objects, o)
	}
	add(t, x, storage.ServeFirst, objects...)
	for _, scope := range []halong.Scope{halong.Everything(), {Own: "BV2", All: true}, {Own: halong.DefaultFacility}} {
		for level := storage.LevelStudy; level <= storage.LevelInstance; level++ {
			for _, keys := range [][]string{nil, {"StudyInstanceUID=1.2.1"}, {"PatientName=nguyen*"}, {"SeriesInstanceUID=1.2.1.1,1.2.1.2"}, {"StudyDate=20260102-"}} {
				all := find(t, x, scope, storage.Query{Level: level}, keys...)
				for limit := 1; limit < 6; limit++ {
					if diff := cmp.Diff(all, paged(t, x, scope, level, limit, keys, nil)); diff != "" {
						t.Errorf("%+v, level %d with %v in pages of %d (-want +got):\n%s", scope, level, keys, limit, diff)
					}
				}
			}
		}
	}
	for _, scope := range []halong.Scope{halong.Everything(), {Own: "BV2", All: true}, {Own: halong.DefaultFacility}, {}} {
		for _, in := range retrieve(t, x, scope, storage.Ref{}) { // by all of its UIDs it is found as among all others
			got := retrieve(t, x, scope, storage.Ref{Study: in.Study, Series: in.Series, SOP: in.SOP})
			if diff := cmp.Diff([]*storage.Instance{in}, got); diff != "" {
				t.Errorf("%+v: %s", scope, diff)
			}
		}
	}
	// What arrives in front while pages are read moves nothing.
	before := find(t, x, halong.Everything(), storage.Query{Level: storage.LevelInstance})
	n := 0
	got := paged(t, x, halong.Everything(), storage.LevelInstance, 4, nil, func() {
		n++
		add(t, x, storage.ServeFirst, Object{Study: fmt.Sprintf("1.2.9%d", n), Series: "1.2.9.1", SOP: fmt.Sprintf("1.2.9.1.%d", n), Date: "20261121", Modality: "CT"})
	})
	if diff := cmp.Diff(before, got); diff != "" {
		t.Errorf("while others arrive (-want +got):\n%s", diff)
	}
}

// paged reads an answer in pages and calls between before each.
func paged(t testing.TB, x storage.Index, scope halong.Scope, level storage.Level, limit int, keys []string, between func()) (all []string) {
	t.Helper()
	q := storage.Query{Level: level, Limit: limit}
	for {
		page := rows(t, x, scope, q, keys...)
		for _, r := range page {
			all = append(all, shortID(r.Identity))
		}
		if len(page) < limit {
			return all
		}
		if q.After = &page[len(page)-1].Position; len(all) > 1000 {
			t.Fatalf("does not end: at %+v", *q.After)
		}
		if between != nil {
			between()
		}
	}
}
