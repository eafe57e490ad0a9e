package ul

import (
	"errors"
	"io"
	"os"

	"github.com/halong-gateway/halong/dicom/pdu"
)

// step reads one PDU, as far as its header when it is P-DATA-TF, and lets the
// machine react. provider is asked whether an A-ASSOCIATE-RQ is acceptable to
// the service provider.
func (a *Association) step(provider func(*pdu.AssociateRQ) *pdu.Reject) (indication, error) {
	b, err := a.wire.r.Peek(pdu.HeaderLength)
	if err != nil {
		return a.transportEvent(err)
	}
	h := pdu.ParseHeader(b)
	if _, err := a.wire.r.Discard(pdu.HeaderLength); err != nil {
		return a.transportEvent(err)
	}
	if err := h.Check(); err != nil {
		return a.invalid(err)
	}
	if h.Type == pdu.TypeData {
		return a.dataPDU(h)
	}
	body, err := a.wire.body(int(h.Length))
	if err != nil {
		return a.transportEvent(err)
	}
	e, in, err := a.understand(h.Type, body, provider)
	if err != nil {
		return a.invalid(err)
	}
	return a.received(e, in)
}

// understand reads what follows the header of any PDU but P-DATA-TF.
func (a *Association) understand(t pdu.Type, body []byte, provider func(*pdu.AssociateRQ) *pdu.Reject) (e Event, in input, err error) {
	switch t {
	case pdu.TypeAssociateRQ:
		rq, err := pdu.ParseAssociateRQ(body)
		if err == nil && a.state == Sta2 {
			a.rq = rq
			if in.reject = provider(rq); in.reject != nil {
				in.cause = in.reject
			}
		}
		return Evt6, in, err
	case pdu.TypeAssociateAC:
		ac, err := pdu.ParseAssociateAC(body)
		if err == nil && a.state == Sta5 {
			a.ac = ac
			if n := ac.User.MaxLength; n != 0 && n < MinLength {
				err = &pdu.SyntaxError{PDU: t, Offset: 0, AbortReason: pdu.InvalidParameterValue, Reason: "maximum length leaves no room for a fragment"}
			}
		}
		return Evt3, in, err
	case pdu.TypeAssociateRJ:
		rj, err := pdu.ParseReject(body)
		if err == nil && a.state == Sta5 {
			in.cause = rj
		}
		return Evt4, in, err
	case pdu.TypeReleaseRQ:
		return Evt12, in, nil
	case pdu.TypeReleaseRP:
		return Evt13, in, nil
	default: // pdu.TypeAbort: Header.Check let no other pass
		in.abort, err = pdu.ParseAbort(body)
		if err == nil {
			in.cause = in.abort
		}
		return Evt16, in, err
	}
}

// received fires the event of a PDU; one that has no place here is the
// Association's end.
func (a *Association) received(e Event, in input) (indication, error) {
	if act := table[e][a.state]; (act == aa8 || act == aa1) && in.cause == nil {
		in.cause = &UnexpectedError{e, a.state}
	}
	return a.fire(e, in)
}

// invalid fires Evt19.
func (a *Association) invalid(err error) (indication, error) {
	in := input{reason: pdu.InvalidParameterValue, cause: err}
	if se := (*pdu.SyntaxError)(nil); errors.As(err, &se) {
		in.reason = se.AbortReason
	}
	a.pduLeft, a.pdvLeft = 0, 0
	return a.fire(Evt19, in)
}

// transportEvent turns a failed read into an event: closed, ARTIM expired, or
// the local user's patience at an end.
func (a *Association) transportEvent(err error) (indication, error) {
	a.pduLeft, a.pdvLeft = 0, 0
	timeout := errors.Is(err, os.ErrDeadlineExceeded)
	failed := a.unsent()
	switch {
	case failed != nil:
		return a.fire(Evt17, input{cause: failed})
	case a.Interrupted():
		return a.giveUp(ErrInterrupted)
	case timeout && !a.wire.deadline.IsZero():
		return a.fire(Evt18, input{cause: ErrTimeout})
	case timeout:
		return a.giveUp(ErrTimeout)
	}
	return a.fire(Evt17, input{cause: ErrTransportClosed})
}

// giveUp is the local user's A-ABORT request, where the standard has one; where
// it has none the connection is just closed.
func (a *Association) giveUp(cause error) (indication, error) {
	if table[Evt15][a.state] == none {
		a.closeTransport()
		return a.fire(Evt17, input{cause: cause})
	}
	return a.fire(Evt15, input{cause: cause})
}

// dataPDU begins to receive a P-DATA-TF PDU.
func (a *Association) dataPDU(h pdu.Header) (indication, error) {
	a.pduSize, a.pduLeft, a.pdvLeft = h.Length, h.Length, 0
	ind, err := a.received(Evt10, input{})
	if err != nil || ind == dataIndication {
		return ind, err
	}
	// Nobody wants it: passed over, so that what follows is understood.
	n := int64(a.pduLeft)
	a.pduLeft = 0
	if _, err := io.CopyN(io.Discard, a.wire.r, n); err != nil {
		if _, err := a.transportEvent(err); err != nil {
			return silent, err
		}
	}
	return ind, nil
}
