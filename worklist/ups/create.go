package ups

import (
	"context"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

func readiness(it *Item) string { return it.Attributes.String(tag.InputReadinessState) }

// Create adds a workitem (N-CREATE, PS3.4 CC.2.5). Without a UID it gets one. The status is Success, or CoercedValues when attributes
// that have to be there were put in empty. The error is of kind Invalid when the attributes break the standard, Conflict
// when the UID is in use or was, and Exhausted when there are too many workitems; its cause is a *Refusal but for the last.
func (s *Service) Create(ctx context.Context, f halong.Facility, uid dicom.UID, attrs *dataset.Set) (dicom.UID, Status, error) {
	const op = "ups.Create"
	if uid == "" {
		var err error
		if uid, err = s.newUID(); err != nil {
			return "", 0, err
		}
	}
	checked, filled, err := checkCreate(op, uid, attrs, s.Label)
	if err != nil {
		return uid, 0, err
	}
	at := s.now()
	it := (&Item{Facility: f, UID: uid}).with(Scheduled, checked, at)
	err = s.update(ctx, func(tx halong.Tx) error {
		have, err := s.Store.ItemTx(tx, f, uid)
		if err != nil {
			return err
		}
		if have != nil {
			return refuse(op, uid, Refusal{Status: DuplicateInstance, Reason: "there is a workitem with this UID", Gone: have.State == Deleted})
		}
		if err := s.room(op, tx, f); err != nil {
			return err
		}
		return s.commit(tx, it.record())
	})
	if filled {
		return uid, CoercedValues, err
	}
	return uid, Success, err
}

// room tells whether a facility may have one more workitem.
func (s *Service) room(op string, tx halong.Tx, f halong.Facility) error {
	n, err := s.Store.CountItems(tx, f)
	if err == nil && n >= s.Items {
		err = halong.E(op, halong.Exhausted, string(f), errTooMany)
	}
	return err
}

// record gives the record of what the workitem is now.
func (it *Item) record() *record {
	return &record{
		Op: opItem, Facility: it.Facility, At: it.Changed.UnixMicro(), UID: it.UID, State: it.State, Transaction: it.Transaction, attributes: it.Attributes,
	}
}

// Set changes attributes (N-SET, PS3.4 CC.2.6): those that are given take the place of what was, sequences as a whole. The
// error's cause is a *Refusal.
func (s *Service) Set(ctx context.Context, f halong.Facility, uid, transaction dicom.UID, changes *dataset.Set) error {
	const op = "ups.Set"
	at := s.now()
	return s.update(ctx, func(tx halong.Tx) error {
		it, err := s.item(op, tx, f, uid)
		if err != nil {
			return err
		}
		if status := it.editable(transaction); status != Success {
			return refuse(op, uid, Refusal{Status: status, Reason: reasons[status]})
		}
		attrs, err := checkSet(op, it, changes)
		if err != nil {
			return err
		}
		return s.commit(tx, it.with(it.State, attrs, at).record())
	})
}

// ChangeState changes the state (N-ACTION Change UPS State, PS3.4 CC.2.1). The status is Success, or AlreadyCanceled or
// AlreadyCompleted when there was nothing to be done. The error's cause is a *Refusal.
func (s *Service) ChangeState(ctx context.Context, f halong.Facility, uid dicom.UID, to State, transaction dicom.UID) (status Status, err error) {
	const op = "ups.ChangeState"
	at := s.now()
	err = s.update(ctx, func(tx halong.Tx) error {
		it, err := s.item(op, tx, f, uid)
		if err != nil {
			return err
		}
		switch status = it.transition(to, transaction); status {
		case AlreadyCanceled, AlreadyCompleted:
			return nil
		case Success:
		default:
			return refuse(op, uid, Refusal{Status: status, Reason: reasons[status]})
		}
		next := it.with(to, clone(it.Attributes), at)
		next.Transaction = transaction
		if to.Final() {
			if t, ok := unmet(rules, next.Attributes, to); !ok {
				return refuse(op, uid, Refusal{Status: NotFinal, Reason: reasons[NotFinal], Tag: t})
			}
		}
		return s.commit(tx, next.record())
	})
	return status, err
}

// RequestCancel asks for a workitem to be canceled (N-ACTION Request UPS Cancel, PS3.4 CC.2.2). One that is SCHEDULED is; of one in
// progress the subscribers are told, among whom is who performs it. The status is Success, or AlreadyCanceled. The error's
// cause is a *Refusal: one in progress without subscribers cannot be canceled, since nobody could be told.
func (s *Service) RequestCancel(ctx context.Context, f halong.Facility, uid dicom.UID, requester dicom.AETitle, info *dataset.Set) (status Status, err error) {
	const op = "ups.RequestCancel"
	at := s.now()
	err = s.update(ctx, func(tx halong.Tx) error {
		status = Success
		it, err := s.item(op, tx, f, uid)
		if err != nil {
			return err
		}
		switch it.State {
		case Canceled:
			status = AlreadyCanceled
			return nil
		case Completed:
			return refuse(op, uid, Refusal{Status: IsCompleted, Reason: reasons[IsCompleted]})
		case Scheduled:
			return s.cancel(tx, it, info, at, s.commit)
		}
		subs, err := s.Store.Subscriptions(tx, f, uid)
		if err != nil {
			return err
		}
		if len(subs) == 0 {
			return refuse(op, uid, Refusal{Status: NoPerformer, Reason: reasons[NoPerformer]})
		}
		told := pick(info, tag.ReasonForCancellation, tag.ProcedureStepDiscontinuationReasonCodeSequence, tag.ContactURI, tag.ContactDisplayName)
		told.PutString(tag.RequestingAE, dicom.AE, string(requester))
		return s.commit(tx, &record{Op: opCancel, Facility: f, At: at.UnixMicro(), UID: uid, attributes: told})
	})
	return status, err
}

// cancel takes a workitem to CANCELED, one that is SCHEDULED over IN PROGRESS (PS3.4 CC.2.2.3), with what the final state demands.
func (s *Service) cancel(tx halong.Tx, it *Item, info *dataset.Set, at time.Time, commit func(halong.Tx, *record) error) error {
	if it.State == Scheduled {
		if err := commit(tx, it.with(InProgress, clone(it.Attributes), at).record()); err != nil {
			return err
		}
	}
	attrs := clone(it.Attributes)
	why := pick(info, tag.ReasonForCancellation, tag.ProcedureStepDiscontinuationReasonCodeSequence)
	why.PutString(tag.ProcedureStepCancellationDateTime, dicom.DT, dateTime(at))
	if contact := pick(info, tag.ContactURI, tag.ContactDisplayName); hasValue(contact.Get(tag.ContactURI)) {
		why.Put(dataset.Element{Tag: tag.ProcedureStepCommunicationsURISequence, VR: dicom.SQ, Items: []*dataset.Set{contact}})
	}
	if !hasValue(why.Get(tag.ProcedureStepDiscontinuationReasonCodeSequence)) {
		why.Put(dataset.Element{Tag: tag.ProcedureStepDiscontinuationReasonCodeSequence, VR: dicom.SQ, Items: []*dataset.Set{unspecified()}})
	}
	attrs.Put(dataset.Element{Tag: tag.ProcedureStepProgressInformationSequence, VR: dicom.SQ, Items: []*dataset.Set{why}})
	return commit(tx, it.with(Canceled, attrs, at).record())
}

// unspecified is the code for a discontinuation without a reason (PS3.16 CID 9300).
func unspecified() *dataset.Set {
	s := &dataset.Set{}
	s.PutString(tag.CodeValue, dicom.SH, "110513")
	s.PutString(tag.CodingSchemeDesignator, dicom.SH, "DCM")
	s.PutString(tag.CodeMeaning, dicom.LO, "Discontinued for unspecified reason")
	return s
}
