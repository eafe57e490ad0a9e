package ups

import (
	"context"
	"math"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
)

// Subscribe makes an AE get reports of a workitem, or, by the well-known UIDs Worklist and FilteredWorklist, of all
// workitems of the facility, there and to come, those that match the keys with the latter (N-ACTION Subscribe, PS3.4 CC.2.3).
// With a deletion lock workitems stay after they are final until the AE unsubscribes, and the current state of each is reported; without
// one that is so for a single workitem only. The error is of kind NotExist when there is no such workitem, Exhausted when too many AEs
// are subscribed.
func (s *Service) Subscribe(ctx context.Context, f halong.Facility, uid dicom.UID, ae dicom.AETitle, lock bool, keys []query.Key) error {
	const op = "ups.Subscribe"
	r, known := &record{Op: opSubscribe, Facility: f, At: s.now().UnixMicro(), UID: uid, AE: ae, Lock: lock, Keys: recordKeys(keys)}, false
	err := s.update(ctx, func(tx halong.Tx) (err error) {
		if !global(uid) {
			if _, err := s.item(op, tx, f, uid); err != nil {
				return err
			}
		}
		aes, err := s.Store.Subscribers(tx, f, true)
		if err != nil {
			return err
		}
		if known = slices.Contains(aes, ae); len(aes) >= s.AEs && !known {
			return halong.E(op, halong.Exhausted, string(f), errTooManyAEs)
		}
		if global(uid) {
			r.Step = stepOfItems
			if r.Quiet, err = s.quiet(tx, r); err != nil {
				return err
			}
		}
		return s.commit(tx, r)
	})
	if err == nil && r.Step > 0 {
		err = s.goOn(ctx, r)
	}
	if err == nil && !known {
		s.hub.greeted(subscriber{f, ae}) // who subscribes now need not be told that the service was started
	}
	return err
}

// stepOfItems is how many workitems one transaction subscribes to: nobody else commits meanwhile.
const stepOfItems = 250

// goOn makes the further steps of a subscription to many workitems, or of its end. Those that are created meanwhile come under it already, or no more.
func (s *Service) goOn(ctx context.Context, r *record) error {
	for r.looked == r.Step {
		next := *r
		next.After, next.Quiet = r.last, max(0, r.Quiet-r.looked)
		if err := s.update(ctx, func(tx halong.Tx) error { return s.commit(tx, &next) }); err != nil {
			return err
		}
		r = &next
	}
	return nil
}

// quiet tells of how many workitems the first reports would only be dropped again.
func (s *Service) quiet(tx halong.Tx, r *record) (int, error) {
	if !r.Lock || r.UID != Worklist {
		return 0, nil
	}
	n, err := s.Store.CountItems(tx, r.Facility)
	if n = max(0, n-s.Waiting.Reports); n > 0 {
		s.Log.Warn("ups: an AE that subscribed to the Worklist is not told of its first workitems: too many", "workitems", n, "facility", r.Facility)
	}
	return n, err
}

func global(uid dicom.UID) bool { return uid == Worklist || uid == FilteredWorklist }

// Unsubscribe ends a subscription of an AE with its deletion lock (N-ACTION Unsubscribe). That from the Worklist ends all
// subscriptions of the AE, that from the Filtered Worklist those which came from it. The error is of kind NotExist when there was none.
func (s *Service) Unsubscribe(ctx context.Context, f halong.Facility, uid dicom.UID, ae dicom.AETitle) error {
	if err := s.end(ctx, "ups.Unsubscribe", opUnsubscribe, f, uid, ae); err != nil {
		return err
	}
	left, err := s.Store.Subscribed(ctx, f, ae)
	if err == nil && !left {
		s.hub.forget(subscriber{f, ae})
	}
	return err
}

// Suspend makes new workitems no longer come under an AE's subscription to the Worklist or the Filtered Worklist; those that are there
// stay subscribed (N-ACTION Suspend Global Subscription). The error is of kind NotExist when there is no such subscription.
func (s *Service) Suspend(ctx context.Context, f halong.Facility, uid dicom.UID, ae dicom.AETitle) error {
	return s.end(ctx, "ups.Suspend", opSuspend, f, uid, ae)
}

// end applies a record that takes something away, if it is there.
func (s *Service) end(ctx context.Context, op, what string, f halong.Facility, uid dicom.UID, ae dicom.AETitle) error {
	r := &record{Op: what, Facility: f, At: s.now().UnixMicro(), UID: uid, AE: ae}
	if global(uid) && what == opUnsubscribe {
		r.Step = stepOfItems
	}
	err := s.update(ctx, func(tx halong.Tx) error {
		if !global(uid) {
			if _, err := s.item(op, tx, f, uid); err != nil {
				return err
			}
		}
		ok, err := s.subscribed(tx, f, uid, ae, what)
		if err != nil {
			return err
		}
		if !ok {
			return refuse(op, uid, Refusal{Status: NoSuchWorkitem, Reason: "there is no such subscription"})
		}
		return s.commit(tx, r)
	})
	if err != nil || r.Step == 0 {
		return err
	}
	return s.goOn(ctx, r)
}

// subscribed tells whether there is what is to be taken away.
func (s *Service) subscribed(tx halong.Tx, f halong.Facility, uid dicom.UID, ae dicom.AETitle, what string) (bool, error) {
	if !global(uid) {
		subs, err := s.Store.Subscriptions(tx, f, uid)
		return slices.ContainsFunc(subs, func(x Subscription) bool { return x.AE == ae }), err
	}
	if uid == Worklist && what == opUnsubscribe { // ends those to single workitems too
		aes, err := s.Store.Subscribers(tx, f, false)
		return slices.Contains(aes, ae), err
	}
	stands, err := s.stands(tx, f, Global{AE: ae, By: byOf(uid)})
	if stands || err != nil || what != opUnsubscribe {
		return stands, err
	}
	return s.Store.HasSubscriptions(tx, f, ae, byOf(uid)) // an end that was cut off between two steps
}

func byOf(uid dicom.UID) By {
	if uid == FilteredWorklist {
		return ByFilter
	}
	return ByGlobal
}

// applySubscribe makes a subscription.
func (s *Service) applySubscribe(tx halong.Tx, r *record) error {
	if !global(r.UID) {
		it, err := s.Store.ItemTx(tx, r.Facility, r.UID)
		if err != nil || it == nil || it.State == Deleted {
			return err
		}
		if err := s.Store.Subscribe(tx, r.Facility, r.UID, Subscription{r.AE, r.Lock, ByItem}); err != nil {
			return err
		}
		return s.initial(tx, it, r)
	}
	g := Global{AE: r.AE, By: byOf(r.UID), Lock: r.Lock, Keys: queryKeys(r.Keys)}
	if r.After == "" {
		if err := s.Store.SaveGlobal(tx, r.Facility, g); err != nil {
			return err
		}
	} else if stands, err := s.stands(tx, r.Facility, g); !stands || err != nil {
		r.looked = 0
		return err // the AE unsubscribed between two steps
	}
	step := *r
	for {
		n, err := s.subscribeStep(tx, &step, &g)
		r.looked, r.last = n, step.After
		if r.Step > 0 || n == 0 || err != nil {
			return err
		}
	}
}

// stands tells whether an AE's global subscription is there.
func (s *Service) stands(tx halong.Tx, f halong.Facility, g Global) (bool, error) {
	all, err := s.Store.Globals(tx, f)
	return slices.ContainsFunc(all, func(x Global) bool { return x.AE == g.AE && x.By == g.By }), err
}

// subscribeStep subscribes to the next workitems and leaves in r where they end. It tells how many it looked at.
func (s *Service) subscribeStep(tx halong.Tx, r *record, g *Global) (n int, err error) {
	limit := r.Step
	if limit == 0 {
		limit = stepOfItems
	}
	items, err := s.Store.ItemsAfter(tx, r.Facility, r.After, limit)
	if err != nil {
		return 0, err
	}
	for _, it := range items {
		r.After = it.UID
		if err := s.subscribeOne(tx, r, g, it); err != nil {
			return 0, err
		}
		r.Quiet = max(0, r.Quiet-1)
	}
	return len(items), nil
}

func (s *Service) subscribeOne(tx halong.Tx, r *record, g *Global, it *Item) error {
	if !g.covers(it) {
		return nil
	}
	subs, err := s.Store.Subscriptions(tx, r.Facility, it.UID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(subs, func(x Subscription) bool { return x.AE == r.AE })
	if i < 0 || subs[i].By != ByItem { // what was said of one workitem goes before what is said of all
		if err := s.Store.Subscribe(tx, r.Facility, it.UID, Subscription{r.AE, r.Lock, g.By}); err != nil {
			return err
		}
	}
	if !r.Lock || r.Quiet > 0 {
		return nil
	}
	return s.initial(tx, it, r)
}

// initial reports the current state of a workitem to who has subscribed (PS3.4 CC.2.4.3).
func (s *Service) initial(tx halong.Tx, it *Item, r *record) error {
	return s.queue(tx, stateOf(it).report(it, r.at(), -1), []dicom.AETitle{r.AE})
}

// applyUnsubscribe ends subscriptions. Who has none left is told nothing more.
func (s *Service) applyUnsubscribe(tx halong.Tx, r *record) error {
	if err := s.endSubscriptions(tx, r); err != nil {
		return err
	}
	aes, err := s.Store.Subscribers(tx, r.Facility, false)
	if err != nil || slices.Contains(aes, r.AE) {
		return err
	}
	return s.Store.Delivered(tx, r.Facility, r.AE, nil)
}

func (s *Service) endSubscriptions(tx halong.Tx, r *record) error {
	if !global(r.UID) {
		_, err := s.Store.Unsubscribe(tx, r.Facility, r.UID, r.AE)
		return err
	}
	if _, err := s.Store.RemoveGlobal(tx, r.Facility, r.AE, byOf(r.UID)); err != nil {
		return err
	}
	if r.UID == Worklist {
		if _, err := s.Store.RemoveGlobal(tx, r.Facility, r.AE, ByFilter); err != nil {
			return err
		}
	}
	limit := r.Step
	if limit == 0 {
		limit = math.MaxInt32
	}
	n, err := s.Store.UnsubscribeAll(tx, r.Facility, r.AE, r.UID == FilteredWorklist, limit)
	r.looked = n
	return err
}

// applySuspend suspends a global subscription.
func (s *Service) applySuspend(tx halong.Tx, r *record) error {
	globals, err := s.Store.Globals(tx, r.Facility)
	if err != nil {
		return err
	}
	for _, g := range globals {
		if g.AE == r.AE && g.By == byOf(r.UID) {
			g.Suspended = true
			return s.Store.SaveGlobal(tx, r.Facility, g)
		}
	}
	return nil
}
