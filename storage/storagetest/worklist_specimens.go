package storagetest

import (
	"context"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/worklist"
)

// worklistSpecimens finds orders by the specimens that they name: the newest of the facility, of the same patient where both are known.
func worklistSpecimens(t *testing.T, s WorklistStore) {
	var an, binh, an2 *patient.Patient
	do(t, s, func(tx halong.Tx) error {
		an, binh, an2 = person("1", "A", "An"), person("2", "A", "Bình"), person("3", "A", "An")
		for _, p := range []*patient.Patient{an, binh, an2} {
			if _, err := s.AddPatient(tx, p); err != nil {
				return err
			}
		}
		return nil
	})
	put := func(n int, f halong.Facility, key int64, specimens ...string) {
		t.Helper()
		do(t, s, func(tx halong.Tx) error {
			o := Order(n, f)
			o.Kind, o.Attributes, o.Steps = worklist.Laboratory, o.Steps[0].Attributes, nil
			o.Patient, o.Specimens, o.Placer.ID = key, specimens, "PL"
			return s.PutOrder(tx, o)
		})
	}
	survivor := func(p *patient.Patient, key int64) {
		t.Helper()
		do(t, s, func(tx halong.Tx) error {
			p.Survivor = key
			return s.UpdatePatient(tx, p)
		})
	}
	find := func(what string, want int64, f halong.Facility, n lab.Numbers) {
		t.Helper()
		ref, ok, err := s.OrderOf(context.Background(), f, n)
		wantRef := lab.OrderRef{}
		if want != 0 {
			wantRef = lab.OrderRef{ID: want << 20, By: "specimen", Status: string(worklist.Scheduled)}
		}
		if err != nil || ok != (want != 0) || ref != wantRef {
			t.Errorf("%s: %+v %v %v, not %+v", what, ref, ok, err, wantRef)
		}
	}
	of := func(key int64, specimens ...string) lab.Numbers {
		return lab.Numbers{Filler: &lab.Order{ID: "FX"}, Specimens: specimens, Patient: key}
	}
	put(1, "BV1", an.Key, "S1", "C<1>")
	put(2, "BV1", an.Key, "S1")
	put(3, "BV1", binh.Key, "S1", "S3")
	put(4, "BV2", an.Key, "S4")
	put(5, "BV1", 0, "S5")
	put(6, "BV1", an.Key) // none
	find("the newest of the patient", 2, "BV1", of(an.Key, "S1"))
	find("the other patient's", 3, "BV1", of(binh.Key, "S1"))
	find("the newest where no patient is known", 3, "BV1", of(0, "S1"))
	find("another name of it", 1, "BV1", of(an.Key, "C<1>"))
	find("any of several", 2, "BV1", of(an.Key, "none", "C<1>", "S1"))
	find("an order without a patient", 5, "BV1", of(an.Key, "S5"))
	find("another patient's alone", 0, "BV1", of(an.Key, "S3"))
	find("another facility's", 0, "BV1", of(an.Key, "S4"))
	find("its own facility", 4, "BV2", of(an.Key, "S4"))
	find("unknown", 0, "BV1", of(0, "s1", ""))

	filler := func(key int64, id, filler string) lab.Numbers {
		return lab.Numbers{Specimens: []string{id}, Fillers: []string{filler}, Patient: key}
	}
	find("the laboratory's name of it", 1, "BV1", filler(an.Key, "none", "C<1>"))
	find("both names", 1, "BV1", filler(an.Key, "C<1>", "C<1>"))
	find("names of two orders", 1, "BV1", filler(an.Key, "C<1>", "S1"))
	find("the laboratory's name of another patient's", 0, "BV1", filler(an.Key, "none", "S3"))

	find("before the merge", 0, "BV1", of(an2.Key, "C<1>"))
	survivor(an, an2.Key)
	find("the retired patient's order", 1, "BV1", of(an2.Key, "C<1>"))
	find("the retired patient's result", 1, "BV1", of(an.Key, "C<1>"))
	survivor(an, 0)
	find("after its undoing", 0, "BV1", of(an2.Key, "C<1>"))

	put(2, "BV1", an.Key, "S2")
	find("a specimen that was replaced", 1, "BV1", of(an.Key, "S1"))
	find("by this one", 2, "BV1", of(an.Key, "S2"))
	put(2, "BV1", binh.Key, "S2")
	find("an order of another patient now", 0, "BV1", of(an.Key, "S2"))
	find("that one's", 2, "BV1", of(binh.Key, "S2"))
	put(2, "BV1", binh.Key)
	find("none any more", 0, "BV1", of(binh.Key, "S2"))
}

// worklistNumbers finds orders by their numbers: the newest of the facility, of the same patient where both are known.
func worklistNumbers(t *testing.T, s WorklistStore) {
	an, binh := person("1", "A", "An"), person("2", "A", "Bình")
	do(t, s, func(tx halong.Tx) error {
		for _, p := range []*patient.Patient{an, binh} {
			if _, err := s.AddPatient(tx, p); err != nil {
				return err
			}
		}
		for i, key := range []int64{an.Key, an.Key, binh.Key, 0} {
			number := "12" // which begins again every day
			if key == 0 {
				number = "13"
			}
			o := Order(i+1, "BV1")
			o.Patient, o.Placer.ID, o.Filler.ID, o.Accession, o.Specimens = key, number, number, number, nil
			if err := s.PutOrder(tx, o); err != nil {
				return err
			}
		}
		return nil
	})
	for by, numbers := range map[string]func(n string) lab.Numbers{
		"placer":    func(n string) lab.Numbers { return lab.Numbers{Placer: &lab.Order{ID: n}} },
		"filler":    func(n string) lab.Numbers { return lab.Numbers{Filler: &lab.Order{ID: n}} },
		"accession": func(n string) lab.Numbers { return lab.Numbers{Accession: n} },
		"specimen":  func(n string) lab.Numbers { return lab.Numbers{Specimens: []string{n}} },
	} {
		find := func(what string, want, key int64, number string) {
			t.Helper()
			n := numbers(number)
			n.Patient = key
			wantRef := lab.OrderRef{}
			if want != 0 {
				wantRef = lab.OrderRef{ID: want << 20, By: by, Status: string(worklist.Scheduled)}
			}
			if ref, ok, err := s.OrderOf(context.Background(), "BV1", n); err != nil || ok != (want != 0) || ref != wantRef {
				t.Errorf("%s, %s: %+v %v %v, not %+v", by, what, ref, ok, err, wantRef)
			}
		}
		find("the newest of the patient", 2, an.Key, "12")
		find("the other patient's", 3, binh.Key, "12")
		find("the newest where no patient is known", 3, 0, "12")
		find("an order without a patient", 4, an.Key, "13")
		find("somebody else's alone", 0, 99, "12")
		for _, survivor := range []int64{binh.Key, 0} {
			do(t, s, func(tx halong.Tx) error {
				an.Survivor = survivor
				return s.UpdatePatient(tx, an)
			})
			find("while merged, or not", map[bool]int64{true: 3, false: 2}[survivor != 0], an.Key, "12")
		}
	}
}
