package storagetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// indexDescribe: rows are made anew of what is visible: of the instance that came first, filled in by the next ones.
func indexDescribe(t *testing.T, x storage.Index) {
	r := &removals{t: t, x: x}
	all := tree(1, 2, 2, func(_, j, k int, o *Object) {
		switch n := 2*j + k; n {
		case 0:
			o.ID, o.Name, o.Accession, o.SeriesText = "WRONG", "Lê^Thị B", "W1", "wrong"
		case 3:
			o.Accession = "A1"
		default:
			o.Description = fmt.Sprint("study, as instance ", n, " says")
		}
		if k == 1 {
			o.SeriesText = "second"
		}
	})
	add(t, x, storage.ServeFirst, all...)
	byID := map[int64]Object{}
	for _, in := range retrieve(t, x, halong.Everything(), storage.Ref{AllVersions: true}) {
		for _, o := range all {
			if string(in.SOP) == o.SOP {
				byID[in.ID] = o
			}
		}
	}
	asked := 0
	describe := func(series string, n int) {
		t.Helper()
		update(t, x, func(tx halong.Tx) error {
			of := storage.Identity{Facility: halong.DefaultFacility, Study: "1.2.1", Series: dicom.UID(series)}
			return x.Describe(tx, of, n, func(in *storage.Instance) (*dataset.Set, error) {
				asked++
				o := byID[in.ID]
				switch {
				case in.SOP != dicom.UID(o.SOP):
					t.Errorf("instance %d is %s, and not %s", in.ID, in.SOP, o.SOP)
				case o.SOP == "1.2.1.2.1": // cannot be read
					return nil, nil
				case series == "":
					return o.Instance().StudyAttributes, nil
				}
				return o.Instance().SeriesAttributes, nil
			})
		})
	}
	says := func(what string, want ...string) {
		t.Helper()
		a := rows(t, x, halong.Everything(), storage.Query{Level: storage.LevelSeries})[0].Attributes
		got := []string{a.String(tag.PatientID), a.String(tag.PatientName), a.String(tag.AccessionNumber), a.String(tag.StudyDescription), a.String(tag.SeriesDescription)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		if n := len(rows(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy}, "PatientID="+want[0])); n != 1 {
			t.Errorf("%s: %d studies are found by the Patient ID", what, n)
		}
	}
	says("as it came", "WRONG", "Lê^Thị B", "W1", "study, as instance 1 says", "wrong")
	describe("", 16)
	describe("1.2.1.1", 16)
	says("described for nothing", "WRONG", "Lê^Thị B", "W1", "study, as instance 1 says", "wrong")

	id, _ := r.hide(storage.Deleted, storage.AgainStored, storage.Ref{Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1"})
	describe("1.2.1.1", 16)
	describe("", 16)
	says("the first is hidden", "ID1", "Nguyễn^Văn A", "A1", "study, as instance 1 says", "second")
	asked = 0
	describe("1.2.1.1", 16)
	describe("", 1)
	describe("1.2.1.7", 16) // there is none
	if asked != 2 {
		t.Errorf("%d heads were read of rows that say what they should", asked)
	}
	r.restore(id, 0)
	describe("1.2.1.1", 16)
	describe("", 16)
	says("it is shown again", "WRONG", "Lê^Thị B", "W1", "study, as instance 1 says", "wrong")
}
