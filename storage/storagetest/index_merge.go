package storagetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// indexScope: everything is denied unless a scope allows it.
func indexScope(t *testing.T, x storage.Index) {
	for i, f := range []halong.Facility{"BV1", "BV2", "BV3"} {
		u := fmt.Sprintf("1.2.%d", i+1)
		add(t, x, storage.ServeFirst, Object{Facility: f, Study: u, Series: u + ".1", SOP: u + ".1.1", Date: fmt.Sprintf("2026010%d", i+1)})
	}
	for _, c := range []struct {
		scope halong.Scope
		want  []string
	}{
		{halong.Scope{}, nil},
		{halong.Scope{Own: "BV1"}, []string{"1 of BV1"}},
		{halong.Scope{Own: "BV9"}, nil},
		{halong.Scope{Visible: []halong.Facility{"BV2"}}, []string{"2 of BV2"}},
		{halong.Scope{Own: "BV3", Visible: []halong.Facility{"BV1", "BV3", "BV7"}}, []string{"3 of BV3", "1 of BV1"}},
		{halong.Everything(), []string{"3 of BV3", "2 of BV2", "1 of BV1"}},
	} {
		if diff := cmp.Diff(c.want, find(t, x, c.scope, storage.Query{Level: storage.LevelStudy})); diff != "" {
			t.Errorf("%+v: %s", c.scope, diff)
		}
		if got := len(retrieve(t, x, c.scope, storage.Ref{AllVersions: true})); got != len(c.want) {
			t.Errorf("%+v: %d instances, want %d", c.scope, got, len(c.want))
		}
		got := len(retrieve(t, x, c.scope, storage.Ref{Facility: "BV2"}))
		if want := map[bool]int{true: 1}[c.scope.Sees("BV2")]; got != want {
			t.Errorf("%+v: %d instances of BV2, want %d", c.scope, got, want)
		}
	}
}

// indexMerge: two hospitals hold parts of one study under different headers.
func indexMerge(t *testing.T, x storage.Index) {
	object := func(f halong.Facility, id, series, sop, number, modality string) Object {
		return Object{
			Facility: f, Study: "1.2.1", Series: "1.2.1." + series, SOP: "1.2.1." + series + "." + sop, ID: id, Name: "A^B",
			Date: map[halong.Facility]string{"BV1": "20260101", "BV2": "20260105"}[f], Modality: modality, SeriesNumber: series, Number: number,
		}
	}
	add(t, x, storage.ServeFirst,
		object("BV1", "ID1", "1", "1", "1", "CT"), object("BV1", "ID1", "1", "2", "2", "CT"), object("BV1", "ID1", "2", "1", "1", "SR"),
		object("BV2", "ID2", "1", "2", "7", "CT"), object("BV2", "ID2", "1", "3", "3", "CT"), object("BV2", "ID2", "3", "1", "1", "PR"),
		Object{Facility: "BV2", Study: "1.2.2", Series: "1.2.2.1", SOP: "1.2.2.1.1", Date: "20260103", Modality: "CT"})
	own := func(f halong.Facility) halong.Scope { return halong.Scope{Own: f, All: true} }
	study, series, instance := storage.Query{Level: storage.LevelStudy}, storage.Query{Level: storage.LevelSeries}, storage.Query{Level: storage.LevelInstance}
	for _, c := range []struct {
		scope halong.Scope
		q     storage.Query
		keys  []string
		want  []string
	}{
		{own("BV1"), study, nil, []string{"2 of BV2", "1 of BV1"}},
		{own("BV2"), study, nil, []string{"1 of BV2", "2 of BV2"}},
		{halong.Scope{Own: "BV1"}, study, nil, []string{"1 of BV1"}},
		{own("BV1"), study, []string{"PatientID=ID2"}, []string{"1 of BV2"}},
		{own("BV1"), study, []string{"PatientID=ID*"}, []string{"1 of BV1"}},
		{own("BV1"), study, []string{"NumberOfStudyRelatedInstances=5"}, []string{"1 of BV1"}},
		{own("BV1"), study, []string{"ModalitiesInStudy=PR"}, []string{"1 of BV1"}},
		{own("BV1"), series, []string{"StudyInstanceUID=1.2.1"}, []string{"1 1 of BV1", "1 2 of BV1", "1 3 of BV2"}},
		{own("BV2"), series, []string{"StudyInstanceUID=1.2.1"}, []string{"1 1 of BV2", "1 2 of BV1", "1 3 of BV2"}},
		{own("BV1"), instance, []string{"SeriesInstanceUID=1.2.1.1"}, []string{"1 1 1 of BV1", "1 1 2 of BV1", "1 1 3 of BV2"}},
		{own("BV2"), instance, []string{"SeriesInstanceUID=1.2.1.1"}, []string{"1 1 1 of BV1", "1 1 3 of BV2", "1 1 2 of BV2"}},
		{own("BV2"), instance, []string{"SeriesInstanceUID=1.2.1.1", "InstanceNumber=2"}, []string{"1 1 2 of BV1"}},
		{halong.Scope{Own: "BV2"}, instance, []string{"SeriesInstanceUID=1.2.1.1"}, []string{"1 1 3 of BV2", "1 1 2 of BV2"}},
	} {
		if diff := cmp.Diff(c.want, find(t, x, c.scope, c.q, c.keys...)); diff != "" {
			t.Errorf("%+v, level %d with %v: %s", c.scope, c.q.Level, c.keys, diff)
		}
		for offset := range c.want {
			q := c.q
			q.Offset, q.Limit = offset, 1
			if diff := cmp.Diff(c.want[offset:offset+1], find(t, x, c.scope, q, c.keys...)); diff != "" {
				t.Errorf("%+v, level %d with %v, offset %d: %s", c.scope, c.q.Level, c.keys, offset, diff)
			}
		}
	}
	for _, f := range []halong.Facility{"BV1", "BV2"} {
		row := rows(t, x, own(f), study, "StudyInstanceUID=1.2.1")[0]
		checkCounts(t, row, 3, 5)
		if diff := cmp.Diff([]string{"CT", "PR", "SR"}, row.Attributes.Strings(tag.ModalitiesInStudy)); diff != "" {
			t.Error(diff)
		}
		row = rows(t, x, own(f), series, "SeriesInstanceUID=1.2.1.1")[0]
		if got := row.Attributes.String(tag.NumberOfSeriesRelatedInstances); got != "3" {
			t.Errorf("%s instances in the merged series, want 3", got)
		}
	}
	checkCounts(t, rows(t, x, halong.Scope{Own: "BV2"}, study, "StudyInstanceUID=1.2.1")[0], 2, 3)
	got := map[string]halong.Facility{}
	for _, in := range retrieve(t, x, own("BV2"), storage.Ref{Study: "1.2.1"}) {
		got[string(in.SOP)] = in.Facility
	}
	want := map[string]halong.Facility{"1.2.1.1.1": "BV1", "1.2.1.1.2": "BV2", "1.2.1.1.3": "BV2", "1.2.1.2.1": "BV1", "1.2.1.3.1": "BV2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := len(retrieve(t, x, own("BV2"), storage.Ref{AllVersions: true})); got != 7 {
		t.Errorf("%d versions in all facilities, want 7", got)
	}
}
