package storage_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/sample"
	"github.com/halong-gateway/halong/storage"
)

// ofAnother gives an object as it would be if it were another patient's.
func ofAnother(t *testing.T, o sample.Object) sample.Object {
	t.Helper()
	ts := syntax(o.TransferSyntax)
	s, err := dataset.Parse(o.DataSet, ts, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s.PutString(tag.PatientID, dicom.LO, "WRONG")
	s.PutString(tag.PatientName, dicom.PN, "Le^Thi B")
	s.PutString(tag.AccessionNumber, dicom.SH, "W1")
	s.PutString(tag.SeriesDescription, dicom.LO, "wrong")
	o.DataSet = s.Append(nil, ts)
	return o
}

// says gives what searches show of the CT series and its study.
func (x *iocm) says() string {
	x.Helper()
	series := query.Key{Path: []dicom.Tag{tag.SeriesInstanceUID}, VR: dicom.UI, Values: []string{string(x.ct[0].Series)}}
	for row, err := range x.a.Find(x.Context(), halong.Everything(), storage.Query{Level: storage.LevelSeries, Keys: []query.Key{series}}) {
		if err != nil {
			x.Fatal(err)
		}
		a := row.Attributes
		return fmt.Sprint(a.String(tag.PatientID), " ", a.String(tag.PatientName), " ", a.String(tag.AccessionNumber), " ", a.String(tag.SeriesDescription))
	}
	return "nothing"
}

// What searches show of a study and a series is what is left of it says: the wrong patient goes with the object that was his.
func TestRowsSayWhatIsLeft(t *testing.T) {
	x := newIOCM(t, nil)
	x.put(x.ct[1])
	right := x.says()
	x = newIOCM(t, nil)
	x.put(ofAnother(t, x.ct[0]))
	wrong := x.says()
	x.put(x.ct[1:]...)
	check := func(what, want string) {
		t.Helper()
		if diff := cmp.Diff(want, x.says()); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	check("the wrong patient's came first", wrong)
	deletion := x.remove(refOf(x.ct[0]))
	check("it was deleted", right)
	x.restore(deletion.ID)
	check("it was restored", wrong)
	note := x.note("113037", x.ct[0])
	x.put(note)
	check("it was rejected", right)
	x.remove(storage.Ref{Study: note.Study, Series: note.Series})
	check("the note was deleted", wrong)
	deletion = x.remove(refOf(x.ct[0]))
	if _, err := x.a.Purge(t.Context(), halong.Everything(), deletion.ID, halong.Source{}); err != nil {
		t.Fatal(err)
	}
	check("it was purged", right)
	x.remove(storage.Ref{Study: x.ct[0].Study})
	check("the study was deleted", "nothing")
}

// A row is made of an object that the same group of transactions stores.
func TestRowsSayWhatIsJustCommitted(t *testing.T) {
	x := newIOCM(t, nil)
	x.put(x.ct[1])
	right := x.says()
	for range 20 { // whether the two share a group is chance
		x = newIOCM(t, nil)
		x.put(ofAnother(t, x.ct[0]))
		stored := make(chan error)
		go func() {
			in := storage.Inbound{Facility: "BV1", TransferSyntax: x.ct[1].TransferSyntax, Body: bytes.NewReader(x.ct[1].DataSet)}
			_, err := x.a.Store(t.Context(), in)
			stored <- err
		}()
		x.remove(refOf(x.ct[0]))
		if err := <-stored; err != nil {
			t.Fatal(err)
		}
		if got := x.says(); got != right {
			t.Fatalf("%s, want %s", got, right)
		}
	}
}
