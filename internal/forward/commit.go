package forward

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dimse"
)

// commitAtOnce is how many objects one request for storage commitment names.
const commitAtOnce = 1000

// gather is how long what was sent waits for others, so that one request names them all.
const gather = time.Second

// ask asks for storage commitment of what was sent, and again when no report came, until ctx ends.
func (l *lane) ask(ctx context.Context) {
	for ctx.Err() == nil {
		if d := l.blocked(); d > 0 {
			wait(ctx, l.commits, min(d, poll))
			continue
		}
		asked, err := l.askOnce(ctx)
		if err != nil && ctx.Err() == nil {
			l.log(ctx, "forwarding: storage commitment", err)
			_ = sleep(ctx, failurePause) // ends with ctx
		}
		if !asked {
			wait(ctx, l.commits, min(poll, l.CommitTimeout))
			_ = sleep(ctx, gather) // ends with ctx
		}
	}
}

// askOnce sends the next request, if there is one to be sent.
func (l *lane) askOnce(ctx context.Context) (bool, error) {
	now := l.f.now()
	late, err := l.f.Ledger.CommitmentsDue(ctx, l.Name, now)
	if err != nil {
		return false, err
	}
	for i := range late {
		if err := l.askAgain(ctx, &late[i], now); err != nil {
			return false, err
		}
	}
	c, err := l.f.Ledger.AskCommitment(ctx, l.Name, l.f.NewUID(), now, now.Add(l.CommitTimeout), commitAtOnce)
	if err != nil || c == nil {
		return len(late) > 0, err
	}
	return true, l.request(ctx, c)
}

// askAgain asks for what was not reported in time: under another Transaction UID, since the first is in use with the peer.
func (l *lane) askAgain(ctx context.Context, c *Commitment, now time.Time) error {
	if now.Sub(l.since(c.Asked)) >= l.MaxAge {
		return l.f.endCommitment(ctx, l, c, func(*Entry) Result {
			return Result{State: Dead, Reason: "sent, but the destination did not tell of storage commitment for " + l.MaxAge.String()}
		})
	}
	c.Transaction, c.Attempts = l.f.NewUID(), c.Attempts+1
	c.Due = now.Add(l.CommitTimeout)
	if err := l.f.Ledger.SaveCommitmentAsked(ctx, c); err != nil {
		return err
	}
	return l.request(ctx, c)
}

// request sends one request. When it cannot be sent it is asked again, after a while.
func (l *lane) request(ctx context.Context, c *Commitment) error {
	entries, err := l.f.Ledger.CommitmentEntries(ctx, c.ID)
	if err != nil {
		return err
	}
	rq := requestFor(c.Transaction, entries)
	if len(rq.References) == 0 { // an operator took them back
		return l.f.Ledger.EndCommitment(ctx, c.ID, l.f.now(), nil)
	}
	reported, forget := l.f.expect(c.Transaction)
	defer forget()
	err = l.Transport.(committer).commit(ctx, rq, l.f.inbox(func(*dimse.Association) string { return l.Reporter }), reported)
	if err == nil || ctx.Err() != nil {
		return nil
	}
	l.f.Log.Warn("forwarding: storage commitment could not be asked for", "destination", l.Name, "transaction", string(c.Transaction), "reason", reasonOf(err))
	if _, open, err := l.f.Ledger.CommitmentOf(ctx, c.Transaction); err != nil || !open {
		return err // it was reported before the association broke
	}
	c.Due = l.f.now().Add(l.Retry.after(c.Attempts, l.f.Random))
	return l.f.Ledger.SaveCommitmentAsked(ctx, c)
}

// expect gives what is closed when a transaction was reported.
func (f *Forwarder) expect(transaction dicom.UID) (reported <-chan struct{}, forget func()) {
	c := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expected[transaction] = c
	return c, func() { f.take(transaction) }
}

func (f *Forwarder) take(transaction dicom.UID) chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.expected[transaction]
	delete(f.expected, transaction)
	return c
}

// Inbox serves N-EVENT-REPORTs that tell of storage commitments that were asked for here, on associations that the peer opened.
func (f *Forwarder) Inbox() dimse.Service { return f.inbox((*dimse.Association).CallingAE) }

// inbox takes reports from the Application Entity at the other end of an association.
func (f *Forwarder) inbox(from func(*dimse.Association) string) dimse.Service {
	return &commitment.Inbox{Else: func(ctx context.Context, a *dimse.Association, r *commitment.Report) error {
		return f.Reported(ctx, from(a), r)
	}}
}

// requestFor names what was sent of entries.
func requestFor(transaction dicom.UID, entries []Entry) commitment.Request {
	rq := commitment.Request{Transaction: transaction}
	for i := range entries {
		rq.References = append(rq.References, reference(&entries[i]))
	}
	return rq
}

// reference names what was sent.
func reference(e *Entry) commitment.Reference {
	x := commitment.Reference{SOPClass: e.Class, SOPInstance: e.SOP}
	if e.SentAs != "" {
		x.SOPInstance = e.SentAs
	}
	return x
}

// Reported takes a report from an Application Entity, which may come on any Association. commitment.ErrUnknown says that nothing of
// it was asked of that one. When it gives nil, it is durable.
func (f *Forwarder) Reported(ctx context.Context, from string, r *commitment.Report) error {
	c, ok, err := f.Ledger.CommitmentOf(ctx, r.Transaction)
	if err != nil {
		return err
	}
	l := f.lane(c.Destination)
	if !ok || l == nil {
		return commitment.ErrUnknown
	}
	if strings.TrimSpace(from) != strings.TrimSpace(l.Reporter) {
		f.Log.Warn("forwarding: a storage commitment report from somebody else than the destination; it is not believed", "destination", l.Name, "transaction", string(c.Transaction))
		return commitment.ErrUnknown
	}
	entries, err := f.Ledger.CommitmentEntries(ctx, c.ID)
	if err != nil {
		return err
	}
	rq := requestFor(r.Transaction, entries)
	unsafe := map[dicom.UID]commitment.Failure{}
	for _, x := range rq.Unsafe(r) {
		unsafe[x.SOPInstance] = x
	}
	err = f.endCommitment(ctx, l, &c, func(e *Entry) Result {
		x, bad := unsafe[reference(e).SOPInstance]
		if !bad {
			return Result{State: Done, Reason: e.Reason}
		}
		why := "not mentioned"
		if x.Reason != 0 {
			why = x.Reason.String()
		}
		return l.again(e, Result{Reason: fmt.Sprintf("sent, but not committed: %s", why)})
	})
	if c := f.take(r.Transaction); c != nil && err == nil {
		close(c)
	}
	return err
}

// endCommitment writes down what came of a request.
func (f *Forwarder) endCommitment(ctx context.Context, l *lane, c *Commitment, judge func(*Entry) Result) error {
	entries, err := f.Ledger.CommitmentEntries(ctx, c.ID)
	if err != nil {
		return err
	}
	results := make([]Result, len(entries))
	failed := 0
	for i := range entries {
		results[i] = judge(&entries[i])
		results[i].ID = entries[i].ID
		if results[i].State != Done {
			failed++
		}
	}
	if err := f.Ledger.EndCommitment(ctx, c.ID, f.now(), results); err != nil {
		return err
	}
	f.Log.Info("forwarding: storage commitment", "destination", l.Name, "transaction", string(c.Transaction), "instances", len(results), "failed", failed)
	poke(l.wake)
	return nil
}
