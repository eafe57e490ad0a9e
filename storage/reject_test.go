package storage_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/sample"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// iocm is an archive with a patient whose CT some notes reject.
type iocm struct {
	*testing.T
	a       *storage.Archive
	index   *sqlite.DB
	patient *sample.Patient
	ct      []sample.Object
}

func newIOCM(t *testing.T, change func(*storage.Config)) *iocm {
	t.Helper()
	p := sample.New(sample.Options{Seed: "iocm", Slices: 3})
	a, index := newArchive(t, change)
	return &iocm{t, a, index, p, p.CT()}
}

// send stores an object as BV1's.
func (x *iocm) send(o sample.Object) (storage.Receipt, error) {
	return x.sendTo("BV1", o)
}

func (x *iocm) sendTo(f halong.Facility, o sample.Object) (storage.Receipt, error) {
	return x.a.Store(x.Context(), storage.Inbound{
		Facility: f, Source: halong.Source{Protocol: "C-STORE", Peer: "QA"}, TransferSyntax: o.TransferSyntax, Body: bytes.NewReader(o.DataSet),
	})
}

func (x *iocm) put(objects ...sample.Object) (last storage.Receipt) {
	x.Helper()
	for _, o := range objects {
		var err error
		if last, err = x.send(o); err != nil {
			x.Fatal(err)
		}
	}
	return last
}

func (x *iocm) note(code string, rejected ...sample.Object) sample.Object {
	meaning, _ := storage.ReasonMeaning(code)
	return x.patient.RejectionNote(code, code, meaning, rejected...)
}

// sees checks which slices, and whether a note, are visible.
func (x *iocm) sees(what string, note bool, slices ...int) {
	x.Helper()
	want := map[dicom.UID]bool{}
	for _, i := range slices {
		want[x.ct[i].SOPInstance] = true
	}
	got, notes := map[dicom.UID]bool{}, 0
	for in, err := range x.a.Instances(x.Context(), halong.Everything(), storage.Ref{}) {
		if err != nil {
			x.Fatal(err)
		}
		if in.Series == x.ct[0].Series {
			got[in.SOP] = true
		} else {
			notes++
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || (notes > 0) != note {
		x.Errorf("%s: %d notes are visible, want one: %v; slices: %s", what, notes, note, diff)
	}
}

func (x *iocm) remove(ref storage.Ref) storage.Removal {
	x.Helper()
	made, err := x.a.Delete(x.Context(), storage.Deletion{Scope: halong.Everything(), Ref: ref, Reason: "test"})
	if err != nil || len(made) != 1 {
		x.Fatalf("%+v, %v", made, err)
	}
	return made[0]
}

func (x *iocm) restore(id uint64) {
	x.Helper()
	if _, err := x.a.Restore(x.Context(), halong.Everything(), id, halong.Source{Protocol: "API"}); err != nil {
		x.Fatal(err)
	}
}

func refOf(o sample.Object) storage.Ref {
	return storage.Ref{Study: o.Study, Series: o.Series, SOP: o.SOPInstance}
}

// Notes of each title hide what they reject, before and after it comes; deleting the note takes that back, restoring it rejects again.
func TestRejectionNotes(t *testing.T) {
	for code, noteToo := range map[string]bool{"113001": false, "113037": false, "113038": false, "113039": true} {
		t.Run(code, func(t *testing.T) {
			x := newIOCM(t, nil)
			note := x.note(code, x.ct[0], x.ct[2])
			x.put(x.ct[0], x.ct[1], note)
			x.sees("slice 0 rejected", !noteToo, 1)
			x.put(x.ct[2])
			if code == "113039" { // expired: what comes may come
				x.sees("slice 2 came after the note", false, 1, 2)
			} else {
				x.sees("slice 2 came after the note", true, 1)
				if r := x.put(x.ct[0]); r.Outcome != storage.Duplicate {
					t.Errorf("%+v", r)
				}
			}
			if r := x.put(note); r.Outcome != storage.Duplicate {
				t.Errorf("%+v", r)
			}
			if r := x.put(ofAnother(t, note)); r.Hidden != noteToo {
				t.Errorf("the note with another header: %+v", r)
			}
			list, err := x.a.Removals(t.Context(), halong.Everything(), storage.RemovalFilter{Kind: storage.Rejected})
			if err != nil || len(list) != 1 || list[0].SOP != note.SOPInstance || list[0].By.Peer != "QA" {
				t.Fatalf("%+v, %v", list, err)
			}
			deletion := x.remove(refOf(note))
			if code == "113039" {
				x.sees("note deleted", false, 0, 1, 2)
			} else {
				x.sees("note deleted", false, 0, 1, 2)
				x.restore(deletion.ID)
				x.sees("note restored", !noteToo, 1)
			}
			if report, err := x.a.Verify(t.Context(), nil); err != nil || len(report.Damaged) > 0 || report.Instances < 4 {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
}

// Rules of the site: nothing is hidden, or what comes again is refused.
func TestRejectionRules(t *testing.T) {
	x := newIOCM(t, func(c *storage.Config) {
		c.Rejections = storage.DefaultRejections()
		c.Rejections["113001"] = storage.RejectionRule{Hide: storage.HideNothing, Again: storage.AgainStored}
		c.Rejections["113037"] = storage.RejectionRule{Hide: storage.HideNoteToo, Again: storage.AgainRefused}
	})
	x.put(x.ct...)
	x.put(x.note("113001", x.ct[0]))
	x.sees("113001 shows", true, 0, 1, 2)
	x.put(x.note("113000", x.ct[0])) // Of Interest: no rejection
	x.sees("113000 rejects nothing", true, 0, 1, 2)
	x.put(x.note("113037", x.ct[1]))
	x.sees("113037", true, 0, 2)
	if _, err := x.send(x.ct[1]); halong.KindOf(err) != halong.Permission {
		t.Errorf("what was rejected is taken again: %v", err)
	}
}

// A hospital rejects its own instances alone.
func TestRejectionOfAnotherFacility(t *testing.T) {
	x := newIOCM(t, nil)
	x.put(x.ct[0])
	if _, err := x.sendTo("BV2", x.ct[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := x.sendTo("BV2", x.ct[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := x.send(x.note("113001", x.ct[0], x.ct[1])); halong.KindOf(err) != halong.Permission {
		t.Errorf("BV1 rejects what BV2 alone has: %v", err)
	}
	x.put(x.note("113037", x.ct[0], x.ct[2]))
	for f, want := range map[halong.Facility]int{"BV1": 1, "BV2": 2} { // the note itself is BV1's
		n := 0
		for _, err := range x.a.Instances(t.Context(), halong.Scope{Own: f}, storage.Ref{}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != want {
			t.Errorf("%s sees %d instances, want %d", f, n, want)
		}
	}
}

// A study goes with its rejections in force; each removal can be taken back in any order.
func TestRejectedThenDeleted(t *testing.T) {
	x := newIOCM(t, nil)
	x.put(x.ct...)
	note := x.note("113001", x.ct[0])
	x.put(note)
	deletion := x.remove(storage.Ref{Study: note.Study})
	x.sees("study deleted", false)
	if deletion.Named != 4 || deletion.Hidden != 4 {
		t.Errorf("%+v", deletion)
	}
	x.restore(deletion.ID)
	x.sees("study restored", true, 1, 2)
	if _, err := x.a.Restore(t.Context(), halong.Everything(), deletion.ID, halong.Source{}); halong.KindOf(err) != halong.Conflict {
		t.Errorf("restored twice: %v", err)
	}
	deletion = x.remove(storage.Ref{Study: note.Study, Series: note.Series})
	x.sees("the note's series deleted", false, 0, 1, 2)
	if _, err := x.a.Purge(t.Context(), halong.Everything(), deletion.ID, halong.Source{}); err != nil {
		t.Fatal(err)
	}
	x.put(note)
	x.sees("the note came again", true, 1, 2)
	x.put(x.ct[0])
	x.sees("what it rejects too", true, 1, 2)
	if _, err := x.a.Delete(t.Context(), storage.Deletion{Scope: halong.Everything(), Ref: storage.Ref{Study: "1.2"}}); halong.KindOf(err) != halong.NotExist {
		t.Errorf("nothing was deleted: %v", err)
	}
	if _, err := x.a.Delete(t.Context(), storage.Deletion{Scope: halong.Everything(), Ref: storage.Ref{Study: note.Study}, Code: "1"}); halong.KindOf(err) != halong.Invalid {
		t.Errorf("an unknown code: %v", err)
	}
}

// A deletion with a code of IOCM keeps what comes again out of sight, one without lets it in; more instances than a batch are one removal.
func TestDeletedAndSentAgain(t *testing.T) {
	x := newIOCM(t, nil)
	x.put(x.ct...)
	plain := x.remove(storage.Ref{Study: x.ct[0].Study})
	if r := x.put(x.ct[0]); r.Outcome != storage.Stored || r.Hidden {
		t.Errorf("%+v", r)
	}
	x.sees("sent again", false, 0)
	x.restore(plain.ID)
	x.sees("restored", false, 0, 1, 2)
	if _, err := x.a.Delete(t.Context(), storage.Deletion{Scope: halong.Everything(), Ref: refOf(x.ct[1]), Code: "111210"}); err != nil {
		t.Fatal(err)
	}
	if r := x.put(x.ct[1]); r.Outcome != storage.Duplicate {
		t.Errorf("%+v", r)
	}
	x.sees("motion blur, sent again", false, 0, 2)
	var events []string
	all, err := x.index.EventsSince(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		events = append(events, string(e.Type))
	}
	want := "[instance.stored instance.stored instance.stored instance.deleted instance.deleted instance.deleted instance.stored instance.stored instance.stored instance.deleted]"
	if got := fmt.Sprint(events); got != want {
		t.Errorf("events %s", got)
	}
}
