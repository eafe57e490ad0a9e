package scp

import (
	"context"
	"sync"
	"time"

	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/negotiate"
)

// poolIdle is how long an Association with a move destination is kept for the next C-MOVE. It is short, because many Storage SCPs serve
// one Association at a time: as long as it is kept, nobody else gets through to them.
const poolIdle = time.Second

// pool keeps Associations with move destinations between C-MOVEs that follow one another, as those of a workstation that fetches
// series by series do. Each is used by one C-MOVE at a time.
type pool struct {
	idle time.Duration // before one is released

	mu     sync.Mutex
	kept   map[*Destination][]*kept
	base   context.Context
	stop   context.CancelFunc
	closed bool
	wg     sync.WaitGroup
}

// kept is an Association that waits in the pool.
type kept struct {
	association *dimse.Association
	proposal    *negotiate.Proposal
	taken       chan struct{} // closed by who takes it
	ended       chan struct{} // closed when nobody watches it any more
	usable      bool          // after ended: it was taken before something happened to it
}

func newPool(idle time.Duration) *pool {
	p := &pool{idle: idle, kept: map[*Destination][]*kept{}}
	p.base, p.stop = context.WithCancel(context.Background())
	return p
}

// put keeps an Association on which nothing is outstanding.
func (p *pool) put(d *Destination, a *dimse.Association, proposal *negotiate.Proposal) {
	k := &kept{association: a, proposal: proposal, taken: make(chan struct{}), ended: make(chan struct{})}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		release(a)
		return
	}
	p.kept[d] = append(p.kept[d], k)
	p.wg.Add(1)
	p.mu.Unlock()
	go func() {
		defer p.wg.Done()
		p.watch(d, k)
	}()
}

// watch waits until an Association is taken, or was idle for too long, or its peer has something to say: that it ends.
func (p *pool) watch(d *Destination, k *kept) {
	ctx, cancel := context.WithTimeout(p.base, p.idle)
	defer cancel()
	k.usable = k.association.Wait(ctx, k.taken)
	if k.usable {
		close(k.ended)
		return
	}
	p.mu.Lock()
	p.remove(d, k)
	p.mu.Unlock()
	close(k.ended)
	release(k.association)
}

// remove is called with the lock held.
func (p *pool) remove(d *Destination, k *kept) {
	list := p.kept[d]
	for i := range list {
		if list[i] == k {
			list = append(list[:i], list[i+1:]...)
			break
		}
	}
	if p.kept[d] = list; len(list) == 0 {
		delete(p.kept, d)
	}
}

// take gives an Association with the destination on which all that is needed was proposed; nil if there is none. Others that
// nobody uses are released first, lest the destination has no room for a new one.
func (p *pool) take(d *Destination, needed *batch) (*dimse.Association, *negotiate.Proposal) {
	for {
		p.mu.Lock()
		list := p.kept[d]
		if len(list) == 0 {
			p.mu.Unlock()
			return nil, nil
		}
		k := list[len(list)-1]
		p.remove(d, k)
		p.mu.Unlock()
		close(k.taken)
		<-k.ended
		switch {
		case !k.usable:
		case needed.within(k.proposal):
			return k.association, k.proposal
		default:
			release(k.association)
		}
	}
}

// close releases what is kept, and keeps nothing any more.
func (p *pool) close(ctx context.Context) {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.stop()
	done := make(chan struct{})
	go func() { defer close(done); p.wg.Wait() }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
