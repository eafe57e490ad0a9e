package ups

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// ErrStopping is what a Channel ends with when the service stops.
var ErrStopping = errors.New("the service is stopping")

// subscriber is an AE of a facility.
type subscriber struct {
	facility halong.Facility
	ae       dicom.AETitle
}

// hub knows the open channels.
type hub struct {
	mu       sync.Mutex
	limit    int
	count    int
	open     map[subscriber][]*Channel
	greets   map[subscriber]bool // who needs not be told any more that the service was started
	woken    chan struct{}       // closed at the next change
	stopping chan struct{}
	idle     chan struct{} // closed when the last channel ends after stopping
}

// prepare makes what is missing. The lock is held.
func (h *hub) prepare() {
	if h.open == nil {
		h.open, h.greets = map[subscriber][]*Channel{}, map[subscriber]bool{}
		h.woken, h.stopping, h.idle = make(chan struct{}), make(chan struct{}), make(chan struct{})
	}
}

// wake makes all channels look for reports.
func (h *hub) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.prepare()
	close(h.woken)
	h.woken = make(chan struct{})
}

func (h *hub) waker() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.prepare()
	return h.woken
}

func (h *hub) greeted(who subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.prepare()
	h.greets[who] = true
}

func (h *hub) forget(who subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.greets, who)
}

// stop makes all channels end, and waits for them.
func (h *hub) stop(ctx context.Context) error {
	h.mu.Lock()
	h.prepare()
	select {
	case <-h.stopping:
	default:
		close(h.stopping)
		if h.count == 0 {
			close(h.idle)
		}
	}
	h.mu.Unlock()
	select {
	case <-h.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stop ends all event channels, and waits for that until the context ends.
func (s *Service) Stop(ctx context.Context) error {
	if err := s.hub.stop(ctx); err != nil {
		return halong.E("ups.Stop", halong.Transient, "", err)
	}
	return nil
}

// Channel is an open way to a subscriber (PS3.18 11.13). It is used by one goroutine.
type Channel struct {
	service *Service
	who     subscriber
	first   []Report  // to be given before what waits
	given   []waiting // that were not removed yet
	after   int64     // the last that was given
	seen    int64     // the last that is known to have arrived; guarded by the hub
}

// waiting is a report that was given.
type waiting struct {
	id  int64
	key uint64
}

// pageOfReports is how many reports are given at once.
const pageOfReports = 64

// Open opens a channel to an AE. Of several to the same AE each gets all reports. The first after a start of the service
// begins with a report of that. The error is of kind Exhausted when too many are open, Transient when the service stops.
func (s *Service) Open(ctx context.Context, f halong.Facility, ae dicom.AETitle) (*Channel, error) {
	const op = "ups.Open"
	subscribed, err := s.Store.Subscribed(ctx, f, ae)
	if err != nil {
		return nil, err
	}
	h := &s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	h.prepare()
	select {
	case <-h.stopping:
		return nil, halong.E(op, halong.Transient, "", ErrStopping)
	default:
	}
	if h.count >= h.limit {
		return nil, halong.E(op, halong.Exhausted, "", errTooManyOpen)
	}
	c := &Channel{service: s, who: subscriber{f, ae}}
	if subscribed && !h.greets[c.who] {
		h.greets[c.who] = true
		c.first = []Report{StatusReport(true)}
	}
	h.count++
	h.open[c.who] = append(h.open[c.who], c)
	return c, nil
}

// Next gives the next reports, and waits for some. It ends with ErrStopping when the service stops, or with the context's error.
func (c *Channel) Next(ctx context.Context) ([]Report, error) {
	if list := c.first; list != nil {
		c.first = nil
		return list, nil
	}
	tick := time.NewTicker(c.service.PollEvery)
	defer tick.Stop()
	for {
		woken := c.service.hub.waker() // before looking, so that nothing is missed
		list, err := c.service.Store.WaitingReports(ctx, c.who.facility, c.who.ae, c.after, pageOfReports)
		if err != nil {
			return nil, err
		}
		for i := range list {
			c.after = list[i].ID
			c.given = append(c.given, waiting{list[i].ID, list[i].Key})
		}
		if len(list) > 0 {
			return list, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.service.hub.stopping:
			return nil, ErrStopping
		case <-woken:
		case <-tick.C:
		}
	}
}

// Stopping is closed when the service stops.
func (c *Channel) Stopping() <-chan struct{} { return c.service.hub.stopping }

// Arrived says that all reports given so far have reached the peer. Those which all channels to the AE say so of are not kept
// any longer.
func (c *Channel) Arrived(ctx context.Context) error {
	h := &c.service.hub
	h.mu.Lock()
	c.seen = c.after
	least := c.seen
	for _, other := range h.open[c.who] {
		least = min(least, other.seen)
	}
	h.mu.Unlock()
	var keys []uint64
	for len(c.given) > 0 && c.given[0].id <= least {
		keys, c.given = append(keys, c.given[0].key), c.given[1:]
	}
	if len(keys) == 0 {
		return nil
	}
	r := &record{Op: opDelivered, Facility: c.who.facility, At: c.service.now().UnixMicro(), AE: c.who.ae, Reports: keys}
	return c.service.Updater.Update(ctx, func(tx halong.Tx) error { return c.service.commit(tx, r) })
}

// Close ends the channel. What did not arrive waits for the next.
func (c *Channel) Close() {
	h := &c.service.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.open[c.who]
	i := slices.Index(list, c)
	if i < 0 {
		return // closed before
	}
	h.open[c.who] = slices.Delete(list, i, i+1)
	h.count--
	if len(h.open[c.who]) == 0 {
		delete(h.open, c.who)
	}
	select {
	case <-h.stopping:
		if h.count == 0 {
			close(h.idle)
		}
	default:
	}
}
