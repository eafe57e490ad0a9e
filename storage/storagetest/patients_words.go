package storagetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/fold"
	"github.com/halong-gateway/halong/patient"
)

// patientBirths: whatever a date of birth is made of, those who bear it now are found by it, in order of their arrival and in pages,
// and by no name.
func patientBirths(t *testing.T, x PatientIndex) {
	random := rand.New(rand.NewPCG(3, 4))
	births := []string{"", "1970-01-02", "1970-01", "1970", "về năm 1970", "nguyen", "=1970", "%", "a\x00b", " "}
	words := []string{"Nguyễn", "1970", "=1970-01-02", "<1970", ">", "≠1970"}
	s, all := patient.New(x), map[string]*patient.Patient{}
	change := func(i int) {
		p := person(fmt.Sprint("P", i), "A", words[random.IntN(len(words))])
		p.Birth = births[random.IntN(len(births))]
		if was := all[p.Identifiers[0].ID]; was != nil && p.Birth == "" {
			p.Birth = was.Birth
		}
		all[p.Identifiers[0].ID] = p
		update(t, x, func(tx halong.Tx) error {
			_, err := s.Register(tx, patient.Told{Patient: p}, because(1))
			return err
		})
	}
	check := func(q patient.Query) {
		t.Helper()
		var want, got []string
		for i := range all {
			p := all[i]
			if q.Birth != "" && p.Birth != q.Birth || q.Name != "" && !strings.HasPrefix(fold.Name(p.Name), q.Words()[0]) {
				continue
			}
			want = append(want, i)
		}
		last := int64(0)
		for next := "first"; next != ""; q.After = next {
			found, err := x.FindPatients(t.Context(), halong.Everything(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range found.Patients {
				if q.Birth != "" && p.Key <= last {
					t.Errorf("%q: %d after %d", q.Birth, p.Key, last)
				}
				last = p.Key
				got = append(got, p.Identifiers[0].ID)
			}
			next = found.Next
		}
		slices.Sort(want)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q %q: %s", q.Birth, q.Name, d)
		}
	}
	for i := range 40 {
		change(i)
	}
	for range 3 {
		for _, b := range births {
			for _, w := range append(words, "") {
				if b != "" || len(fold.Name(w)) > 0 {
					check(patient.Query{Birth: b, Name: w, Limit: 3})
				}
			}
		}
		for range 20 {
			change(random.IntN(40))
		}
	}
	one, other := all["P1"], all["P2"]
	merge(t, x, one, other, 2)
	if got := names(t, x, halong.Everything(), patient.Query{Birth: other.Birth}); other.Birth != "" && !slices.Contains(got, one.Name) {
		t.Errorf("who survives is not found by the date of birth of who was merged: %q", got)
	}
}

// patientWords: whatever a name is made of, it is found by the beginnings of its words, in pages, and no more by those of a name before.
func patientWords(t *testing.T, x PatientIndex) {
	random := rand.New(rand.NewPCG(1, 2))
	words := []string{
		"Nguyễn", "Nguyen", "nguyenx", "山田", "山", "やまだ", "김", "สมชาย", "ß", "O'Brien", `a"b`, `a\b`, `\"`, `","`, "[", "]", "a,b", "%", "_", "''", ".", "a.1", "null", "1",
		`\u0041`, "a\x01b", "a\x00c", "\u2028", "😀", "😀a", "\U0010FFFFa",
	}
	spaces := []string{" ", "^", "=", "  ", "\u3000", "\t", "\u00a0"}
	s, names := patient.New(x), map[string]string{}
	rename := func(i int) {
		id, name := fmt.Sprint("P", i), words[random.IntN(len(words))]
		for range random.IntN(4) {
			name += spaces[random.IntN(len(spaces))] + words[random.IntN(len(words))]
		}
		names[id] = name
		update(t, x, func(tx halong.Tx) error {
			_, err := s.Register(tx, patient.Told{Patient: person(id, "A", name)}, because(1))
			return err
		})
	}
	check := func(q patient.Query) {
		t.Helper()
		var want, got []string
		for id, name := range names {
			of := strings.Fields(fold.Name(name))
			misses := func(word string) bool {
				return !slices.ContainsFunc(of, func(s string) bool { return strings.HasPrefix(s, word) })
			}
			if !slices.ContainsFunc(q.Words(), misses) {
				want = append(want, id)
			}
		}
		for next := "first"; next != ""; q.After = next {
			found, err := x.FindPatients(t.Context(), halong.Everything(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range found.Patients {
				got = append(got, p.Identifiers[0].ID)
			}
			next = found.Next
		}
		slices.Sort(want)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", q.Name, d)
		}
	}
	for i := range 40 {
		rename(i)
	}
	for range 3 {
		for _, w := range words {
			check(patient.Query{Name: w, Limit: 3})
			check(patient.Query{Name: w + " " + words[random.IntN(len(words))], Limit: 3})
		}
		for range 20 {
			rename(random.IntN(40))
		}
	}
}

// patientAuthorities: an authority is known once a patient of the facility has an identifier of it, and not of one that was taken back.
func patientAuthorities(t *testing.T, x PatientIndex) {
	fails := errors.New("taken back")
	add := func(id, authority string, err error) {
		got := x.Update(t.Context(), func(tx halong.Tx) error {
			_, failed := x.AddPatient(tx, person(id, authority, ""))
			return errors.Join(failed, err)
		})
		if errors.Is(got, fails) != (err != nil) || err == nil && got != nil {
			t.Error(got)
		}
	}
	var all sync.WaitGroup
	for i := range 12 { // in groups, some of whose callers fail
		all.Go(func() {
			add(fmt.Sprint("F", i), fmt.Sprint("later", i%3), fails)
			add(fmt.Sprint("F", i), "never", fails)
			add(fmt.Sprint("P", i), fmt.Sprint("known", i%4), nil)
			add(fmt.Sprint("P", i), fmt.Sprint("later", i%3), nil)
		})
	}
	all.Wait()
	update(t, x, func(tx halong.Tx) error {
		p := person("S", "known0", "")
		p.Identifiers = append(p.Identifiers, patient.Identifier{ID: "001085012345", Authority: "second"})
		if _, err := x.AddPatient(tx, p); err != nil {
			return err
		}
		p.Identifiers = append(p.Identifiers, patient.Identifier{ID: "DN4010", Authority: "third"})
		return x.UpdatePatient(tx, p)
	})
	update(t, x, func(tx halong.Tx) error {
		for authority, want := range map[string]bool{
			"second": true, "third": true, "known0": true, "known1": true, "known2": true, "known3": true, "later0": true, "later1": true, "later2": true, "never": false, "": false,
		} {
			if got, err := x.HasAuthority(tx, "BV1", authority); got != want || err != nil {
				t.Errorf("%q: %v, %v", authority, got, err)
			}
		}
		if got, err := x.HasAuthority(tx, "BV2", "known0"); got || err != nil {
			t.Errorf("another facility: %v, %v", got, err)
		}
		return nil
	})
}
