package forward

import (
	"context"
	"encoding/json"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// eventsAtOnce bounds the events that one transaction turns into entries.
const eventsAtOnce = 256

// instanceEvent is the payload of the instance events.
type instanceEvent struct {
	Study  dicom.UID `json:"study"`
	Series dicom.UID `json:"series"`
	SOP    dicom.UID `json:"instance"`
	Class  dicom.UID `json:"class"`
	Digest string    `json:"digest"`
}

// itemOf gives the object that an event says was stored; false for other events, and for those that were erased.
func itemOf(e *halong.Event) (*Item, bool) {
	if e.Type != halong.EventInstanceStored && e.Type != halong.EventInstanceVersion {
		return nil, false
	}
	var p instanceEvent
	if json.Unmarshal(e.Payload, &p) != nil {
		return nil, false
	}
	d, err := halong.ParseDigest(p.Digest)
	if err != nil {
		return nil, false
	}
	return &Item{Kind: Instance, Facility: e.Facility, Study: p.Study, Series: p.Series, SOP: p.SOP, Class: p.Class, Digest: d}, true
}

// routed is an object and where it goes.
type routed struct {
	event uint64
	item  *Item
	to    []string
}

// consume turns the next events into entries, and tells how many it read.
func (f *Forwarder) consume(ctx context.Context) (int, error) {
	f.mu.Lock()
	at := f.standing
	f.mu.Unlock()
	if at.Held != "" {
		return 0, nil
	}
	events, err := f.Ledger.EventsSince(ctx, at.Cursor, eventsAtOnce)
	if err != nil || len(events) == 0 {
		return 0, err
	}
	list, err := f.route(ctx, events)
	if err != nil {
		return 0, err
	}
	last := events[len(events)-1].Seq
	err = f.Ledger.Update(ctx, func(tx halong.Tx) error {
		if err := f.Ledger.AdvanceForwarding(tx, at.Cursor, last); err != nil {
			return err
		}
		for _, r := range list {
			for _, name := range r.to {
				if _, err := f.Ledger.EnterDelivery(tx, name, r.event, r.item, f.now(), nil); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if halong.KindOf(err) == halong.Conflict { // an operator moved it
		return 0, f.reload(ctx)
	}
	if err != nil {
		return 0, err
	}
	f.mu.Lock()
	if f.standing.Cursor == at.Cursor {
		f.standing.Cursor = last
	}
	f.mu.Unlock()
	f.pokeLanes(list)
	return len(events), nil
}

func (f *Forwarder) reload(ctx context.Context) error {
	s, err := f.Ledger.ForwardingStanding(ctx)
	if err == nil {
		f.mu.Lock()
		f.standing = s
		f.mu.Unlock()
	}
	return err
}

func (f *Forwarder) pokeLanes(list []routed) {
	for _, l := range f.lanes {
		for _, r := range list {
			if anyOf(r.to, l.Name) {
				poke(l.wake)
				break
			}
		}
	}
}

// route finds the destinations of what was stored. Objects that match no rule are left out.
func (f *Forwarder) route(ctx context.Context, events []halong.Event) (list []routed, err error) {
	for i := range events {
		e := &events[i]
		it, to, err := f.routeEvent(ctx, e)
		if err != nil {
			return nil, err
		}
		if len(to) > 0 {
			list = append(list, routed{e.Seq, it, to})
		}
	}
	return list, nil
}

// routeEvent gives what an event says is there to be sent, and where to.
func (f *Forwarder) routeEvent(ctx context.Context, e *halong.Event) (*Item, []string, error) {
	if it, ok := itemOf(e); ok {
		to, err := f.routeOne(ctx, it, e.Time)
		return it, to, err
	}
	if it, topic, ok := messageOf(e); ok {
		to, err := f.routeMessage(ctx, e, topic)
		return it, to, err
	}
	return nil, nil, nil
}

func (f *Forwarder) routeOne(ctx context.Context, it *Item, at time.Time) ([]string, error) {
	to, err := route(f.Rules, it, at, func() (*Facts, error) {
		facts, err := f.Source.Facts(ctx, it)
		return &facts, err
	})
	if err == nil {
		return to, nil
	}
	switch halong.KindOf(err) {
	case halong.NotExist:
		f.Log.Info("forwarding: an object was deleted before rules could look at it", "sop", it.SOP.Loggable())
		return nil, nil
	case halong.Corrupt:
		// It goes where it may have to go, so that the ledger tells of it: sending will fail with the reason.
		f.Log.Error("forwarding: rules cannot look at a damaged object", "sop", it.SOP.Loggable(), "error", err)
		return routeBlindly(f.Rules, it, at), nil
	}
	return nil, err
}
