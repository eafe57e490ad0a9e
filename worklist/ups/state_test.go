package ups_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/worklist/ups"
)

// W28: the state table of PS3.4 CC.1.1-2, row by row: null, SCHEDULED, IN PROGRESS, COMPLETED, CANCELED.
func TestW28StateTable(t *testing.T) {
	const right, wrong = dicom.UID("2.25.1"), dicom.UID("2.25.2")
	change := func(to ups.State, transaction dicom.UID) func(*world, dicom.UID) string {
		return func(w *world, uid dicom.UID) string { return statusOf(w.ChangeState(ctx, bv1, uid, to, transaction)) }
	}
	set := func(transaction dicom.UID) func(*world, dicom.UID) string {
		return func(w *world, uid dicom.UID) string {
			return statusOf(0, w.Set(ctx, bv1, uid, transaction, set(w.t, `'00404041':{'vr':'CS','Value':['INCOMPLETE']}`)))
		}
	}
	w := openWorld(t)
	for n, c := range []struct {
		event string
		do    func(*world, dicom.UID) string
		want  [5]string
	}{
		{"N-CREATE", func(w *world, uid dicom.UID) string {
			_, _, err := w.Create(ctx, bv1, uid, order(w.t))
			return statusOf(0, err)
		}, [5]string{"0000", "0111", "0111", "0111", "0111"}},
		{"to IN PROGRESS", change(ups.InProgress, right), [5]string{"C307", "0000", "C302", "C300", "C300"}},
		{"to IN PROGRESS, without the UID", change(ups.InProgress, ""), [5]string{"C307", "C301", "C301", "C301", "C301"}},
		{"to IN PROGRESS, another's UID", change(ups.InProgress, wrong), [5]string{"C307", "0000", "C301", "C301", "C301"}},
		{"to SCHEDULED", change(ups.Scheduled, right), [5]string{"C307", "C303", "C303", "C303", "C303"}},
		{"to COMPLETED", change(ups.Completed, right), [5]string{"C307", "C310", "C304", "B306", "C300"}},
		{"to COMPLETED, without the UID", change(ups.Completed, ""), [5]string{"C307", "C301", "C301", "C301", "C301"}},
		{"to COMPLETED, another's UID", change(ups.Completed, wrong), [5]string{"C307", "C310", "C301", "C301", "C301"}},
		{"to CANCELED", change(ups.Canceled, right), [5]string{"C307", "C310", "C304", "C300", "B304"}},
		{"to CANCELED, without the UID", change(ups.Canceled, ""), [5]string{"C307", "C301", "C301", "C301", "C301"}},
		{"N-SET, without a UID", set(""), [5]string{"C307", "0000", "C301", "C300", "C300"}},
		{"N-SET", set(right), [5]string{"C307", "C310", "0000", "C300", "C300"}},
		{"N-SET, another's UID", set(wrong), [5]string{"C307", "C310", "C301", "C300", "C300"}},
		{"request to cancel", func(w *world, uid dicom.UID) string {
			return statusOf(w.RequestCancel(ctx, bv1, uid, "ASKS", &dataset.Set{}))
		}, [5]string{"C307", "0000", "C312", "C311", "B304"}},
	} {
		t.Run(c.event, func(t *testing.T) {
			var got [5]string
			got[0] = c.do(w, dicom.UID(fmt.Sprintf("1.%d.0", n)))
			for i, s := range []ups.State{ups.Scheduled, ups.InProgress, ups.Completed, ups.Canceled} {
				uid := dicom.UID(fmt.Sprintf("1.%d.%d", n, i+1))
				w.bring(uid, s)
				got[i+1] = c.do(w, uid)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// Requests for cancellation: what is SCHEDULED is canceled, over IN PROGRESS, with what a final state needs; of what is in progress
// the subscribers are told.
func TestCancel(t *testing.T) {
	w := openWorld(t)
	w.create(bv1, "1.2")
	w.must(w.Subscribe(ctx, bv1, "1.2", "A", false, nil))
	w.ok(w.RequestCancel(ctx, bv1, "1.2", "ASKS", set(t, `'00741238':{'vr':'LT','Value':['twice']},'0074100A':{'vr':'UR','Value':['tel:1']}`)))
	if d := cmp.Diff([]string{"1 1.2 SCHEDULED", "1 1.2 IN PROGRESS", "1 1.2 CANCELED because twice"}, w.waiting("A")); d != "" {
		t.Error(d)
	}
	it, err := w.Retrieve(ctx, everything, "1.2")
	w.must(err)
	why := it.Attributes.Get(tag.ProcedureStepProgressInformationSequence).Items[0]
	if why.String(tag.ProcedureStepCancellationDateTime) == "" || why.Get(tag.ProcedureStepDiscontinuationReasonCodeSequence).Items[0].String(tag.CodeValue) != "110513" ||
		why.Get(tag.ProcedureStepCommunicationsURISequence).Items[0].String(tag.ContactURI) != "tel:1" {
		t.Errorf("%v", why)
	}
	w.create(bv1, "1.3")
	w.ok(w.ChangeState(ctx, bv1, "1.3", ups.InProgress, "2.25.1"))
	w.must(w.Subscribe(ctx, bv1, "1.3", "A", false, nil))
	w.ok(w.RequestCancel(ctx, bv1, "1.3", "ASKS", set(t, `'00741238':{'vr':'LT','Value':['left']},'00100010':{'vr':'PN','Value':[{'Alphabetic':'X'}]}`)))
	if d := cmp.Diff([]string{"1 1.3 IN PROGRESS", "2 1.3 ASKS because left"}, w.waiting("A")); d != "" {
		t.Error(d)
	}
}
