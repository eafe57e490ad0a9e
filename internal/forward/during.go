package forward

import (
	"context"
	"iter"
	"sort"
	"time"

	"github.com/halong-gateway/halong"
)

// RunSlack is by how much the times of the events of a run may be out of order: each bears the time at which its cause came, and many come at once.
const RunSlack = time.Hour

// stretch is events with consecutive numbers.
type stretch struct {
	first, last uint64
	ordered     bool // by their times, but for RunSlack
}

// runs divides the events up to a number.
func (f *Forwarder) runs(ctx context.Context, end uint64) (all []stretch, err error) {
	begins, err := f.Ledger.EventRuns(ctx)
	if err != nil {
		return nil, err
	}
	if len(begins) == 0 || begins[0] > 1 {
		all = append(all, stretch{first: 1})
	}
	for _, first := range begins {
		all = append(all, stretch{first: first, ordered: true})
	}
	all = all[:sort.Search(len(all), func(i int) bool { return all[i].first > end })]
	for i := range all {
		if all[i].last = end; i+1 < len(all) {
			all[i].last = all[i+1].first - 1
		}
	}
	return all, nil
}

// during gives, in pages, the events up to a number that are of a time, and few others. from and until are bounds, the latter exclusive; zero: none.
func (f *Forwarder) during(ctx context.Context, from, until time.Time, end uint64) iter.Seq2[[]halong.Event, error] {
	return func(yield func([]halong.Event, error) bool) {
		all, err := f.runs(ctx, end)
		if err != nil {
			yield(nil, err)
			return
		}
		for i := range all {
			r := &all[i]
			at, err := f.seek(ctx, r, from)
			for more := true; more && at < r.last; {
				var events []halong.Event
				if err == nil {
					events, err = f.Ledger.EventsSince(ctx, at, int(min(eventsAtOnce, r.last-at)))
				}
				if err != nil || len(events) == 0 {
					yield(nil, err)
					return
				}
				if !yield(events, nil) {
					return
				}
				last := &events[len(events)-1]
				at = last.Seq
				more = !r.ordered || until.IsZero() || last.Time.Before(until.Add(RunSlack))
			}
		}
	}
}

// seek gives an event of a run before all those of a time or later, found by halving: numbers are dense.
func (f *Forwarder) seek(ctx context.Context, r *stretch, from time.Time) (uint64, error) {
	low, high := r.first-1, r.last
	if from.IsZero() || !r.ordered {
		return low, nil
	}
	for from = from.Add(-RunSlack); high-low > eventsAtOnce; {
		mid := low + (high-low)/2
		events, err := f.Ledger.EventsSince(ctx, mid, 1)
		if err != nil {
			return low, err
		}
		if len(events) > 0 && events[0].Time.Before(from) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}
