package sqlite_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
	"github.com/halong-gateway/halong/storage/storagetest"
)

// scan finds a plan's reading of a whole table or index, other than of a list of values.
var scan = regexp.MustCompile(`SCAN (s|e|i|c|o|b|me|study|series|instance|blob|source|event|study_group)\b[^;]*`)

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
	sop := single(tag.SOPInstanceUID, dicom.UI, o.SOP)
	key := func(t dicom.Tag, values ...string) query.Key {
		return query.Key{Path: []dicom.Tag{t}, VR: dicom.VROf(t), Values: values}
	}
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprintf("%s.%d", o.Study, i)
	}
	const (
		uid    = "SEARCH s USING INDEX study_uid (uid=? AND facility=?)"
		order  = "SEARCH s USING INDEX study_facility (facility=?)"
		sorted = "; USE TEMP B-TREE FOR ORDER BY"
		words  = "COMPOUND QUERY; LEFT-MOST SUBQUERY; CO-ROUTINE w; SETUP; SCAN CONSTANT ROW; SCALAR SUBQUERY 1; SEARCH study USING INDEX study_first (facility=? AND first>? AND first<?)" +
			"; RECURSIVE STEP; SCAN w; CORRELATED SCALAR SUBQUERY 3; SEARCH study USING INDEX study_first (facility=? AND first>? AND first<?); SCAN w" +
			"; UNION ALL; SEARCH study_group EXISTS USING PRIMARY KEY (name>? AND name<?)"
	)
	var (
		anywhere  = storage.Query{}
		fuzzy     = storage.Query{Rules: query.Rules{Fuzzy: true}}
		zoned     = storage.Query{Rules: query.Rules{Zone: "+0700"}}
		next      = storage.Query{After: &storage.Position{Date: o.Date, Study: dicom.UID(o.Study)}}
		nextIn    = storage.Query{After: &storage.Position{Date: o.Date, Study: dicom.UID(o.Study), Series: storage.NumberedUID{UID: dicom.UID(o.Series)}}}
		far       = storage.Query{Offset: 1000}
		sequenced = query.Key{Path: []dicom.Tag{tag.RequestAttributesSequence, tag.RequestedProcedureID}, VR: dicom.SH, Values: []string{"1"}}
	)
	for _, c := range []struct {
		name  string
		level storage.Level
		q     storage.Query
		keys  []query.Key
		want  []string // the plans with one facility; nil: whatever they are, without a scan
	}{
		{"page", storage.LevelStudy, anywhere, nil, []string{order}},
		{"next page", storage.LevelStudy, next, nil, []string{"SEARCH s USING INDEX study_facility (facility=? AND date<?)"}},
		{"page by offset", storage.LevelStudy, far, nil, []string{order}},
		{"date range", storage.LevelStudy, anywhere, []query.Key{key(tag.StudyDate, "20240101-20240201")}, []string{"SEARCH s USING INDEX study_facility (facility=? AND date>? AND date<?)"}},
		{"date", storage.LevelStudy, anywhere, []query.Key{key(tag.StudyDate, "20240101")}, []string{"SEARCH s USING INDEX study_facility (facility=? AND date>? AND date<?)"}},
		{"dates from", storage.LevelStudy, anywhere, []query.Key{key(tag.StudyDate, "20240101-")}, []string{"SEARCH s USING INDEX study_facility (facility=? AND date>?)"}},
		{"dates up to", storage.LevelStudy, anywhere, []query.Key{key(tag.StudyDate, "-20240101")}, []string{"SEARCH s USING INDEX study_facility (facility=? AND date>? AND date<?)"}},
		{"dates with a zone", storage.LevelStudy, zoned, []query.Key{key(tag.StudyDate, "20240101-20240201")}, []string{"SEARCH s USING INDEX study_facility (facility=? AND date>? AND date<?)"}},
		{"date and time", storage.LevelStudy, anywhere, []query.Key{key(tag.StudyDate, "20240101-20240201"), key(tag.StudyTime, "1000-1200")}, []string{"SEARCH s USING INDEX study_facility (facility=? AND date>? AND date<?)"}},
		{"birth date", storage.LevelStudy, anywhere, []query.Key{key(tag.PatientBirthDate, "19700101")}, []string{order}},
		{"patient", storage.LevelStudy, anywhere, []query.Key{key(tag.PatientID, o.ID)}, []string{"SEARCH s USING INDEX study_patient (patient=?)"}},
		{"patients", storage.LevelStudy, anywhere, []query.Key{key(tag.PatientID, o.ID, "P2")}, nil},
		{"patient prefix", storage.LevelStudy, anywhere, []query.Key{key(tag.PatientID, "VN*")}, []string{
			"CO-ROUTINE (subquery-1); SEARCH study USING COVERING INDEX study_patient (patient>? AND patient<?); SCAN (subquery-1)",
			"SEARCH s USING INDEX study_patient (patient>? AND patient<?)" + sorted,
		}},
		{"accession", storage.LevelStudy, anywhere, []query.Key{key(tag.AccessionNumber, o.Accession)}, []string{"SEARCH s USING INDEX study_accession (accession=?)" + sorted}},
		{"accessions", storage.LevelStudy, anywhere, []query.Key{key(tag.AccessionNumber, o.Accession, "A2")}, nil},
		{"accession prefix", storage.LevelStudy, anywhere, []query.Key{key(tag.AccessionNumber, "ACC*")}, []string{order}},
		{"study ID", storage.LevelStudy, anywhere, []query.Key{key(tag.StudyID, "1")}, []string{order}},
		{"description", storage.LevelStudy, anywhere, []query.Key{key(tag.StudyDescription, "*qu*")}, []string{order}},
		{"name prefix", storage.LevelStudy, anywhere, []query.Key{key(tag.PatientName, "Ngu*")}, []string{words, "SEARCH s USING INDEX study_first (facility=? AND first=?)"}},
		{"name prefix, next page", storage.LevelStudy, next, []query.Key{key(tag.PatientName, "Ngu*")}, []string{words, "SEARCH s USING INDEX study_first (facility=? AND first=? AND date<?)"}},
		{"name prefix in a date range", storage.LevelStudy, anywhere, []query.Key{key(tag.PatientName, "Ngu*"), key(tag.StudyDate, "20240101-20240201")}, []string{words, "SEARCH s USING INDEX study_first (facility=? AND first=? AND date>? AND date<?)"}},
		{"name", storage.LevelStudy, anywhere, []query.Key{key(tag.PatientName, "Nguyen^Van^0")}, nil},
		{"part of a name", storage.LevelStudy, anywhere, []query.Key{key(tag.PatientName, "*Van*")}, []string{order}},
		{"ideographic name", storage.LevelStudy, anywhere, []query.Key{key(tag.PatientName, "=王*")}, []string{order}},
		{"fuzzy name", storage.LevelStudy, fuzzy, []query.Key{key(tag.PatientName, "van nguyen")}, []string{order}},
		{"referring physician", storage.LevelStudy, anywhere, []query.Key{key(tag.ReferringPhysicianName, "Tran*")}, []string{order}},
		{"modality", storage.LevelStudy, anywhere, []query.Key{key(tag.ModalitiesInStudy, "CT")}, []string{order}},
		{"number of instances", storage.LevelStudy, anywhere, []query.Key{key(tag.NumberOfStudyRelatedInstances, "2")}, []string{order}},
		{"study", storage.LevelStudy, anywhere, []query.Key{study}, []string{uid}},
		{"studies", storage.LevelStudy, anywhere, []query.Key{key(tag.StudyInstanceUID, o.Study, "1.2.3")}, nil},
		{"5,000 studies", storage.LevelStudy, anywhere, []query.Key{key(tag.StudyInstanceUID, many...)}, nil},
		{"study of a series", storage.LevelStudy, anywhere, []query.Key{series}, nil},
		{"studies with a SOP Class", storage.LevelStudy, anywhere, []query.Key{key(tag.SOPClassUID, "1.2.840.10008.5.1.4.1.1.2")}, nil},
		{"series of study", storage.LevelSeries, anywhere, []query.Key{study}, []string{uid, "SEARCH e USING INDEX series_order (study=?)"}},
		{"series of a study, next page", storage.LevelSeries, nextIn, []query.Key{study}, nil},
		{"series anywhere", storage.LevelSeries, anywhere, []query.Key{series}, nil},
		{"5,000 series", storage.LevelSeries, anywhere, []query.Key{key(tag.SeriesInstanceUID, many...)}, nil},
		{"series of a modality anywhere", storage.LevelSeries, anywhere, []query.Key{key(tag.Modality, "CT")}, nil},
		{"series by number anywhere", storage.LevelSeries, anywhere, []query.Key{key(tag.SeriesNumber, "1")}, nil},
		{"series by sequence", storage.LevelSeries, anywhere, []query.Key{sequenced}, nil},
		{"series of a patient", storage.LevelSeries, anywhere, []query.Key{key(tag.PatientID, o.ID)}, nil},
		{"instances of series", storage.LevelInstance, anywhere, []query.Key{study, series}, []string{uid, "SEARCH e USING INDEX series_uid (uid=? AND study=?)", "SEARCH i USING INDEX instance_order (series=?); USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY"}},
		{"instances of study", storage.LevelInstance, anywhere, []query.Key{study}, []string{uid, "SEARCH e USING INDEX series_order (study=?)", "SEARCH i USING INDEX instance_order (series=?); USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY", "SEARCH i USING INDEX instance_order (series=?); USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY"}},
		{"instance of series", storage.LevelInstance, anywhere, []query.Key{study, series, sop}, nil},
		{"instance anywhere", storage.LevelInstance, anywhere, []query.Key{sop}, nil},
		{"5,000 instances", storage.LevelInstance, anywhere, []query.Key{key(tag.SOPInstanceUID, many...)}, nil},
		{"instances by number anywhere", storage.LevelInstance, anywhere, []query.Key{key(tag.InstanceNumber, "1")}, nil},
		{"instances of a date", storage.LevelInstance, anywhere, []query.Key{key(tag.StudyDate, o.Date)}, nil},
	} {
		for _, db := range []*sqlite.DB{one, two} {
			name, scope := c.name, halong.Everything()
			if db == two {
				name += ", merged"
			}
			t.Run(name, func(t *testing.T) {
				q := c.q
				q.Level, q.Keys, q.Limit = c.level, c.keys, 25
				got, err := db.Plans(func() error { return db.Searched(scope, q) })
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, got); diff != "" && c.want != nil && db == one {
					t.Error(diff)
				}
				noScan(t, got, db == two)
			})
		}
	}
}

// noScan fails when a plan reads a whole table or index. With several facilities in sight studies are read along an index that gives the order
// of answers, until the page is full.
func noScan(t *testing.T, plans []string, merged bool) {
	t.Helper()
	if len(plans) == 0 {
		t.Error("nothing was asked")
	}
	for _, plan := range plans {
		if s := scan.FindString(plan); s != "" && !(merged && s == "SCAN s USING INDEX study_date") {
			t.Errorf("reads a whole table or index: %s", plan)
		}
	}
}

// TestPlansOfRetrieval: what images are looked up by, and the stamps of ready-made answers.
func TestPlansOfRetrieval(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	o := object(0, 1, 2)
	if err := db.Update(context.Background(), func(tx halong.Tx) error {
		_, err := db.AddInstance(tx, o.Instance(), storage.ServeFirst)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	id := o.Instance().Identity
	instances := func(ref storage.Ref) func() error {
		return func() error {
			for _, err := range db.Instances(context.Background(), halong.Everything(), ref) {
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	stamp := func(ref storage.Ref) func() error {
		return func() error {
			_, err := db.Stamp(context.Background(), halong.Everything(), ref)
			return err
		}
	}
	for name, f := range map[string]func() error{
		"stamp of a study":    stamp(storage.Ref{Study: id.Study}),
		"stamp of a series":   stamp(storage.Ref{Study: id.Study, Series: id.Series}),
		"one instance":        instances(storage.Ref{Study: id.Study, Series: id.Series, SOP: id.SOP}),
		"of one facility":     instances(storage.Ref{Study: id.Study, Series: id.Series, SOP: id.SOP, Facility: id.Facility}),
		"instances of series": instances(storage.Ref{Study: id.Study, Series: id.Series}),
		"instances of study":  instances(storage.Ref{Study: id.Study}),
		"instance anywhere":   instances(storage.Ref{SOP: id.SOP}),
		"all versions":        instances(storage.Ref{Study: id.Study, Series: id.Series, SOP: id.SOP, AllVersions: true}),
		"event runs":          func() error { _, err := db.EventRuns(context.Background()); return err }, // all of them, which are few
		"events":              func() error { _, err := db.EventsSince(context.Background(), 0, 10); return err },
		"end of the events":   func() error { _, _, err := db.ChainEnd(context.Background()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			plans, err := db.Plans(f)
			if err != nil {
				t.Fatal(err)
			}
			if name == "end of the events" { // from its end, one row
				if diff := cmp.Diff([]string{"SCAN event"}, plans); diff != "" {
					t.Error(diff)
				}
				return
			}
			noScan(t, plans, false)
		})
	}
}

// TestLongLists: lists of UIDs are gone through once for the whole of a search, not for each study or series that they name.
func TestLongLists(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	const studies = 40
	var o storagetest.Object
	var seriesUIDs, sops []string
	if err := db.Update(context.Background(), func(tx halong.Tx) error {
		for i := range studies * 4 {
			o = object(i, 2, 2)
			if _, err := db.AddInstance(tx, o.Instance(), storage.ServeFirst); err != nil {
				return err
			}
			if seriesUIDs, sops = append(seriesUIDs, o.Series), append(sops, o.SOP); i%2 == 0 {
				seriesUIDs = append(seriesUIDs, o.Series+".0")
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		level storage.Level
		tag   dicom.Tag
		uids  []string
		found int
	}{
		{storage.LevelSeries, tag.SeriesInstanceUID, seriesUIDs, studies * 2},
		{storage.LevelInstance, tag.SeriesInstanceUID, seriesUIDs, studies * 4},
		{storage.LevelInstance, tag.SOPInstanceUID, sops, studies * 4},
		{storage.LevelInstance, tag.SOPInstanceUID, sops[:longEnough], longEnough},
		{storage.LevelStudy, tag.SOPInstanceUID, sops, studies},
	} {
		found, long := 0, 0
		statements, err := db.Statements(func() error {
			for _, err := range db.Find(context.Background(), halong.Everything(), storage.Query{Level: c.level, Keys: []query.Key{{Path: []dicom.Tag{c.tag}, VR: dicom.UI, Values: c.uids}}}) {
				if err != nil {
					return err
				}
				found++
			}
			return nil
		})
		if err != nil || found != c.found {
			t.Errorf("%v at level %d: %d found, want %d, %v", c.tag, c.level, found, c.found, err)
		}
		for _, s := range statements {
			if slices.ContainsFunc(s.Args, func(a any) bool { text, _ := a.(string); return len(text) > 1500 }) {
				long++
			}
		}
		if long > 4 {
			t.Errorf("%v at level %d: %d of %d statements go through the whole list", c.tag, c.level, long, len(statements))
		}
	}
}

const longEnough = 100
