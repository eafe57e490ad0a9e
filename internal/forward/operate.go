package forward

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// Status tells how a destination fares.
type Status struct {
	Account
	Unreachable string    // why it was not reached the last time; empty if it was
	Next        time.Time // when it is tried again
	Closed      bool      // by its schedule
	Head        *Entry    // that the others wait for, see Ledger.FirstDelivery; nil if none waits
}

// Waits gives how many entries have not ended.
func (a *Account) Waits() int64 { return a.Count[Waiting] + a.Count[Sending] + a.Count[Committing] }

// Status tells of all destinations, and why forwarding is held as a whole; empty if it is not. behind is
// how many events were not looked at yet.
func (f *Forwarder) Status(ctx context.Context) (list []Status, held string, behind uint64, err error) {
	accounts, err := f.Ledger.DeliveryAccounts(ctx)
	if err != nil {
		return nil, "", 0, err
	}
	last, err := f.Ledger.LastEvent(ctx)
	if err != nil {
		return nil, "", 0, err
	}
	for _, a := range accounts {
		s := Status{Account: a}
		if a.Waits() > 0 {
			if s.Head, err = f.Ledger.FirstDelivery(ctx, a.Destination); err != nil {
				return nil, "", 0, err
			}
		}
		if l := f.lane(a.Destination); l != nil {
			l.mu.Lock()
			s.Unreachable, s.Next = l.reason, l.until
			l.mu.Unlock()
			_, open := l.Schedule.Open(f.Now())
			s.Closed = !open
		}
		list = append(list, s)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.standing.Held == "" && last > f.standing.Cursor {
		behind = last - f.standing.Cursor
	}
	return list, f.standing.Held, behind, nil
}

// known tells, with an error, that a destination is neither configured nor ever had an entry. None is all of them.
func (f *Forwarder) known(ctx context.Context, name string) error {
	if name == "" || f.lane(name) != nil {
		return nil
	}
	accounts, err := f.Ledger.DeliveryAccounts(ctx)
	if err == nil && !slices.ContainsFunc(accounts, func(a Account) bool { return a.Destination == name }) {
		err = halong.E("forward", halong.NotExist, name, errors.New("no such destination"))
	}
	return err
}

// List gives entries; see Ledger.Deliveries. The error is of kind NotExist for a destination that never was.
func (f *Forwarder) List(ctx context.Context, s Selection, after int64, limit int) ([]Entry, error) {
	if err := f.known(ctx, s.Destination); err != nil {
		return nil, err
	}
	return f.Ledger.Deliveries(ctx, s, after, limit)
}

func (f *Forwarder) pokeAll() {
	for _, l := range f.lanes {
		poke(l.wake)
		poke(l.commits)
	}
}

// Retry makes entries that are there due at once, those that are dead or wait unless the selection says otherwise, and
// tries destinations that could not be reached. The error is of kind NotExist for a destination that never was, Invalid for a list of entries that is empty, lacks
// the name of theirs, or comes with a study or times; see also Ledger.RetryDeliveries.
func (f *Forwarder) Retry(ctx context.Context, s Selection) (int, error) {
	if s.Entries != nil && (len(s.Entries) == 0 || s.Destination == "" || s.Study != "" || !s.From.IsZero() || !s.Until.IsZero()) {
		return 0, halong.E("forward.Retry", halong.Invalid, "", errors.New("entries are named by their numbers and the name of their destination alone"))
	}
	if err := f.known(ctx, s.Destination); err != nil {
		return 0, err
	}
	n, err := f.Ledger.RetryDeliveries(ctx, s, f.now())
	for _, l := range f.lanes {
		if s.Destination == "" || s.Destination == l.Name {
			l.up()
		}
	}
	f.pokeAll()
	return n, err
}

// Replay says what is to be sent again from the archive.
type Replay struct {
	Destination string    // "": all that rules name
	Study       dicom.UID // "": all
	From, Until time.Time // when objects or messages came, by the clock of then; Until is exclusive; zero: no bound
	States      []State   // entries of the ledger that are sent again; nil: those that ended
}

// Replay looks at events again, up to where the consumer is, and enters the objects that rules give to the destination:
// those that never were, and those that ended in one of the states. It tells how many there are.
func (f *Forwarder) Replay(ctx context.Context, r Replay) (total int, err error) {
	if r.Destination != "" && f.lane(r.Destination) == nil {
		return 0, halong.E("forward.Replay", halong.NotExist, r.Destination, errors.New("no such destination"))
	}
	if r.States == nil {
		r.States = []State{Done, Dead, Gone}
	}
	f.mu.Lock()
	end := f.standing.Cursor
	f.mu.Unlock()
	defer f.pokeAll()
	for events, err := range f.during(ctx, r.From, r.Until, end) {
		if err != nil {
			return total, err
		}
		n, err := f.replay(ctx, &r, r.wanted(events))
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}

// wanted gives the events that are meant.
func (r *Replay) wanted(events []halong.Event) (list []halong.Event) {
	for i := range events {
		e := &events[i]
		if !r.From.IsZero() && e.Time.Before(r.From) || !r.Until.IsZero() && !e.Time.Before(r.Until) || !r.concerns(e) {
			continue
		}
		list = append(list, *e)
	}
	return list
}

// concerns tells whether an event is about what is to be sent again.
func (r *Replay) concerns(e *halong.Event) bool {
	if it, ok := itemOf(e); ok {
		return r.Study == "" || it.Study == r.Study
	}
	_, _, ok := messageOf(e)
	return ok && r.Study == ""
}

func (f *Forwarder) replay(ctx context.Context, r *Replay, events []halong.Event) (n int, err error) {
	list, err := f.route(ctx, events)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	err = f.Ledger.Update(ctx, func(tx halong.Tx) error {
		n = 0
		for _, x := range list {
			for _, name := range x.to {
				if r.Destination != "" && r.Destination != name {
					continue
				}
				entered, err := f.Ledger.EnterDelivery(tx, name, x.event, x.item, f.now(), r.States)
				if err != nil {
					return err
				}
				if entered {
					n++
				}
			}
		}
		return nil
	})
	return n, err
}

// Resend sends a message to a destination, whether or not a rule names it, or to all that rules name if that is empty: what ref
// names ("message 12"), which came at a time. It tells how many entries wait for it. The error is of kind NotExist if there is no such event or destination.
func (f *Forwarder) Resend(ctx context.Context, ref string, at time.Time, destination string) (n int, err error) {
	const op = "forward.Resend"
	if l := f.lane(destination); destination != "" && (l == nil || l.Transport.carries() != Message) {
		return 0, halong.E(op, halong.NotExist, destination, errors.New("no such destination of messages"))
	}
	e, it, topic, err := f.event(ctx, ref, at)
	if err != nil {
		return 0, err
	}
	to := []string{destination}
	if destination == "" {
		if to, err = f.routeMessage(ctx, e, topic); err != nil {
			return 0, err
		}
	}
	err = f.Ledger.Update(ctx, func(tx halong.Tx) error {
		n = 0
		for _, name := range to {
			entered, err := f.Ledger.EnterDelivery(tx, name, e.Seq, it, f.now(), []State{Done, Dead, Gone})
			if err != nil {
				return err
			}
			if entered {
				n++
			}
		}
		return nil
	})
	f.pokeAll()
	return n, err
}

// event finds the event that a message is sent for: near the time at which it came, and if it is told of by an event of another time, anywhere. The error is of
// kind NotExist if there is none for a message.
func (f *Forwarder) event(ctx context.Context, ref string, at time.Time) (*halong.Event, *Item, Topic, error) {
	last, err := f.Ledger.LastEvent(ctx)
	if err != nil {
		return nil, nil, "", err
	}
	for _, x := range [][2]time.Time{{at, at.Add(RunSlack)}, {}} {
		for events, err := range f.during(ctx, x[0], x[1], last) {
			if err != nil {
				return nil, nil, "", err
			}
			for i := range events {
				if it, topic, ok := messageOf(&events[i]); ok && it.Ref == ref {
					return &events[i], it, topic, nil
				}
			}
		}
	}
	return nil, nil, "", halong.E("forward.Resend", halong.NotExist, ref, errNoEvent)
}

// Pause keeps a destination's entries waiting, until Resume.
func (f *Forwarder) Pause(ctx context.Context, name, reason string) error {
	if reason == "" {
		reason = "by an operator"
	}
	return f.setPaused(ctx, name, reason)
}

// Resume ends a pause, and tries at once.
func (f *Forwarder) Resume(ctx context.Context, name string) error { return f.setPaused(ctx, name, "") }

func (f *Forwarder) setPaused(ctx context.Context, name, reason string) error {
	now := f.now()
	l := f.lane(name)
	if l == nil {
		return f.Ledger.PauseDestination(ctx, name, reason, now)
	}
	l.orders.Lock()
	defer l.orders.Unlock()
	if err := f.Ledger.PauseDestination(ctx, name, reason, now); err != nil {
		return err
	}
	l.mu.Lock()
	l.paused = reason
	if reason == "" {
		l.resumed, l.failures, l.until = now, 0, time.Time{}
	}
	l.mu.Unlock()
	poke(l.wake)
	poke(l.commits)
	return nil
}

// Release ends the hold of a ledger that is new beside an older archive. With all, everything that is stored goes where the rules say,
// as if it came now; else only what comes from now on.
func (f *Forwarder) Release(ctx context.Context, all bool) error {
	if f.held() == "" {
		return halong.E("forward.Release", halong.Conflict, "", errors.New("forwarding is not held"))
	}
	var cursor uint64
	if !all {
		var err error
		if cursor, err = f.Ledger.LastEvent(ctx); err != nil {
			return err
		}
	}
	if err := f.Ledger.ReleaseForwarding(ctx, cursor, f.now(), f.Began); err != nil {
		return err
	}
	if err := f.reload(ctx); err != nil {
		return err
	}
	f.Notify()
	f.pokeAll()
	return nil
}
