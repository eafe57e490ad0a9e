package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/patient"
)

// patientBearers: who bears an identifier is told, those first whose identity it is, but not of one that is everybody's, of which no part would be the right one. What
// one facility holds counts for no other.
func patientBearers(t *testing.T, x PatientIndex) {
	all := []*patient.Patient{
		{Facility: "BV2", Identifiers: []patient.Identifier{{ID: "0", Authority: "A"}}},
		{Facility: "BV1", Identifiers: []patient.Identifier{{ID: "0", Authority: "B"}}},
		{Facility: "BV1", Identifiers: []patient.Identifier{{ID: "0", Authority: "A"}, {ID: "0", Authority: "C"}}},
	}
	other := func(n int, f halong.Facility) *patient.Patient {
		return &patient.Patient{Facility: f, Identifiers: []patient.Identifier{{ID: fmt.Sprint("P", n), Authority: "A"}, {ID: "0", Authority: "N"}}}
	}
	for n := range patient.MaxBearers - 2 {
		all = append(all, other(n, "BV1"))
	}
	add := func(all ...*patient.Patient) {
		t.Helper()
		update(t, x, func(tx halong.Tx) error {
			for _, p := range all {
				if _, err := x.AddPatient(tx, p); err != nil {
					return err
				}
			}
			return nil
		})
	}
	add(all...)
	names := func(scope halong.Scope, ask func(context.Context, halong.Scope, string) ([]*patient.Patient, error)) []string {
		t.Helper()
		found, err := ask(t.Context(), scope, "0")
		if err != nil {
			return []string{halong.KindOf(err).String(), fmt.Sprint(errors.Is(err, patient.ErrBearers))}
		}
		list := []string{fmt.Sprint(len(found))}
		for _, p := range found[:min(3, len(found))] {
			list = append(list, fmt.Sprint(p.Facility, p.Identifiers[0]))
		}
		return list
	}
	bv1, bv2, tooMany := halong.Scope{Own: "BV1"}, halong.Scope{Own: "BV2"}, []string{halong.Conflict.String(), "true"}
	check := func(want, got []string) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	check([]string{"1000", "BV1{0 A  }", "BV1{0 B  }", "BV1{P0 A  }"}, names(bv1, x.PatientsByIdentifier))
	check([]string{"1", "BV2{0 A  }"}, names(bv2, x.PatientsByIdentifier))
	check(tooMany, names(halong.Everything(), x.PatientsByIdentifier))
	add(other(2000, "BV1"))
	check(tooMany, names(bv1, x.PatientsByIdentifier))
	check([]string{"1", "BV2{0 A  }"}, names(bv2, x.PatientsByIdentifier))
	check([]string{"3", "BV1{0 A  }", "BV1{0 B  }", "BV2{0 A  }"}, names(halong.Everything(), x.PatientsByID))
}
