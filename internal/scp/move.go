package scp

import (
	"context"
	"log/slog"
	"net"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// Destination is an Application Entity that C-MOVE may send to.
type Destination struct {
	AE      string
	Address string // host:port
	// Dial opens the transport connection, over TLS for instance; nil is TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// maxLost is how many Associations with a destination may be lost in one C-MOVE before the rest is given up.
const maxLost = 3

// moveService serves C-MOVE of one information model (PS3.4 C.4.2).
type moveService struct {
	archive      Archive
	model        *model
	ae           string
	destinations []Destination
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
	m.run(ctx, sub)
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

// run sends the items, on one Association unless they need more Presentation Contexts than one can have.
func (m *move) run(ctx, sub context.Context) {
	for _, b := range batches(m.items) {
		for rest := b.items; len(rest) > 0; {
			var a *dimse.Association
			if m.lost < maxLost {
				a = m.associate(sub, b.contexts)
			}
			var ok bool
			if rest, ok = m.send(ctx, sub, a, rest); !ok {
				return
			}
		}
	}
}

// send sends items on an Association; nil, or one loss too many, makes them fail. It gives those still to be sent when the Association
// was lost; ok is false when nothing more is to be done.
func (m *move) send(ctx, sub context.Context, a *dimse.Association, items []*item) (rest []*item, ok bool) {
	id := m.rq.Command.MessageID
	from := originator{m.rq.Association.CallingAE(), &id}
	for i, it := range items {
		if ctx.Err() != nil {
			release(a)
			return nil, false
		}
		o, lost := subFailed, false
		if a != nil {
			o, lost = m.store(sub, a, it, from)
		}
		if err := m.count(it, o); err != nil {
			release(a)
			return nil, false
		}
		if lost {
			if m.lost++; m.lost < maxLost {
				return items[i+1:], true
			}
			a = nil
		}
	}
	release(a)
	return nil, true
}

// release ends an Association; every object on it was answered, so nothing is lost when that fails.
func release(a *dimse.Association) {
	if a != nil && a.Release() != nil {
		_ = a.Close() // the release failed already
	}
}

// associate gives nil, for good, when the destination is out of reach or refuses.
func (m *move) associate(ctx context.Context, contexts []pdu.ProposedContext) *dimse.Association {
	a, err := dimse.Dial(ctx, m.destination.Address, dimse.Options{
		CallingAE: m.service.ae, CalledAE: m.destination.AE, Contexts: contexts, Timeouts: m.service.timeouts, Dial: m.destination.Dial,
	})
	if err != nil {
		m.service.log.Warn("move destination cannot be reached", "destination", m.destination.AE, "error", err)
		m.lost = maxLost
		return nil
	}
	return a
}

// batch is what one Association can carry.
type batch struct {
	contexts []pdu.ProposedContext
	items    []*item
}

// batches sorts items by the Presentation Contexts that they need, at most 128 together (PS3.8 9.3.2.2).
func batches(items []item) (list []*batch) {
	where := map[pair]*batch{}
	for i := range items {
		it := &items[i]
		b := where[it.pair]
		if b == nil {
			more := contextsFor(it.pair)
			if n := len(list); n == 0 || len(list[n-1].contexts)+len(more) > pdu.MaxContexts {
				list = append(list, &batch{})
			}
			b = list[len(list)-1]
			b.contexts = append(b.contexts, more...)
			where[it.pair] = b
		}
		b.items = append(b.items, it)
	}
	return list
}

// contextsFor gives what is proposed for a SOP Class and a stored transfer syntax: that alone, so that it is taken where
// possible, and the default ones in a context of their own if the object can be given in them.
func contextsFor(p pair) []pdu.ProposedContext {
	list := []pdu.ProposedContext{{AbstractSyntax: p.class, TransferSyntaxes: []dicom.UID{p.syntax}}}
	if !uncompressed(p.syntax) {
		return list
	}
	var others []dicom.UID
	for _, ts := range []dicom.UID{dicom.ExplicitVRLittleEndian, dicom.ImplicitVRLittleEndian} {
		if ts != p.syntax {
			others = append(others, ts)
		}
	}
	return append(list, pdu.ProposedContext{AbstractSyntax: p.class, TransferSyntaxes: others})
}
