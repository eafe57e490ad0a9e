package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// PatientIndex is an index that keeps patients too.
type PatientIndex interface {
	storage.Index
	patient.Store
	FindPatients(ctx context.Context, scope halong.Scope, q patient.Query) (patient.Found, error)
	PatientGroup(ctx context.Context, key int64) (*patient.Group, error)
	PatientChanges(ctx context.Context, key, after int64, limit int) ([]patient.Change, error)
	PatientsByIdentifier(ctx context.Context, scope halong.Scope, id string) ([]*patient.Patient, error)
	PatientsByID(ctx context.Context, scope halong.Scope, id string) ([]*patient.Patient, error)
	CurrentPatient(ctx context.Context, key int64) (*patient.Patient, error)
	HasAuthority(tx halong.Tx, f halong.Facility, authority string) (bool, error)
}

// Patients checks an index's store of patients, and that studies are served under the identities that it keeps. open gives an empty index whose
// policy is the zero one.
func Patients(t *testing.T, open func(t testing.TB) PatientIndex) {
	for _, s := range []struct {
		name string
		run  func(*testing.T, PatientIndex)
	}{
		{"store", patientStore},
		{"links", patientLinks},
		{"find", patientFind},
		{"pages", patientPages},
		{"words", patientWords},
		{"births", patientBirths},
		{"authorities", patientAuthorities},
		{"bearers", patientBearers},
		{"served", patientServed},
		{"served later", patientServedLater},
		{"served in part", patientServedInPart},
		{"issuers", patientIssuers},
		{"facilities", patientFacilities},
		{"filled in", patientFilledIn},
		{"filled in by others", patientFilledByOthers},
		{"filled in issuer", patientFilledIssuer},
		{"hidden", patientHidden},
		{"former", patientFormer},
	} {
		t.Run(s.name, func(t *testing.T) { s.run(t, open(t)) })
	}
}

// person makes a patient of facility BV1.
func person(id, authority, name string) *patient.Patient {
	return &patient.Patient{Facility: "BV1", Identifiers: []patient.Identifier{{ID: id, Authority: authority}}, Name: name}
}

// because is why tests change identities.
func because(minute int) patient.Cause {
	return patient.Cause{At: Arrived.Add(time.Duration(minute) * time.Minute), Record: uint64(minute), By: halong.Source{Protocol: "MLLP", Address: "10.1.0.9"}}
}

// merge merges patients, and unmerge takes that back.
func merge(t testing.TB, x PatientIndex, survivor, retired *patient.Patient, minute int) {
	t.Helper()
	s := patient.New(x)
	update(t, x, func(tx halong.Tx) error {
		if _, err := s.Register(tx, patient.Told{Patient: survivor}, because(minute)); err != nil {
			return err
		}
		_, err := s.Merge(tx, survivor, retired, because(minute))
		return err
	})
}

func unmerge(t testing.TB, x PatientIndex, retired *patient.Patient, minute int) {
	t.Helper()
	update(t, x, func(tx halong.Tx) error {
		id, _ := retired.Identity()
		_, err := patient.New(x).Unmerge(tx, id, because(minute))
		return err
	})
}

func patientStore(t *testing.T, x PatientIndex) {
	p := person("7", "A", "Nguyễn^Ánh")
	p.Birth, p.Sex, p.Sent = "1985-01-02", "F", "2026"
	p.Identifiers = append(p.Identifiers, patient.Identifier{ID: "001085012345", Authority: "VNM", Type: "NI"})
	update(t, x, func(tx halong.Tx) error {
		if added, err := x.AddPatient(tx, p); !added || err != nil {
			t.Error(added, err)
		}
		if added, err := x.AddPatient(tx, person("7", "A", "Another")); added || err != nil {
			t.Error("added twice", err)
		}
		_, err := x.LookupPatient(tx, patient.Identity{Facility: "BV2", Authority: "A", ID: "7"})
		wantKind(t, err, halong.NotExist)
		_, err = x.Patient(tx, p.Key+1)
		wantKind(t, err, halong.NotExist)
		return nil
	})
	p.Name, p.Registered, p.Current, p.Survivor, p.Since = "Nguyễn^Ánh^Thị", true, true, 99, Arrived
	update(t, x, func(tx halong.Tx) error { return x.UpdatePatient(tx, p) })
	update(t, x, func(tx halong.Tx) error {
		id, _ := p.Identity()
		for _, f := range []func() (*patient.Patient, error){
			func() (*patient.Patient, error) { return x.LookupPatient(tx, id) },
			func() (*patient.Patient, error) { return x.Patient(tx, p.Key) },
		} {
			got, err := f()
			if d := cmp.Diff(p, got); d != "" || err != nil {
				t.Error(d, err)
			}
		}
		merged, err := x.MergedInto(tx, 99, 9)
		if len(merged) != 1 || merged[0].Key != p.Key || err != nil {
			t.Error(merged, err)
		}
		none, err := x.MergedInto(tx, 0, 9)
		if len(none) > 0 || err != nil {
			t.Error(none, err)
		}
		return nil
	})
}

func patientLinks(t *testing.T, x PatientIndex) {
	a, b, c := person("1", "A", "A"), person("2", "B", "B"), person("3", "C", "C")
	s := patient.New(x)
	update(t, x, func(tx halong.Tx) error {
		for i, want := range []bool{true, false} {
			changed, err := s.Link(tx, a, b, because(i+1))
			if changed != want || err != nil {
				t.Error(changed, err)
			}
		}
		_, err := s.Merge(tx, c, b, because(3))
		return err
	})
	group := func(id string) []string {
		t.Helper()
		found, err := x.FindPatients(t.Context(), halong.Everything(), patient.Query{Identifier: id})
		if err != nil || len(found.Patients) != 1 {
			t.Fatal(len(found.Patients), err)
		}
		g, err := x.PatientGroup(t.Context(), found.Patients[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		out := []string{g.Survivor.Identifiers[0].ID, "merged"}
		for _, p := range g.Merged {
			out = append(out, p.Identifiers[0].ID)
		}
		out = append(out, "linked")
		for _, p := range g.Linked {
			out = append(out, p.Identifiers[0].ID)
		}
		return out
	}
	for id, want := range map[string][]string{"1": {"1", "merged", "linked", "3"}, "2": {"3", "merged", "2", "linked", "1"}, "3": {"3", "merged", "2", "linked", "1"}} {
		if d := cmp.Diff(want, group(id)); d != "" {
			t.Errorf("%s: %s", id, d)
		}
	}
	update(t, x, func(tx halong.Tx) error { return s.Unlink(tx, b, a, because(4)) })
	if d := cmp.Diff([]string{"1", "merged", "linked"}, group("1")); d != "" {
		t.Error(d)
	}
	if err := x.Update(t.Context(), func(tx halong.Tx) error {
		changed, err := x.UnlinkPatients(tx, []int64{1, 2, 3}, []int64{1, 2, 3})
		if changed {
			t.Error("links that were not there were removed")
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	var got []patient.Action
	p, err := x.FindPatients(t.Context(), halong.Everything(), patient.Query{Identifier: "1"})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := x.PatientChanges(t.Context(), p.Patients[0].Key, 0, 100)
	for _, c := range changes {
		got = append(got, c.Action)
	}
	if d := cmp.Diff([]patient.Action{patient.Registered, patient.Linked, patient.Unlinked}, got); d != "" || err != nil {
		t.Error(d, err)
	}
	if c := changes[1]; c.Cause != because(1) {
		t.Errorf("%+v", c)
	}
	for i := range changes { // the second is the linked one's own, too
		after := int64(0)
		if i > 0 {
			after = changes[i-1].ID
		}
		if page, err := x.PatientChanges(t.Context(), p.Patients[0].Key, after, 1); len(page) != 1 || page[0] != changes[i] || err != nil {
			t.Errorf("%d: %+v %v", i, page, err)
		}
	}
}

// names gives the names of those found.
func names(t testing.TB, x PatientIndex, scope halong.Scope, q patient.Query) (out []string) {
	t.Helper()
	found, err := x.FindPatients(context.Background(), scope, q)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found.Patients {
		out = append(out, p.Name)
	}
	return out
}

func patientFind(t *testing.T, x PatientIndex) {
	all := []*patient.Patient{
		person("1", "A", "Nguyễn^Ánh^Thị"), person("2", "A", "Nguyễn^Văn Đức"), person("3", "B", "Müller^René"), person("1", "B", "Another^One"), person("5", "A", ""),
	}
	all[0].Birth, all[0].Sex, all[1].Birth, all[2].Birth = "1985-01-02", "F", "1985-01-02", "1985-01-02"
	all[2].Identifiers = append(all[2].Identifiers, patient.Identifier{ID: "NI9", Authority: "VNM"})
	all[3].Facility = "BV2"
	s := patient.New(x)
	for _, p := range all {
		update(t, x, func(tx halong.Tx) error {
			_, err := s.Register(tx, patient.Told{Patient: p}, because(1))
			return err
		})
	}
	one := halong.Scope{Own: "BV1"}
	for name, c := range map[string]struct {
		scope halong.Scope
		q     patient.Query
		want  []string
	}{
		"all":                     {halong.Everything(), patient.Query{}, []string{"Nguyễn^Ánh^Thị", "Nguyễn^Văn Đức", "Müller^René", "Another^One", ""}},
		"scope":                   {halong.Scope{Own: "BV2"}, patient.Query{}, []string{"Another^One"}},
		"facility":                {halong.Everything(), patient.Query{Facility: "BV2"}, []string{"Another^One"}},
		"facility not seen":       {one, patient.Query{Facility: "BV2"}, nil},
		"family name":             {one, patient.Query{Name: "nguyen"}, []string{"Nguyễn^Ánh^Thị", "Nguyễn^Văn Đức"}},
		"diacritics, given name":  {one, patient.Query{Name: "ĐỨC"}, []string{"Nguyễn^Văn Đức"}},
		"words in another order":  {one, patient.Query{Name: "thi anh nguy"}, []string{"Nguyễn^Ánh^Thị"}},
		"wildcard":                {one, patient.Query{Name: "mul*^ren*"}, []string{"Müller^René"}},
		"nobody":                  {one, patient.Query{Name: "nguyen rene"}, nil},
		"birth":                   {one, patient.Query{Birth: "1985-01-02"}, []string{"Nguyễn^Ánh^Thị", "Nguyễn^Văn Đức", "Müller^René"}},
		"birth, sex and name":     {one, patient.Query{Birth: "1985-01-02", Sex: "F", Name: "Nguyễn"}, []string{"Nguyễn^Ánh^Thị"}},
		"identifier":              {halong.Everything(), patient.Query{Identifier: "1"}, []string{"Nguyễn^Ánh^Thị", "Another^One"}},
		"identifier of authority": {halong.Everything(), patient.Query{Identifier: "1", Authority: "B"}, []string{"Another^One"}},
		"another identifier":      {one, patient.Query{Identifier: "NI9"}, []string{"Müller^René"}},
		"identifier and birth":    {one, patient.Query{Identifier: "1", Birth: "1999-01-01"}, nil},
	} {
		if d := cmp.Diff(c.want, names(t, x, c.scope, c.q)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	merge(t, x, all[1], all[0], 2)
	if d := cmp.Diff([]string{"Nguyễn^Văn Đức"}, names(t, x, one, patient.Query{Name: "nguyen"})); d != "" {
		t.Errorf("merged: %s", d)
	}
	if d := cmp.Diff([]string{"Nguyễn^Văn Đức"}, names(t, x, one, patient.Query{Identifier: "1"})); d != "" {
		t.Errorf("by the identifier that was merged: %s", d)
	}
	renamed := person("3", "B", "Meyer^René")
	update(t, x, func(tx halong.Tx) error {
		_, err := s.Register(tx, patient.Told{Patient: renamed}, because(3))
		return err
	})
	if got := names(t, x, one, patient.Query{Name: "muller"}); len(got) > 0 {
		t.Errorf("by the name before: %q", got)
	}
}

func patientPages(t *testing.T, x PatientIndex) {
	s := patient.New(x)
	update(t, x, func(tx halong.Tx) error {
		for i := range 25 {
			p := person(string(rune('a'+i)), "A", []string{"Nguyễn^Nga", "Ngô^Anh", "Trần^Nguyên"}[i%3])
			p.Birth = "1985-01-02"
			if _, err := s.Register(tx, patient.Told{Patient: p}, because(1)); err != nil {
				return err
			}
		}
		return nil
	})
	for name, q := range map[string]patient.Query{"all": {}, "birth": {Birth: "1985-01-02"}, "name": {Name: "ng"}} {
		q.Limit = 4
		seen := map[int64]bool{}
		for pages := 1; ; pages++ {
			found, err := x.FindPatients(t.Context(), halong.Everything(), q)
			if err != nil || len(found.Patients) > q.Limit {
				t.Fatal(name, len(found.Patients), err)
			}
			for _, p := range found.Patients {
				if seen[p.Key] {
					t.Errorf("%s: %d twice", name, p.Key)
				}
				seen[p.Key] = true
			}
			if q.After = found.Next; q.After == "" {
				if pages != 7 {
					t.Errorf("%s: %d pages", name, pages)
				}
				break
			}
		}
		if len(seen) != 25 {
			t.Errorf("%s: %d found", name, len(seen))
		}
	}
	_, err := x.FindPatients(t.Context(), halong.Everything(), patient.Query{After: "nowhere"})
	wantKind(t, err, halong.Invalid)
}

// ctOf makes an object of a patient in facility BV1.
func ctOf(study, id, name string) Object {
	return Object{
		Facility: "BV1", Study: "1.2." + study, Series: "1.2." + study + ".1", SOP: "1.2." + study + ".1.1", Date: "20260101", ID: id, Name: name, Modality: "CT", Number: "1",
	}
}

// shownAs gives who a study is served as, in search and in retrieval.
func shownAs(t testing.TB, x PatientIndex, study string) string {
	t.Helper()
	all := rows(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy}, "StudyInstanceUID=1.2."+study)
	if len(all) != 1 {
		t.Fatalf("%d rows", len(all))
	}
	a := all[0].Attributes
	who := a.String(tag.PatientID) + " " + a.String(tag.PatientName)
	if i := a.String(tag.IssuerOfPatientID); i != "" {
		who += " of " + i
	}
	for _, in := range retrieve(t, x, halong.Everything(), storage.Ref{Study: dicom.UID("1.2." + study)}) {
		if p := in.Patient; p != nil {
			who += ", was " + p.FormerID
		}
	}
	one := retrieve(t, x, halong.Everything(), storage.Ref{Study: dicom.UID("1.2." + study), Series: dicom.UID("1.2." + study + ".1"), SOP: dicom.UID("1.2." + study + ".1.1")})
	if len(one) != 1 || (one[0].Patient != nil) != (len(who) > 0 && one[0].Representation() != one[0].Digest) {
		t.Errorf("one instance: %+v", one)
	}
	return who
}

func stampOf(t testing.TB, x PatientIndex, study string) storage.Stamp {
	t.Helper()
	s, err := x.Stamp(context.Background(), halong.Everything(), storage.Ref{Study: dicom.UID("1.2." + study), Series: dicom.UID("1.2." + study + ".1")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func patientServed(t *testing.T, x PatientIndex) {
	add(t, x, storage.ServeFirst, ctOf("1", "OLD", "Old^Name"), ctOf("2", "NEW", "New^Name"), ctOf("3", "X", "Else^One"))
	scope := halong.Everything()
	q := storage.Query{Level: storage.LevelStudy}
	before := rows(t, x, scope, q)
	stamps := []storage.Stamp{stampOf(t, x, "1"), stampOf(t, x, "3")}
	merge(t, x, person("NEW", "A", "Nguyễn^Ánh"), person("OLD", "A", ""), 1)
	for study, want := range map[string]string{"1": "NEW Nguyễn^Ánh, was OLD", "2": "NEW New^Name", "3": "X Else^One"} {
		if got := shownAs(t, x, study); got != want {
			t.Errorf("study %s: %q", study, got)
		}
	}
	if now := stampOf(t, x, "1"); now.Study == stamps[0].Study || now.Series == stamps[0].Series {
		t.Error("what was made of the study before is still good")
	}
	if stampOf(t, x, "3") != stamps[1] {
		t.Error("another study changed")
	}
	for k, want := range map[string]int{"PatientID=NEW": 2, "PatientID=OLD": 2, "PatientID=O*": 0, "PatientName=NGUYEN*": 1, "PatientName=Old*": 0} {
		if got := find(t, x, scope, q, k); len(got) != want {
			t.Errorf("%s: %q", k, got)
		}
	}
	merge(t, x, person("X", "A", "Else^One"), person("NEW", "A", ""), 2)
	if got := shownAs(t, x, "1"); got != "X Else^One, was OLD" {
		t.Errorf("over another: %q", got)
	}
	unmerge(t, x, person("OLD", "A", ""), 3)
	unmerge(t, x, person("NEW", "A", ""), 4)
	if d := cmp.Diff(before, rows(t, x, scope, q), cmp.AllowUnexported(*before[0].Attributes)); d != "" {
		t.Errorf("undone: %s", d)
	}
}

func patientServedLater(t *testing.T, x PatientIndex) {
	merge(t, x, person("NEW", "A", "Nguyễn^Ánh"), person("OLD", "A", ""), 1)
	add(t, x, storage.ServeFirst, ctOf("1", "OLD", "Old^Name"))
	if got := shownAs(t, x, "1"); got != "NEW Nguyễn^Ánh, was OLD" {
		t.Errorf("%q", got)
	}
	// A correction of who survives.
	p := person("NEW", "A", "Nguyễn^Ánh^Thị")
	update(t, x, func(tx halong.Tx) error {
		_, err := patient.New(x).Register(tx, patient.Told{Patient: p, Update: true}, because(2))
		return err
	})
	add(t, x, storage.ServeFirst, ctOf("2", "NEW", "New^Name"))
	for study, want := range map[string]string{"1": "NEW Nguyễn^Ánh^Thị, was OLD", "2": "NEW Nguyễn^Ánh^Thị, was NEW"} {
		if got := shownAs(t, x, study); got != want {
			t.Errorf("study %s: %q", study, got)
		}
	}
	remove(t, x, ctOf("1", "OLD", "Old^Name"))
	unmerge(t, x, person("OLD", "A", ""), 3)
}

// patientServedInPart: objects of one study with two Patient IDs.
func patientServedInPart(t *testing.T, x PatientIndex) {
	second := ctOf("1", "TRAUMA1", "Unknown^Man")
	second.SOP += ".2"
	add(t, x, storage.ServeFirst, ctOf("1", "NEW", "New^Name"), second)
	merge(t, x, person("NEW", "A", "New^Name"), person("TRAUMA1", "A", ""), 1)
	check := func(when string) {
		t.Helper()
		for _, in := range retrieve(t, x, halong.Everything(), storage.Ref{Study: "1.2.1"}) {
			if p := in.Patient; p == nil || p.FormerID != "NEW" || len(p.Changes) > 0 || len(p.Others) != 1 || p.Others[0].FormerID != "TRAUMA1" {
				t.Errorf("%s: %+v", when, in.Patient)
			}
		}
	}
	check("merged")
	unmerge(t, x, person("TRAUMA1", "A", ""), 2)
	for _, in := range retrieve(t, x, halong.Everything(), storage.Ref{Study: "1.2.1"}) {
		if in.Patient != nil {
			t.Errorf("undone: %+v", in.Patient)
		}
	}
	remove(t, x, second)
	merge(t, x, person("NEW", "A", "New^Name"), person("TRAUMA1", "A", ""), 3)
	add(t, x, storage.ServeFirst, second)
	check("late")
}

func patientIssuers(t *testing.T, x PatientIndex) {
	ours, theirs, none := ctOf("1", "OLD", "A"), ctOf("2", "OLD", "B"), ctOf("3", "OLD", "C")
	update(t, x, func(tx halong.Tx) error {
		for o, issuer := range map[*Object]string{&ours: "A", &theirs: "B", &none: ""} {
			n := o.Instance()
			if issuer != "" {
				n.StudyAttributes.PutString(tag.IssuerOfPatientID, dicom.LO, issuer)
			}
			if _, err := x.AddInstance(tx, n, storage.ServeFirst); err != nil {
				return err
			}
		}
		return nil
	})
	merge(t, x, person("NEW", "H", "Z"), person("OLD", "A", ""), 1)
	for study, want := range map[string]string{"1": "NEW Z of H, was OLD", "2": "OLD B of B", "3": "NEW Z of H, was OLD"} {
		if got := shownAs(t, x, study); got != want {
			t.Errorf("study %s: %q", study, got)
		}
	}
	// Now it is not certain any more whose number it is that names no issuer.
	update(t, x, func(tx halong.Tx) error {
		_, err := patient.New(x).Register(tx, patient.Told{Patient: person("OLD", "C", "")}, because(2))
		return err
	})
	if got := shownAs(t, x, "3"); got != "OLD C" {
		t.Errorf("ambiguous: %q", got)
	}
}

func patientFacilities(t *testing.T, x PatientIndex) {
	other := ctOf("2", "OLD", "Elsewhere")
	other.Facility = "BV2"
	add(t, x, storage.ServeFirst, ctOf("1", "OLD", "Old^Name"), other)
	merge(t, x, person("NEW", "A", "New^Name"), person("OLD", "A", ""), 1)
	for study, want := range map[string]string{"1": "NEW New^Name, was OLD", "2": "OLD Elsewhere"} {
		if got := shownAs(t, x, study); got != want {
			t.Errorf("study %s: %q", study, got)
		}
	}
}

// patientFilledIn: what a later object fills in is there before and after the undoing.
func patientFilledIn(t *testing.T, x PatientIndex) {
	merge(t, x, person("NEW", "A", "New^Name"), person("OLD", "A", ""), 1)
	first, second := ctOf("1", "OLD", ""), ctOf("1", "OLD", "Old^Name")
	second.SOP += ".2"
	second.Description = "Thorax"
	add(t, x, storage.ServeFirst, first, second)
	if got := find(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy}, "StudyDescription=Thorax", "PatientID=NEW", "PatientName=New*"); len(got) != 1 {
		t.Errorf("%q", got)
	}
	unmerge(t, x, person("OLD", "A", ""), 2)
	if got := find(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy}, "StudyDescription=Thorax", "PatientID=OLD", "PatientName=Old*"); len(got) != 1 {
		t.Errorf("undone: %q", got)
	}
}

// patientFilledByOthers: what an object of somebody else tells fills in what is the study's, and not what is the patient's.
func patientFilledByOthers(t *testing.T, x PatientIndex) {
	first, second := ctOf("1", "OLD", "Old^Name"), ctOf("1", "ELSE", "Other^Name")
	second.SOP, second.Description, second.Birth = second.SOP+".2", "Thorax", "19500101"
	shown := func(want int, keys ...string) {
		t.Helper()
		if got := find(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy}, keys...); len(got) != want {
			t.Errorf("%q: %q", keys, got)
		}
	}
	add(t, x, storage.ServeFirst, first, second)
	shown(1, "PatientID=OLD", "StudyDescription=Thorax")
	shown(0, "PatientID=OLD", "PatientBirthDate=19500101")
	r := &removals{t: t, x: x}
	id, _ := r.hide(storage.Deleted, storage.AgainStored, storage.Ref{Facility: "BV1", Study: "1.2.1"})
	r.restore(id, 0)
	shown(1, "PatientID=OLD", "StudyDescription=Thorax")
	shown(0, "PatientID=OLD", "PatientBirthDate=19500101")
}

// patientFilledIssuer: an issuer that is filled in and of which nobody is registered ends the identity of all series of the study.
func patientFilledIssuer(t *testing.T, x PatientIndex) {
	first, second := ctOf("1", "OLD", "Old^Name"), ctOf("1", "OLD", "Old^Name")
	second.Series, second.SOP = second.Series+".2", second.SOP+".2"
	add(t, x, storage.ServeFirst, first)
	merge(t, x, person("NEW", "A", "New^Name"), person("OLD", "A", ""), 1)
	before := stampOf(t, x, "1")
	update(t, x, func(tx halong.Tx) error {
		n := second.Instance()
		n.StudyAttributes.PutString(tag.IssuerOfPatientID, dicom.LO, "B")
		_, err := x.AddInstance(tx, n, storage.ServeFirst)
		return err
	})
	if got := shownAs(t, x, "1"); got != "OLD Old^Name of B" {
		t.Errorf("shown as %q", got)
	}
	if after := stampOf(t, x, "1"); after.Series == before.Series {
		t.Errorf("the other series has the same stamp: %+v", after)
	}
}
