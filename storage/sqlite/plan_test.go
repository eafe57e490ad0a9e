package sqlite_test

import (
	"context"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// scan finds a plan's reading of a whole table or index, other than of a list of values.
var scan = regexp.MustCompile(`SCAN (s|e|i|c|study|series|instance|blob|study_group)\b[^;]*`)

// TestPlans: no shape of search reads a whole table. Where studies are read in the
// order of answers, the index gives that order and the page's limit ends it.
func TestPlans(t *testing.T) {
	one := open(t, nil, sqlite.Options{})
	two := open(t, nil, sqlite.Options{})
	for i := range 3 {
		o := object(i, 1, 2)
		for _, db := range []*sqlite.DB{one, two} {
			for _, f := range []halong.Facility{"BV1", "BV2"} {
				if o.Facility = f; f == "BV2" && db == one {
					continue
				}
				if err := db.Update(context.Background(), func(tx halong.Tx) error {
					_, err := db.AddInstance(tx, o.Instance(), storage.ServeFirst)
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	o := object(0, 1, 2)
	study, series := single(tag.StudyInstanceUID, dicom.UI, o.Study), single(tag.SeriesInstanceUID, dicom.UI, o.Series)
	for _, c := range []struct {
		name  string
		db    *sqlite.DB
		level storage.Level
		keys  []query.Key
		want  []string // the plans; nil: whatever they are, without a scan
		scans string   // the one scan that is allowed
	}{
		{"page", one, storage.LevelStudy, nil, []string{"SEARCH s USING INDEX study_facility (facility=?)"}, ""},
		{"date range", one, storage.LevelStudy, []query.Key{single(tag.StudyDate, dicom.DA, "20240101-20240201")}, []string{"SEARCH s USING INDEX study_facility (facility=? AND date>? AND date<?)"}, ""},
		{"patient", one, storage.LevelStudy, []query.Key{single(tag.PatientID, dicom.LO, o.ID)}, []string{"SEARCH s USING INDEX study_patient (patient=?)"}, ""},
		{"patient prefix", one, storage.LevelStudy, []query.Key{single(tag.PatientID, dicom.LO, "VN*")}, []string{
			"CO-ROUTINE (subquery-1); SEARCH study USING COVERING INDEX study_patient (patient>? AND patient<?); SCAN (subquery-1)",
			"SEARCH s USING INDEX study_patient (patient>? AND patient<?); USE TEMP B-TREE FOR ORDER BY",
		}, ""},
		{"accession", one, storage.LevelStudy, []query.Key{single(tag.AccessionNumber, dicom.SH, o.Accession)}, []string{"SEARCH s USING INDEX study_accession (accession=?); USE TEMP B-TREE FOR ORDER BY"}, ""},
		{"study", one, storage.LevelStudy, []query.Key{study}, []string{"SEARCH s USING INDEX study_uid (uid=? AND facility=?)"}, ""},
		{"series of study", one, storage.LevelSeries, []query.Key{study}, []string{"SEARCH s USING INDEX study_uid (uid=? AND facility=?)", "SEARCH e USING INDEX series_order (study=?)"}, ""},
		{"instances of series", one, storage.LevelInstance, []query.Key{study, series}, []string{"SEARCH s USING INDEX study_uid (uid=? AND facility=?)", "SEARCH e USING INDEX series_uid (uid=? AND study=?)", "SEARCH i USING INDEX instance_order (series=?); USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY"}, ""},
		{"name prefix", one, storage.LevelStudy, []query.Key{single(tag.PatientName, dicom.PN, "Ngu*")}, nil, ""},
		{"name", one, storage.LevelStudy, []query.Key{single(tag.PatientName, dicom.PN, "*Van*")}, []string{"SEARCH s USING INDEX study_facility (facility=?)"}, ""},
		{"series anywhere", one, storage.LevelSeries, []query.Key{series}, nil, ""},
		{"instance anywhere", one, storage.LevelInstance, []query.Key{single(tag.SOPInstanceUID, dicom.UI, o.SOP)}, nil, "SCAN e USING COVERING INDEX series_order"},
		{"merged page", two, storage.LevelStudy, nil, nil, "SCAN s USING INDEX study_date"},
		{"merged patient", two, storage.LevelStudy, []query.Key{single(tag.PatientID, dicom.LO, o.ID)}, nil, ""},
		{"merged instances", two, storage.LevelInstance, []query.Key{study, series}, nil, ""},
		{"studies", two, storage.LevelStudy, []query.Key{{Path: study.Path, VR: dicom.UI, Values: []string{o.Study, "1.2.3"}}}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.db.Plans(func() error {
				return c.db.Searched(halong.Everything(), storage.Query{Level: c.level, Keys: c.keys, Limit: 25})
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" && c.want != nil {
				t.Error(diff)
			}
			for _, plan := range got {
				if s := scan.FindString(plan); s != "" && s != c.scans {
					t.Errorf("reads a whole table or index: %s", plan)
				}
			}
		})
	}
}
