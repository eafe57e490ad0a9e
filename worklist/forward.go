package worklist

import (
	"context"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// Delivery is an MPPS request that waits for being forwarded.
type Delivery struct {
	ID          int64           `json:"id"` // grows in the order of requests
	Destination string          `json:"destination"`
	Facility    halong.Facility `json:"facility"`
	SOP         dicom.UID       `json:"instance"`
	Set         bool            `json:"set"` // N-SET; else N-CREATE
	Syntax      dicom.UID       `json:"-"`
	Data        []byte          `json:"-"`
	Attempts    int             `json:"attempts"`
	Due         time.Time       `json:"due"`
	Failure     string          `json:"failure,omitempty"` // of the last attempt, without patient data
	Dead        bool            `json:"dead,omitempty"`    // given up
}

// Queue is the sender's side of the queue of MPPS requests. What is in it follows from the journal; attempts do not.
type Queue interface {
	// DueDeliveries gives what is to be sent by now and has nothing before it for the same SOP Instance and destination.
	DueDeliveries(ctx context.Context, now time.Time, limit int) ([]*Delivery, error)
	// DelayDelivery notes a failed attempt: Attempts, Due, Failure and Dead.
	DelayDelivery(tx halong.Tx, d *Delivery) error
}

// Send carries one request to its destination. The answer may say that it was there before, or that it comes too late: then err is nil, since there
// is nothing left to do. permanent tells that trying again is of no use.
type Send func(ctx context.Context, d *Delivery) (permanent bool, err error)

// Forwarder sends MPPS requests to their destinations, in the order in which they came for each SOP Instance.
type Forwarder struct {
	Service *Service
	Queue   Queue
	Send    Send
	Now     func() time.Time
	Every   time.Duration // how often the queue is looked at
	Tries   int           // after so many attempts it waits for an operator
	Failed  func(d *Delivery, err error)
}

// The pauses between attempts.
const (
	firstPause   = 2 * time.Second
	longestPause = 10 * time.Minute
	atOnce       = 100
)

// Run sends until ctx ends.
func (f *Forwarder) Run(ctx context.Context) {
	tick := time.NewTicker(f.Every)
	defer tick.Stop()
	for {
		for f.round(ctx) && ctx.Err() == nil {
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// round sends what is due; true when there may be more.
func (f *Forwarder) round(ctx context.Context) (more bool) {
	list, err := f.Queue.DueDeliveries(ctx, f.Now(), atOnce)
	if err != nil {
		f.Failed(nil, err)
		return false
	}
	for _, d := range list {
		if ctx.Err() != nil {
			return false
		}
		permanent, err := f.Send(ctx, d)
		if ctx.Err() != nil && err != nil {
			return false
		}
		if err := f.note(ctx, d, permanent, err); err != nil {
			f.Failed(d, err)
			return false
		}
		more = more || err == nil
	}
	return more
}

// note writes down what became of an attempt.
func (f *Forwarder) note(ctx context.Context, d *Delivery, permanent bool, failure error) error {
	now := f.Now().UTC().Truncate(time.Microsecond)
	if failure == nil {
		return f.Service.delivered(ctx, d, now)
	}
	d.Attempts++
	d.Failure = failure.Error()
	if len(d.Failure) > 300 {
		d.Failure = d.Failure[:300]
	}
	pause := min(firstPause<<min(d.Attempts-1, 20), longestPause)
	d.Due = now.Add(pause)
	d.Dead = permanent || d.Attempts >= f.Tries
	f.Failed(d, failure)
	return f.Service.cfg.Updater.Update(ctx, func(tx halong.Tx) error { return f.Queue.DelayDelivery(tx, d) })
}

// delivered writes into the journal that a destination took a request, so that an index made again does not send it once more.
func (s *Service) delivered(ctx context.Context, d *Delivery, at time.Time) error {
	return s.cfg.Updater.Update(ctx, func(tx halong.Tx) error {
		return s.record(tx, &record{Op: opSent, Facility: d.Facility, At: at, SOP: d.SOP, Delivery: d.ID, To: []string{d.Destination}})
	})
}
