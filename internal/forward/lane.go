package forward

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// batchSize is how many entries are leased at once, for all senders of a destination.
const batchSize = 64

// leaseTime is how long a sender may have an entry: longer than anything takes. A process that ends leaves its leases to
// the next, which ends them at once.
const leaseTime = 24 * time.Hour

// lane is the way to one destination: its senders, and what they have in common.
type lane struct {
	Destination
	f       *Forwarder
	bucket  *bucket
	wake    chan struct{}
	commits chan struct{} // wakes the asker for storage commitment
	ready   chan []Entry  // leased
	results chan Result

	orders sync.Mutex // held while a pause or its end is read from the ledger or written there, so that what is known here is the last

	mu       sync.Mutex
	paused   string
	resumed  time.Time
	failures int                // in a row
	until    time.Time          // when it is tried again after them
	reason   string             // of the last
	culprit  int64              // the entry that others wait for since it failed, when that was last told
	dropped  map[int64]struct{} // entries that were given up while they were leased, and of which nothing was told since
}

func newLane(f *Forwarder, d Destination) *lane {
	return &lane{
		Destination: d, f: f, bucket: newBucket(d.Bandwidth, f.Now, sleep), wake: make(chan struct{}, 1), commits: make(chan struct{}, 1),
		ready: make(chan []Entry), results: make(chan Result, 4*batchSize), dropped: map[int64]struct{}{},
	}
}

// run sends until ctx ends.
func (l *lane) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := l.load(ctx)
		if err == nil {
			break
		}
		l.log(ctx, "forwarding: the ledger cannot be read", err)
		_ = sleep(ctx, failurePause) // ends with ctx
	}
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		l.record(ctx)
	}()
	var senders, asker sync.WaitGroup
	if l.Commit {
		asker.Go(func() { l.ask(ctx) })
	}
	for range l.Concurrency {
		senders.Go(func() { l.sender(ctx) })
	}
	l.lease(ctx)
	senders.Wait()
	asker.Wait()
	close(l.results)
	<-recorded
}

// load reads whether the destination is paused.
func (l *lane) load(ctx context.Context) error {
	l.orders.Lock()
	defer l.orders.Unlock()
	accounts, err := l.f.Ledger.DeliveryAccounts(ctx)
	for i := range accounts {
		if a := &accounts[i]; a.Destination == l.Name {
			l.mu.Lock()
			l.paused, l.resumed = a.Paused, a.Resumed
			l.mu.Unlock()
		}
	}
	return err
}

func (l *lane) log(ctx context.Context, text string, err error) {
	if ctx.Err() == nil {
		l.f.Log.Error(text, "destination", l.Name, "error", err)
	}
}

// blocked tells how long nothing is to be sent; 0 when something may be.
func (l *lane) blocked() time.Duration {
	now := l.f.Now()
	l.mu.Lock()
	paused, until := l.paused != "", l.until
	l.mu.Unlock()
	if paused || l.f.held() != "" {
		return forever
	}
	if now.Before(until) {
		return until.Sub(now)
	}
	if next := l.Schedule.Next(now); next.After(now) {
		return next.Sub(now)
	} else if next.IsZero() {
		return forever
	}
	return 0
}

// lease hands batches of due entries to the senders.
func (l *lane) lease(ctx context.Context) {
	for ctx.Err() == nil {
		if d := l.blocked(); d > 0 {
			wait(ctx, l.wake, min(d, poll))
			continue
		}
		now := l.f.now()
		lease := l.f.Ledger.LeaseDeliveries
		if l.InOrder {
			lease = l.f.Ledger.LeaseInOrder
		}
		batch, err := lease(ctx, l.Name, now, now.Add(leaseTime), batchSize)
		switch {
		case err != nil:
			l.log(ctx, "forwarding: entries cannot be leased", err)
			_ = sleep(ctx, failurePause) // ends with ctx
		case len(batch) == 0:
			l.waitForDue(ctx)
		default:
			l.hand(ctx, batch)
		}
	}
}

// hand gives every sender its share.
func (l *lane) hand(ctx context.Context, batch []Entry) {
	share := (len(batch) + l.Concurrency - 1) / l.Concurrency
	for part := range slices.Chunk(batch, share) {
		select {
		case l.ready <- part:
		case <-ctx.Done():
			l.giveBack(part)
		}
	}
}

// waitForDue waits until an entry is due, or somebody tells that one may be.
func (l *lane) waitForDue(ctx context.Context) {
	next := l.f.Ledger.NextDelivery
	if l.InOrder {
		next = l.f.Ledger.NextInOrder
	}
	due, err := next(ctx, l.Name)
	d := poll
	if err == nil && !due.IsZero() {
		d = min(d, max(due.Sub(l.f.Now()), time.Millisecond))
	}
	wait(ctx, l.wake, d)
}

func (l *lane) giveBack(batch []Entry) {
	for i := range batch {
		l.results <- Result{ID: batch[i].ID, State: Waiting, Untried: true}
	}
}

// sender sends batches with one connection, which is ended when it is not needed for some time.
func (l *lane) sender(ctx context.Context) {
	c := l.Transport.carrier()
	defer c.rest()
	for {
		idle := time.NewTimer(l.Idle)
		select {
		case <-ctx.Done():
			idle.Stop()
			return
		case batch := <-l.ready:
			idle.Stop()
			l.send(ctx, c, batch)
		case <-idle.C:
			c.rest()
		}
	}
}

func (l *lane) send(ctx context.Context, c carrier, batch []Entry) {
	j := &job{
		entries: batch,
		open:    func(ctx context.Context, it *Item) (Object, error) { return l.f.Source.Open(ctx, it, l.Edit) },
		message: l.message,
		limit:   l.bucket,
		stop:    func() bool { return l.blocked() > 0 },
		told:    make([]bool, len(batch)),
		dropped: l.isDropped,
	}
	var failed *Entry // the last one that did
	pardon := false   // it was given up meanwhile: no reason to leave the destination alone
	j.tell = func(e *Entry, o outcome) {
		if dropped := l.landed(e); o.state == Waiting && !o.untried {
			failed, pardon = e, pardon || dropped
		}
		l.tell(e, o)
	}
	err := c.send(ctx, j)
	reason := ""
	switch {
	case ctx.Err() != nil || pardon:
		err = nil // that is why
	case err != nil:
		reason = reasonOf(err)
	default: // another sender may have found out first
		reason = l.unreachable()
	}
	for i := range batch { // those that nothing was begun with
		if reason != "" && l.tooOld(&batch[i]) {
			j.end(i, l.givenUp(reason))
		}
		j.end(i, outcome{state: Waiting, untried: true})
	}
	if err != nil {
		l.down(ctx, err, failed)
	}
}

// unreachable tells why nobody tries to reach the destination at present; empty when that is not why.
func (l *lane) unreachable() string {
	now := l.f.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused != "" || !now.Before(l.until) {
		return ""
	}
	return l.reason
}

// tooOld tells whether an entry was tried for long enough.
func (l *lane) tooOld(e *Entry) bool { return l.f.now().Sub(l.since(e.Queued)) >= l.MaxAge }

func (l *lane) givenUp(reason string) outcome {
	return dead("given up after %v: %s", l.MaxAge, reason)
}

// tell takes what came of an entry.
func (l *lane) tell(e *Entry, o outcome) {
	r := Result{ID: e.ID, State: o.state, SentAs: o.sentAs, Reason: o.reason, Untried: o.untried}
	if r.SentAs == e.SOP {
		r.SentAs = ""
	}
	switch o.state {
	case Done:
		l.up()
		if l.Commit {
			r.State = Committing
		}
	case Waiting:
		if !o.untried {
			r = l.again(e, r)
		}
	case Dead, Gone:
		l.f.Log.Warn("forwarding: not sent", "destination", l.Name, "entry", e.ID, "item", e.name(), "state", r.State.String(), "reason", r.Reason)
	}
	if !o.untried {
		l.f.Observe(l.Name, o.state)
	}
	l.results <- r
}

// again says when an entry that failed is tried again, unless that was tried for too long.
func (l *lane) again(e *Entry, r Result) Result {
	if l.tooOld(e) {
		r.State, r.Reason = Dead, l.givenUp(r.Reason).reason
		l.f.Log.Warn("forwarding: not sent", "destination", l.Name, "entry", e.ID, "item", e.name(), "state", r.State.String(), "reason", r.Reason)
		return r
	}
	r.State, r.Due = Waiting, l.f.now().Add(l.Retry.after(e.Attempts, l.f.Random))
	return r
}

// since is from when on an entry's age counts: times at which nothing might be sent do not.
func (l *lane) since(queued time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.resumed.After(queued) {
		queued = l.resumed
	}
	if opened, ok := l.Schedule.Open(l.f.Now()); ok && opened.After(queued) {
		queued = opened
	}
	return queued
}

// up notes that the destination takes objects.
func (l *lane) up() {
	l.mu.Lock()
	failed := l.failures
	l.failures, l.until, l.reason = 0, time.Time{}, ""
	l.mu.Unlock()
	if failed > 0 {
		l.f.Log.Info("forwarding: the destination is reached again", "destination", l.Name, "failures", failed)
	}
}

// down notes that it cannot be reached: nobody tries for a while. What waits for too long is given up. failed is the entry that was tried; may be nil.
func (l *lane) down(ctx context.Context, err error, failed *Entry) {
	now := l.f.now()
	l.mu.Lock()
	l.failures++
	pause := l.Retry.after(l.failures, l.f.Random)
	first := !now.Before(l.until)
	if !first { // another sender found out at the same time
		l.failures--
		pause = l.until.Sub(now)
	}
	var refused *refusal
	if errors.As(err, &refused) {
		pause = max(pause, refused.after)
	}
	reason := reasonOf(err)
	news := first && (l.failures == 1 || l.reason != reason) // one line for an outage, not one for each attempt
	attrs := []any{"destination", l.Name, "reason", reason, "again in", pause}
	if failed != nil && l.InOrder { // it holds up the others
		attrs = append(attrs, "entry", failed.ID, "item", failed.name())
		news = news || first && l.culprit != failed.ID
		l.culprit = failed.ID
	}
	l.until, l.reason = now.Add(pause), reason
	l.mu.Unlock()
	if news {
		l.f.Log.Warn("forwarding: the destination cannot be reached", attrs...)
	}
	l.f.Observe(l.Name, Waiting)
	poke(l.wake)
	limit := now.Add(-l.MaxAge)
	if l.since(time.Time{}).After(limit) {
		return
	}
	n, err := l.f.Ledger.ExpireDeliveries(ctx, l.Name, limit, now, l.givenUp(reason).reason)
	if err != nil {
		l.log(ctx, "forwarding: old entries could not be given up", err)
	} else if n > 0 {
		l.f.Log.Warn("forwarding: given up", "destination", l.Name, "entries", n, "reason", reason)
	}
}

// record writes results down, all that are there together, until the channel is closed.
func (l *lane) record(ctx context.Context) {
	for r := range l.results {
		list := []Result{r}
		for len(l.results) > 0 && len(list) < cap(l.results) {
			list = append(list, <-l.results)
		}
		l.write(ctx, list)
	}
}

// write writes results down, also when ctx has ended. It tries for as long as ctx has not: what is not written down is sent again
// after the next start.
func (l *lane) write(ctx context.Context, list []Result) {
	for {
		err := l.f.Ledger.EndDeliveries(context.WithoutCancel(ctx), l.f.now(), list)
		if err == nil {
			break
		}
		l.f.Log.Error("forwarding: results could not be written down", "destination", l.Name, "error", err)
		if sleep(ctx, failurePause) != nil {
			return
		}
	}
	for i := range list {
		if list[i].State == Waiting || l.InOrder {
			poke(l.wake)
		}
		if list[i].State == Committing {
			poke(l.commits)
		}
	}
}
