package forward

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// Config is what a Forwarder is made of.
type Config struct {
	Ledger       Ledger
	Source       Source
	Destinations []Destination
	Rules        []Rule
	Messages     Messages              // needed with MessageRules
	MessageRules []MessageRule         // which messages go where
	Began        func(halong.Tx) error // called in the transaction in which this ledger's work begins
	Keep         time.Duration         // how long entries that are done or gone stay listed; default 30 days
	NewUID       func() dicom.UID      // makes Transaction UIDs
	// Observe is told of every attempt: Done, Waiting (failed, to be tried again), Dead or Gone. nil: nobody is.
	Observe func(destination string, state State)
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
	Random  func() float64   // from 0 to below 1, for jitter; nil: always 0
}

// Forwarder turns events into entries, and sends. Its methods may be called by many goroutines.
type Forwarder struct {
	Config
	lanes []*lane
	wake  chan struct{} // there may be events

	mu       sync.Mutex
	standing Standing
	expected map[dicom.UID]chan struct{} // closed when a report of the transaction was taken
}

// Open makes the ledger ready. Nothing is sent before Run.
func Open(ctx context.Context, c Config) (*Forwarder, error) {
	f := &Forwarder{Config: c, wake: make(chan struct{}, 1), expected: map[dicom.UID]chan struct{}{}}
	if f.Now == nil {
		f.Now = time.Now
	}
	if f.Random == nil {
		f.Random = func() float64 { return 0 }
	}
	if f.Keep <= 0 {
		f.Keep = 30 * 24 * time.Hour
	}
	if f.Observe == nil {
		f.Observe = func(string, State) {}
	}
	names := make([]string, 0, len(c.Destinations))
	for _, d := range c.Destinations {
		if slices.Contains(names, d.Name) {
			return nil, halong.E("forward.Open", halong.Invalid, d.Name, errors.New("two destinations of one name"))
		}
		if _, ok := d.Transport.(committer); d.Commit && !ok {
			return nil, halong.E("forward.Open", halong.Invalid, d.Name, errors.New("storage commitment needs a DICOM destination"))
		}
		names = append(names, d.Name)
		f.lanes = append(f.lanes, newLane(f, d.withDefaults()))
	}
	if err := f.checkRules(); err != nil {
		return nil, err
	}
	var err error
	f.standing, err = f.Ledger.OpenForwarding(ctx, names, f.now(), f.Began)
	return f, err
}

// checkRules tells whether every rule sends what its destinations take.
func (f *Forwarder) checkRules() error {
	check := func(rule string, to []string, k Kind) error {
		for _, name := range to {
			l := f.lane(name)
			switch {
			case l == nil:
				return halong.E("forward.Open", halong.Invalid, name, fmt.Errorf("rule %q names no such destination", rule))
			case l.Transport != nil && l.Transport.carries() != k:
				return halong.E("forward.Open", halong.Invalid, name, fmt.Errorf("rule %q names a destination that takes something else", rule))
			}
		}
		return nil
	}
	for _, r := range f.Rules {
		if err := check(r.Name, r.To, Instance); err != nil {
			return err
		}
	}
	for _, r := range f.MessageRules {
		if err := check(r.Name, r.To, Message); err != nil {
			return err
		}
	}
	return nil
}

// now is the time as it is kept.
func (f *Forwarder) now() time.Time { return f.Now().UTC().Truncate(time.Microsecond) }

// Notify tells that there may be new events. It never blocks.
func (f *Forwarder) Notify() { poke(f.wake) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// poll is how often is looked for what nobody told of.
const poll = time.Minute

// failurePause is waited after the ledger failed.
const failurePause = 2 * time.Second

// forgetPause is how often entries that are done are removed.
const forgetPause = time.Hour

// Run works until ctx ends, and waits for what it began.
func (f *Forwarder) Run(ctx context.Context) {
	if held := f.held(); held != "" {
		f.Log.Warn("forwarding is held until an operator decides: halong forward resume --from now, or --replay", "reason", held)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, l := range f.lanes {
		wg.Go(func() { l.run(ctx) })
	}
	wg.Go(func() { f.forget(ctx) })
	for ctx.Err() == nil {
		n, err := f.consume(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			f.Log.Error("forwarding: events could not be turned into entries; tried again", "error", err)
			_ = sleep(ctx, failurePause) // ends with ctx
		case n == 0:
			wait(ctx, f.wake, poll)
		}
	}
}

// wait waits until it is woken, some time passed, or ctx ends.
func wait(ctx context.Context, wake <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-t.C:
	}
}

func (f *Forwarder) forget(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := f.Ledger.ForgetDeliveries(ctx, f.now().Add(-f.Keep))
		if err != nil && ctx.Err() == nil {
			f.Log.Error("forwarding: old entries could not be removed", "error", err)
		}
		if n > 0 {
			f.Log.Info("forwarding: old entries were removed from the ledger", "entries", n)
		}
		_ = sleep(ctx, forgetPause) // ends with ctx
	}
}

func (f *Forwarder) held() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.standing.Held
}

func (f *Forwarder) lane(name string) *lane {
	for _, l := range f.lanes {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// forever is a pause that something else ends.
const forever = time.Duration(math.MaxInt64)
