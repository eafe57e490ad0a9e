package scu

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// CommitOptions say how a report is waited for.
type CommitOptions struct {
	// Listener takes Associations of the target that bring the report; nil for none. Commit closes it.
	Listener net.Listener
	// Wait is how long the report is waited for. Hold is how long of it the Association that asked stays open where there is a
	// Listener: many report on a new one only once that is released.
	Wait, Hold time.Duration
}

// Committed tells what a target said of the SOP Instances it was asked for.
type Committed struct {
	Transaction dicom.UID
	RetrieveAE  string // where they can be had; may be empty
	Safe        []commitment.Reference
	Unsafe      []commitment.Failure // with reason 0 where the report does not mention them
}

// ErrNoReport says that the target took the request and told nothing in time: nothing is known of the SOP Instances.
var ErrNoReport = errors.New("no report came")

// Commit asks the target to commit to the storage of SOP Instances (PS3.4 J.3), at most commitment.MaxReferences, and waits for
// its report: on the same Association, and on those that the target opens.
func Commit(ctx context.Context, t Target, references []commitment.Reference, o CommitOptions) (Committed, error) {
	transaction, err := commitment.NewTransaction(rand.Reader)
	if err != nil {
		return Committed{}, err
	}
	w := &waiter{request: commitment.Request{Transaction: transaction, References: references}, options: o}
	w.expected = w.inbox.Expect(transaction)
	ended := make(chan error, 1)
	if o.Listener != nil {
		defer w.listen(ended)()
	}
	limited, cancel := context.WithTimeout(ctx, o.Wait)
	defer cancel()
	if err = w.ask(limited, t); err == nil {
		err = w.wait(limited, ended)
	}
	if w.expected.Report() == nil && ctx.Err() == nil && limited.Err() != nil {
		err = fmt.Errorf("%w within %s", ErrNoReport, o.Wait)
	}
	return w.committed(), err
}

// waiter carries one Commit.
type waiter struct {
	request  commitment.Request
	options  CommitOptions
	inbox    commitment.Inbox
	expected *commitment.Expected
}

func (w *waiter) mux() *dimse.Mux {
	m := &dimse.Mux{}
	accepts := func(ts dicom.UID) bool {
		return ts == dicom.ExplicitVRLittleEndian || ts == dicom.ImplicitVRLittleEndian
	}
	m.Handle(commitment.SOPClass, dimse.Offer{Service: &w.inbox, Accepts: accepts, PeerSCP: true})
	m.Handle(dicom.VerificationSOPClass, dimse.Offer{Service: verification{}, Accepts: accepts})
	return m
}

// verification answers C-ECHO: some try whether they are listened to.
type verification struct{}

// Serve implements dimse.Service.
func (verification) Serve(_ context.Context, rq *dimse.Request) dimse.Response {
	if rq.Command.Field != dimse.CEchoRQ {
		return dimse.Answer(dimse.UnrecognizedOperation)
	}
	return dimse.Answer(dimse.Success)
}

// listen takes Associations until stop is called; ended is told when it cannot any more.
func (w *waiter) listen(ended chan<- error) (stop func()) {
	s := &dimse.Server{Mux: w.mux()}
	over := make(chan struct{})
	go func() {
		defer close(over)
		if err := s.Serve(w.options.Listener); !errors.Is(err, dimse.ErrServerClosed) {
			ended <- err
		}
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), grace) // for the answer to the report
		defer cancel()
		_ = s.Shutdown(ctx) // what is still open then brings nothing
		<-over
	}
}

// ask sends the request and listens on the same Association for a while.
func (w *waiter) ask(ctx context.Context, t Target) error {
	t.Timeouts.Idle = w.options.Wait + time.Minute
	a, err := t.dial(ctx, dimse.Options{Contexts: []pdu.ProposedContext{commitment.Context()}, Mux: w.mux()})
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }() // unless it was released
	err = commitment.Ask(ctx, a, w.request)
	switch {
	case errors.Is(err, dimse.ErrNoContext):
		err = fmt.Errorf("peer does not serve SOP class %s", commitment.SOPClass)
	case err == nil:
		err = w.hear(ctx, a)
	}
	return err
}

func (w *waiter) hear(ctx context.Context, a *dimse.Association) error {
	held := ctx
	if w.options.Listener != nil {
		var cancel context.CancelFunc
		held, cancel = context.WithTimeout(ctx, w.options.Hold)
		defer cancel()
	}
	err := a.Hear(held, w.expected.Done())
	if err == nil || held.Err() != nil {
		_ = a.Release() // nothing is lost with it
	}
	if w.options.Listener != nil && ctx.Err() == nil {
		return nil // it may come on another
	}
	return err
}

// wait waits for a report on another Association.
func (w *waiter) wait(ctx context.Context, ended <-chan error) error {
	select {
	case <-w.expected.Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case err := <-ended:
		return err
	}
}

// committed compares the report with what was asked.
func (w *waiter) committed() Committed {
	c := Committed{Transaction: w.request.Transaction}
	r := w.expected.Report()
	if r == nil {
		return c
	}
	c.RetrieveAE, c.Unsafe = r.RetrieveAE, w.request.Unsafe(r)
	bad := make(map[commitment.Reference]bool, len(c.Unsafe))
	for _, f := range c.Unsafe {
		bad[f.Reference] = true
	}
	for _, x := range w.request.References {
		if !bad[x] {
			c.Safe = append(c.Safe, x)
		}
	}
	return c
}

// Reference reads which SOP Instance a file holds.
func Reference(name string) (commitment.Reference, error) {
	f, err := describe(name)
	return commitment.Reference{SOPClass: f.class, SOPInstance: f.instance}, err
}

// Instances asks the target by C-FIND which SOP Instances it has below what a query names.
func Instances(ctx context.Context, t Target, q Query) (list []commitment.Reference, err error) {
	x, err := t.ask(ctx, q.class("1"), nil, dimse.Options{})
	if err != nil {
		return nil, err
	}
	err = x.instances(&q, func(class, instance dicom.UID) {
		list = append(list, commitment.Reference{SOPClass: class, SOPInstance: instance})
	})
	return list, x.close(err)
}
