package scp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"

	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/negotiate"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/storage"
)

// Destination is an Application Entity that C-MOVE may send to.
type Destination struct {
	AE      string
	Address string // host:port
	// Dial opens the transport connection, over TLS for instance; nil is TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Identity is who we say that we are (PS3.7 D.3.3.7); nil says nothing.
	Identity *pdu.UserIdentity
	// Edit changes what is sent there; nil sends objects as they are stored.
	Edit storage.Edit
	// AsyncOperations is how many C-STOREs we ask to be let have outstanding there (PS3.7 D.3.3.3). Up to 1 nothing is asked for: there are
	// peers that agree to a window and do not keep it.
	AsyncOperations uint16
}

// maxLost is how many Associations with a destination may be lost in one C-MOVE before the rest is given up.
const maxLost = 3

// user is what a destination is told of us, and asked for.
func (d *Destination) user() pdu.UserInformation {
	u := pdu.UserInformation{Identity: d.Identity}
	if d.AsyncOperations > 1 {
		u.Async = &pdu.AsyncOperations{Invoked: d.AsyncOperations, Performed: 1}
	}
	return u
}

// moveService serves C-MOVE of one information model (PS3.4 C.4.2). The Priority of the request is passed on to its sub-operations;
// here none waits for another, so it changes nothing.
type moveService struct {
	archive      Archive
	model        *model
	ae           string
	destinations []Destination
	pool         *pool
	timeouts     dimse.Timeouts
	log          *slog.Logger
}

// Serve implements dimse.Service.
func (s *moveService) Serve(ctx context.Context, rq *dimse.Request) dimse.Response {
	if rq.Command.Field != dimse.CMoveRQ {
		return dimse.Answer(dimse.UnrecognizedOperation)
	}
	x, err := readIdentifier(rq, s.model)
	if err != nil {
		return failure(err)
	}
	d := s.destination(rq.Command.MoveDestination)
	if d == nil {
		return failure(&refused{dimse.MoveDestinationUnknown, "move destination is not configured", 0})
	}
	defer rq.Watch()()
	r, err := newRetrieval(s.archive, s.log, rq)
	if err == nil {
		err = r.plan(ctx, x)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("C-MOVE failed", "peer", rq.Association.CallingAE(), "error", err)
		return r.refuse(err)
	}
	sub, stop := running(ctx)
	defer stop()
	m := &move{retrieval: r, service: s, destination: d}
	for _, b := range batches(r.items) {
		if !m.run(ctx, sub, b) {
			break
		}
	}
	return r.conclude(ctx)
}

func (s *moveService) destination(ae string) *Destination {
	for i := range s.destinations {
		if s.destinations[i].AE == strings.TrimSpace(ae) {
			return &s.destinations[i]
		}
	}
	return nil
}

// move is a C-MOVE under way.
type move struct {
	*retrieval
	service     *moveService
	destination *Destination
	lost        int
}

// run sends the items of a batch, on one Association unless that is lost on the way. It is false when nothing more is to be done.
func (m *move) run(ctx, sub context.Context, b *batch) bool {
	for rest := b.items; len(rest) > 0; {
		if ctx.Err() != nil {
			return false
		}
		to, proposal, reused := m.associate(sub, b)
		if to == nil {
			return m.fail(rest)
		}
		var err error
		if rest, err = to.send(ctx, sub, rest); err == nil {
			m.service.pool.put(m.destination, to.association, proposal)
			return ctx.Err() == nil
		}
		switch {
		case errors.Is(err, errRequestor):
			_ = to.association.Close() // nobody wants the rest
			return false
		case errors.Is(err, errUnreadable): // an Association more for the others
		case reused && to.answered == 0: // it was over before it was taken from the pool
			rest = append(to.unknown, rest...)
			to.unknown = nil
		default:
			m.lost++
		}
		if to.giveUp() != nil {
			return false
		}
	}
	return true
}

// fail counts items as failed that no Association is to be had for.
func (m *move) fail(items []*item) bool {
	for _, it := range items {
		if m.count(it, subFailed) != nil {
			return false
		}
	}
	return true
}

// release ends an Association; every object on it was answered, so nothing is lost when that fails.
func release(a *dimse.Association) {
	if a.Release() != nil {
		_ = a.Close() // the release failed already
	}
}

// associate gives nil, for good, when the destination is out of reach or refuses, or too many Associations were lost.
func (m *move) associate(ctx context.Context, b *batch) (to *sender, proposal *negotiate.Proposal, reused bool) {
	if m.lost >= maxLost {
		return nil, nil, false
	}
	d := m.destination
	a, proposal := m.service.pool.take(d, b)
	if reused = a != nil; !reused {
		var err error
		a, err = dimse.Dial(ctx, d.Address, dimse.Options{
			CallingAE: m.service.ae, CalledAE: d.AE, Contexts: b.Contexts(), Timeouts: m.service.timeouts, Dial: d.Dial,
			User: d.user(),
		})
		if err != nil {
			m.service.log.Warn("move destination cannot be reached", "destination", d.AE, "error", err)
			m.lost = maxLost
			return nil, nil, false
		}
		kept := b.Proposal // without the items
		proposal = &kept
	}
	id := m.rq.Command.MessageID
	return &sender{
		retrieval: m.retrieval, association: a, edit: d.Edit, from: originator{m.rq.Association.CallingAE(), &id},
	}, proposal, reused
}

// batch is what one Association can carry.
type batch struct {
	negotiate.Proposal
	pairs []negotiate.Pair
	items []*item
}

// within tells whether everything that the batch needs is in a proposal.
func (b *batch) within(p *negotiate.Proposal) bool {
	return !slices.ContainsFunc(b.pairs, func(x negotiate.Pair) bool { return !p.Has(x) })
}

// batches sorts items by the Presentation Contexts that they need, at most 128 together (PS3.8 9.3.2.2).
func batches(items []item) (list []*batch) {
	where := map[negotiate.Pair]*batch{}
	for i := range items {
		it := &items[i]
		b := where[it.pair]
		if b == nil {
			if n := len(list); n == 0 || !list[n-1].Add(it.pair) {
				list = append(list, &batch{})
				list[n].Add(it.pair)
			}
			b = list[len(list)-1]
			b.pairs = append(b.pairs, it.pair)
			where[it.pair] = b
		}
		b.items = append(b.items, it)
	}
	return list
}
