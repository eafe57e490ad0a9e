package ul

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// Options are the local side's limits.
type Options struct {
	// ARTIM bounds the wait for an A-ASSOCIATE-RQ and for the peer to close the
	// connection (PS3.8 9.1.5); 30 seconds if zero.
	ARTIM time.Duration
	// Timeout is the longest silence of the peer within an exchange, and the longest that it may take to
	// let something be written; 60 seconds if zero. See SetTimeout.
	Timeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.ARTIM <= 0 {
		o.ARTIM = 30 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 60 * time.Second
	}
	return o
}

// Context is an accepted Presentation Context.
type Context struct {
	ID             uint8
	AbstractSyntax dicom.UID
	TransferSyntax dicom.UID
}

// Association is one end of an Association, requestor or acceptor.
type Association struct {
	o         Options
	requestor bool
	wire      *wire

	mu      sync.Mutex // held while the state changes and while something is written
	state   State
	cause   error // what it ended with
	sendErr error

	rq       *pdu.AssociateRQ
	ac       *pdu.AssociateAC
	contexts []Context  // accepted
	byID     [128]uint8 // index into contexts plus one, by half of the ID
	peerMax  uint32     // peer's Maximum Length Received, 0 for no limit

	pduLeft uint32 // of the current P-DATA-TF PDU, beyond the current fragment
	pduSize uint32
	pdvLeft uint32 // of the current fragment
}

// RQ gives the A-ASSOCIATE-RQ that began the Association.
func (a *Association) RQ() *pdu.AssociateRQ { return a.rq }

// AC gives the A-ASSOCIATE-AC that accepted it.
func (a *Association) AC() *pdu.AssociateAC { return a.ac }

// Requestor tells whether this end requested the Association.
func (a *Association) Requestor() bool { return a.requestor }

// Contexts gives the accepted Presentation Contexts in the order of the A-ASSOCIATE-AC.
func (a *Association) Contexts() []Context { return a.contexts }

// Context gives the accepted Presentation Context with that ID.
func (a *Association) Context(id uint8) (Context, bool) {
	if i := a.byID[id/2]; i > 0 && a.contexts[i-1].ID == id {
		return a.contexts[i-1], true
	}
	return Context{}, false
}

// PeerMaxLength gives the peer's Maximum Length Received (PS3.8 D.1); 0 for no limit.
func (a *Association) PeerMaxLength() uint32 { return a.peerMax }

// RemoteAddr gives the peer's address.
func (a *Association) RemoteAddr() net.Addr { return a.wire.conn.RemoteAddr() }

// SetTimeout sets the longest silence of the peer that is borne while reading
// from now on: long between messages, short within one.
func (a *Association) SetTimeout(d time.Duration) { a.wire.timeout = d }

// SetPatience lets borne be asked, from now on, each time the peer was silent for the time-out: while it gives true, the silence is
// borne for as long again. nil bears no longer silence.
func (a *Association) SetPatience(borne func() bool) { a.wire.borne = borne }

// Interrupt makes the Association abort as soon as its goroutine reads or waits
// for the peer. It may be called from any goroutine.
func (a *Association) Interrupt() { a.wire.interrupt() }

// Interrupted tells whether Interrupt was called.
func (a *Association) Interrupted() bool { return a.wire.interrupted.Load() }

// Decide says what becomes of a requested Association: exactly one of the
// answers is not nil.
type Decide func(*pdu.AssociateRQ) (*pdu.AssociateAC, *pdu.Reject)

// Accept waits for an A-ASSOCIATE-RQ on conn and answers it as decide says. When
// there is no Association it gives *pdu.Reject, or why else it ended, after the
// connection is closed.
func Accept(conn net.Conn, o Options, decide Decide) (*Association, error) {
	a := &Association{o: o.withDefaults(), state: Sta1, wire: newWire(conn)}
	a.wire.timeout, a.wire.writeTimeout = a.o.Timeout, a.o.Timeout
	if _, err := a.fire(Evt5, input{}); err != nil {
		return nil, err
	}
	var reject *pdu.Reject
	ind, err := a.step(func(rq *pdu.AssociateRQ) *pdu.Reject {
		if a.ac, reject = a.judge(rq, decide); reject != nil && reject.Source != pdu.SourceServiceUser {
			return reject
		}
		return nil
	})
	if err == nil && ind == associateIndication {
		err = a.answer(reject)
	}
	if err == nil && a.state == Sta6 {
		return a, nil
	}
	a.linger()
	if err != nil {
		return nil, err
	}
	return nil, a.ended()
}

// answer is the local user's A-ASSOCIATE response.
func (a *Association) answer(reject *pdu.Reject) error {
	if reject != nil {
		_, err := a.fire(Evt8, input{send: reject.Append(nil), cause: reject})
		return err
	}
	a.ac.User.HasMaxLength = true
	_, err := a.fire(Evt7, input{send: a.ac.Append(nil)})
	a.establish()
	return err
}

// judge makes the checks that hold for everybody, then asks decide.
func (a *Association) judge(rq *pdu.AssociateRQ, decide Decide) (*pdu.AssociateAC, *pdu.Reject) {
	reject := func(r pdu.Reject) (*pdu.AssociateAC, *pdu.Reject) { return nil, &r }
	switch {
	case rq.ProtocolVersion&pdu.ProtocolVersion1 == 0:
		return reject(pdu.RejectProtocolVersion)
	case rq.ApplicationContext != pdu.ApplicationContext:
		return reject(pdu.RejectApplicationContext)
	case rq.User.MaxLength != 0 && rq.User.MaxLength < MinLength:
		return reject(pdu.RejectPermanentLocalLimits)
	}
	return decide(rq)
}

// MinLength is the smallest Maximum Length Received that leaves room for a
// fragment of two bytes.
const MinLength = pdu.DataOverhead + 2

// Request opens an Association: dial connects, rq is proposed. When the peer
// refuses it gives *pdu.Reject. Closing ctx interrupts it.
func Request(ctx context.Context, dial func(context.Context) (net.Conn, error), rq *pdu.AssociateRQ, o Options) (*Association, error) {
	a := &Association{o: o.withDefaults(), state: Sta1, requestor: true, rq: rq}
	if _, err := a.fire(Evt1, input{}); err != nil {
		return nil, err
	}
	conn, err := dial(ctx)
	if err != nil {
		a.wire = &wire{closed: true} // nothing to close
		_, ferr := a.fire(Evt17, input{cause: err})
		return nil, errors.Join(ferr, err)
	}
	a.wire = newWire(conn)
	a.wire.prompt = promptly(conn) // not as acceptor: for each piece of what a sender streams it cost 0.1 ms of CPU per CT
	a.wire.timeout, a.wire.writeTimeout = a.o.Timeout, a.o.Timeout
	defer context.AfterFunc(ctx, a.Interrupt)()
	rq.User.HasMaxLength = true
	if _, err := a.fire(Evt2, input{send: rq.Append(nil)}); err != nil {
		return nil, err
	}
	ind, err := a.step(nil)
	if err == nil && ind == associateAccepted {
		a.establish()
		return a, nil
	}
	a.linger()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	}
	return nil, a.ended()
}

// establish takes over what was negotiated.
func (a *Association) establish() {
	proposed := map[uint8]*pdu.ProposedContext{}
	for i := range a.rq.Contexts {
		proposed[a.rq.Contexts[i].ID] = &a.rq.Contexts[i]
	}
	for _, c := range a.ac.Contexts {
		p := proposed[c.ID]
		if c.Result != pdu.Acceptance || p == nil || !slices.Contains(p.TransferSyntaxes, c.TransferSyntax) {
			continue // not accepted, or an answer to what was not asked
		}
		a.contexts = append(a.contexts, Context{c.ID, p.AbstractSyntax, c.TransferSyntax})
		a.byID[c.ID/2] = uint8(len(a.contexts))
	}
	a.peerMax = a.rq.User.MaxLength
	if a.requestor {
		a.peerMax = a.ac.User.MaxLength
	}
}

// ended gives what the Association ended with.
func (a *Association) ended() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.endedWith()
}

// endedWith is ended for those who hold the lock.
func (a *Association) endedWith() error {
	if a.cause != nil {
		return a.cause
	}
	return ErrTransportClosed
}
