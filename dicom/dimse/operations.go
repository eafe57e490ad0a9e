package dimse

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// operation is a request of the peer that is not answered yet.
type operation struct {
	id     uint16                  // Message ID
	cancel context.CancelCauseFunc // nil when a C-CANCEL-RQ cannot refer to it
}

// operations are the peer's requests that are not answered yet. Those that are served beside others are served by a goroutine each; the
// goroutine that receives begins them and waits for them.
type operations struct {
	mu     sync.Mutex
	open   []*operation
	failed error // why one that is served beside others could not be answered

	room    chan struct{} // as many as may be served beside one another; nil when none may
	beside  sync.WaitGroup
	running atomic.Int32 // of beside
}

// begin notes a request. Two that are outstanding must not have the same Message ID: nobody could tell which of them a response, or
// Duplicate Invocation (PS3.7 C), was for.
func (o *operations) begin(op *operation) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, other := range o.open {
		if other.id == op.id {
			return fmt.Errorf("two outstanding requests have Message ID %d", op.id)
		}
	}
	o.open = append(o.open, op)
	return nil
}

// end forgets a request, if that was not done yet, and ends its context.
func (o *operations) end(op *operation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i := slices.Index(o.open, op); i >= 0 {
		o.open = slices.Delete(o.open, i, i+1)
	}
	if op.cancel != nil {
		op.cancel(nil)
	}
}

// cancel lets the context of a request end. It does nothing when that was answered: the C-CANCEL-RQ came too late (PS3.7 9.3.2.3).
func (o *operations) cancel(id uint16) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range o.open {
		if op.id == id && op.cancel != nil {
			op.cancel(ErrCancelled)
		}
	}
}

// abandon lets the contexts of all requests end that can be cancelled: nobody waits for their responses any more. Others, such as
// C-STORE, finish what they began.
func (o *operations) abandon(cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range o.open {
		if op.cancel != nil {
			op.cancel(cause)
		}
	}
}

// settle waits until everything that is served beside others was answered.
func (o *operations) settle() error {
	o.beside.Wait()
	return o.failure()
}

func (o *operations) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed
}

func (o *operations) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed == nil {
		o.failed = err
	}
}

// busy tells whether something is served while the next request is waited for.
func (o *operations) busy() bool { return o.running.Load() > 0 }

// answerBeside lets a goroutine of its own answer a request, as soon as there is room, and returns when the next can be received: when
// the Data Set of this one was read to its end.
func (a *Association) answerBeside(ctx context.Context, rq *Request, o *Offer, op *operation) error {
	a.ops.room <- struct{}{}
	a.ops.running.Add(1)
	a.ops.beside.Add(1)
	received := make(chan struct{})
	read := sync.OnceFunc(func() { close(received) })
	if rq.Data != nil {
		rq.Data.ended = read
	} else {
		read()
	}
	go func() {
		defer a.ops.beside.Done()
		if err := a.answer(ctx, rq, o, op); err != nil {
			a.ops.fail(err)
		}
		read()
		<-a.ops.room
		a.rested()
		a.ops.running.Add(-1)
	}()
	<-received
	a.current = nil
	return a.ops.failure()
}

// rested counts the time since when the Association waits for a request from now on, if it does.
func (a *Association) rested() {
	if since := a.idleSince.Load(); since != 0 {
		a.idleSince.CompareAndSwap(since, time.Now().UnixNano())
	}
}
