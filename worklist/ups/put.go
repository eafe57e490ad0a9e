package ups

import (
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Put makes the workitem that an order stands for: it creates it, or replaces its attributes while it is SCHEDULED. What
// N-CREATE demands and attrs lacks is filled in (PS3.4 table CC.2.5-3): priority MEDIUM, readiness READY, the start at the
// time when it was first given, a label from the Scheduled Workitem Code. One that is in progress, completed or canceled is left as it is, which
// is no error. The error is of kind Invalid when the attributes break the standard. There is no bound on how many orders make: they
// are as many as the messages that are kept.
//
// Nothing is written to the journal: the order's own record makes the workitem again, so who replays that calls Put again,
// with the same time.
func (s *Service) Put(tx halong.Tx, f halong.Facility, uid dicom.UID, attrs *dataset.Set, at time.Time) error {
	const op = "ups.Put"
	at = at.UTC().Truncate(time.Microsecond)
	have, err := s.Store.ItemTx(tx, f, uid)
	if err != nil || have != nil && have.State != Scheduled {
		return err
	}
	start := dateTime(at)
	if have != nil {
		start = have.Starts() // an order that does not say when is not put off by being sent again
	}
	checked, _, err := checkCreate(op, uid, complete(attrs, start), s.Label)
	if err != nil {
		return err
	}
	it := &Item{Facility: f, UID: uid}
	if have != nil {
		if it = have; unchanged(have.Attributes, checked) {
			return nil // orders are sent again and again
		}
	}
	return s.apply(tx, it.with(Scheduled, checked, at).record())
}

// unchanged tells whether attributes are those that a workitem has, but for when it was modified.
func unchanged(have, now *dataset.Set) bool {
	a, b := clone(have), clone(now)
	a.Delete(tag.ScheduledProcedureStepModificationDateTime)
	b.Delete(tag.ScheduledProcedureStepModificationDateTime)
	return string(a.Append(nil, syntax)) == string(b.Append(nil, syntax))
}

// complete fills in what N-CREATE wants a value for.
func complete(attrs *dataset.Set, start string) *dataset.Set {
	out := clone(attrs)
	label := "Procedure"
	if e := out.Get(tag.ScheduledWorkitemCodeSequence); e != nil && len(e.Items) > 0 {
		if v := e.Items[0].String(tag.CodeMeaning); v != "" {
			label = v
		}
	}
	for _, d := range []struct {
		tag   dicom.Tag
		vr    dicom.VR
		value string
	}{
		{tag.ScheduledProcedureStepPriority, dicom.CS, "MEDIUM"},
		{tag.InputReadinessState, dicom.CS, "READY"},
		{tag.ProcedureStepState, dicom.CS, Scheduled.String()},
		{tag.ScheduledProcedureStepStartDateTime, dicom.DT, start},
		{tag.ProcedureStepLabel, dicom.LO, label},
	} {
		if !hasValue(out.Get(d.tag)) {
			out.PutString(d.tag, d.vr, d.value)
		}
	}
	return out
}

// Perform brings the workitem of an order along with its step, which is performed where no workitems are known: one that is SCHEDULED is IN PROGRESS, under the
// order's own transaction. With done, the item of its Performed Procedure Sequence (0074,1216), it is COMPLETED. What somebody else has claimed is left to them; ours tells whether
// nobody has. Like Put it leaves no record of its own. The error is of kind Invalid when done lacks what COMPLETED demands.
func (s *Service) Perform(tx halong.Tx, f halong.Facility, uid, transaction dicom.UID, done *dataset.Set, at time.Time) (ours bool, err error) {
	const op = "ups.Perform"
	at = at.UTC().Truncate(time.Microsecond)
	it, err := s.Store.ItemTx(tx, f, uid)
	if err != nil || it == nil {
		return false, err
	}
	if it.State == Scheduled {
		it = it.with(InProgress, clone(it.Attributes), at)
		it.Transaction = transaction
		if err := s.apply(tx, it.record()); err != nil {
			return false, err
		}
	}
	if ours = it.Transaction == transaction; !ours || done == nil || it.State != InProgress {
		return ours, nil
	}
	next := it.with(Completed, clone(it.Attributes), at)
	next.Transaction = transaction
	next.Attributes.Put(dataset.Element{Tag: tag.UnifiedProcedureStepPerformedProcedureSequence, VR: dicom.SQ, Items: []*dataset.Set{done}})
	if t, ok := unmet(rules, next.Attributes, Completed); !ok {
		return true, refuse(op, uid, Refusal{Status: NotFinal, Reason: reasons[NotFinal], Tag: t})
	}
	return true, s.apply(tx, next.record())
}

// Withdraw cancels a workitem that is SCHEDULED, or IN PROGRESS under the order's transaction (see Perform), with the reason as its Reason For Cancellation
// (0074,1238). It does nothing to one in another state, or to one that is not there; ended tells whether it did. Like Put it leaves no record of its own.
func (s *Service) Withdraw(tx halong.Tx, f halong.Facility, uid, transaction dicom.UID, reason string, at time.Time) (ended bool, err error) {
	it, err := s.Store.ItemTx(tx, f, uid)
	if err != nil || it == nil || it.State != Scheduled && (it.State != InProgress || it.Transaction != transaction) {
		return false, err
	}
	info := &dataset.Set{}
	if reason != "" {
		info.PutString(tag.ReasonForCancellation, dicom.LT, reason)
	}
	return true, s.cancel(tx, it, info, at.UTC().Truncate(time.Microsecond), s.apply)
}

// Ask reports to the subscribers of a workitem that is IN PROGRESS, among whom is who performs it, that its cancellation is asked for (PS3.4 CC.2.2). It does nothing to
// one in another state, or to one that is not there. Like Put it leaves no record of its own.
func (s *Service) Ask(tx halong.Tx, f halong.Facility, uid dicom.UID, reason string, at time.Time) error {
	it, err := s.Store.ItemTx(tx, f, uid)
	if err != nil || it == nil || it.State != InProgress {
		return err
	}
	told := &dataset.Set{}
	told.PutString(tag.RequestingAE, dicom.AE, "UNKNOWN") // the placer of an order has no AE title
	told.PutString(tag.ReasonForCancellation, dicom.LT, reason)
	return s.apply(tx, &record{Op: opCancel, Facility: f, At: at.UTC().UnixMicro(), UID: uid, attributes: told})
}
