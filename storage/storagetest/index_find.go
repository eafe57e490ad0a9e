package storagetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

func indexFind(t *testing.T, x storage.Index) {
	add(
		t, x, storage.ServeFirst,
		Object{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1", Date: "20260105", Time: "101500", ID: "VN001", Name: "Nguyễn^Văn Đức", Accession: "A-1", Birth: "19700101", Modality: "CT", Description: "CT Chest", Referring: "Trần^Bình"},
		Object{Study: "1.2.2", Series: "1.2.2.1", SOP: "1.2.2.1.1", Date: "20260110", Time: "233000", ID: "VN002", Name: "NGUYEN^VAN AN", Accession: "A-2", Modality: "MR", Description: "100% sure_thing"},
		Object{Study: "1.2.2", Series: "1.2.2.2", SOP: "1.2.2.2.1", Date: "20260110", Modality: "SR"},
		Object{Study: "1.2.3", Series: "1.2.3.1", SOP: "1.2.3.1.1", Date: "2026.01.20", Time: "080000", ID: "vn001", Name: "Yamada^Tarou=山田^太郎=やまだ^たろう", Modality: "US"},
		Object{Study: "1.2.4", Series: "1.2.4.1", SOP: "1.2.4.1.1", ID: "X*1", Name: "=王^小東", Modality: "CR"},
	)
	for _, c := range []struct {
		keys []string
		want []string
	}{
		{nil, []string{"3", "2", "1", "4"}},
		{[]string{"PatientID="}, []string{"3", "2", "1", "4"}},
		{[]string{"PatientID=VN001"}, []string{"1"}},
		{[]string{`PatientID=VN001\vn001`}, []string{"3", "1"}},
		{[]string{"PatientID=VN*"}, []string{"2", "1"}},
		{[]string{"PatientID=?N001"}, []string{"3", "1"}[1:]},
		{[]string{"PatientID=*001"}, []string{"3", "1"}},
		{[]string{"PatientID=nobody"}, nil},
		{[]string{"PatientName=nguyen*"}, []string{"2", "1"}},
		{[]string{"PatientName=NGUYỄN*"}, []string{"2", "1"}},
		{[]string{"PatientName=*duc*"}, []string{"1"}},
		{[]string{"PatientName=*ĐỨC"}, []string{"1"}},
		{[]string{"PatientName=nguyen^van duc"}, []string{"1"}},
		{[]string{"PatientName=nguyen van"}, nil},
		{[]string{"PatientName=山田*"}, []string{"3"}},
		{[]string{"PatientName=やまだ^*"}, []string{"3"}},
		{[]string{"PatientName==山田*"}, []string{"3"}},
		{[]string{"PatientName=王*"}, []string{"4"}},
		{[]string{"PatientName=*"}, []string{"3", "2", "1", "4"}},
		{[]string{"AccessionNumber=A-2"}, []string{"2"}},
		{[]string{"AccessionNumber=A-?"}, []string{"2", "1"}},
		{[]string{"StudyDate=20260110"}, []string{"2"}},
		{[]string{"StudyDate=20260105-20260110"}, []string{"2", "1"}},
		{[]string{"StudyDate=20260106-"}, []string{"3", "2"}},
		{[]string{"StudyDate=-20260109"}, []string{"1"}},
		{[]string{"StudyDate=20260105-20260110", "StudyTime=100000-230000"}, []string{"1"}},
		{[]string{"StudyDate=20260105-20260111", "StudyTime=100000-230000"}, []string{"2", "1"}},
		{[]string{"PatientBirthDate=19700101"}, []string{"1"}},
		{[]string{"ReferringPhysicianName=tran*"}, []string{"1"}},
		{[]string{"ModalitiesInStudy=SR"}, []string{"2"}},
		{[]string{"ModalitiesInStudy=R"}, nil},
		{[]string{`ModalitiesInStudy=CT\US`}, []string{"3", "1"}},
		{[]string{"ModalitiesInStudy=?R"}, []string{"2", "4"}},
		{[]string{"NumberOfStudyRelatedSeries=2"}, []string{"2"}},
		{[]string{"StudyDescription=100%*"}, []string{"2"}},
		{[]string{"StudyDescription=*sure_*"}, []string{"2"}},
		{[]string{"StudyDescription=*sure?thing"}, []string{"2"}},
		{[]string{"StudyDescription=*e_t*", "PatientID=VN001"}, nil},
		{[]string{`StudyInstanceUID=1.2.4\1.2.1\1.2.77`}, []string{"1", "4"}},
		{[]string{"StudyInstanceUID=1.2.1,1.2.2", "PatientID=VN002"}, []string{"2"}},
		{[]string{"StudyInstanceUID=1.2.1", "StudyInstanceUID=1.2.2"}, nil},
		{[]string{"SeriesInstanceUID=1.2.2.2"}, []string{"2"}},
		{[]string{"Modality=MR"}, []string{"2"}},
		{[]string{"SOPInstanceUID=1.2.3.1.1"}, []string{"3"}},
		{[]string{"Modality=MR", "SOPInstanceUID=1.2.3.1.1"}, nil},
		{[]string{"InstanceAvailability=ONLINE", "StudyDate=20260110-"}, []string{"3", "2"}},
		{[]string{"PatientSex=M"}, nil},
	} {
		if diff := cmp.Diff(c.want, find(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy}, c.keys...)); diff != "" {
			t.Errorf("studies with %v: %s", c.keys, diff)
		}
	}
	fuzzy := storage.Query{Level: storage.LevelStudy, Rules: query.Rules{Fuzzy: true}}
	if diff := cmp.Diff([]string{"1"}, find(t, x, halong.Everything(), fuzzy, "PatientName=duc ngu")); diff != "" {
		t.Errorf("fuzzy: %s", diff)
	}
	for offset := range 6 {
		for limit := range 6 {
			q := storage.Query{Level: storage.LevelStudy, Limit: limit, Offset: offset}
			for _, keys := range [][]string{nil, {"PatientName=*"}, {"PatientID=*0*"}, {"StudyDate=20260101-"}} {
				all := find(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy}, keys...)
				want := all[min(offset, len(all)):]
				if limit > 0 {
					want = want[:min(limit, len(want))]
				}
				got := find(t, x, halong.Everything(), q, keys...)
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%v, offset %d, limit %d: %v, want %v", keys, offset, limit, got, want)
				}
			}
		}
	}
}

func indexFindBelow(t *testing.T, x storage.Index) {
	add(t, x, storage.ServeFirst, tree(2, 2, 2, func(i, j, k int, o *Object) {
		o.SeriesText = fmt.Sprintf("series %d", j+1)
		if j == 1 {
			o.Modality = "SR"
		}
	})...)
	series, instances := storage.Query{Level: storage.LevelSeries}, storage.Query{Level: storage.LevelInstance}
	for _, c := range []struct {
		q    storage.Query
		keys []string
		want []string
	}{
		{series, nil, []string{"2 1", "2 2", "1 1", "1 2"}},
		{series, []string{"StudyInstanceUID=1.2.1"}, []string{"1 1", "1 2"}},
		{series, []string{"Modality=SR"}, []string{"2 2", "1 2"}},
		{series, []string{"SeriesInstanceUID=1.2.1.2"}, []string{"1 2"}},
		{series, []string{"PatientID=ID2", "SeriesNumber=1"}, []string{"2 1"}},
		{series, []string{"NumberOfSeriesRelatedInstances=2", "StudyInstanceUID=1.2.1"}, []string{"1 1", "1 2"}},
		{series, []string{"SOPInstanceUID=1.2.1.2.2"}, []string{"1 2"}},
		{series, []string{"SeriesDescription=*2", "InstanceNumber=2"}, []string{"2 2", "1 2"}},
		{series, []string{"SeriesDescription=*2", "InstanceNumber=3"}, nil},
		{instances, []string{"StudyInstanceUID=1.2.1", "SeriesInstanceUID=1.2.1.1"}, []string{"1 1 1", "1 1 2"}},
		{instances, []string{"SeriesInstanceUID=1.2.1.1"}, []string{"1 1 1", "1 1 2"}},
		{instances, []string{"SOPInstanceUID=1.2.2.2.1,1.2.1.1.2"}, []string{"2 2 1", "1 1 2"}},
		{instances, []string{"InstanceNumber=2", "Modality=CT"}, []string{"2 1 2", "1 1 2"}},
		{instances, []string{"StudyInstanceUID=1.2.1", "SeriesInstanceUID=1.2.2.1"}, nil},
		{instances, []string{"NumberOfSeriesRelatedInstances=2", "PatientID=ID1", "SOPInstanceUID=1.2.1.1.2"}, []string{"1 1 2"}},
	} {
		if diff := cmp.Diff(c.want, find(t, x, halong.Everything(), c.q, c.keys...)); diff != "" {
			t.Errorf("level %d with %v: %s", c.q.Level, c.keys, diff)
		}
	}
	all := find(t, x, halong.Everything(), instances)
	for i := range all {
		got := find(t, x, halong.Everything(), storage.Query{Level: storage.LevelInstance, Offset: i, Limit: 3})
		if diff := cmp.Diff(all[i:min(i+3, len(all))], got); diff != "" {
			t.Errorf("offset %d: %s", i, diff)
		}
	}
	a := rows(t, x, halong.Everything(), instances, "SOPInstanceUID=1.2.1.2.2")[0].Attributes
	got := []string{
		a.String(tag.PatientID), a.String(tag.SeriesDescription), a.String(tag.InstanceNumber), a.String(tag.NumberOfStudyRelatedSeries),
		a.String(tag.NumberOfStudyRelatedInstances), a.String(tag.NumberOfSeriesRelatedInstances), a.String(tag.InstanceAvailability), a.String(tag.StudyInstanceUID),
	}
	if diff := cmp.Diff([]string{"ID1", "series 2", "2", "2", "4", "2", "ONLINE", "1.2.1"}, got); diff != "" {
		t.Error(diff)
	}
}

// indexOrder: by number, not by text; without number last; then by UID.
func indexOrder(t *testing.T, x storage.Index) {
	numbers := []string{"10", "9", "", "-1", "9", "2147483647", "0"}
	for i, n := range numbers {
		add(t, x, storage.ServeFirst,
			Object{Study: "1.2.1", Series: "1.2.1.1", SOP: fmt.Sprintf("1.2.1.1.%d", i), Number: n},
			Object{Study: "1.2.1", Series: fmt.Sprintf("1.2.1.2%d", i), SOP: "1.2.1.2.1", SeriesNumber: n})
	}
	want := []string{"1 1 3", "1 1 6", "1 1 1", "1 1 4", "1 1 0", "1 1 5", "1 1 2"}
	if diff := cmp.Diff(want, find(t, x, halong.Everything(), storage.Query{Level: storage.LevelInstance}, "SeriesInstanceUID=1.2.1.1")); diff != "" {
		t.Error(diff)
	}
	want = []string{"1 23", "1 26", "1 21", "1 24", "1 20", "1 25", "1 1", "1 22"}
	if diff := cmp.Diff(want, find(t, x, halong.Everything(), storage.Query{Level: storage.LevelSeries})); diff != "" {
		t.Error(diff)
	}
}
