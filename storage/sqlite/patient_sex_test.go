package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// TestOldSexes: patients of an older index have the sex that their next message says, so that it corrects nothing.
func TestOldSexes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "halong.db")
	db := openAt(t, path, nil, sqlite.Options{})
	said := []string{"", "M", "f", "nam", "NAM", "Male", "nữ", "Nữ", "NỮ", "nỮ", "nu", "FEMALE", "khác", "KHÁC", "khac", "Other", "unknown", "x"}
	for _, s := range said {
		p := &patient.Patient{Facility: "BV1", Sex: s, Identifiers: []patient.Identifier{{ID: "of" + s}}}
		if err := db.Update(t.Context(), func(tx halong.Tx) error { _, err := db.AddPatient(tx, p); return err }); err != nil {
			t.Fatal(err)
		}
	}
	change(t, db, `DELETE FROM schema_version WHERE version = 207`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openAt(t, path, nil, sqlite.Options{})
	for _, s := range said {
		all, err := db.PatientsByID(t.Context(), halong.Everything(), "of"+s)
		if err != nil || len(all) != 1 || all[0].Sex != hl7v2.AdministrativeSex(s) {
			t.Errorf("%q: %+v, %v", s, all, err)
		}
	}
}
