package storagetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// patientFormer: a Patient ID that was merged away finds the studies of who survives, and of nobody else.
func patientFormer(t *testing.T, x PatientIndex) {
	other := ctOf("4", "NEW", "Elsewhere")
	other.Facility = "BV2"
	add(t, x, storage.ServeFirst, ctOf("1", "OLD", "Old^Name"), ctOf("2", "NEW", "New^Name"), ctOf("3", "X", "Else^One"), other)
	asked := func(scope halong.Scope, level storage.Level, keys ...string) (found []string) {
		t.Helper()
		for _, r := range rows(t, x, scope, storage.Query{Level: level}, keys...) {
			one := shortID(r.Identity) + " " + r.Attributes.String(tag.PatientID)
			if e := r.Attributes.Get(tag.OtherPatientIDsSequence); e != nil {
				for _, item := range e.Items {
					one += ", was " + item.String(tag.PatientID) + " of " + item.String(tag.IssuerOfPatientID)
				}
			}
			found = append(found, one)
		}
		return found
	}
	expect := func(when string, want []string, scope halong.Scope, level storage.Level, keys ...string) {
		t.Helper()
		if d := cmp.Diff(want, asked(scope, level, keys...)); d != "" {
			t.Errorf("%s: %s", when, d)
		}
	}
	all, one, study := halong.Everything(), halong.Scope{Own: "BV1"}, storage.LevelStudy
	before := asked(all, study, "PatientID=OLD")
	merge(t, x, person("NEW", "A", "New^Name"), person("OLD", "A", ""), 1)
	both := []string{"1 of BV1 NEW, was OLD of A", "2 of BV1 NEW, was OLD of A"}
	expect("merged", both, one, study, "PatientID=OLD")
	expect("of several facilities", both, all, study, "PatientID=OLD")
	expect("with another key", both[:1], all, study, "PatientID=OLD", "StudyInstanceUID=1.2.1")
	expect("with a key that is not fulfilled", nil, all, study, "PatientID=OLD", "PatientName=Old*")
	expect("by modality", both, one, study, "PatientID=OLD", "ModalitiesInStudy=CT")
	expect("by the Patient ID that survives", []string{"1 of BV1 NEW", "2 of BV1 NEW", "4 of BV2 NEW"}, all, study, "PatientID=NEW")
	expect("another facility", nil, halong.Scope{Own: "BV2"}, study, "PatientID=OLD")
	if got := asked(one, storage.LevelSeries, "PatientID=OLD", "Modality=CT"); len(got) != 2 {
		t.Errorf("series: %q", got)
	}
	if got := asked(one, storage.LevelInstance, "PatientID=OLD"); len(got) != 2 {
		t.Errorf("instances: %q", got)
	}
	merge(t, x, person("X", "A", "Else^One"), person("NEW", "A", ""), 2)
	chain := func(id string) []string {
		return []string{"1 of BV1 X, was " + id + " of A", "2 of BV1 X, was " + id + " of A", "3 of BV1 X, was " + id + " of A"}
	}
	expect("over another", chain("OLD"), one, study, "PatientID=OLD")
	expect("the one between", chain("NEW"), one, study, "PatientID=NEW")

	// Somebody else of another authority has the number that survives.
	update(t, x, func(tx halong.Tx) error {
		n := ctOf("5", "X", "Third^One")
		i := n.Instance()
		i.StudyAttributes.PutString(tag.IssuerOfPatientID, dicom.LO, "C")
		if _, err := x.AddInstance(tx, i, storage.ServeFirst); err != nil {
			return err
		}
		_, err := patient.New(x).Register(tx, patient.Told{Patient: person("X", "C", "Third^One")}, because(3))
		return err
	})
	expect("whose it is not", []string{"1 of BV1 X, was OLD of A", "2 of BV1 X, was OLD of A"}, one, study, "PatientID=OLD") // nor is it certain of study 3
	unmerge(t, x, person("NEW", "A", ""), 4)
	unmerge(t, x, person("OLD", "A", ""), 5)
	expect("undone", before, all, study, "PatientID=OLD")
}
