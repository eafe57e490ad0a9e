package forward

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/halong-gateway/halong"
)

// Drop gives up entries of a destination that have not ended, all or none of them: they are dead, with who said so and why, and what
// waits for them goes on at once. An attempt that is under way is not broken off: when it succeeds, the entry is done. It tells how many
// entries there were. The error is of kind Invalid without a reason or entries, NotExist for what is no entry of the destination, Conflict for one that has ended.
func (f *Forwarder) Drop(ctx context.Context, destination string, ids []int64, by, reason string) (int, error) {
	const op = "forward.Drop"
	reason = strings.TrimSpace(reason)
	switch {
	case reason == "":
		return 0, halong.E(op, halong.Invalid, "", errors.New("a reason is needed"))
	case len(ids) == 0:
		return 0, halong.E(op, halong.Invalid, "", errors.New("the number of an entry is needed"))
	}
	if err := f.known(ctx, destination); err != nil {
		return 0, err
	}
	n, sending, err := f.Ledger.DropDeliveries(ctx, destination, ids, "given up by "+by+": "+reason, f.now())
	if err != nil {
		return 0, err
	}
	f.Log.Warn("forwarding: given up by an operator", "destination", destination, "entries", n, "who", by, "reason", reason)
	if l := f.lane(destination); l != nil {
		l.drop(sending)
	}
	return n, nil
}

// drop notes that entries were given up while they were leased, and lets the destination be tried at once.
func (l *lane) drop(ids []int64) {
	l.mu.Lock()
	for _, id := range ids {
		l.dropped[id] = struct{}{}
	}
	l.until = time.Time{}
	l.mu.Unlock()
	poke(l.wake)
}

// isDropped tells whether an entry was given up since it was leased.
func (l *lane) isDropped(e *Entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.dropped[e.ID]
	return ok
}

// landed is isDropped for an entry of which is told what came of it: then that is forgotten.
func (l *lane) landed(e *Entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.dropped[e.ID]
	delete(l.dropped, e.ID)
	return ok
}
