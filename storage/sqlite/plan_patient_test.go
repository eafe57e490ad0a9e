package sqlite_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// scansPatients finds a plan that reads all patients, words, links, changes or studies.
var scansPatients = regexp.MustCompile(`SCAN (p|w|x|b|c|s|i|e|patient|patient_word|patient_other|patient_link|patient_change|study|study_bearer|series|instance)\b[^;]*`)

// TestPatientPlans: nobody is looked for by reading everybody, and a merge looks at no studies but those it concerns.
func TestPatientPlans(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	s := patient.New(db)
	p := &patient.Patient{Facility: "BV1", Identifiers: []patient.Identifier{{ID: "P1", Authority: "A"}}, Name: "Nguyễn^Ánh", Birth: "1985-01-02"}
	q := &patient.Patient{Facility: "BV1", Identifiers: []patient.Identifier{{ID: "P2", Authority: "A"}}}
	o := object(1, 1, 2)
	o.Facility, o.ID = "BV1", "P2"
	other := o
	other.SOP, other.ID = other.SOP+".9", "P3"
	if err := db.Update(t.Context(), func(tx halong.Tx) error {
		_, err := s.Register(tx, patient.Told{Patient: p}, patient.Cause{})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	byFormer := storage.Query{Level: storage.LevelStudy, Keys: []query.Key{{Path: []dicom.Tag{tag.PatientID}, VR: dicom.LO, Values: []string{"P2"}}}}
	find := func(q patient.Query) func() error {
		return func() error { _, err := db.FindPatients(t.Context(), halong.Everything(), q); return err }
	}
	check := func(name string, plans []string, err error, allowed string) {
		t.Helper()
		if err != nil || len(plans) == 0 {
			t.Errorf("%s: %d plans, %v", name, len(plans), err)
		}
		for _, plan := range plans {
			if scan := scansPatients.FindString(plan); scan != "" && scan != allowed {
				t.Errorf("%s: %s", name, plan)
			}
			if sorts := regexp.MustCompile("TEMP B-TREE FOR ORDER BY").FindString(plan); sorts != "" && !slices.Contains([]string{"identifier", "identifier of several", "ID of several"}, name) && name != "history" && name != "former Patient ID" {
				t.Errorf("%s: sorts: %s", name, plan)
			}
		}
	}
	for _, c := range []struct {
		name    string
		run     func() error
		allowed string // pages of everybody, in the order of keys
	}{
		{"all", find(patient.Query{}), "SCAN p"},
		{"identifier", find(patient.Query{Identifier: "P1", Authority: "A", Birth: "1985-01-02"}), "SCAN w"},
		{"name", find(patient.Query{Name: "nguyen anh", Sex: "F"}), ""},
		{"name, page", find(patient.Query{Name: "nguyen anh", After: "nguyen.1"}), ""},
		{"birth", find(patient.Query{Birth: "1985-01-02", Sex: "F"}), ""},
		{"birth, page", find(patient.Query{Birth: "1985-01-02", Name: "anh", After: "1"}), ""},
		{"group", func() error { _, err := db.PatientGroup(t.Context(), 1); return err }, "SCAN b"},
		{"history", func() error { _, err := db.PatientChanges(t.Context(), 1, 1, 10); return err }, "SCAN x"},
		{"identifier of several", func() error { _, err := db.PatientsByIdentifier(t.Context(), halong.Everything(), "P1"); return err }, "SCAN w"},
		{"ID of several", func() error { _, err := db.PatientsByID(t.Context(), halong.Everything(), "P1"); return err }, "SCAN w"},
		{"identity", func() error {
			_, err := db.PatientByIdentity(t.Context(), patient.Identity{Facility: "BV1", Authority: "A", ID: "P1"})
			return err
		}, ""},
	} {
		plans, err := db.Plans(c.run)
		check(c.name, plans, err, c.allowed)
	}
	for _, c := range []struct {
		name string
		run  func(halong.Tx) error
	}{
		{"merge", func(tx halong.Tx) error { _, err := s.Merge(tx, p, q, patient.Cause{}); return err }},
		{"a study that comes late", func(tx halong.Tx) error { _, err := db.AddInstance(tx, o.Instance(), storage.ServeFirst); return err }},
		{"an object of another patient in it", func(tx halong.Tx) error {
			_, err := db.AddInstance(tx, other.Instance(), storage.ServeFirst)
			return err
		}},
		{"unmerge", func(tx halong.Tx) error {
			_, err := s.Unmerge(tx, patient.Identity{Facility: "BV1", Authority: "A", ID: "P2"}, patient.Cause{})
			return err
		}},
		{"studies that wait", db.ReidentifyMore},
		{"orders that wait", func(tx halong.Tx) error { _, err := db.TakeDeferred(tx, 10); return err }},
		{"authority", func(tx halong.Tx) error { _, err := db.HasAuthority(tx, "BV1", "A"); return err }},
	} {
		plans, err := db.PlansIn(c.run)
		allowed := "SCAN b"
		if c.name == "studies that wait" {
			allowed = "SCAN p" // those alone, in the order of keys, to the limit
		}
		check(c.name, plans, err, allowed)
		if c.name == "merge" {
			plans, err := db.Plans(func() error {
				for _, err := range db.Find(t.Context(), halong.Everything(), byFormer) {
					return err
				}
				return nil
			})
			check("former Patient ID", plans, err, "")
		}
	}
}
