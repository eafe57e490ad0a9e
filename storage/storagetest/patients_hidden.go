package storagetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// patientHidden: what happens to a patient while a study is hidden is served once it is shown again, of each of its objects.
func patientHidden(t *testing.T, x PatientIndex) {
	mixed := []Object{
		{Facility: "BV1", Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1", ID: "7", Name: "A^B"},
		{Facility: "BV1", Study: "1.2.1", Series: "1.2.1.2", SOP: "1.2.1.2.1", ID: "8", Name: "C^D"},
	}
	add(t, x, storage.ServeFirst, mixed...)
	served := func() (out []string) {
		t.Helper()
		for _, in := range retrieve(t, x, halong.Everything(), storage.Ref{Study: "1.2.1"}) {
			out = append(out, fmt.Sprintf("%s %+v", in.SOP, in.Patient))
		}
		for _, r := range rows(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy}) {
			out = append(out, fmt.Sprintf("%s %v", r.Study, r.Attributes.Elements))
		}
		return out
	}
	r := &removals{t: t, x: x}
	received := served()
	merge(t, x, person("9", "", "C^D^E"), person("8", "", "C^D"), 1)
	merged := served()
	if cmp.Equal(received, merged) {
		t.Fatal("the merge changes nothing")
	}
	id, _ := r.hide(storage.Deleted, storage.AgainStored, storage.Ref{Facility: "BV1", Study: "1.2.1"})
	r.restore(id, 0)
	if diff := cmp.Diff(merged, served()); diff != "" {
		t.Errorf("hidden and shown: %s", diff)
	}
	id, _ = r.hide(storage.Deleted, storage.AgainStored, storage.Ref{Facility: "BV1", Study: "1.2.1"})
	unmerge(t, x, person("8", "", "C^D"), 2)
	r.restore(id, 0)
	if diff := cmp.Diff(received, served()); diff != "" {
		t.Errorf("the merge was taken back meanwhile: %s", diff)
	}
}
