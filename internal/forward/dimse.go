package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/negotiate"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// DIMSE sends by C-STORE (PS3.4 B). It is safe for concurrent use, and not to be copied.
type DIMSE struct {
	Address   string // host:port
	CallingAE string
	CalledAE  string
	Timeouts  dimse.Timeouts
	// Dial opens the transport connection, over TLS for instance; nil is TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Identity is shown to the peer (PS3.7 D.3.3.7); may be nil.
	Identity *pdu.UserIdentity
	// Window is how many C-STOREs are proposed to be outstanding at once; 0 proposes nothing.
	Window uint16

	mu    sync.Mutex
	pairs []negotiate.Pair // that were needed, the latest first
}

func (d *DIMSE) carrier() carrier { return &associations{d: d} }

// propose makes a proposal with room for a pair and for what else was needed lately. Verification is in it so that there is something
// to accept for peers that else reject the whole: then it is known which SOP Class they do not take.
func (d *DIMSE) propose(need negotiate.Pair) *negotiate.Proposal {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := &negotiate.Proposal{}
	p.Add(need)
	p.AddContext(pdu.ProposedContext{AbstractSyntax: dicom.VerificationSOPClass, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}})
	pairs := []negotiate.Pair{need}
	for _, x := range d.pairs {
		if x != need && p.Add(x) {
			pairs = append(pairs, x)
		}
	}
	d.pairs = pairs
	return p
}

func (d *DIMSE) options() dimse.Options {
	o := dimse.Options{CallingAE: d.CallingAE, CalledAE: d.CalledAE, Timeouts: d.Timeouts, Dial: d.Dial}
	o.User.Identity = d.Identity
	if d.Window > 1 {
		o.User.Async = &pdu.AsyncOperations{Invoked: d.Window, Performed: 1}
	}
	return o
}

// associations is a carrier with at most one Association at a time.
type associations struct {
	d        *DIMSE
	a        *dimse.Association
	proposal *negotiate.Proposal
}

func (c *associations) rest() {
	if c.a != nil && c.a.Release() != nil {
		_ = c.a.Close() // every object on it was answered: nothing is lost with the release
	}
	c.a = nil
}

// send implements carrier. A peer may have ended an Association that was not used for a while: then what was begun on it is sent
// again at once.
func (c *associations) send(ctx context.Context, j *job) error {
	reused := c.a != nil
	r := &run{job: j, carrier: c}
	err := r.all(ctx)
	if err != nil && reused && !r.answered && ctx.Err() == nil {
		r = &run{job: j, carrier: c}
		err = r.all(ctx)
	}
	r.abandon("the association was lost: " + reasonOf(err))
	return err
}

// run is one pass over a job's entries.
type run struct {
	*job
	carrier  *associations
	begun    []int // entries that were sent, or are being sent, and not answered
	answered bool
}

func (r *run) all(ctx context.Context) error {
	for i := range r.entries {
		if r.told[i] {
			continue
		}
		if r.stop() || ctx.Err() != nil {
			break
		}
		if !r.wanted(i) {
			continue
		}
		err := r.one(ctx, i)
		var bad *dimse.DataError
		if errors.As(err, &bad) && ctx.Err() == nil { // not the destination's fault
			_ = r.lost(err) // told with the entry
			r.abandon("the association was ended, because another object could not be read")
			continue
		}
		if err != nil {
			return r.lost(err)
		}
	}
	if r.carrier.a == nil {
		return nil
	}
	if err := r.carrier.a.Flush(ctx); err != nil {
		return r.lost(err)
	}
	return nil
}

// abandon ends what was not answered.
func (r *run) abandon(reason string) {
	for _, i := range r.begun {
		r.end(i, again("%s", reason))
	}
	r.begun = nil
}

func (r *run) lost(err error) error {
	if r.carrier.a != nil {
		err = errors.Join(err, r.carrier.a.Close())
		r.carrier.a = nil
	}
	return err
}

// one sends one object. The error says that the destination cannot be reached, or the Association was lost.
func (r *run) one(ctx context.Context, i int) (err error) {
	e := &r.entries[i]
	obj, err := r.open(ctx, &e.Item)
	if err != nil {
		r.end(i, unreadable(err))
		return nil
	}
	defer func() { _ = obj.Close() }() // it was only read from
	pair := negotiate.Pair{SOPClass: e.Class, TransferSyntax: obj.TransferSyntax()}
	if err := r.carrier.associate(ctx, pair); err != nil {
		return err
	}
	a := r.carrier.a
	pc, ok := negotiate.Choose(a, pair)
	if !ok {
		r.end(i, dead("no presentation context: the peer takes no SOP class %s in transfer syntax %s", pair.SOPClass.Loggable(), pair.TransferSyntax.Loggable()))
		return nil
	}
	enc, err := obj.Encode(pc.TransferSyntax)
	if err != nil {
		r.end(i, unreadable(err))
		return nil
	}
	defer func() { err = errors.Join(err, enc.Body.Close()) }()
	r.begun = append(r.begun, i)
	command := &dimse.Command{Field: dimse.CStoreRQ, AffectedSOPClass: e.Class, AffectedSOPInstance: enc.SOPInstance}
	err = a.Go(ctx, pc.ID, command, r.limit.reader(ctx, enc.Body), func(resp *dimse.Response, err error) {
		if err == nil {
			r.response(i, enc.SOPInstance, resp.Status)
		}
	})
	var bad *dimse.DataError
	if errors.As(err, &bad) && ctx.Err() == nil {
		r.end(i, unreadable(bad.Err))
	}
	return err
}

// response takes the peer's answer.
func (r *run) response(i int, as dicom.UID, s dimse.Status) {
	r.answered = true
	for n, k := range r.begun {
		if k == i {
			r.begun = append(r.begun[:n], r.begun[n+1:]...)
			break
		}
	}
	o := storeOutcome(s, &r.entries[i])
	o.sentAs = as
	r.end(i, o)
}

// storeOutcome says what a status of C-STORE means (PS3.4 B.2.3, PS3.7 9.1.1.1.9). Error comments may hold anything and are
// not kept. An object that was on its way before, and whose answer was lost, is what a peer has twice.
func storeOutcome(s dimse.Status, e *Entry) outcome {
	switch {
	case s == dimse.DuplicateSOPInstance && e.Attempts > 1:
		return outcome{state: Done, reason: fmt.Sprintf("the destination has it: status %v at attempt %d", s, e.Attempts)}
	case s == dimse.DuplicateSOPInstance:
		return dead("refused with status %v: the destination has a SOP instance of this UID already, perhaps another version", s)
	case s == dimse.Success:
		return outcome{state: Done}
	case s.IsWarning():
		return outcome{state: Done, reason: fmt.Sprintf("taken with warning %v", s)}
	case s&0xFF00 == 0xA700:
		return again("refused with status %v: out of resources", s)
	case s == dimse.ProcessingFailure, s == dimse.ResourceLimitation:
		return again("refused with status %v", s)
	case s == dimse.SOPClassNotSupported:
		return dead("refused with status %v: SOP class not supported", s)
	case s&0xFF00 == 0xA900:
		return dead("refused with status %v: data set does not match SOP class", s)
	case s&0xF000 == 0xC000:
		return dead("refused with status %v: cannot understand", s)
	}
	return dead("refused with status %v", s)
}

// associate makes sure that there is an Association on which a pair was proposed.
func (c *associations) associate(ctx context.Context, need negotiate.Pair) error {
	if c.a != nil && c.proposal.Has(need) {
		return nil
	}
	if c.a != nil {
		if err := c.a.Flush(ctx); err != nil {
			return err
		}
		c.rest()
	}
	p := c.d.propose(need)
	o := c.d.options()
	o.Contexts = p.Contexts()
	a, err := dimse.Dial(ctx, c.d.Address, o)
	if err != nil {
		return err
	}
	c.a, c.proposal = a, p
	return nil
}

// reasonOf words a failure for an operator. What peers send is not in it.
func reasonOf(err error) string {
	var reject *pdu.Reject
	switch {
	case err == nil:
		return "no answer"
	case errors.As(err, &reject):
		return reject.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	}
	return err.Error()
}
