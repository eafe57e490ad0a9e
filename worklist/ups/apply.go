package ups

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
)

// Replay applies a journal record to the index, as it was applied when it was written. The error is of kind Corrupt when the
// record cannot be read.
func (s *Service) Replay(tx halong.Tx, payload []byte) error {
	r, err := parseRecord(payload)
	if err != nil {
		return err
	}
	return s.take(tx, r)
}

// take applies a record of a client's doing, and tells of the state that it brought a workitem into.
func (s *Service) take(tx halong.Tx, r *record) error {
	if !r.Moves || s.Moved == nil {
		return s.apply(tx, r)
	}
	before, err := s.Store.ItemTx(tx, r.Facility, r.UID)
	if err != nil {
		return err
	}
	if err := s.apply(tx, r); err != nil {
		return err
	}
	if before == nil || before.State == r.State || r.State == InProgress && r.Transaction == "" { // nobody has it: it is on its way to CANCELED
		return nil
	}
	return s.Moved(tx, &Item{Facility: r.Facility, UID: r.UID, State: r.State, Transaction: r.Transaction, Changed: r.at(), Attributes: r.attributes})
}

// apply makes the rows of a record: the one function for what happens now and for what is replayed. It depends on the record and on
// the rows that are there, and on nothing else.
func (s *Service) apply(tx halong.Tx, r *record) error {
	switch r.Op {
	case opItem:
		if r.attributes == nil {
			break
		}
		return s.applyItem(tx, &Item{Facility: r.Facility, UID: r.UID, State: r.State, Transaction: r.Transaction, Changed: r.at(), Attributes: r.attributes})
	case opCancel:
		return s.applyCancel(tx, r)
	case opSubscribe:
		return s.applySubscribe(tx, r)
	case opUnsubscribe:
		return s.applyUnsubscribe(tx, r)
	case opSuspend:
		return s.applySuspend(tx, r)
	case opDelivered:
		return s.Store.Delivered(tx, r.Facility, r.AE, r.Reports)
	case opDelete:
		return s.applyDelete(tx, r)
	case opForget:
		for _, ref := range r.Refs {
			if err := s.Store.ForgetItem(tx, ref.Facility, ref.UID); err != nil {
				return err
			}
		}
		return nil
	}
	return halong.E("ups.apply", halong.Corrupt, string(r.UID), errors.New("a record that says nothing known"))
}

// applyItem saves a workitem and reports what changed to whoever is subscribed.
func (s *Service) applyItem(tx halong.Tx, it *Item) error {
	before, err := s.Store.ItemTx(tx, it.Facility, it.UID)
	if err != nil {
		return err
	}
	it.Created, it.Revision = it.Changed, 1
	if before != nil {
		it.Revision = before.Revision + 1
	}
	if before != nil && before.State == Deleted {
		before = nil
	}
	if before != nil {
		it.Created = before.Created
	}
	if err := s.Store.SaveItem(tx, it); err != nil {
		return err
	}
	if before == nil {
		if err := s.cover(tx, it); err != nil {
			return err
		}
	}
	list := occurrences(before, it)
	for n, o := range list {
		if err := s.tell(tx, it, o, it.Changed, n); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return s.emit(tx, it, "updated", it.Changed)
	}
	return nil
}

// cover subscribes to a new workitem those whose global subscription it comes under (PS3.4 table CC.2.3-2).
func (s *Service) cover(tx halong.Tx, it *Item) error {
	globals, err := s.Store.Globals(tx, it.Facility)
	if err != nil {
		return err
	}
	for _, g := range globals {
		if g.Suspended || !g.covers(it) {
			continue
		}
		subs, err := s.Store.Subscriptions(tx, it.Facility, it.UID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(subs, func(x Subscription) bool { return x.AE == g.AE })
		if i >= 0 && (subs[i].Lock || !g.Lock) {
			continue // by the AE's other global subscription
		}
		if err := s.Store.Subscribe(tx, it.Facility, it.UID, Subscription{g.AE, g.Lock, g.By}); err != nil {
			return err
		}
	}
	return nil
}

// covers tells whether a workitem is one of those that the subscription is for.
func (g *Global) covers(it *Item) bool {
	return g.By == ByGlobal || query.Rules{Fuzzy: false}.MatchAll(g.Keys, it.Attributes)
}

// tell queues a report for all subscribers of a workitem, and tells other programs.
func (s *Service) tell(tx halong.Tx, it *Item, o occurrence, at time.Time, n int) error {
	subs, err := s.Store.Subscriptions(tx, it.Facility, it.UID)
	if err != nil {
		return err
	}
	aes := make([]dicom.AETitle, len(subs))
	for i, x := range subs {
		aes[i] = x.AE
	}
	if err := s.queue(tx, o.report(it, at, n), aes); err != nil {
		return err
	}
	return s.emit(tx, it, o.kind.String(), at)
}

// queue adds a report for AEs. What has to go for it is told to the operator.
func (s *Service) queue(tx halong.Tx, r Report, aes []dicom.AETitle) error {
	if len(aes) == 0 {
		return nil
	}
	dropped, err := s.Store.Queue(tx, r, aes, s.Waiting)
	if dropped > 0 {
		s.Log.Warn("ups: event reports were dropped: nobody fetched them", "reports", dropped, "facility", r.Facility)
	}
	return err
}

func (s *Service) emit(tx halong.Tx, it *Item, what string, at time.Time) error {
	c := Change{Workitem: it.UID, Event: what, State: it.State.String(), Revision: it.Revision}
	if it.Attributes != nil {
		c.Ready = readiness(it)
	}
	b, err := json.Marshal(c)
	if err != nil {
		return halong.E("ups.emit", halong.Internal, string(it.UID), err)
	}
	return s.Events.Emit(tx, halong.Event{Type: halong.EventWorkitem, Facility: it.Facility, Time: at, Payload: b})
}

// applyCancel reports that cancellation was asked for.
func (s *Service) applyCancel(tx halong.Tx, r *record) error {
	it, err := s.Store.ItemTx(tx, r.Facility, r.UID)
	if err != nil || it == nil || it.State == Deleted || r.attributes == nil {
		return err
	}
	return s.tell(tx, it, occurrence{CancelRequested, r.attributes}, r.at(), 0)
}

// applyDelete deletes workitems and their subscriptions; the UIDs stay known.
func (s *Service) applyDelete(tx halong.Tx, r *record) error {
	for _, ref := range r.Refs {
		it, err := s.Store.ItemTx(tx, ref.Facility, ref.UID)
		if err != nil {
			return err
		}
		if it == nil || it.State == Deleted {
			continue
		}
		it.State, it.Transaction, it.Attributes, it.Changed = Deleted, "", nil, r.at()
		it.Revision++
		if _, err := s.Store.Unsubscribe(tx, ref.Facility, ref.UID, ""); err != nil {
			return err
		}
		if err := s.Store.SaveItem(tx, it); err != nil {
			return err
		}
		if err := s.emit(tx, it, "deleted", r.at()); err != nil {
			return err
		}
	}
	return nil
}
