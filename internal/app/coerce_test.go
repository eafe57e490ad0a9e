package app

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/patient"
)

// known is an index with patients.
type known struct {
	all []*patient.Patient
	err error
}

func (k known) PatientsByIdentifier(_ context.Context, scope halong.Scope, id string) (out []*patient.Patient, err error) {
	for _, p := range k.all {
		if scope.Sees(p.Facility) && bears(p, id, "") {
			out = append(out, p)
		}
	}
	return out, k.err
}

func TestPatientLookup(t *testing.T) {
	of := func(facility halong.Facility, name string, ids ...patient.Identifier) *patient.Patient {
		return &patient.Patient{Facility: facility, Name: name, Birth: "1970-01-31", Sex: "A", Identifiers: ids}
	}
	index := known{all: []*patient.Patient{
		of("BV1", "One", patient.Identifier{ID: "1"}, patient.Identifier{ID: "079070000001", Authority: "VN"}),
		of("BV1", "Two", patient.Identifier{ID: "2", Authority: "A"}),
		of("BV1", "Three", patient.Identifier{ID: "2", Authority: "B"}),
		of("BV2", "Four", patient.Identifier{ID: "4"}),
	}}
	for _, c := range []struct{ facility, id, issuer, want string }{
		{"BV1", "1", "", "One"},
		{"BV1", "079070000001", "VN", "One"},
		{"BV1", "079070000001", "US", ""},
		{"BV1", "2", "B", "Three"},
		{"BV1", "2", "", ""},
		{"BV1", "4", "", ""},
		{"BV2", "4", "", "Four"},
		{"BV1", "5", "", ""},
	} {
		s, err := records{index}.Patient(t.Context(), c.facility, c.id, c.issuer)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if s != nil {
			got = s.String(tag.PatientName)
		}
		if got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	s, err := records{index}.Patient(t.Context(), "BV1", "1", "")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{s.String(tag.PatientID), s.String(tag.PatientBirthDate), s.String(tag.PatientSex)}
	if d := cmp.Diff([]string{"1", "19700131", "O"}, got); d != "" {
		t.Error(d)
	}
	index.err = halong.E("sqlite", halong.Conflict, "", patient.ErrBearers) // of a number that is everybody's no one is known
	if s, err := (records{index}).Patient(t.Context(), "BV1", "1", ""); s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
	index.err = errors.New("lost")
	if _, err := (records{index}).Patient(t.Context(), "BV1", "1", ""); halong.KindOf(err) != halong.Transient {
		t.Errorf("a lookup that fails: %v", err)
	}
}
