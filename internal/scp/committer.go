package scp

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/storage"
)

const (
	commitWorkers = 4                  // commitments that are checked or reported at once
	commitKept    = 7 * 24 * time.Hour // after which what cannot be reported is given up, and what was reported forgotten
	commitPoll    = 10 * time.Minute   // pause between looks, if nothing happens sooner
	commitPause   = time.Second        // after something failed
	commitRedo    = 30 * time.Second   // before a check that failed for want of something is tried again
	backoffFirst  = 15 * time.Second
	backoffMost   = time.Hour
)

// committer checks what commitments were asked for, and reports on associations of its own. One goroutine at a time
// has a commitment, by claim.
type committer struct {
	index        storage.CommitmentIndex
	archive      Archive
	ae           string
	destinations []Destination
	observe      func(outcome string)
	log          *slog.Logger
	first        time.Duration // back-off after the first failure
	now          func() time.Time
	wake         chan struct{} // holds one
	forgot       time.Time     // when old ones were removed; of the goroutine of run

	mu       sync.Mutex
	claimed  map[int64]bool
	attached map[int64]*attachment
}

// attachment says that an Association is open on which a commitment is waited for.
type attachment struct {
	count   int
	checked chan struct{} // closed when the objects were checked
	closed  bool
}

func newCommitter(c *Config) *committer {
	x := &committer{
		index: c.Commitments, archive: c.Archive, ae: c.AE, destinations: c.Destinations, observe: c.Committed, log: c.Log,
		first: backoffFirst, now: time.Now, wake: make(chan struct{}, 1), claimed: map[int64]bool{}, attached: map[int64]*attachment{},
	}
	if x.observe == nil {
		x.observe = func(string) {}
	}
	return x
}

// add makes a peer's request durable.
func (x *committer) add(ctx context.Context, r *commitment.Request, peer *session) (id int64, err error) {
	now := x.now().UTC().Truncate(time.Microsecond)
	c := &storage.Commitment{Facility: peer.facility, Peer: peer.source.Peer, Transaction: r.Transaction, Received: now, Due: now}
	for _, ref := range r.References {
		c.Items = append(c.Items, storage.CommitmentItem{SOPClass: ref.SOPClass, SOPInstance: ref.SOPInstance})
	}
	err = x.index.AddCommitment(ctx, c)
	return c.ID, err
}

// poke makes the committer look what there is to do.
func (x *committer) poke() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// attach tells that an open Association waits for a report.
func (x *committer) attach(id int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	t := x.attached[id]
	if t == nil || t.closed { // closed: it is asked for again
		t = &attachment{checked: make(chan struct{}), count: t.waiting()}
		x.attached[id] = t
	}
	t.count++
}

func (t *attachment) waiting() int {
	if t == nil {
		return 0
	}
	return t.count
}

// detach tells that the Association has ended, or waits no longer.
func (x *committer) detach(id int64) {
	x.mu.Lock()
	t := x.attached[id]
	if t != nil {
		if t.count--; t.count <= 0 {
			delete(x.attached, id)
		}
	}
	x.mu.Unlock()
	x.poke()
}

// checked gives what is closed once the objects were checked.
func (x *committer) checked(id int64) <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	if t := x.attached[id]; t != nil {
		return t.checked
	}
	return nil
}

// announce wakes the Associations that wait for a check.
func (x *committer) announce(id int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if t := x.attached[id]; t != nil && !t.closed {
		t.closed = true
		close(t.checked)
	}
}

// claim gives a commitment to the caller alone until it calls release; false if another has it.
func (x *committer) claim(id int64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.claimed[id] {
		return false
	}
	x.claimed[id] = true
	return true
}

// busy tells whether somebody has a commitment.
func (x *committer) busy(id int64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.claimed[id]
}

func (x *committer) release(id int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.claimed, id)
}

// run works until ctx ends, and waits for what it began.
func (x *committer) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, commitWorkers)
	for ctx.Err() == nil {
		rest := x.round(ctx, func(id int64) {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				x.release(id)
				return
			}
			wg.Go(func() {
				defer func() { <-slots }()
				checked, err := x.step(ctx, id)
				if err != nil {
					x.failed(ctx, err)
					pause(ctx, commitPause)
				}
				x.release(id)
				if checked { // not before: who waits for it claims it
					x.announce(id)
				}
				x.poke()
			})
		})
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
		case <-x.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// round hands out what is due, claimed, and tells how long there will be nothing else.
func (x *committer) round(ctx context.Context, begin func(id int64)) time.Duration {
	if now := x.now(); now.Sub(x.forgot) > commitPoll {
		if err := x.index.ForgetCommitments(ctx, now.Add(-2*commitKept)); err != nil {
			x.failed(ctx, err)
			return commitRedo
		}
		x.forgot = now
	}
	open, err := x.index.OpenCommitments(ctx)
	if err != nil {
		x.failed(ctx, err)
		return commitRedo
	}
	rest := commitPoll
	for i := range open {
		c := &open[i]
		if !x.ours(c) {
			continue
		}
		if wait := c.Due.Sub(x.now()); wait > 0 {
			rest = min(rest, wait)
			continue
		}
		if x.claim(c.ID) {
			begin(c.ID)
		}
	}
	return rest
}

// ours tells whether there is something to do that is not the business of an open Association, or of the peer's next one.
func (x *committer) ours(c *storage.Commitment) bool {
	if c.State == storage.CommitmentAsked || x.now().Sub(c.Received) > commitKept {
		return true
	}
	return x.checked(c.ID) == nil && x.destination(c.Peer) != nil
}

func (x *committer) destination(ae string) *Destination {
	for i := range x.destinations {
		if x.destinations[i].AE == ae {
			return &x.destinations[i]
		}
	}
	return nil
}

func (x *committer) failed(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		x.log.Error("storage commitment", "error", err)
	}
}

// step takes a commitment one state further, and tells whether its objects were checked.
func (x *committer) step(ctx context.Context, id int64) (checked bool, err error) {
	c, err := x.index.Commitment(ctx, id)
	switch {
	case err != nil:
	case c.State == storage.CommitmentAsked:
		err = x.check(ctx, c)
		return err == nil, err
	case c.State == storage.CommitmentChecked && x.now().Sub(c.Received) > commitKept:
		c.State = storage.CommitmentDone
		x.log.Warn("storage commitment: given up, the peer could not be told", "peer", c.Peer, "transaction", string(c.Transaction), "attempts", c.Attempts)
		x.observe("unreported")
		err = x.index.SaveCommitment(ctx, c)
	case c.State == storage.CommitmentChecked && x.ours(c):
		err = x.report(ctx, c)
	}
	if halong.KindOf(err) == halong.NotExist {
		err = nil // too old, and removed
	}
	return false, err
}

// check finds out about every object, and saves it.
func (x *committer) check(ctx context.Context, c *storage.Commitment) error {
	err := x.judge(ctx, c)
	if err != nil { // nothing is known then, and nothing is said
		if ctx.Err() != nil {
			return err
		}
		c.Due = x.now().Add(commitRedo)
		return joinSave(err, x.index.SaveCommitment(ctx, c))
	}
	c.State, c.Due, c.Attempts = storage.CommitmentChecked, x.now(), 0
	if err := x.index.SaveCommitment(ctx, c); err != nil {
		return err
	}
	bad := 0
	for _, item := range c.Items {
		if item.Reason != 0 {
			bad++
		}
	}
	x.log.Info("storage commitment checked", "peer", c.Peer, "transaction", string(c.Transaction), "instances", len(c.Items), "failed", bad)
	if bad > 0 {
		x.observe("failures")
	} else {
		x.observe("complete")
	}
	return nil
}

// judge fills in the reasons. An error says that the index could not be asked, not that objects are not here.
func (x *committer) judge(ctx context.Context, c *storage.Commitment) error {
	sops := make([]dicom.UID, len(c.Items))
	for i := range c.Items {
		sops[i] = c.Items[i].SOPInstance
	}
	found, err := x.index.Locate(ctx, c.Facility, sops)
	if err != nil {
		return err
	}
	for i := range c.Items {
		item := &c.Items[i]
		id, ok := found[item.SOPInstance]
		if !ok {
			item.Reason = uint16(commitment.NoSuchObjectInstance)
			continue
		}
		reason, err := x.verdict(ctx, id, item.SOPClass)
		if err == nil && reason == commitment.ProcessingFailure { // once more: its bytes may have been moved between finding and reading
			reason, err = x.verdict(ctx, id, item.SOPClass)
		}
		if err != nil {
			return err
		}
		item.Reason = uint16(reason)
	}
	return nil
}

// verdict reads an instance back: every version of the facility, since the peer may have sent any.
func (x *committer) verdict(ctx context.Context, id storage.Identity, class dicom.UID) (commitment.Reason, error) {
	ref := storage.Ref{Study: id.Study, Series: id.Series, SOP: id.SOP, AllVersions: true, Facility: id.Facility}
	seen, ofClass := 0, 0
	for in, err := range x.archive.Instances(ctx, halong.Scope{Own: id.Facility}, ref) {
		if err != nil {
			return 0, err
		}
		if seen++; in.Manifest.SOPClass != class {
			continue
		}
		ofClass++
		if err := x.archive.Check(ctx, in); err != nil {
			if ctx.Err() != nil {
				return 0, err
			}
			x.log.Error("storage commitment: a stored object is damaged", "object", in.Digest.String(), "error", err)
			return commitment.ProcessingFailure, nil
		}
	}
	switch {
	case seen == 0:
		return commitment.NoSuchObjectInstance, nil
	case ofClass == 0:
		return commitment.ClassInstanceConflict, nil
	}
	return 0, nil
}

// later puts the next attempt off: twice as long each time, and not for all peers at the same moment.
func (x *committer) later(c *storage.Commitment) {
	d := min(x.first<<min(c.Attempts, 20), backoffMost)
	c.Attempts++
	now := x.now()
	c.Due = now.Add(d - d/4 + time.Duration(now.UnixNano())%(d/2+1))
}
